"""What a verified feature is handed over with: packages, notes, a runbook, the way back. No model writes any of it."""
