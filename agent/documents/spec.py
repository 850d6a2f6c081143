"""spec.md (Kiro: requirements.md, OpenSpec: proposal.md): stories, scenarios, requirements, open questions."""

from __future__ import annotations

import re
from pathlib import Path

from .lines import Document, read_bytes, scan
from .models import Note, Requirement, Scenario, Spec, Story
from .refs import find_stories
from .sections import Item, Section, as_field, document_title, items, sections

_CLARIFY = re.compile(r"\[NEEDS CLARIFICATION\s*[:：]?\s*((?:[^\[\]]|\[[^\[\]]*\]){0,1000})\]", re.I)
_PRIORITY = re.compile(r"\bP\d{1,2}\b")
_STORY_HEAD = re.compile(r"\W*(?:user|stor|US\s*-?\d|\w*geschichte|ユーザ|用户|使用者|câu)", re.I)
_STORY_LABEL = re.compile(r"^\W*(?:[^\d]*?)\d+(?:\.\d+)?\s*[-–—:：.)]*\s*")
_PRIORITY_NOTE = re.compile(r"\s*[(（\[][^()（）\[\]]*\bP\d{1,2}\b[^()（）\[\]]*[)）\]]")
_REQUIREMENT = re.compile(
    r"^(?:\[[ xX~-]\]\s*)?[*_`~]*([A-Z][A-Z0-9]{1,9})-(\d{1,5}(?:\.\d+)*[a-z]?)\b"
    r"[*_`~]*\s*(?:[:：.]|[-–—]|\*\*|$|(?=\s))[*_]*[:：]?\s*(.*)$",
    re.DOTALL,
)
_KIRO_REQUIREMENT = re.compile(r"^Requirements?\s+(\d+)\s*[-–—:：.]*\s*(.*)$", re.I)
_OPEN_SPEC_REQUIREMENT = re.compile(r"^Requirement\s*[:：]\s*(.+)$", re.I)
_EDGE = re.compile(r"edge case|grenzf|sonderf|randf|エッジケース|境界|边缘情况|边界|trường hợp (?:biên|ngoại lệ)", re.I)
_INTRODUCTION = re.compile(r"introduction\b|einleitung\b", re.I)
_ENTITY = re.compile(r"key entit|entities|^glossary|entität|エンティティ|实体|thực thể", re.I)
_ASSUMPTION = re.compile(r"assumption|annahme|前提|假设|giả định", re.I)
_SCENARIOS = re.compile(r"scenario|acceptance|akzeptanz|abnahme|szenari|シナリオ|受け入れ|验收|场景|kịch bản", re.I)
_WHY = re.compile(r"why|priorit|warum|begründ|なぜ|理由|为什么|原因|lý do", re.I)
_TEST = re.compile(r"independent test|unabhängig|独立|kiểm thử", re.I)
_STEP = re.compile(
    r"(?:\*\*|__)?\b(Given|When|Then|GIVEN|WHEN|THEN|Angenommen|Gegeben|Wenn|Dann|IF|WHILE|WHERE)\b(?:\*\*|__)?[:,]?\s*"
    r"|\*\*(前提|假设|给定|Cho|Giả sử|もし|当|Khi|ならば|那么|则|Thì)\*\*[::、,]?\s*",
)
_GIVEN = {"given", "angenommen", "gegeben", "前提", "假设", "给定", "cho", "giả sử", "while", "where"}
_WHEN = {"when", "wenn", "もし", "当", "khi", "if"}
_THEN = {"then", "dann", "ならば", "那么", "则", "thì"}


def parse_spec(path: Path) -> Spec:
    """Reads a specification.

    Raises:
        UserError: The file is missing, unreadable or not UTF-8.
    """
    return parse_spec_text(read_bytes(path), path)


