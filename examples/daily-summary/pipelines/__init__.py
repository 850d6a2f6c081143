"""Pipelines over the orders of a shop."""
