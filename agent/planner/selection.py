"""Which tasks the user's own words pick out.

What people type after the command, seen in the wild: `T003`, `T004-T010`, `T005, T007, T012`, `phase 5`, `MVP only`,
`only execute tasks T001-T010, then stop and report progress`, `only execute the Setup and Foundational phases`,
`Phase 3: User Story 1 - Export (Tasks T028-T049)`, `continue`. And words that pick nothing but name a task in
passing: `make T003's threshold configurable`. A sentence picks tasks only when nothing else is left of it, or when
it says so: `only US1`, `implement T003 with pandas`, `skip T004`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ..documents.models import Feature, Task
from ..errors import UserError
from .groups import members
from .names import (
    open_tasks,
    requirements_in,
    separate,
    tasks_by_id,
    tasks_in_range,
    tasks_of_kind,
    tasks_of_mvp,
    tasks_of_phase,
    tasks_of_priority,
    tasks_of_story,
    whole_stories,
)
from .placeholders import refuse_placeholder


class Selection(BaseModel):
    """What the user wants done. Nothing in `tasks` and `stories` means everything that is open."""

    model_config = ConfigDict(extra="forbid")

    tasks: list[str] = Field(default=[], description="Keys or ids; a range T003-T006 is understood too")
    stories: list[str] = Field(default=[], description="US1, US2")
    exclude: list[str] = Field(default=[], description="Keys of tasks to leave out")
    words: str = Field(default="", description="What the words say beyond picking tasks; for planner and workers")
    said: str = Field(default="", description="The whole sentence as typed")

    @property
    def picks(self) -> bool:
        """Whether anything narrows the plan down."""
        return bool(self.tasks or self.stories)


# One thing that can be picked. An apostrophe after it ("T003's threshold") makes it a mention in passing.
_DASH = r"\s*(?:-|–|—|\.{2,3}|…)\s*|\s+(?:to|through|thru|until|till|bis)\s+"
_ID = r"T\d+[a-z]?(?:\.\d+)?(?:#\d+)?"
_NUMBER = r"\d+(?:\.\d+)*"
_OPEN_END = r"\s+(?:on|onwards?|onward|and (?:later|after|following)|until the end|to the end)\b"
_ITEM = re.compile(
    rf"(?<![\w/.`-])(?:"
    rf"(?:(?:from|starting (?:at|from|with)|start (?:at|from))\s+)?(?P<from>{_ID})(?P<onward>{_OPEN_END})"
    rf"|(?:from\s+)?(?P<first>{_ID})(?:{_DASH})(?P<last>{_ID}|\d+)"
    rf"|(?:up to|until|through)\s+(?P<upto>{_ID})"
    rf"|(?P<id>{_ID})"
    rf"|tasks?\s+(?P<tfirst>{_NUMBER})(?:{_DASH})(?P<tlast>{_NUMBER})"
    rf"|tasks?\s+(?P<tid>{_NUMBER})"
    rf"|(?:(?:user\s+)?stor(?:y|ies)\s*#?|US\s?-?)(?P<story>{_NUMBER})"
    rf"(?:(?:{_DASH})(?:US|user story|story)?\s*(?P<slast>{_NUMBER}))?"
    rf"|(?:priority\s+)(?P<prio>[P]?\d)|(?P<p>P\d)"
    rf"|phases?\s*(?P<phase>{_NUMBER})(?:(?:{_DASH})(?:phase\s*)?(?P<plast>{_NUMBER}))?"
    rf"|(?:the\s+)?(?P<kind>setup|foundational|foundation|polish|convergence)"
    rf"(?=\s+(?:phase|tasks?)|\s*(?:,|and|&)\s*\w+\s+phases?|\s*$)"
    rf"|(?P<mvp>MVP)"
    rf"|(?:the\s+)?next\s+(?:(?P<count>\d+)\s+)?(?:\w+\s+)?(?P<next>tasks?)"
    rf")(?![\w/`]|['’]s?\b|-\w|\.\w)",
    re.I,
)
_RANGE = re.compile(rf"({_ID}|{_NUMBER})(?:{_DASH})({_ID}|{_NUMBER})", re.I)
_MORE_NUMBERS = re.compile(
    rf"(?:\s*(?:,|and|&|\+)\s*)({_NUMBER})(?![\w.'’/-])(?!\s*(?:days?|times?|%|hours?|seconds?))", re.I
)

_GLUE = frozenset(
    """
    and or but then the a an of all only just alone please do run execute implement start begin work on
    with finish complete build make now task tasks story stories user phase phases priority items item
    for me from to in at through it them these those this that first stop after afterwards here report
    progress continue resume go ahead proceed everything remaining rest open incomplete next pending
    scope implementation implementing your you can could would like want i we let us lets let's up part
    entire whole full feature nothing else more no further is are be will should get done und nur bitte
    mach die der das aufgabe aufgaben
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
_AFTER_NOT = frozenset(
    """
    and or for because since as this please yet until till but then in today now if when they it is that
    thanks und
    """.split()  # noqa: SIM905 - a list of words reads best as words
)

