"""Reads the line form in which a small model answers: `Label: words`."""

from __future__ import annotations

import ast
import keyword
import re

from pydantic import BaseModel

from ...tools.syntax import parse_python
from ..documents.refs import find_files, find_refs
from .outline import ScenarioWords, flat
from .survey import Survey

MOST_PARTS = 3
_LABEL = re.compile(r"^\W{0,4}(Title|Component|Reads|Writes|Settings|Does|Story|User|Why|Given|When|Then|Rule|Test)\b"
                    r"\W{0,3}:\s*(.*)$", re.I)  # fmt: skip
_SETTING = re.compile(r"([A-Za-z_]\w*)\s*(?:=\s*(\"[^\"]*\"|'[^']*'|[-\w.]+))?")
_NOTHING = re.compile(r"\W*(?:none|n/a|no|nothing|-)?\W*\Z", re.I)


class Missing(ValueError):
    """Lines that an answer lacks at its end.

    Attributes:
        labels: Theirs, in the order of the form.
    """

    def __init__(self, labels: list[str]) -> None:
        self.labels = labels
        super().__init__(f"the lines {', '.join(f'{label}:' for label in labels)} are missing")


class Part(BaseModel):
    """A component as the model named it."""

    name: str
    reads: list[str]
    writes: list[str]
    settings: list[str]
    does: str

    @property
    def signature(self) -> str:
        """As a task writes it: artifacts first, then what has a default."""
        return f"{self.name}({', '.join([*self.reads, *self.writes, *self.settings])})"


class StoryLines(BaseModel):
    """What a component must do."""

    title: str
    text: str
    why: str
    scenarios: list[ScenarioWords]
    rules: list[str]
    test: str


