"""The repository's own templates (`.specify/templates/`): their headings, in their order, in the drafted documents.

A template's sections are compared with those of our form by what the parser finds in them, so that another wording or
another language is known. What the form has not is a section of the repository's own, for which the model is asked for
words. Where the parser would read the shaped document in another way than the form, the form stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ..documents.lines import heading, scan
from ..documents.plan import parse_plan_text
from ..documents.spec import parse_spec_text
from ..documents.tasks import parse_tasks_text
from ..errors import UserError

if TYPE_CHECKING:
    from .outline import Outline

FOLDER = ".specify/templates"
NAMES = {"spec.md": "spec-template.md", "plan.md": "plan-template.md", "tasks.md": "tasks-template.md"}
LARGEST = 100_000
MOST_OWN = 12
LONGEST_HEADING = 80
UNFILLED = "Nothing was drafted here: whoever reads this before the work fills it in."

_MARK = re.compile(r"\s*[*_]?\((?:mandatory|required|optional|include|if|only)[^)]*\)[*_]?", re.I)
_OPTIONAL = re.compile(r"\boptional\b|\binclude if\b|\bif (?:applicable|needed|relevant|any)\b|\bonly if\b", re.I)
_STANDARD = re.compile(
    r"(?:execution (?:flow|status)|quick guidelines|section requirements|for ai|content quality|clarification"
    r"|requirement completeness|review & acceptance|task generation|validation checklist"
    r"|user scenarios|user stor|acceptance scenarios|edge cases|requirements?$|functional requirements|key entities"
    r"|success criteria|measurable outcomes|assumptions|summary|technical context|constitution check"
    r"|project structure|documentation \(|source code \(|complexity tracking|progress tracking"
    r"|phase\b|table of contents|format:|path conventions|dependencies & execution|within each|notes$"
    r"|parallel (?:example|opportunit|team)|implementation strategy|mvp first|incremental delivery)",
    re.I,
)
"""Headings of spec-kit's own templates, of its versions so far: what they are for is in our forms, or in no draft."""

_PLAN = {
    "summary": re.compile(r"summary|overview", re.I),
    "context": re.compile(r"technical context|tech(?:nology)? stack", re.I),
    "constitution": re.compile(r"constitution", re.I),
    "structure": re.compile(r"structure|layout", re.I),
}


class OwnSection(BaseModel):
    """A section that only the repository's templates have."""

    document: str
    title: str
    optional: bool = False


@dataclass(eq=False)
class Node:
    """A section of a document with those below it.

    Attributes:
        heading: Its line, as written.
        title: The heading without number and marks such as *(mandatory)*.
        role: What the parser finds in it; empty if nothing.
        body: The lines up to the first section below it.
    """

    heading: str
    title: str
    role: str = ""
    optional: bool = False
    body: list[str] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    @property
    def own(self) -> bool:
        """Whether it is neither of spec-kit's nor of our forms."""
        usual = self.role or "[" in self.heading or _STANDARD.match(self.title)
        return not usual and 0 < len(self.title) <= LONGEST_HEADING

    def lines(self) -> Iterator[str]:
        """The section as it is written."""
        yield self.heading
        yield from self.body
        for child in self.children:
            yield from child.lines()


def read_templates(root: Path) -> dict[str, str]:
    """Document -> the repository's template for it; those that are missing or cannot be read are left out."""
    found: dict[str, str] = {}
    for document, name in NAMES.items():
        file = root / FOLDER / name
        try:
            if file.stat().st_size <= LARGEST:
                found[document] = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            continue
    return found


def own_sections(templates: dict[str, str]) -> list[OwnSection]:
    """The sections that a model has to find words for, in the order of the templates."""
    found: list[OwnSection] = []
    for document, text in templates.items():
        for top in nodes(document, text)[1]:
            # Below a section of the repository's own, all is its own; below the phases of tasks.md nothing is.
            inner = top.children if document != "tasks.md" or top.own else []
            found += [
                OwnSection(document=document, title=node.title, optional=node.optional or (top.own and top.optional))
                for node in [top, *inner]
                if node.own
            ]
    return found[:MOST_OWN]


def missing_sections(outline: Outline, wanted: Iterable[OwnSection]) -> list[str]:
    """What is said to a model that has left out sections that the repository wants."""
    said = {plain(item.heading) for item in outline.sections}
    return [
        f'`sections` has no text for "{item.title}", which the repository\'s template for {item.document} asks for'
        for item in wanted
        if not item.optional and plain(item.title) not in said
    ]


def shaped(document: str, form: str, templates: dict[str, str], outline: Outline) -> str:
    """A document with the headings of its template, in their order; the form as it is where there is none.

    Args:
        document: Its name, such as `spec.md`.
        form: The document in our own form.
        templates: The repository's.
        outline: Has the words for the repository's own sections.
    """
    if document not in templates:
        return form
    words = {plain(item.heading): item.text for item in outline.sections}
    wanted = {(item.document, item.title) for item in own_sections(templates)}
    before, ours = nodes(document, form)
    _, theirs = nodes(document, templates[document])
    for node in theirs:
        if document == "tasks.md" and not node.own:
            node.children = []
    parts = merged(ours, theirs, words, {title for name, title in wanted if name == document})
    lines = [*before, *(line for node in parts for line in node.lines())]
    made = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
    return made if reading(document, made) == reading(document, form) else form