_WORD = re.compile(r"[^\W_][\w'’-]*")
_COMMAND = (
    r"(?:do|run|execute|implement|finish|complete|build|work on"
    r"|(?:start|begin|continue|resume|proceed|go on) with|tackle|select|pick|mach|erledige)"
)
_LIST_GLUE = (
    r"(?:\s|,|the\b|tasks?\b|(?:user )?stor(?:y|ies)\b|phases?\b|priority\b|all\b|of\b|from\b"
    r"|implementation of\b|for\b)*"
)
_POLITE = (
    r"(?:\s|please\b|pls\b|now\b|(?:can|could) you\b|i want (?:you )?to\b|i'd like (?:you )?to\b|let's\b|we\b|should\b"
    r"|bitte\b|then\b|ok\b|,)*"
)
_ONLY_BEFORE = re.compile(
    rf"\b(?:only|just|solely|nur|restrict (?:it |this )?to|limit (?:it |this )?to)\b(?:\s|{_COMMAND}\b)*{_LIST_GLUE}$",
    re.I,
)
_COMMAND_BEFORE = re.compile(rf"^{_POLITE}(?:{_COMMAND}\b){_LIST_GLUE}$", re.I)
_ONLY_AFTER = re.compile(r"^\s*(?:tasks?\s+|stories\s+|phases?\s+)?(?:only|alone)\b", re.I)
_ORDER_AFTER = re.compile(r"^\s*(?:tasks?\s+|stories\s+)?(?:first|last|before|after|early|at the end|zuerst)\b", re.I)
_NOT_BEFORE = re.compile(
    r"\b(?:skip(?:ping)?|without|not|no|(?:all|everything)\s+but|except(?:\s+for)?"
    r"|excluding|exclude|omit|leave out|leaving out|ignore|ignoring|ohne|außer"
    r"|(?:don't|don’t|do not|never)\s+(?:do|run|implement|execute|start|touch|include|work on))\s+"
    r"(?:the\s+|tasks?\s+|user\s+|stor(?:y|ies)\s+|phases?\s+|priority\s+)*$",
    re.I,
)
_ASIDE = re.compile(
    r"^\s*[,;]?\s*(?:and\s+|then\s+)*(?:then\s+)?(?:stop|halt|pause|exit|report|summari[sz]e|wait)\b[^.;]*$"
    r"|^\s*(?:thanks|thank you|danke)\W*$",
    re.I,
)
_JOINT = re.compile(r"^\s*(?:,|;|and|or|&|\+|plus|und|then|,\s*and|\s)*\s*(?:the\s+|tasks?\s+|also\s+)*$", re.I)
_WITHIN = re.compile(r"^\s*[:(,–—-]*\s*(?:of|in|from|for)?\s*[(]?(?:the\s+|tasks?\s+)*$", re.I)


class _Found(NamedTuple):
    start: int
    end: int
    kind: str
    pick: Callable[[], list[Task]]


def parse_words(words: str, feature: Feature) -> Selection:
    """The selection in the user's words, and what else they say.

    Args:
        words: What the user typed after the command; may be empty.
        feature: The documents, for the ids, stories and phases they have.

    Raises:
        UserError: The words pick a task, story, priority or phase that does not exist, or are a placeholder.
    """
    refuse_placeholder(words)
    said = " ".join(words.split())
    picked: list[_Found] = []
    without: set[str] = set()
    rest: list[str] = []
    for clause in _clauses(said):
        chosen, dropped, says_more = _read_clause(clause, feature)
        picked += chosen
        without |= {task.key for task in dropped}
        if says_more:
            rest.append(clause)
    keys = {task.key for item in picked for task in item.pick()}
    if keys and keys <= without:
        raise UserError(
            f"the words pick {', '.join(sorted(keys))} and leave the same out again",
            mend="Say which of the two you mean.",
        )
    # What was picked as a story stays one, so that a report can say what was asked for.
    stories = whole_stories({task.key for item in picked if item.kind == "story" for task in item.pick()}, feature)
    covered = {task.key for story in stories for task in tasks_of_story(story, feature)}
    named = {task.key for item in picked if item.kind != "story" for task in item.pick()}
    order = [task.key for task in feature.tasks.tasks]
    return Selection(
        tasks=[key for key in order if key in named or key in keys - covered],
        stories=stories,
        exclude=[key for key in order if key in without],
        words=" ".join(rest),
        said=said,
    )