def labelled(text: str) -> list[tuple[str, str]]:
    """Label and words of each line; a line without a label goes on with the one before."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        match = _LABEL.match(line)
        if match:
            found.append((match[1].lower(), str(flat(match[2].strip().strip("*").strip()))))
        elif line.strip() and found and not line.startswith(("`", "#", "<", ">")):
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    return [(label, plain(words)) for label, words in found]


def plain(text: str) -> str:
    """Words without what would be read as something else: paths and numbers of requirements."""
    for path in find_files(text):
        text = text.replace(f"`{path}`", path).replace(path, path.rsplit("/", 1)[-1].partition(".")[0] or "the file")
    for ref in find_refs(text):
        text = text.replace(ref, "the rule")
    return " ".join(text.split())


def read_parts(text: str, found: Survey) -> tuple[str, list[Part]]:
    """The title and the new components.

    Raises:
        ValueError: Something is missing; says what, in words for the model.
    """
    title, blocks = "", list[dict[str, str]]()
    for label, words in labelled(text):
        if label == "title" and not title:
            title = words.strip("\"'. ")
        elif label == "component":
            blocks.append({"component": words})
        elif blocks:
            blocks[-1].setdefault(label, words)
    if title and not blocks:
        raise Missing(["Component"])
    lacking = [label for label in ("Reads", "Writes", "Settings", "Does") if blocks and label.lower() not in blocks[-1]]
    if lacking and len(blocks) <= MOST_PARTS:
        raise Missing(lacking)
    parts: list[Part] = []
    for entry in blocks[:MOST_PARTS]:
        part = part_of(entry)
        if found.known(part.name):
            raise ValueError(f"{part.name} is there already, give the new component another name")
        if part.name not in [other.name for other in parts]:
            parts.append(part)
    if not title or not parts:
        raise ValueError("a line Title: and a line Component: are needed")
    return short_title(title), parts


def short_title(title: str) -> str:
    """A title without the clause in which a small model repeats the request."""
    head = re.split(r"\s+(?:that|which|who|whose|where|so that)\b", title, maxsplit=1)[0].strip(" ,:;-")
    return (head if len(head.split()) >= 2 else title)[:80]


def part_of(entry: dict[str, str]) -> Part:
    """One component.

    Raises:
        ValueError: Its name or its output is missing.
    """
    name = re.sub(r"\W+", "_", entry["component"].partition("(")[0].strip().strip("`").lower()).strip("_")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError("the name of a component is one Python name")
    reads, writes = names_in(entry.get("reads", "")), names_in(entry.get("writes", ""))
    # The same name for what is read and what is written would be one parameter.
    writes = [f"new_{item}" if item in reads else item for item in writes]
    settings = [item for item in settings_in(entry.get("settings", "")) if item.partition("=")[0] not in reads + writes]
    does = without_unknown(entry.get("does", ""), {*reads, *writes, *(item.partition("=")[0] for item in settings)})
    if not writes or len(does) < 20:
        raise ValueError(f"{name} needs the lines Reads:, Writes: and Does:")
    made = Part(name=name, reads=reads, writes=writes, settings=settings, does=does[:600])
    # A SyntaxError is a ValueError's cousin, and cannot be: names and literals.
    parse_python(f"def {made.signature}: ...")
    return made


def without_unknown(does: str, names: set[str]) -> str:
    """What a component does, without the clauses that rest on a parameter which it does not have: nobody could write
    them. They come from the example of the form."""
    kept = [
        clause
        for clause in does.split(", ")
        if not {name.lower() for name in re.findall(r"\bparameter `?(\w+)`?", clause)} - names
    ]
    return ", ".join(kept)


def names_in(text: str) -> list[str]:
    """Python names in a list of words; `the CSV orders` gives `orders`."""
    if _NOTHING.match(text):
        return []
    found = []
    for item in re.split(r",|\band\b", text):
        words = re.findall(r"[A-Za-z_]\w*", item.partition("(")[0])
        if words and not keyword.iskeyword(words[-1].lower()):
            found.append(words[-1].lower())
    return list(dict.fromkeys(found))[:3]


def settings_in(text: str) -> list[str]:
    """Parameters with their defaults, as Python: `status="paid"`, `days=7`."""
    if _NOTHING.match(text):
        return []
    found: dict[str, str] = {}
    for item in text.split(","):
        match = _SETTING.search(item)
        if match and not keyword.iskeyword(match[1]):
            try:
                value = ast.literal_eval(match[2]) if match[2] else ""
            except (ValueError, SyntaxError):
                value = match[2]
            found.setdefault(match[1].lower(), repr(value).replace("'", '"'))
    return [f"{name}={value}" for name, value in found.items()][:4]


def read_story(text: str) -> StoryLines:
    """What a component must do.

    Raises:
        ValueError: Something is missing; says what, in words for the model.
    """
    single: dict[str, str] = {}
    steps: list[dict[str, str]] = []
    rules: list[str] = []
    for label, words in labelled(text):
        if label == "given":
            steps.append({"given": words})
        elif label in ("when", "then") and steps:
            steps[-1].setdefault(label, words)
        elif label == "rule" and words:
            rules.append(must(words))
        elif words:
            single.setdefault(label, words)
    whole = [step for step in steps if step.get("given") and step.get("then")]
    scenarios = [ScenarioWords(given=s["given"], when=s.get("when") or "the step runs", then=s["then"]) for s in whole]
    missing = [label.title() for label in ("story", "user", "why") if not single.get(label)]
    if not scenarios:
        open_step = steps[-1] if steps else {}
        missing += [label.title() for label in ("given", "when", "then") if not open_step.get(label)]
    missing += [] if rules else ["Rule"]
    missing += [] if single.get("test") else ["Test"]
    if missing:
        raise Missing(missing)
    title = single["story"].strip("\"'. ")
    return StoryLines(
        title=title[:100],
        text=single["user"],
        why=single["why"],
        scenarios=scenarios[:3],
        rules=list(dict.fromkeys(rules))[:4],
        test=single["test"][:600],
    )


def must(words: str) -> str:
    """A rule as a requirement: one sentence with MUST."""
    words = words.rstrip(".")
    if not re.search(r"\bMUST\b", words):
        words, count = re.subn(r"\b(?:must|shall|should|SHALL)\b", "MUST", words, count=1)
        if not count:
            words = f"The step MUST hold to this: {words}"
    return words + "."
