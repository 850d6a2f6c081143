"""The command line: a thin surface over the workflow. Everything heavy is imported by the command that needs it."""
