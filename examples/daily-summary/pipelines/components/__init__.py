"""Components, one in each file."""
