"""What a line means. A small grammar, so that an order does the same each time and costs no call of a model."""

from __future__ import annotations

import re
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from .session import Phase

Kind = Literal[
    "go", "save", "run", "resume", "new", "show", "plan", "diff", "status", "report", "verify", "undo", "why", "budget",
    "model", "help", "quit", "question", "words", "unknown",
]  # fmt: skip

COMMANDS: dict[str, str] = {
    "/new": "REQUEST  begin another feature",
    "/show": "[spec|plan|tasks]  the draft, or one of its documents",
    "/plan": "waves, roles, files, gates, warnings",
    "/save": "write the documents into the repository, run nothing",
    "/run": "[WORDS]  write them if need be and run, like: /run only US1",
    "/resume": "go on with the run that was interrupted",
    "/status": "features, open tasks, runs",
    "/report": "the latest run's report",
    "/why": "[T004]  why a task is not verified",
    "/diff": "[T004]  what a run, or a task, changed",
    "/verify": "[T004]  the gates on your files as they are",
    "/undo": "[T003|RUN]  take a task or a run back",
    "/budget": "[tokens=500k time=1h …]  what was used; set limits for the next runs",
    "/model": "[NAME]  which model works; choose another",
    "/help": "this list",
    "/quit": "leave; `kfpilot chat --continue` comes back",
}

_TASK = r"T\d+[a-z]?(?:\.\d+)?|\d+\.\d+"
_PICK = re.compile(
    rf"\b(?:{_TASK}|US[ -]?\d+|(?:user )?stor(?:y|ies) \d|phases? \d|tasks? \d|MVP|next task|everything"
    r"|all (?:open )?tasks"
    r"|the rest|the tests|setup|polish)\b",
    re.I,
)
_POLITE = r"(?:(?:ok(?:ay)?|yes|please|now|and|then|good|fine|great|so)[,.! ]+)*"
_RUN = re.compile(
    rf"^{_POLITE}(?:do|run|work(?: on)?|implement|start(?: with)?|redo|retry|try|finish|go(?: with| for)?|only|just)\b"
    r"(.*)$",
    re.I | re.S,
)
_GO = re.compile(
    rf"^{_POLITE}(?:go(?: ahead)?|run(?: it)?|start(?: it)?|do it|ship it|implement it|los)\s*[.!]*$", re.I
)
_SAVE = re.compile(
    rf"^{_POLITE}(?:save|write)(?: it| them| (?:the|these) (?:documents|files|draft))?(?: down)?[.!]*$", re.I
)
_RESUME = re.compile(rf"^{_POLITE}(?:resume|continue|go on|carry on)(?: it| (?:with )?the run)?[.!]*$", re.I)
_WHY = re.compile(
    rf"^(?:(?:and )?why(?: (?:did|has|have|was|is|does|do))?(?: (?:the )?task)? (?P<why>{_TASK})"
    r"(?:$|[?.!]|(?=.*(?:fail|\bnot\b|n't\b|skip|open|\bred\b|stuck|stop|unverified|wrong)).*)"
    rf"|what (?:happened|went wrong|is wrong) (?:to|with|in|about) (?P<what>{_TASK})\b.*"
    r"|why (?:did|has) (?:it|that|the run) (?:fail|stop)(?:ed)?|what (?:failed|went wrong))[?.!]*$",
    re.I,
)
_UNDO = re.compile(
    rf"^{_POLITE}(?:undo|revert|take back|roll back)\b\s*(?:task\s+|run\s+)?"
    rf"(?P<target>{_TASK}|\d{{8}}(?:-\d+)*(?:-\w+)?)?(?:it|that|(?:the )?(?:last|latest)(?: run)?|the run)?[.!]*$",
    re.I,
)
_SHOW = re.compile(
    r"^show(?: me)?(?: the)? (?P<what>spec|plan|tasks|draft|documents|diff|report|status)(?:\.md)?[.!]*$", re.I
)
_STATUS = re.compile(
    r"^(?:status|progress|where (?:are we|do we stand)|how far (?:are we|is it)"
    r"|what(?:'s| is) (?:the )?(?:status|state))[?.!]*$",
    re.I,
)
_VERIFY = re.compile(rf"^{_POLITE}(?:verify|check)\s*(?P<tasks>(?:(?:{_TASK})[\s,]*(?:and\s+)?)*)[.!]*$", re.I)
_NEW = re.compile(r"^new(?: feature| request)?\s*[:–—-]\s*(.+)$", re.I | re.S)
_ASKS = re.compile(r"^(?:what|why|how|which|who|whose|when|where|explain|tell me)\b", re.I)
_WISH = re.compile(r"^(?:can|could|would|will) (?:you|we|it|the)\b|^(?:should|shall) (?!i\b)", re.I)


class Intent(BaseModel):
    """What is wanted, and of what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    of: str = ""


def understand(line: str, phase: Phase) -> Intent:
    """What a line means at this point of the conversation.

    Args:
        line: What the user wrote.
        phase: While questions are open only commands are orders, all else is an answer; what is asked for before there
            is a draft is a request, afterwards a correction.
    """
    text = line.strip()
    if text.startswith("/"):
        return command(text)
    if re.fullmatch(r"(?:quit|exit|bye)[.!]*", text, re.I):
        return Intent(kind="quit")
    if re.fullmatch(r"(?:help|\?)[.!]*", text, re.I):
        return Intent(kind="help")
    if phase == "asking":
        return Intent(kind="words", of=text)
    for pattern, kind in ((_GO, "go"), (_SAVE, "save"), (_RESUME, "resume"), (_STATUS, "status")):
        if pattern.match(text):
            return Intent(kind=kind)  # type: ignore[arg-type]
    if match := _SHOW.match(text):
        what = match["what"].lower()
        if what in ("diff", "report", "status"):
            return Intent(kind=what)  # type: ignore[arg-type]
        return Intent(kind="show", of="" if what in ("draft", "documents") else what)
    if match := _UNDO.match(text):
        return Intent(kind="undo", of=match["target"] or "")
    if match := _WHY.match(text):
        return Intent(kind="why", of=match["why"] or match["what"] or "")
    if match := _VERIFY.match(text):
        return Intent(kind="verify", of=" ".join(re.findall(_TASK, match["tasks"], re.I)))
    if match := _NEW.match(text):
        return Intent(kind="new", of=match[1].strip())
    asks = text.endswith("?") or bool(_ASKS.match(text))
    if (match := _RUN.match(text)) and _PICK.search(match[1]) and not asks:
        return Intent(kind="run", of=text)
    if asks and not _WISH.match(text):
        return Intent(kind="question", of=text)
    return Intent(kind="words", of=text)


def command(text: str) -> Intent:
    """A line that begins with a slash."""
    word, _, rest = text.partition(" ")
    name = word[1:].lower()
    name = {"exit": "quit", "q": "quit", "?": "help", "go": "go"}.get(name, name)
    if name in get_args(Kind) and name not in ("words", "unknown", "question"):
        return Intent(kind=name, of=rest.strip())  # type: ignore[arg-type]
    return Intent(kind="unknown", of=word)
