"""Recipes: short KFP files as we want them written. Together they are one small repository, laid out by their `path`."""