def parse_spec_text(data: bytes, path: Path) -> Spec:
    """Parses the bytes of a specification.

    Raises:
        UserError: They are not UTF-8.
    """
    document = scan(data, path)
    parts = sections(document)
    spec = Spec(path=path, title=document_title(parts), clarifications=_clarifications(document))
    story: Story | None = None
    for part in parts:
        level = part.heading.level if part.heading else 0
        if level <= 1 or (level == 2 and not spec.header and not spec.stories):
            _read_header(part, spec)
        found = _story_of(part)
        if found is not None:
            story = found
            spec.stories.append(story)
            _read_story(part, story)
        elif story and part.above and any(above.line == story.line for above in part.above):
            _read_scenarios(part, story)
        else:
            story = None
            _read_notes(part, spec)
        _read_requirements(part, spec)
        if part.heading and _INTRODUCTION.match(part.title) and not spec.introduction:
            spec.introduction = part.text
    _number_kiro(parts, spec)
    return spec


def _read_header(part: Section, spec: Spec) -> None:
    for item in items(part.lines):
        pair = as_field(item.text)
        if pair and not item.bullet:
            # Two fields may share a line: **Created**: … **Status**: …
            value, *rest = re.split(r"\s+(?=\*\*[^*]+\*\*\s*[:：])", pair[1])
            spec.header.setdefault(pair[0], value.strip("` "))
            for text in rest:
                more = as_field(text)
                if more:
                    spec.header.setdefault(more[0], more[1].strip("` "))


def _story_of(part: Section) -> Story | None:
    if part.heading is None or part.heading.level < 2:
        return None
    kiro = _KIRO_REQUIREMENT.match(part.title)
    if kiro:
        return Story(line=part.line, key=f"US{kiro[1]}", title=kiro[2])
    stories = find_stories(part.title)
    if not stories or not re.match(
        r"\W*(?:user|stor|US\s*-?\d|\w*geschichte|ユーザ|用户|使用者|câu)", part.title, re.I
    ):
        return None
    # What follows the priority is decoration: "(Priority: P1) 🎯 MVP".
    title = _STORY_LABEL.sub("", _PRIORITY_NOTE.split(part.title, maxsplit=1)[0], count=1).strip()
    priority = _PRIORITY.search(part.title)
    return Story(line=part.line, key=stories[0], title=title, priority=priority[0] if priority else None)


def _read_story(part: Section, story: Story) -> None:
    text: list[str] = []
    target = ""
    for item in items(part.lines):
        pair = as_field(item.text)
        if pair and not item.bullet:
            name, value = pair
            target = ""
            if _TEST.search(name):
                story.independent_test, target = value, "independent_test"
            elif _SCENARIOS.search(name):
                target = "scenarios"
            elif _WHY.search(name) and not re.fullmatch(r"Priorit\w+", name, re.I):
                story.why, target = value, "why"
            elif re.fullmatch(r"Priorit\w+|優先度|优先级", name, re.I):
                priority = _PRIORITY.search(value)
                story.priority = priority[0] if priority else story.priority
            elif re.match(r"User Story", name, re.I):
                text.append(value)
            else:
                text.append(item.text)
        elif _is_scenario(item) or (target == "scenarios" and item.bullet and item.number is not None):
            _add_scenario(item, story)
        elif target == "scenarios" and item.bullet and story.scenarios:
            _extend(story.scenarios[-1], item)
        elif not re.fullmatch(r"[-*_]{3,}", item.text):
            if target in ("why", "independent_test"):
                setattr(story, target, f"{getattr(story, target)}\n{item.text}".strip())
            else:
                text.append(item.text)
    story.text = "\n".join(text)


def _read_scenarios(part: Section, story: Story) -> None:
    pattern = _SCENARIOS.search(part.title)
    for item in items(part.lines):
        if _is_scenario(item) or (pattern and item.number is not None):
            _add_scenario(item, story)
        elif pattern and item.bullet and story.scenarios:
            _extend(story.scenarios[-1], item)