def choose(feature: Feature, selection: Selection | None) -> set[str] | None:
    """The keys of the tasks that a selection wants, in any state; None when it does not narrow anything down.

    Raises:
        UserError: A task or story that does not exist.
    """
    if selection is None or not selection.picks:
        return None
    keys: set[str] = set()
    for name in separate(selection.tasks):
        exact = [task for task in feature.tasks.tasks if task.key == name]
        span = _RANGE.fullmatch(name.strip())
        found = exact or (tasks_in_range(span[1], span[2], feature) if span else tasks_by_id(name, feature))
        keys |= {task.key for task in found}
        # A group means what stands below it; in a range its sub-tasks are named by themselves.
        keys |= {member.key for task in found for member in ([] if span else members(task, feature))}
    for name in separate(selection.stories):
        keys |= {task.key for task in tasks_of_story(name, feature) if not task.optional}
    return keys


def free_words(words: str) -> str:
    """What is left of words when everything that only picks tasks is taken away, judged without the documents."""
    kept, end = [], 0
    for item in _ITEM.finditer(words):
        kept.append(_NOT_BEFORE.sub(" ", words[end : item.start()]))
        end = item.end()
    text = " ".join([*kept, words[end:]])
    return text.strip() if _says_more(text) or names_order(words) else ""


def names_order(words: str) -> bool:
    """Whether words ask for an order of tasks: "US2 first", "T004 before T003"."""
    return any(
        _ORDER_AFTER.match(words[m.end() :])
        or re.search(r"\b(?:start with|begin with|before|after)\s+(?:the\s+)?$", words[: m.start()], re.I)
        for m in _ITEM.finditer(words)
    )


def _clauses(said: str) -> list[str]:
    return [
        part
        for part in re.split(
            r"(?<=[;!?])\s+|(?<=\w\.)\s+(?!\d)|(?<!\ball)(?<!everything)\s+(?=but\b)"
            r"|,\s+(?=but\b|then\b|and then\b|skip\b|without\b|not\b)",
            said,
        )
        if part
    ]


def _read_clause(clause: str, feature: Feature) -> tuple[list[_Found], list[Task], bool]:
    """What is picked, the tasks left out, and whether the clause says more than that."""
    dropped: list[Task] = []
    cut: list[tuple[int, int]] = []
    kept: list[_Found] = []
    negated_until = -1
    for item in _items(clause, feature):
        negation = _NOT_BEFORE.search(clause[: item.start])
        goes_on = negated_until >= 0 and _JOINT.match(clause[negated_until : item.start])
        if (negation or goes_on) and _ends_there(clause, item):
            dropped += item.pick()
            cut.append((negation.start() if negation else negated_until, item.end))
            negated_until = item.end
        else:
            kept.append(item)
            negated_until = -1
    left = _without(clause, [*cut, *((item.start, item.end) for item in kept)])
    wishes_order = any(_ORDER_AFTER.match(clause[item.end :]) for item in kept) or (
        kept and _starts_order(clause[: kept[0].start])
    )
    if kept and not _says_more(left) and not wishes_order:
        return _union(clause, kept), dropped, False
    told = _told(clause, kept)
    if told:
        return _union(clause, told), dropped, _says_more(left)
    return [], dropped, bool(kept) or _says_more(left)


def _told(clause: str, items: Sequence[_Found]) -> list[_Found]:
    """The items that the clause says are to be done: `only …`, `implement …`, `… only`, and what is joined to them."""
    for place, item in enumerate(items):
        run = [item]
        for other in items[place + 1 :]:
            between = clause[run[-1].end : other.start]
            if not (_JOINT.match(between) or _WITHIN.match(between)):
                break
            run.append(other)
        before, after = clause[: item.start], clause[run[-1].end :]
        bracketed = before.rstrip().endswith("(") and after.lstrip().startswith(")")
        only = bool(_ONLY_BEFORE.search(before) or _ONLY_AFTER.match(after))
        only = only or (bracketed and bool(re.match(rf"{_POLITE}(?:only|just)\b", before, re.I)))
        if only or (_COMMAND_BEFORE.match(before) and not _ORDER_AFTER.match(after) and not _starts_order(before)):
            return run
    return []


