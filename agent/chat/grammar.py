"""What a line means. A small grammar, so that an order does the same each time and costs no call of a model."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from .session import Phase

Kind = Literal[
    "go", "save", "run", "resume", "new", "show", "plan", "diff", "status", "report", "verify", "undo", "why", "budget",
    "model", "help", "quit", "question", "agree", "leave", "words", "unknown",
]  # fmt: skip

COMMANDS: dict[str, str] = {
    "/new": "REQUEST  begin another feature",
    "/show": "[spec|plan|tasks]  the draft, or one of its documents",
    "/plan": "waves, roles, files, gates, warnings",
    "/save": "write the documents into the repository, run nothing",
    "/run": "[WORDS]  write them if need be and run, like: /run only US1",
    "/resume": "[001]  go on with the run that was interrupted",
    "/status": "features, open tasks, runs",
    "/report": "the latest run's report",
    "/why": "[T004]  why a task is not verified",
    "/diff": "[T004]  what a run, or a task, changed",
    "/verify": "[T004]  the gates on your files as they are",
    "/undo": "[T003|RUN]  take back the last correction, a task or this conversation's run",
    "/budget": "[tokens=500k time=1h …]  what was used; set limits for the next runs",
    "/model": "[NAME]  which model works; choose another",
    "/help": "this list",
    "/quit": "leave; `kfpilot chat --continue` comes back",
}

_TASK = r"T\d+[a-z]?(?:\.\d+)?|\d+\.\d+"
_YES = (
    r"(?:yes|yep|yeah|ok(?:ay)?|fine|good|great|perfect|nice|right|correct|agreed|approved|lgtm|thanks|thank you"
    r"|(?:(?:that|this|it) )?looks? (?:good|fine|great|right|ok(?:ay)?)(?: to me)?|(?:sounds|all) good"
    r"|i (?:like|approve) (?:it|this|that)"
    r"|(?:that|this|it)(?:'s| is) (?:good|fine|great|right|ok(?:ay)?|perfect))"
)
_AGREE = re.compile(rf"^(?:{_YES}[,.! ]+)*{_YES}(?:[, ]+please)?\s*[.!]*$", re.I)
_LEAVE = re.compile(
    r"^(?:no[,.! ]+)?(?:no|nope|stop|cancel|abort|wait|never ?mind|forget it|not (?:yet|now)"
    r"|leave (?:it|that)(?: as it is| alone| be)?"
    r"|(?:do not|don['’]?t) (?:(?:run|start|save|write|do)(?: it| that| anything)?)(?: yet| now)?"
    r"|(?:stop|cancel|abort) (?:it|that|this|now|the (?:run|draft)))\s*[.!]*$",
    re.I,
)
_POLITE = rf"(?:(?:{_YES}|please|now|and|then|so|let['’]?s)[,.! ]+)*"
_IT = r"(?: it| this| that| them| all| (?:the|these) (?:documents|files|draft|feature))?"
_GO = re.compile(
    rf"^{_POLITE}(?:go(?: ahead| for it)?|(?:run|start|begin|execute){_IT}|(?:do|ship|implement|build) (?:it|this|that)"
    rf"|los|(?:save|write){_IT}(?: down)?,? (?:and|then|and then|&) (?:run|start|go|execute){_IT})"
    r"(?: now| then| please)?\s*[.!]*$",
    re.I,
)
_SAVE = re.compile(rf"^{_POLITE}(?:save|write){_IT}(?: down)?(?: now| please)?[.!]*$", re.I)

# What a run can pick, and an order that picks it: the verb comes first and the pick is its object.
_ONE = (
    # 1.2 is a task of Kiro's or OpenSpec's; "try 1.5" and "only 0.5" are about values.
    r"(?:the )?(?:tasks? \d+\.\d+|(?<!try )(?<!with )(?<!for )[1-9]\d*\.\d+|(?:tasks? )?T\d+[a-z]?(?:\.\d+)?"
    r"|(?:(?:user )?stor(?:y|ies) )?US[ -]?\d+|(?:tasks?|(?:user )?stor(?:y|ies)|phases?|groups?|sections?) #?\d+"
    r"|(?:first|second|third|last) (?:(?:two|three|four|five) )?(?:groups?|sections?|phases?)(?: of tasks)?"
    r"|MVP|next (?:\d+ )?tasks?|(?:setup|foundational|polish)(?: phase| tasks?)?)\b(?!['’.]\w|-(?!(?:T|US)?\d))"
)
_JOIN = r"(?:\s*(?:[,&+–—-]|\.{2,3}|…)\s*(?:(?:and|then) )?|\s+(?:(?:and|then|to|through|until|till|of|in) )*)"
_PICKS = rf"{_ONE}(?:{_JOIN}(?:{_ONE}|\d+\b(?![\w.'’%-])))*"
_ALL = (
    r"(?:everything(?: that(?: is|['’]s) (?:open|left))?"
    r"|(?:all|all of|the rest of)(?: the)?(?: open| remaining)? (?:tasks|stories|it|them)"
    r"|what(?:ever)?(?:['’]s| is| remains?)(?: still)?(?: open| left| undone| to (?:be done|do))?"
    r"|(?:the )?(?:open|remaining|other|unfinished) (?:tasks|ones|work)|the rest)\b"
)
_WORK = r"(?:do|run|execute|work(?: on)?|implement|redo|retry|try|finish|complete|build)"
_VERB = (
    rf"(?:(?:only |just )?(?:{_WORK}|(?:start|begin)(?: with| at| from)?|(?:go|carry)(?: on)?(?: with| for)?"
    r"|continue with)"
    r"(?: only| just)?|only|just)"
)
_TAIL = r"(?:[ ,]+(?:only|alone|first|now|next|again|please|for now|(?:and )?then stop|thanks))*\s*[.!]*$"
_WHOLE_ORDER = re.compile(rf"^{_POLITE}{_VERB} (?:{_PICKS}|{_ALL}){_TAIL}", re.I)
_ALL_ORDER = re.compile(rf"^{_POLITE}{_VERB} {_ALL}(?:[ ,]+(?:now|next|again|please|thanks))*\s*[.!]*$", re.I)
_REST_ORDER = re.compile(rf"^(?:(?:[,:]\s*)?{_POLITE}(?:{_VERB} )?(?:{_PICKS}|{_ALL}))?{_TAIL}", re.I)
"""What may follow a feature's name: nothing, or what of it is to be done."""
_ORDER_WITH_WORDS = re.compile(
    rf"^{_POLITE}(?:(?:only |just )?{_WORK}(?: only| just)? (?:{_PICKS}(?:$|[\s,;:.!])|{_ALL} (?:but|except|without)\b)"
    rf"|(?:only|just|(?:start|begin|continue|go|go on) with) {_PICKS}"
    rf"(?:{_TAIL}|\s*[,;:]|\s+(?:with|using|but|without|except|and|then)\b))",
    re.I | re.S,
)
"""A task or a story that is done again, with the user's words on how."""
_OF_FEATURE = re.compile(
    rf"^{_POLITE}(?:run|execute|implement|start(?: with)?|do|work on|go(?: on)? with)\s+(?:feature\s+)?(.+)$",
    re.I | re.S,
)
_RESUME_FEATURE = re.compile(
    rf"^{_POLITE}(?:resume|continue|go on|carry on)(?: with)?(?: feature)?\s+(.+?)[.!]*$", re.I
)
NUMBERED = re.compile(r"\d{3,}(?:-[\w-]+)?")
"""What looks like a feature's folder; an order that names one is none for another feature."""
_RESUME = re.compile(rf"^{_POLITE}(?:resume|continue|go on|carry on)(?: it| (?:with )?the run)?[.!]*$", re.I)
_WHY = re.compile(
    rf"^(?:(?:and )?why(?: (?:did|has|have|was|is|does|do))?(?: (?:the )?task)? (?P<why>{_TASK})"
    r"(?:$|[?.!]|(?=.*(?:fail|\bnot\b|n't\b|skip|open|\bred\b|stuck|stop|unverified|wrong)).*)"
    rf"|what (?:happened|went wrong|is wrong) (?:to|with|in|about) (?P<what>{_TASK})\b.*"
    r"|why (?:did|has) (?:it|that|the run) (?:fail|stop)(?:ed)?|what (?:failed|went wrong))[?.!]*$",
    re.I,
)
_UNDO = re.compile(
    rf"^{_POLITE}(?:undo|revert|(?:take|roll)(?: (?:it|that))? back)\b\s*(?:task\s+|run\s+)?"
    rf"(?P<target>{_TASK}|\d{{8}}(?:-\d+)*(?:-\w+)?)?"
    r"(?:it|that|(?:the )?(?:last|latest)(?: run| correction| change| one)?|the (?:run|correction))?"
    r"(?:,? please)?[.!]*$",
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

# Without a question mark only what is built as a question is one: "which tasks are slow", not "when it is 0, skip it".
_AUX = r"(?:is|are|was|were|am|do|does|did|can|could|will|would|should|shall|must|may|might|has|have|had)(?:n['’]t)?"
_ASKS = re.compile(
    rf"^(?:(?:when|where|why|how|who|what|which|whose)(?:['’]s| {_AUX})\b|why\b|what if\b|tell me\b|how come\b"
    r"|explain (?:to )?(?:me|why|what|how|when|where|which|who|this|that|it|T\d|US\d|FR\b|SC\b)"
    r"|(?:what|which|who|whose)\b|how (?:many|much|long|often|far|big|exactly|to)\b)",
    re.I,
)
_SUGGESTS = re.compile(r"^(?:how about|what about \w+ing|when(?:ever)?|wherever|where)\b", re.I)
_MUST = r"(?:must|should|shall|(?:needs?|has|have|ought) to)"
_STATES = re.compile(
    # A clause that is the subject of another verb: "which rows are kept must be a parameter".
    r"^(?:how|what|which|whose|who|why|when|where)(?: [\w'’-]+){2,}?(?<!that)(?<!which)(?<!who)(?<!and)(?<!or)(?<!what)"
    rf" {_MUST}\b(?! (?:i|we|you|it|they|he|she|the|this|that|there)\b)",
    re.I,
)
_VERBS = re.compile(rf"\b{_AUX}\b|\b\w+(?:s|ed)\b", re.I)


def asks(text: str) -> bool:
    """Whether a line is a question: by its mark, or by its form where the mark was left out."""
    if text.endswith("?"):
        return True
    if not _ASKS.match(text):
        return False
    inverted = re.match(rf"^\w+(?:['’]s| {_AUX})\b", text, re.I)
    if _SUGGESTS.match(text) and not inverted:
        return False
    states = _STATES.match(text)
    # "which tasks should run" has one verb, "which rows are kept must be a parameter" has another before it.
    return not (states and _VERBS.search(states[0].rsplit(" ", 1)[0].partition(" ")[2]))


class Intent(BaseModel):
    """What is wanted, and of what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    of: str = ""


def means_all(text: str) -> bool:
    """Whether an order is for all that is open: "go on with what is left". It picks nothing and says nothing more."""
    return bool(_ALL_ORDER.match(text))


def no_feature(words: str) -> tuple[str | None, str]:
    """Where no features are known, words begin with none."""
    return None, words


def understand(line: str, phase: Phase, feature_of: Callable[[str], tuple[str | None, str]] = no_feature) -> Intent:
    """What a line means at this point of the conversation.

    Args:
        line: What the user wrote.
        phase: While questions are open only commands are orders, all else is an answer. Of a draft that may still be
            corrected only what is an order as a whole is one. What is asked for before there is a draft is a request.
        feature_of: The feature that words begin with, and the words after it.
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
    whole: tuple[tuple[re.Pattern[str], Kind], ...] = (
        (_GO, "go"), (_SAVE, "save"), (_RESUME, "resume"), (_STATUS, "status"), (_AGREE, "agree"), (_LEAVE, "leave"),
    )  # fmt: skip
    for pattern, kind in whole:
        if pattern.match(text):
            return Intent(kind=kind)
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
    if asks(text):
        return Intent(kind="question", of=text)
    return order(text, phase, feature_of) or Intent(kind="words", of=text)


def order(text: str, phase: Phase, feature_of: Callable[[str], tuple[str | None, str]]) -> Intent | None:
    """The run that a line asks for; None if it asks for none."""
    if (match := _RESUME_FEATURE.match(text)) and (feature_of(match[1])[0] or NUMBERED.fullmatch(match[1])):
        return Intent(kind="resume", of=match[1])
    if match := _OF_FEATURE.match(text):
        words = match[1].rstrip(" .!")
        named, rest = feature_of(words)
        if NUMBERED.fullmatch(words) or (named and (phase != "draft" or _REST_ORDER.match(rest))):
            return Intent(kind="run", of=words)
    if _WHOLE_ORDER.match(text) or (phase != "draft" and _ORDER_WITH_WORDS.match(text)):
        return Intent(kind="run", of=text)
    return None


def command(text: str) -> Intent:
    """A line that begins with a slash."""
    word, _, rest = text.partition(" ")
    name = word[1:].lower()
    name = {"exit": "quit", "q": "quit", "?": "help", "go": "go"}.get(name, name)
    if name in get_args(Kind) and name not in ("words", "unknown", "question", "agree", "leave"):
        return Intent(kind=name, of=rest.strip())  # type: ignore[arg-type]
    return Intent(kind="unknown", of=word)


def selection(words: str) -> str:
    """The user's words as a run takes them: without what only says that it is to begin now, or that all is meant."""
    if means_all(words.strip()):
        return ""
    text = re.sub(r"^(?:go on|go|ok(?:ay)?|yes|now|then|and)\b[ ,.!]*(?:with|for)?\s*", "", words.strip(), flags=re.I)
    return re.sub(r"[ ,]+(?:now|please)\s*[.!]*$", "", text, flags=re.I)
