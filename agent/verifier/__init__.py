"""The verifier: runs gates on a tree and says what it saw. No model text is read in here."""
