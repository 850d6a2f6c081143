"""Readers of the event stream: the report, the live display, the list of runs."""
