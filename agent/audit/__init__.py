"""Is there evidence for every ticked task? Answers from files, git's history, and what can be run, without a model."""
