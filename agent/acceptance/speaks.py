"""How much a test speaks of a criterion: what both are made of, and how telling that is.

What most tests have, or most criteria, tells nothing; a number, a value or an identifier of one criterion tells much.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from .facts import one_form, shown_words, words_of

NAMED = 2.0
"""How much more a mark counts that stands in the test's name: that is what the test is about."""
EXACT = 2.0
"""How much more a number, a value or an identifier counts than a word."""
NEAR_BEST = 0.6
"""A test counts beside the best one if it has this part of what that one has."""
LEAST = 2
LEAST_PART = 1 / 3
"""Shared words at the least, or the part of the criterion's, where none is a number, a value or an identifier."""
SHOWN = 3

_EXACT = re.compile(
    r"\d{4}-\d\d-\d\d|\d\d:\d\d(?::\d\d)?|(?<![\w.])\d+\.\d+(?![\w.])"
    r"|\b[A-Za-z]\w*(?:-[A-Za-z]\w*)+\b|\b[A-Za-z_]\w*\b"
)
_IDENTIFIER = re.compile(r"[a-z][A-Z]|[A-Za-z]\d|\w[_-]\w")


def exact_marks(text: str) -> dict[str, str]:
    """Identifiers (`prices_uri`, `settle-farms`, `ValueError`, `F014`), dates, times and decimal numbers of a text.

    Returns:
        One form of each, so that `settle_farms` is `settle-farms` and 41.20 is 41.2, and how the text writes it.
    """
    found: dict[str, str] = {}
    for word in _EXACT.findall(text):
        if word[0].isdigit():
            found.setdefault(one_form(word), word)
        elif _IDENTIFIER.search(word) and not word.startswith("test_"):
            found.setdefault(f"`{word.replace('-', '_').strip('_')}", word)
    return found


def marks_of(text: str) -> set[str]:
    """The telling words of a text, its numbers, values and identifiers."""
    return set(words_of(text)) | set(exact_marks(text))


class Scale:
    """How telling each mark is among some tests and some criteria.

    Args:
        tests: The marks of each test.
        criteria: The marks of each criterion.
    """

    def __init__(self, tests: Iterable[set[str]], criteria: Iterable[set[str]]) -> None:
        self._tests, self._criteria = list(tests), list(criteria)
        self._of_tests = Counter(mark for marks in self._tests for mark in marks)
        self._of_criteria = Counter(mark for marks in self._criteria for mark in marks)

    def weight(self, mark: str) -> float:
        """What a mark is worth that a test and a criterion share."""
        tests = math.log((1 + len(self._tests)) / max(self._of_tests[mark], 1))
        criteria = math.log((1 + len(self._criteria)) / max(self._of_criteria[mark], 1))
        return max(tests, 0.0) * max(criteria, 0.0) * (1.0 if mark[0].isalpha() else EXACT)

    def score(self, criterion: set[str], test: set[str], name: set[str]) -> float:
        """How much a test speaks of a criterion; 0 if hardly a word is the same."""
        shared = criterion & test
        # What every test has, as it is the name of what all of them are about, speaks for none.
        own = [mark for mark in shared if mark in name or self._of_tests[mark] < len(self._tests)]
        enough = len(own) >= min(LEAST, LEAST_PART * len(criterion)) or 2 * len(shared) >= len(criterion)
        if not enough and all(mark.isalpha() for mark in own):
            return 0.0
        # Sorted, as the order of a set, and with it the last digit of a sum, is another one in each process.
        return sum(self.weight(mark) * (NAMED if mark in name else 1.0) for mark in sorted(shared))

    def telling(self, text: str, test: set[str]) -> list[str]:
        """The few most telling things of a criterion's text that a test has, as the text writes them."""
        written = exact_marks(text)
        # A single digit is anywhere, and says little to a reader.
        shared = sorted(marks_of(text) & test, key=lambda mark: (len(mark) == 1, -self.weight(mark), mark))
        shown: list[str] = []
        for mark in shared:
            word = written.get(mark) or shown_words([mark], text)[0]
            if any(word.lower() in other.lower() for other in shown):
                continue
            shown = [other for other in shown if other.lower() not in word.lower()][:SHOWN]
            shown += [word] if len(shown) < SHOWN else []
        return shown
