"""Which of the files that a task names it is to write, and which it only refers to or leaves alone."""

from __future__ import annotations

import re

from pydantic import BaseModel

from ..documents.models import Task
from .paths import is_protected, role_of_path

_REFERS = re.compile(
    r"(?:\b(?:for|of|against|covering|covers?|per|see|using|uses|from|based on|verif(?:y|ies|ying)|validat(?:es|ing)"
    r"|like|follow(?:s|ing)?|according to|imports?|calls?"
    r"|exercis(?:es|ing)|read(?:s|ing)?|runs?|compil(?:es?|ing)|lint(?:s|ing)?|execut(?:es?|ing)|submit(?:s|ting)?|pytest|matching|test(?:s|ing)?|except|excluding|besides|unlike"
    r"|same\b[^.;,]{0,60}\bas)\s+"
    r"(?:the\s+|a\s+|all\s+|of\s+)?(?:[\w-]+\s+)?)$",
    re.I,
)
_CHECKS = re.compile(
    r"^\W*(?:verify|check|run|validate|validation|acceptance|done when|expected|see|test with|command)\b", re.I
)
_SAID_IN = re.compile(
    r"\b(?:as|described|defined|specified|listed|documented|given|stated|those|found|declared|kept) (?:in|by)"
    r"\s+(?:the\s+)?$",
    re.I,
)
_LEAVES = re.compile(r"(?:\bnot|n't|\bnever|\bwithout)\s+(?:[\w-]+\s+){1,2}$", re.I)
"""`do not change x.py`."""
_KEEP_OUT = re.compile(
    r"(?:\bnot|n't|\bnever|\bwithout)\s+(?:chang|touch|modify|edit|alter)(?:e|ing)?\s+(?:the\s+)?(?:file\s+)?$", re.I
)
_STAYS = re.compile(
    r"\s+(?:(?:must|should|shall|to)\s+)?(?:(?:stays?|remains?|be|is)\s+)?(?:left\s+)?"
    r"(?:unchanged|untouched|unmodified|as (?:it )?is\b|not\s+(?:be\s+)?(?:changed|touched|modified))",
    re.I,
)
_MADE_FOLDER = re.compile(r"(?:^|/)(?:build|dist|out|outputs?|artifacts?|compiled|target|tmp|htmlcov)/$", re.I)
"""Where something ends up that is made by running something."""
_WRITES = re.compile(
    r"\b(?:in|to|into|at|create|add|update|extend|write|edit|modify|new|under|inside)\s+(?:the\s+|a\s+)?$", re.I
)
_UPDATES_PART = re.compile(
    r"\b(?:update|edit|modify|revise|rewrite|change|adjust|refresh)\s(?:(?!\btests?\b)[^.;:])*\bof\s+(?:the\s+)?$", re.I
)
"""`update the usage section of README.md`; but the tests of a module are elsewhere."""
_JOINS = re.compile(r"^[\s`*,;&()]*(?:and|or|und|plus|,)?\s*(?:the\s+)?[\s`*]*$", re.I)
_LINKS = re.compile(
    r"\b(?:links?|linked|linking|points?|pointers?|pointing|refers|referring)\s+to\s+(?:the\s+)?$", re.I
)
_PARTS = (
    r"(?:tables?|sections?|lists?|layout|tree|index|head(?:er|ing)?|chapters?|paragraphs?|overview|contents|introduction"
    r"|intro|usage|rows?|columns?|top|bottom|end|beginning|start)"
)
_TO_PART = re.compile(
    rf"\b(?:to|into|in|under|at)\s+(?:the|its|our|an?)\s+(?:[\w'-]+\s+){{0,6}}{_PARTS}(?:\s+of\s+[\w-]+)?\s+(?:of|in|at)\s+(?:the\s+)?$",
    re.I,
)
"""`add the step to the layout table of README.md`."""
_MORE = re.compile(
    r"^[\s`*)]*(?:,\s*(?:and\s+)?|and\s+|or\s+|plus\s+)(?:(?:the|an?)\s+)?(?:(?!with\b)[\w-]+\s+){0,2}[`*]*$", re.I
)
"""`, the workflow` between two paths of one enumeration."""
_NOUN = r"(?:(?!(?:for|that|which|with|and|then|so)\b)[\w'-]+\s+)"
_TO_FILE = re.compile(
    rf"^(?:\s*(?:,|and\b|or\b)+\s*x{{3,}}(?=\s))*\s+{_NOUN}{{0,3}}"
    rf"(?:to|into|in|under|on|at)\s+(?:(?:the|its|our|an?)\s+{_NOUN}{{0,6}})?$",
    re.I,
)
"""What stands between `deploy/` and the page that it is added to."""
_LISTS = re.compile(
    rf"\b(?:add|append|insert|put|list|mention|link|include|enter|show|note)\s+(?:(?:the|an?)\s+)?{_NOUN}{{0,3}}$", re.I
)
_MUST_PASS = re.compile(
    r"^[`*)]*\s+(?:must\s+|should\s+|to\s+|will\s+)?(?:pass(?:es)?|succeeds?|(?:is|are|turns?|goes) green)\b", re.I
)


