"""A night: the features of a backlog worked one after another, unattended, with a summary in the morning."""
