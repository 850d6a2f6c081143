"""What in the user's words names tasks: ids, ranges, stories, phases, groups, headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from ..documents.models import Feature, Task
from .names import (
    open_tasks,
    requirements_in,
    tasks_by_id,
    tasks_in_range,
    tasks_of_group,
    tasks_of_kind,
    tasks_of_mvp,
    tasks_of_nth,
    tasks_of_phase,
    tasks_of_priority,
    tasks_of_story,
)

# One thing that can be picked. An apostrophe after it ("T003's threshold") makes it a mention in passing.
DASH = r"\s*(?:-|–|—|\.{2,3}|…)\s*|\s+(?:to|through|thru|until|till|bis)\s+"
ID = r"T\d+[a-z]?(?:\.\d+)?(?:#\d+)?"
NUMBER = r"\d+(?:\.\d+)*"
_OPEN_END = r"\s+(?:on|onwards?|onward|and (?:later|after|following)|until the end|to the end)\b"
_NTH = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "last": -1}
_MANY = {"two": 2, "three": 3, "four": 4, "five": 5}
# "group 2 tiles by name" is about the data.
_ENDS = (
    r"(?=\s*(?:$|[,;.!?()&+]"
    r"|(?:and|or|then|but|with|without|for|first|only|alone|last|before|after|tasks?|now|please)\b))"
)
ITEM = re.compile(
    rf"(?<![\w/.`-])(?:"
    rf"(?:(?:from|starting (?:at|from|with)|start (?:at|from))\s+)?(?P<from>{ID})(?P<onward>{_OPEN_END})"
    rf"|(?:from\s+)?(?P<first>{ID})(?:{DASH})(?P<last>{ID}|\d+)"
    rf"|(?:up to|until|through)\s+(?P<upto>{ID})"
    rf"|(?P<id>{ID})"
    rf"|tasks?\s+(?P<tfirst>{NUMBER})(?:{DASH})(?P<tlast>{NUMBER})"
    rf"|tasks?\s+(?P<tid>{NUMBER})"
    rf"|(?:(?:user\s+)?stor(?:y|ies)\s*#?|US\s?-?)(?P<story>{NUMBER})"
    rf"(?:(?:{DASH})(?:US|user story|story)?\s*(?P<slast>{NUMBER}))?"
    rf"|(?:priority\s+)(?P<prio>[P]?\d)|(?P<p>P\d)"
    rf"|phases?\s*(?P<phase>{NUMBER})(?:(?:{DASH})(?:phase\s*)?(?P<plast>{NUMBER}))?"
    rf"|(?:groups?|sections?)\s*(?P<group>{NUMBER})(?:(?:{DASH})(?:(?:group|section)\s*)?(?P<glast>{NUMBER}))?{_ENDS}"
    rf"|(?:the\s+)?(?P<nth>{'|'.join(_NTH)})\s+(?:(?:group|section|phase)|(?P<many>{'|'.join(_MANY)})\s+(?:groups|sections|phases))"
    rf"(?:\s+of\s+tasks)?{_ENDS}"
    rf"|(?:the\s+)?(?P<kind>setup|foundational|foundation|polish|convergence)"
    rf"(?=\s+(?:phase|tasks?)|\s*(?:,|and|&)\s*\w+\s+phases?|\s*$)"
    rf"|(?P<mvp>MVP)"
    rf"|(?:the\s+)?next\s+(?:(?P<count>\d+)\s+)?(?:\w+\s+)?(?P<next>tasks?)"
    rf")(?![\w/`]|['’]s?\b|-\w|\.\w)",
    re.I,
)
_MORE_NUMBERS = re.compile(
    rf"(?:\s*(?:,|and|&|\+)\s*)({NUMBER})(?![\w.'’/-])(?!\s*(?:days?|times?|%|hours?|seconds?))", re.I
)

_COMMAND = (
    r"(?:do|run|execute|implement|finish|complete|build|work on"
    r"|(?:start|begin|continue|resume|proceed|go on) with|tackle|select|pick|mach|erledige)"
)
_LIST_GLUE = (
    r"(?:\s|,|the\b|tasks?\b|(?:user )?stor(?:y|ies)\b|phases?\b|priority\b|all\b|of\b|from\b"
    r"|implementation of\b|for\b)*"
)
POLITE = (
    r"(?:\s|please\b|pls\b|now\b|(?:can|could) you\b|i want (?:you )?to\b|i'd like (?:you )?to\b|let's\b|we\b|should\b"
    r"|bitte\b|then\b|ok\b|,)*"
)
ONLY_BEFORE = re.compile(
    rf"\b(?:only|just|solely|nur|restrict (?:it |this )?to|limit (?:it |this )?to)\b(?:\s|{_COMMAND}\b)*{_LIST_GLUE}$",
    re.I,
)
COMMAND_BEFORE = re.compile(rf"^{POLITE}(?:{_COMMAND}\b){_LIST_GLUE}$", re.I)
NOT_BEFORE = re.compile(
    r"\b(?:skip(?:ping)?|without|not|no|(?:all|everything)\s+but|except(?:\s+for)?"
    r"|excluding|exclude|omit|leave out|leaving out|ignore|ignoring|ohne|außer"
    r"|(?:don't|don’t|do not|never)\s+(?:do|run|implement|execute|start|touch|include|work on))\s+"
    r"(?:the\s+|tasks?\s+|user\s+|stor(?:y|ies)\s+|phases?\s+|priority\s+)*$",
    re.I,
)
_PICKS_BEFORE = (ONLY_BEFORE, COMMAND_BEFORE, NOT_BEFORE)
JOINT = re.compile(r"^\s*(?:,|;|and|or|&|\+|plus|und|then|,\s*and|\s)*\s*(?:the\s+|tasks?\s+|also\s+)*$", re.I)


class Found(NamedTuple):
    start: int
    end: int
    kind: str
    pick: Callable[[], list[Task]]


def items_in(clause: str, feature: Feature) -> list[Found]:
    """Everything in a clause that names tasks, from left to right; what does not overlap."""
    found: list[Found] = []
    for match in ITEM.finditer(clause):
        kind, pick = _meaning(match, feature)
        found.append(Found(match.start(), match.end(), kind, pick))
        # "phases 1 and 2", "groups 1, 2", "user stories 1, 2 and 3", "tasks 3 and 4"
        word = next((g for g in ("story", "phase", "group", "tid") if match[g]), None)
        end = match.end()
        while word and (more := _MORE_NUMBERS.match(clause, end)):
            value, end = more[1], more.end()
            found.append(Found(more.start(1), end, kind, _number_pick(word, value, feature)))
    found += [Found(start, end, "story", pick) for start, end, pick in requirements_in(clause, feature)]
    for start, end, tasks in _titles(clause, feature):
        found = [item for item in found if item.end <= start or item.start >= end]
        found.append(Found(start, end, "phase", partial(list, tasks)))
    return sorted(found + _bare_keys(clause, found, feature))


def _bare_keys(clause: str, found: Sequence[Found], feature: Feature) -> list[Found]:
    """Numbers like 1.2 where the feature's tasks are numbered so (Kiro, OpenSpec).

    Where more is said than numbers, only those of tasks that are there, after words that pick: `only 1.1-1.3, no
    pandas`, but not `use pandas 1.2`.
    """
    if feature.dialect not in ("kiro", "openspec"):
        return []
    alone = not re.search(r"[^\d\s.,&+–-]", re.sub(r"\b(?:and|to|only|tasks?)\b", "", clause))
    known = {task.id for task in feature.tasks.tasks}
    keys: list[Found] = []
    for m in re.finditer(rf"(?<![\w.])({NUMBER})(?:(?:{DASH})({NUMBER}))?(?![\w%]|\.\w)", clause):
        if any(item.start < m.end() and m.start() < item.end for item in found):
            continue
        if not alone:
            told = all("." in name and name in known for name in (m[1], m[2]) if name)
            before = clause[: m.start()]
            joined = bool(keys) and bool(JOINT.match(clause[keys[-1].end : m.start()]))
            # "raise the limit to 1.2" gives a value.
            told = told and not re.search(r"\blimit\b", before, re.I)
            if not told or not (joined or any(words.search(before) for words in _PICKS_BEFORE)):
                continue
        pick = partial(tasks_in_range, m[1], m[2], feature) if m[2] else partial(tasks_by_id, m[1], feature)
        keys.append(Found(m.start(), m.end(), "id", pick))
    return keys


def _titles(clause: str, feature: Feature) -> list[tuple[int, int, list[Task]]]:
    """Phase headings copied into the words, and short ones that are said to be one: `the summary group`."""
    spans = []
    for phase in feature.tasks.phases:
        title = re.sub(r"\s*[^\w\s)\].!?:,'’-]+\s*(?:MVP)?\s*$|\s*\(Priority.*$", "", phase.title).strip()
        place = clause.lower().find(title.lower()) if len(title.split()) > 2 else -1
        name = re.escape(re.sub(r"^\W*\d+(?:\.\d+)*[.)]?\s+", "", title))
        called = re.search(rf"(?:\bthe\s+)?\b{name}\s+(?:group|section|phase){_ENDS}", clause, re.I) if name else None
        tasks = [task for task in feature.tasks.tasks if task.phase == phase.title]
        if place >= 0:
            spans.append((place, place + len(title), tasks))
        elif called:
            spans.append((*called.span(), tasks))
    return spans


def _meaning(match: re.Match[str], feature: Feature) -> tuple[str, Callable[[], list[Task]]]:
    m = match.groupdict()
    if m["from"]:
        return "id", lambda: tasks_in_range(m["from"], None, feature)
    if m["first"]:
        return "id", lambda: tasks_in_range(m["first"], m["last"], feature)
    if m["upto"]:
        return "id", lambda: tasks_in_range(None, m["upto"], feature)
    if m["tfirst"]:
        return "id", lambda: tasks_in_range(m["tfirst"], m["tlast"], feature)
    if m["id"] or m["tid"]:
        return "id", lambda: tasks_by_id(m["id"] or m["tid"], feature)
    if m["story"]:
        return "story", lambda: tasks_of_story(m["story"], feature, m["slast"])
    if m["prio"] or m["p"]:
        return "story", lambda: tasks_of_priority(m["prio"] or m["p"], feature)
    if m["phase"]:
        return "phase", lambda: tasks_of_phase(m["phase"], feature, m["plast"])
    if m["group"]:
        return "phase", lambda: tasks_of_group(m["group"], feature, m["glast"])
    if m["nth"]:
        place, many = _NTH[m["nth"].lower()], _MANY[m["many"].lower()] if m["many"] else 1
        return "phase", lambda: tasks_of_nth(place, many, feature)
    if m["kind"]:
        return "phase", lambda: tasks_of_kind(m["kind"], feature)
    if m["mvp"]:
        return "phase", lambda: tasks_of_mvp(feature)
    return "id", lambda: open_tasks(feature)[: int(m["count"] or 1)]


def _number_pick(word: str, value: str, feature: Feature) -> Callable[[], list[Task]]:
    if word == "story":
        return lambda: tasks_of_story(value, feature)
    if word == "group":
        return lambda: tasks_of_group(value, feature)
    if word == "phase":
        return lambda: tasks_of_phase(value, feature)
    return lambda: tasks_by_id(value, feature)