def merged(ours: list[Node], theirs: list[Node], words: dict[str, str], wanted: set[str]) -> list[Node]:
    """The sections of the form in the order of the template, with the repository's own between them."""
    left, result = list(ours), list[Node]()
    for node in theirs:
        same = [item for item in left if plain(item.title) == plain(node.title)] or [
            item for item in left if item.role and item.role == node.role
        ]
        if same and same[0].role in ("story", "phase"):
            # Stories and phases are as many as the feature has; the template shows only how one looks.
            same = [item for item in left if item.role == same[0].role]
            result += same
        elif same:
            same = same[:1]
            kept = same[0].heading if "[" in node.heading else node.heading
            kept = _MARK.sub("", kept) if node.optional else kept
            inner = merged(same[0].children, node.children, words, wanted)
            result.append(Node(kept, node.title, same[0].role, body=same[0].body, children=inner))
        elif node.own and node.title in wanted:
            inner = merged([], node.children, words, wanted)
            text = words.get(plain(node.title), "")
            if not text and not inner and node.optional:
                continue
            body = ["", text or ("" if inner else UNFILLED), ""]
            kept = _MARK.sub("", node.heading) if node.optional else node.heading
            result.append(Node(kept, node.title, body=body, children=inner))
        left = [item for item in left if item not in same]
    # What the template has not is needed all the same: it stands behind what it stood behind.
    for item in left:
        place = ours.index(item)
        earlier = {plain(other.title) for other in ours[:place]} | {other.role for other in ours[:place] if other.role}
        behind = [at for at, other in enumerate(result, 1) if {plain(other.title), other.role} & earlier]
        result.insert(max(behind, default=0), item)
    return result


def nodes(document: str, text: str) -> tuple[list[str], list[Node]]:
    """The lines before the first section, and the sections of level 2 with those of level 3 below them."""
    scanned = scan(text.encode(), Path(document))
    roles = roles_of(document, text)
    before: list[str] = []
    tops: list[Node] = []
    spans: list[tuple[Node, int, int]] = []
    for line in scanned.lines:
        found = heading(line)
        if found is None or found.level not in (2, 3) or (found.level == 3 and not tops):
            (spans[-1][0].body if spans else before).append(line.text)
            continue
        node = Node(line.text, re.sub(r"^[\d.]+\s+", "", _MARK.sub("", found.title)).strip())
        node.optional = bool(_OPTIONAL.search(found.title))
        (tops if found.level == 2 else tops[-1].children).append(node)
        spans.append((node, found.level, line.number))
    for place, (node, level, start) in enumerate(spans):
        end = next((number for _, other, number in spans[place + 1 :] if other <= level), len(scanned.lines) + 1)
        node.role = role_between(roles, start, end, is_top=level == 2)
        if document == "plan.md" and level == 2:
            node.role = next((name for name, form in _PLAN.items() if form.search(node.title)), "")
        first = next((text.strip() for text in node.body if text.strip()), "")
        node.optional |= first.startswith(("*", "_", "<!--")) and bool(_OPTIONAL.search(first))
    for siblings in [tops, *(top.children for top in tops)]:
        only_one_each(siblings)
    return before, tops


def only_one_each(siblings: list[Node]) -> None:
    """Of several sections for the same, the one of a usual name, or the first, is meant by it."""
    for role in {node.role for node in siblings} - {"", "story", "phase"}:
        same = [node for node in siblings if node.role == role]
        meant = next((node for node in same if _STANDARD.match(node.title)), same[0])
        for node in same:
            node.role = role if node is meant else ""


def roles_of(document: str, text: str) -> dict[str, set[int]]:
    """What the parser finds -> its lines, the most telling first."""
    path, data = Path(document), text.encode()
    if document == "tasks.md":
        return {"phase": {task.line for task in parse_tasks_text(data, path).tasks}}
    if document == "plan.md":
        return {}
    spec = parse_spec_text(data, path)
    return {
        "story": {item.line for item in spec.stories},
        "requirements": {item.line for item in spec.requirements},
        "criteria": {item.line for item in spec.criteria},
        "edges": {item.line for item in spec.edge_cases},
        "entities": {item.line for item in spec.entities},
        "assumptions": {item.line for item in spec.assumptions},
    }


def role_between(roles: dict[str, set[int]], start: int, end: int, *, is_top: bool) -> str:
    """What a section that goes from one line to before another is for."""
    if start in roles.get("story", ()):
        return "story"
    for name, lines in roles.items():
        if any(start < number < end for number in lines):
            return "stories" if name == "story" and is_top else name
    return ""


def reading(document: str, text: str) -> object:
    """What the parser makes of a document, but for the lines it stands on."""
    path, data = Path(document), text.encode()
    try:
        if document == "spec.md":
            read = parse_spec_text(data, path).model_dump(exclude={"path"})
        elif document == "plan.md":
            read = parse_plan_text(data, path).model_dump(exclude={"path"})
        else:
            listed = parse_tasks_text(data, path)
            read = {
                "tasks": [(task.id, task.title, task.files, task.depends_on, task.stories) for task in listed.tasks],
                "kinds": [(phase.kind, phase.stories) for phase in listed.phases if phase.kind == "story"],
            }
    except UserError as error:
        return error.what
    return without_lines(read)


def without_lines(value: object) -> object:
    """Data without its line numbers."""
    if isinstance(value, dict):
        return {name: without_lines(item) for name, item in value.items() if name != "line"}
    if isinstance(value, list):
        return [without_lines(item) for item in value]
    return value


def plain(title: str) -> str:
    """A title for comparing: letters and digits alone."""
    return re.sub(r"\W+", " ", _MARK.sub("", title)).strip().casefold()