_CLAUSE = (
    r"(?:^|[;:.—–]\s+|,\s+(?:and\s+|then\s+|also\s+)*|\b(?:and|then|also|plus)\s+|\n\s*(?:[-*•]\s+|\d+[.)]\s+)?)[*_\s]*"
    r"(?:optionally\s+)?"
)
_DIRECT = (
    r"(?:create|update|extend|write|edit|modify|revise|rewrite|change|adjust|refresh|implement|fix|refactor|correct"
    r"|complete|author|draft|add)"
)
_VERB = re.compile(
    rf"{_CLAUSE}(?P<verb>(?P<direct>{_DIRECT})|append|insert|put|list|mention|describe|document|register|wire|export"
    r"|record|enter|define|pin|make)\b",
    re.I,
)
"""A verb at the beginning of a clause that has something written."""
_TURNS = re.compile(
    r"[;:—–(]|\.\s|\b(?:that|which|who|whose|those|where|when|if|unless|is|are|was|were|has|have|so|because|than|per|see"
    r"|like|same|reads?|as|until|after|before|without|not|never|instead|runs?|keep|leave|uses?|using|from|against)\b",
    re.I,
)
"""What comes after these words is no longer what the verb speaks of."""
_AT = re.compile(
    r"\b(?:in|to|into|at|under|inside)\s+(?:the\s+|an?\s+)?(?:new\s+|existing\s+)?(?:file\s+|module\s+|page\s+)?$", re.I
)
_OBJECT = re.compile(
    r"^\s+(?:(?!(?:for|of|to|from|with|in|on|at|by|as|via|and|or|into|under)\b)[\w'-]+\s+){0,6}$", re.I
)
_PART_OF = re.compile(r"^(?:(?!\btests?\b)[^.,])*\bof\s+(?:the\s+)?$", re.I)
_OPEN = re.compile(
    r"^[^\w.;]*(?:p+[^\w.;]+)*or\b|^[^.;\n]*\b(?:(?:where|when|as)\s+(?:it\s+is\s+)?(?:needed|necessary|required|missing"
    r"|possible|appropriate|applicable)|if|unless|optional(?:ly)?)\b",
    re.I,
)
"""After a path: whether it is written is left open."""
_BRACKETS = re.compile(r"\([^()]*\)")
_DEPENDS = re.compile(r"\b(?:if|unless|when|where|whenever|once|should|may|might|can|could|optionally|perhaps)\b", re.I)


class Sure(BaseModel):
    """A file that a task has written for sure.

    Attributes:
        said: The words of the task that say so.
        names: What these words name in backticks, but for the file.
        start: Where they begin.
    """

    said: str
    names: list[str] = []
    start: int = 0


