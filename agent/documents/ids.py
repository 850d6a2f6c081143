"""Task ids: how they are written, compared and ranged over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Requirement kinds never name a task, whatever box stands before them.
REQUIREMENT_KINDS = ("FR", "NFR", "SC", "AC", "EC", "BR", "TR", "SR", "DR", "UR", "CR", "IR", "QR", "REQ", "CHK", "CON")
_NOT_IDS = r"(?!(?:" + "|".join(REQUIREMENT_KINDS) + r"|US|P)-?\d)"

T_ID = r"T-?\d+(?:\.\d+)*[a-z]?(?![A-Za-z0-9_])"
WORD_ID = _NOT_IDS + r"(?:[A-Z]{2,10}-\d+[a-z]?|[A-Z]{1,3}\d{3,4}[a-z]?)(?![A-Za-z0-9_])"
_PARTS = re.compile(r"^(\D*?)-?(\d+(?:\.\d+)*)([a-z]?)$")
_ID_ONLY = re.compile(rf"(?:{T_ID}|{WORD_ID}|\d+(?:\.\d+)*[a-z]?)")

SortKey = tuple[str, tuple[int, ...], str]


def is_id(text: str) -> bool:
    """Whether the whole text has the form of a task id."""
    return _ID_ONLY.fullmatch(text) is not None


def sort_key(ident: str) -> SortKey:
    """A key that orders ids as a reader would: T4 < T004a < T022.5 < T100; T7 and T007 are the same."""
    match = _PARTS.match(ident)
    if match is None:
        return (ident, (), "")
    return (match[1].upper(), tuple(int(part[:18]) for part in match[2].split(".")), match[3])


def find_id(ident: str, known: Iterable[str]) -> str | None:
    """The known id that is meant: the same one, else the only one that differs just in leading zeros or case."""
    known = list(known)
    if ident in known:
        return ident
    key = sort_key(ident)
    same = {other for other in known if sort_key(other) == key}
    return same.pop() if len(same) == 1 else None


def expand_range(first: str, last: str, known: Sequence[str]) -> list[str]:
    """The known ids from first to last, both included, in the order of the file."""
    low, high = sort_key(first), sort_key(last)
    if not high[0]:  # T003-006
        high = (low[0], high[1], high[2])
    if low[0] != high[0]:
        return []
    # A range T003-T006 takes in T006a: whoever writes it counts in whole numbers.
    top = (high[0], high[1], high[2] or "zz")
    return [ident for ident in known if sort_key(ident)[0] == low[0] and low <= sort_key(ident) <= top]
