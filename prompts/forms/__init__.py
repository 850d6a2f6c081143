"""The form of the documents that kfpilot drafts, in each convention."""