class _Named(BaseModel):
    """A path where a text first names it: whether that only refers to it, clearly writes it, or does so for sure."""

    path: str
    place: int
    end: int
    refers: bool = False
    clear: bool = False
    sure: Sure | None = None


def written_files(task: Task) -> list[str]:
    """The files a task is to write, out of those it names.

    `in`, `to`, `create` before a path mean that it is written; `for`, `per`, `defined in`, `against` that it is only
    referred to, and so does "… passes" after it. Without such a word it is written, but that a task which writes pages
    refers to what is no page.
    """
    refers = {named.path for named in _read(task) if named.refers}
    kept = left_alone(task)
    return [
        path
        for path in task.files
        if path not in refers and path not in kept and not is_protected(path) and not _MADE_FOLDER.search(path)
    ]


def surely_written(task: Task) -> dict[str, Sure]:
    """Those of the written files that have a verb of their own, or share one, and of which nothing is left open."""
    sure = {named.path: named.sure for named in _read(task) if named.sure}
    return {path: sure[path] for path in written_files(task) if path in sure}


def _read(task: Task) -> list[_Named]:
    """What a task says of each path that its text names, in the order of the text."""
    text = "\n".join([task.title, *task.details])
    found = [(place, order, path, end) for order, path in enumerate(task.files) for place, end in [_find(text, path)]]
    named = [_Named(path=path, place=place, end=end) for place, _, path, end in sorted(found) if place >= 0]
    flat = _flat(text, named)
    for index, one in enumerate(named):
        _judge(one, text, flat, named[:index], _target(one, text, flat, named[index + 1 :]))
        if one.place > len(task.title):
            line = text[text.rfind("\n", 0, one.place) + 1 : one.place]
            one.refers |= bool(_CHECKS.match(line))
    first = next((one for one in named if not one.refers), None)
    if first and first.clear and role_of_path(first.path) == "docs":
        for one in named:
            one.refers |= not one.clear and role_of_path(one.path) != "docs"
    return named


def _judge(one: _Named, text: str, flat: str, seen: list[_Named], target: _Named | None) -> None:
    """Fill in what the words around a path say of it; `target` is the file that it is added to."""
    last = seen[-1] if seen else None
    before = text[last.end if last else 0 : one.place]
    plain = re.sub(r"[`*\"'(\[]|\.{1,2}/$", "", before)
    own = _sure(one, text, flat, seen, target)
    if last and _JOINS.match(before):
        # Two paths with nothing between but "and" share the word that stands before the first.
        one.refers, one.clear = last.refers, last.clear
    else:
        part = bool(_WRITES.search(plain) or _UPDATES_PART.search(plain) or own)
        one.refers = bool(_SAID_IN.search(plain) or _LEAVES.search(plain) or (_REFERS.search(plain) and not part))
        one.clear = part or not re.sub(r"[\s`*]|.*[.;](?=\s)", "", before, flags=re.S)
        one.clear |= bool(last and last.clear and _MORE.match(before))
        if _LINKS.search(plain):
            # `add a link to x.md` may mean where the link stands, or where it leads.
            one.refers |= own is None or target is not None
            own = None
        if target and _LISTS.search(flat[: one.place]) and role_of_path(one.path) != "docs":
            one.refers |= one.path.endswith("/") or role_of_path(target.path) == "docs"
    one.refers |= bool(_MUST_PASS.match(text[one.end : one.end + 40]))
    one.sure = None if one.refers else own


