"""From the documents to an execution plan: deterministic first, then refined where there is something to decide."""
