"""The inside of the sandbox: started as a script with nothing but the standard library, before what it confines."""
