"""A conversation about a feature: from a request in words to documents, runs and what came of them."""
