"""Slash commands for coding assistants: one source text each, rendered for every assistant's format. Data only."""
