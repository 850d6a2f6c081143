"""Who decides: documents, planner, roles, workers, verifier, workflow, budgets, reports, surfaces."""
