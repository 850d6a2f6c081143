"""Acceptance: what of the specification is shown, by which tests, tasks and commits, and what a reviewer says to it."""