def _starts_order(before: str) -> bool:
    """`start with T003` says where to begin, not where to end."""
    return bool(re.search(r"\b(?:start|begin) with\b", before, re.I))


def _ends_there(clause: str, item: _Found) -> bool:
    """Whether a thing to leave out is named for itself: `skip T004`, not `ignore T004 failures`."""
    following = re.match(r"\s+([\w'’-]+)", clause[item.end :])
    return following is None or following[1].lower() in _AFTER_NOT


def _union(clause: str, items: Sequence[_Found]) -> list[_Found]:
    """All the items together; but ids beside their story or phase (`T003 of US1`) say it more exactly."""
    ids = [item for item in items if item.kind == "id"]
    narrowed = list(items)
    for one, two in itertools.pairwise(items):
        pair = {one.kind, two.kind}
        between = clause[one.end : two.start]
        if "id" in pair and len(pair) == 2 and re.search(r"\b(?:of|in|from|for)\b|\(", between):
            narrowed = ids
    return narrowed


def _says_more(text: str) -> bool:
    text = re.sub(r"\b(?:T\d+|US\d+)['’]s\b", "its own", text)
    parts = [part for part in re.split(r"(?=,?\s*\b(?:then|and then|and)\b)", text) if not _ASIDE.match(part)]
    return any(word.lower() not in _GLUE for part in parts for word in _WORD.findall(part))


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + " " + text[end:]
    return text


def _items(clause: str, feature: Feature) -> list[_Found]:
    """Everything in a clause that names tasks, from left to right; what does not overlap."""
    found: list[_Found] = []
    for match in _ITEM.finditer(clause):
        kind, pick = _meaning(match, feature)
        found.append(_Found(match.start(), match.end(), kind, pick))
        # "phases 1 and 2", "user stories 1, 2 and 3", "tasks 3 and 4"
        word = next((g for g in ("story", "phase", "tid") if match[g]), None)
        end = match.end()
        while word and (more := _MORE_NUMBERS.match(clause, end)):
            value, end = more[1], more.end()
            found.append(_Found(more.start(1), end, kind, _number_pick(word, value, feature)))
    found += [_Found(start, end, "story", pick) for start, end, pick in requirements_in(clause, feature)]
    for start, end, tasks in _titles(clause, feature):
        found = [item for item in found if item.end <= start or item.start >= end]
        found.append(_Found(start, end, "phase", partial(list, tasks)))
    return sorted(found + _bare_keys(clause, found, feature))


def _bare_keys(clause: str, found: Sequence[_Found], feature: Feature) -> list[_Found]:
    """Numbers like 1.2 where the feature's tasks are numbered so (Kiro, OpenSpec) and nothing else is said."""
    if feature.dialect not in ("kiro", "openspec") or re.search(
        r"[^\d\s.,&+–-]", re.sub(r"\b(?:and|to|only|tasks?)\b", "", clause)
    ):
        return []
    return [
        _Found(
            m.start(),
            m.end(),
            "id",
            partial(tasks_in_range, m[1], m[2], feature) if m[2] else partial(tasks_by_id, m[1], feature),
        )
        for m in re.finditer(rf"({_NUMBER})(?:(?:{_DASH})({_NUMBER}))?", clause)
        if not any(item.start < m.end() and m.start() < item.end for item in found)
    ]


def _titles(clause: str, feature: Feature) -> list[tuple[int, int, list[Task]]]:
    """Phase headings copied into the words."""
    spans = []
    for phase in feature.tasks.phases:
        title = re.sub(r"\s*[^\w\s)\].!?:,'’-]+\s*(?:MVP)?\s*$|\s*\(Priority.*$", "", phase.title).strip()
        place = clause.lower().find(title.lower()) if len(title.split()) > 2 else -1
        if place >= 0:
            tasks = [task for task in feature.tasks.tasks if task.phase == phase.title]
            spans.append((place, place + len(title), tasks))
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
    if m["kind"]:
        return "phase", lambda: tasks_of_kind(m["kind"], feature)
    if m["mvp"]:
        return "phase", lambda: tasks_of_mvp(feature)
    return "id", lambda: open_tasks(feature)[: int(m["count"] or 1)]


def _number_pick(word: str, value: str, feature: Feature) -> Callable[[], list[Task]]:
    if word == "story":
        return lambda: tasks_of_story(value, feature)
    if word == "phase":
        return lambda: tasks_of_phase(value, feature)
    return lambda: tasks_by_id(value, feature)