def _sure(one: _Named, text: str, flat: str, seen: list[_Named], target: _Named | None) -> Sure | None:
    """The words that have a path written for sure; None where there are none."""
    after = flat[one.end :]
    following = _VERB.search(after)
    if _OPEN.search(after[: following.start() if following else None]):
        return None
    last = seen[-1] if seen else None
    if last and _JOINS.match(text[last.end : one.place]):
        joined = last.sure if not re.search(r"\bor\b|;", text[last.end : one.place]) else None
        return _said(text, one, joined.start) if joined else None
    lead = _BRACKETS.sub(lambda match: " " * len(match[0]), flat[: one.place])
    if not lead.strip():
        return _said(text, one, one.place) if re.match(r"[`*]*:\s", text[one.end :]) else None
    verb = next(reversed(list(_VERB.finditer(lead))), None)
    if verb is None or _DEPENDS.search(re.split(r"[.;]\s|\n", lead[: verb.start("verb")])[-1]):
        return None
    rest = lead[verb.end() :]
    if _TURNS.search(rest) or any(not other.refers for other in seen if other.place >= verb.end()):
        return None
    straight = verb["direct"] and (_OBJECT.search(rest) or _PART_OF.search(rest))
    straight = straight and not (target and verb["verb"].lower() == "add")
    return _said(text, one, verb.start("verb")) if straight or _AT.search(rest) or _TO_PART.search(rest) else None


def _said(text: str, one: _Named, start: int) -> Sure:
    """The words from a verb to a path, and what they name."""
    said = text[start : one.end] + ("`" if text[one.end : one.end + 1] == "`" else "")
    spans = re.findall(r"`([^`]+)`", said)
    names = [re.split(r"[(\s:=]", span)[0] for span in spans if not one.path.endswith(span)]
    return Sure(said=" ".join(said.split()), names=[name for name in names if name], start=start)


def _target(one: _Named, text: str, flat: str, later: list[_Named]) -> _Named | None:
    """The file of "add `deploy/` to the table of README.md", seen from the folder."""
    end = one.end
    for other in later:
        between = text[end : other.place]
        if not _JOINS.match(between):
            found = not other.path.endswith("/") and _TO_FILE.match(flat[end : other.place])
            return other if found else None
        end = other.end
    return None


def _flat(text: str, named: list[_Named]) -> str:
    """The text with every path as one word, other code as another, and no marks; places stay as they are."""
    flat = list(text)
    for match in re.finditer(r"`[^`\n]+`", text):
        if not any(match.start() < one.place < match.end() for one in named):
            flat[match.start() : match.end()] = "x" * len(match[0])
    for one in named:
        flat[one.place : one.end] = "p" * (one.end - one.place)
    return "".join(" " if char in '`*"' else char for char in flat)


def left_alone(task: Task) -> list[str]:
    """The files that a task says are to stay as they are: `do not change x.py`, `leave x.py unchanged`."""
    text = re.sub(r"[`*]", "", "\n".join([task.title, *task.details]))
    found = []
    for path in task.files:
        parts = path.split("/")
        names = "|".join(re.escape("/".join(parts[cut:])) for cut in range(len(parts)))
        for match in re.finditer(rf"(?<![\w./-])(?:{names})(?![\w/'’-]|\.\w)", text):
            if _KEEP_OUT.search(text[: match.start()]) or _STAYS.match(text[match.end() :]):
                found.append(path)
                break
    return found


def _find(text: str, path: str) -> tuple[int, int]:
    """Where the text names the path, in full or in short, and where that ends; -1 where it does not."""
    parts = path.split("/")
    names = [name for cut in range(len(parts)) if (name := "/".join(parts[cut:]))]
    for name in names:
        # `deploy/` is not named by `deploy/cron.yaml`. Characters of other writings stand right beside a path.
        end = r"(?![A-Za-z0-9_-]|\.\w)" if name.endswith("/") else r"(?![A-Za-z0-9_/-]|\.[A-Za-z0-9])"
        if match := re.search(rf"(?<![A-Za-z0-9_./-]){re.escape(name)}{end}", text):
            return match.span()
    found = [(place, place + len(name)) for name in names if (place := text.find(name)) >= 0]
    return found[0] if found else (-1, -1)
