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
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from ..documents.models import Feature, Task
from ..errors import UserError
from .groups import members
from .mentions import COMMAND_BEFORE, DASH, ID, ITEM, JOINT, NOT_BEFORE, NUMBER, ONLY_BEFORE, POLITE, Found, items_in
from .names import (
    separate,
    tasks_by_id,
    tasks_in_range,
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


_RANGE = re.compile(rf"({ID}|{NUMBER})(?:{DASH})({ID}|{NUMBER})", re.I)
_GLUE = frozenset(
    """
    and or but then the a an of all only just alone please do run execute implement start begin work on
    with finish complete build make now task tasks story stories user phase phases priority items item
    for me from to in at through it them these those this that first stop after afterwards here report
    progress continue resume go ahead proceed everything remaining rest open incomplete next pending
    scope implementation implementing your you can could would like want i we let us lets let's up part
    entire whole full feature nothing else more no further is are be will should get done und nur bitte
    mach die der das aufgabe aufgaben what whatever left still carry remains undone other ones
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
_AFTER_NOT = frozenset(
    """
    and or for because since as this please yet until till but then in today now if when they it is that
    thanks und
    """.split()  # noqa: SIM905 - a list of words reads best as words
)

_WORD = re.compile(r"[^\W_][\w'’-]*")
_ONLY_AFTER = re.compile(r"^\s*(?:tasks?\s+|stories\s+|phases?\s+)?(?:only|alone)\b", re.I)
_ORDER_AFTER = re.compile(r"^\s*(?:tasks?\s+|stories\s+)?(?:first|last|before|after|early|at the end|zuerst)\b", re.I)
_ASIDE = re.compile(
    r"^\s*[,;]?\s*(?:and\s+|then\s+)*(?:then\s+)?(?:stop|halt|pause|exit|report|summari[sz]e|wait)\b[^.;]*$"
    r"|^\s*(?:thanks|thank you|danke)\W*$",
    re.I,
)
_WITHIN = re.compile(r"^\s*[:(,–—-]*\s*(?:of|in|from|for)?\s*[(]?(?:the\s+|tasks?\s+)*$", re.I)


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
    picked: list[Found] = []
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
    for item in ITEM.finditer(words):
        kept.append(NOT_BEFORE.sub(" ", words[end : item.start()]))
        end = item.end()
    text = " ".join([*kept, words[end:]])
    return text.strip() if _says_more(text) or names_order(words) else ""


def names_order(words: str) -> bool:
    """Whether words ask for an order of tasks: "US2 first", "T004 before T003"."""
    return any(
        _ORDER_AFTER.match(words[m.end() :])
        or re.search(r"\b(?:start with|begin with|before|after)\s+(?:the\s+)?$", words[: m.start()], re.I)
        for m in ITEM.finditer(words)
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


def _read_clause(clause: str, feature: Feature) -> tuple[list[Found], list[Task], bool]:
    """What is picked, the tasks left out, and whether the clause says more than that."""
    dropped: list[Task] = []
    cut: list[tuple[int, int]] = []
    kept: list[Found] = []
    negated_until = -1
    for item in items_in(clause, feature):
        negation = NOT_BEFORE.search(clause[: item.start])
        goes_on = negated_until >= 0 and JOINT.match(clause[negated_until : item.start])
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


def _told(clause: str, items: Sequence[Found]) -> list[Found]:
    """The items that the clause says are to be done: `only …`, `implement …`, `… only`, and what is joined to them."""
    for place, item in enumerate(items):
        run = [item]
        for other in items[place + 1 :]:
            between = clause[run[-1].end : other.start]
            if not (JOINT.match(between) or _WITHIN.match(between)):
                break
            run.append(other)
        before, after = clause[: item.start], clause[run[-1].end :]
        bracketed = before.rstrip().endswith("(") and after.lstrip().startswith(")")
        only = bool(ONLY_BEFORE.search(before) or _ONLY_AFTER.match(after))
        only = only or (bracketed and bool(re.match(rf"{POLITE}(?:only|just)\b", before, re.I)))
        if only or (COMMAND_BEFORE.match(before) and not _ORDER_AFTER.match(after) and not _starts_order(before)):
            return run
    return []


def _starts_order(before: str) -> bool:
    """`start with T003` says where to begin, not where to end."""
    return bool(re.search(r"\b(?:start|begin) with\b", before, re.I))


def _ends_there(clause: str, item: Found) -> bool:
    """Whether a thing to leave out is named for itself: `skip T004`, not `ignore T004 failures`."""
    following = re.match(r"\s+([\w'’-]+)", clause[item.end :])
    return following is None or following[1].lower() in _AFTER_NOT


def _union(clause: str, items: Sequence[Found]) -> list[Found]:
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