def _is_scenario(item: Item) -> bool:
    match = _STEP.search(item.text)
    return item.bullet and match is not None and match.start() <= 40 and _kind(match) in ("given", "when")


def _kind(match: re.Match[str]) -> str:
    word = (match[1] or match[2]).lower()
    return "given" if word in _GIVEN else "when" if word in _WHEN else "then"


def _add_scenario(item: Item, story: Story) -> None:
    following = story.scenarios[-1].number + 1 if story.scenarios else 1
    # Markdown lets every item be "1."; a number that does not rise is no number.
    number = item.number if item.number is not None and item.number >= following else following
    scenario = Scenario(line=item.line, number=number, text=item.text)
    split_steps(scenario)
    story.scenarios.append(scenario)


def _extend(scenario: Scenario, item: Item) -> None:
    scenario.text = f"{scenario.text}\n{item.text}"
    split_steps(scenario)


def split_steps(scenario: Scenario) -> Scenario:
    """Fills what is given, done and expected from the text of a scenario."""
    scenario.given = scenario.when = scenario.then = ""
    steps = list(_STEP.finditer(scenario.text))
    for index, match in enumerate(steps):
        end = steps[index + 1].start() if index + 1 < len(steps) else len(scenario.text)
        text = scenario.text[match.end() : end].strip(" ,;、\n")
        name = _kind(match)
        before = getattr(scenario, name)
        setattr(scenario, name, f"{before}; {text}" if before else text)
    return scenario


def _read_notes(part: Section, spec: Spec) -> None:
    if part.within(_EDGE):
        target = spec.edge_cases
    elif part.within(_ENTITY):
        target = spec.entities
    elif part.within(_ASSUMPTION):
        target = spec.assumptions
    else:
        return
    for item in items(part.lines):
        if not re.fullmatch(r"[-*_]{3,}", item.text) and not _REQUIREMENT.match(item.text):
            target.append(Note(line=item.line, text=item.text))


def _read_requirements(part: Section, spec: Spec) -> None:
    named = _OPEN_SPEC_REQUIREMENT.match(part.title)
    if named:
        spec.requirements.append(Requirement(line=part.line, id=named[1], text=part.text, kind="REQ"))
    for item in items(part.lines):
        text = item.text
        if text.startswith("|"):
            for row in re.findall(r"\|\s*[*`]*([A-Z]{2,10}-\d{1,5}[a-z]?)[*`]*\s*\|\s*([^|]+)", text):
                _add_requirement(spec, item.line, row[0], row[1].strip())
            continue
        match = _REQUIREMENT.match(text)
        if match and (item.bullet or text.startswith("**")):
            _add_requirement(spec, item.line, f"{match[1]}-{match[2]}", match[3].strip())


def _add_requirement(spec: Spec, line: int, ident: str, text: str) -> None:
    open_question = _CLARIFY.search(text)
    kind = ident.split("-", 1)[0]
    requirement = Requirement(
        line=line, id=ident, text=text, kind=kind, clarification=open_question[1].strip() if open_question else None
    )
    (spec.criteria if kind == "SC" else spec.requirements).append(requirement)


def _number_kiro(parts: list[Section], spec: Spec) -> None:
    """Kiro's tasks refer to the second criterion of requirement 1 as `1.2`."""
    kiro = {part.line for part in parts if part.heading and _KIRO_REQUIREMENT.match(part.title)}
    for story in spec.stories:
        if story.line in kiro:
            spec.requirements += [
                Requirement(line=scenario.line, id=f"{story.key[2:]}.{scenario.number}", text=scenario.text, kind="REQ")
                for scenario in story.scenarios
            ]


def _clarifications(document: Document) -> list[Note]:
    text = "\n".join("" if line.hidden else line.text for line in document.lines)
    return [
        Note(line=text.count("\n", 0, match.start()) + 1, text=re.sub(r"\s+", " ", match[1]).strip())
        for match in _CLARIFY.finditer(text)
    ]
