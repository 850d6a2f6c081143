"""From a request in words to a feature's documents: a model finds the words, the form is made here."""

from .draft import Draft, compose, save
from .survey import Survey, survey

__all__ = ["Draft", "Survey", "compose", "save", "survey"]
