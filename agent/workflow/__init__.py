"""The workflow: the life of a run, from the documents to the report."""
