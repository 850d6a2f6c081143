"""What a specification asks for that no run of tests on this machine can show."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..planner.cover import CriterionKind

_PEOPLE = re.compile(
    r"\b(?:users?|analysts?|engineers?|developers?|scientists?|stakeholders?|newcomers?|team members?"
    r"|members? of (?:the|a) team|support tickets?|satisfaction|adoption|nutzer\w*|anwender\w*|benutzer\w*)\b"
    r"|ユーザー|用户",
    re.I,
)
_FIELD = re.compile(
    r"\bin production\b|\bproduction (?:load|traffic|data|runs?|systems?|environment)\b|\buptime\b|\bin the field\b",
    re.I,
)
_OVER_TIME = re.compile(
    r"\bavailability\b|\bper (?:week|month|quarter|year)\b|\b(?:over|within|after) (?:\w+ )?(?:days|weeks|months)\b",
    re.I,
)
_PLATFORM = re.compile(
    r"\bclusters?\b|\bkubernetes\b|\bpods?\b|\bnamespaces?\b|\bgpus?\b|\bon the platform\b"
    r"|\bkubeflow (?:ui|dashboard)\b|\bdeployed\b|\bnodes?\b.{0,20}\bschedul\w+",
    re.I,
)
_SHARE = re.compile(r"\b\d{1,3}(?:\.\d+)?\s*(?:%|percent)\s+of\b", re.I)
_TIME = re.compile(
    r"\b(?:within|under|below|at most|less than|no more than|faster than|up to|unter|höchstens)\s+"
    r"(?:an?\s+|one\s+|\d[\d.,]*\s*)(?:ms|milliseconds?|s|sec|seconds?|min|minutes?|h|hours?|sekunden?|minuten?)\b"
    r"|\bp9\d\b|\blatency\b|\bthroughput\b|\bper second\b",
    re.I,
)
_LOAD = re.compile(r"\bconcurrent\b|\bunder load\b|\bmemory usage\b|\b\d[\d,. ]*(?:GB|TB|million|billion)\b", re.I)


class Elsewhere(NamedTuple):
    """What it needs.

    Attributes:
        needs: In words.
        never: No test can stand for it; else a test that names the criterion can.
    """

    needs: str
    never: bool


def needs_elsewhere(kind: CriterionKind, text: str) -> Elsewhere | None:
    """What a criterion needs that is not here, or None.

    A requirement or scenario that speaks of users is an ordinary one; a success criterion that does is measured with
    people.
    """
    measured = kind == "criterion"
    if _FIELD.search(text) or (measured and _OVER_TIME.search(text)):
        return Elsewhere("use in production, over time", never=measured)
    if measured:
        share = bool(_SHARE.search(text))
        if _PEOPLE.search(text):
            return Elsewhere("people who use it", never=share)
        if share:
            return Elsewhere("a measurement over many cases", never=False)
        if _LOAD.search(text):
            return Elsewhere("real load", never=False)
        if _TIME.search(text):
            return Elsewhere("a measured time on the real machine", never=False)
    if _PLATFORM.search(text):
        return Elsewhere("a cluster", never=False)
    return None
