"""The one error a tool raises: something the caller can be told and can mend."""


class ToolFailure(Exception):
    """A tool could not do what it was asked.

    The message is written for whoever called the tool (a person or a model): what, where and how to mend.
    """
