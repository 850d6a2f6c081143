"""What can be done: files, search, processes, git, pytest, KFP checks. No model and nothing of the agent in here.

Every tool is usable and tested by itself. What it cannot do it says with one `ToolFailure`, written for whoever called
it, a person or a model.
"""
