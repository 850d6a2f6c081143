"""plan.md (Kiro and OpenSpec: design.md): technical context, structure, constraints."""

from __future__ import annotations

import re
from pathlib import Path

from .design import design_parts, places
from .lines import Line, read_bytes, scan
from .models import Note, Plan
from .refs import find_files, is_file_path, is_known_folder
from .sections import Section, as_field, document_title, items, sections

_SUMMARY = re.compile(r"^(?:\d+\.?\s*)?(?:summary|overview|context|zusammenfassung|概要|摘要|tóm tắt)", re.I)
_CONTEXT = re.compile(r"technical context|tech(?:nology)? stack|technischer kontext|技術|技术|bối cảnh kỹ thuật", re.I)
_STRUCTURE = re.compile(r"structure|layout|source code|struktur|構成|構造|结构|cấu trúc", re.I)
_CONSTRAINT = re.compile(r"constraint|constitution check|einschränkung|制約|约束|ràng buộc", re.I)
_CONTEXT_CONSTRAINT = re.compile(r"constraint|performance|scale|einschränkung|制約|约束", re.I)
_BRANCH = re.compile(r"^[\s│┃|├└┣┗╰+`\-─━—*·\u00a0]*")
_COMMENT = re.compile(r"\s+(?:#|//|←|<-|<!--|--|—|–|→)\s.*$|\s{2,}\S.*$|\s+\(.*\)\s*$|\s+#.*$")
_DOCUMENTATION = re.compile(r"documentation|dokumentation", re.I)


def parse_plan(path: Path) -> Plan:
    """Reads a plan.

    Raises:
        UserError: The file is missing, unreadable or not UTF-8.
    """
    return parse_plan_text(read_bytes(path), path)


def parse_plan_text(data: bytes, path: Path) -> Plan:
    """Parses the bytes of a plan.

    Raises:
        UserError: They are not UTF-8.
    """
    parts = sections(scan(data, path))
    plan = Plan(path=path, title=document_title(parts))
    for part in parts:
        if part.heading and part.heading.level >= 2 and _SUMMARY.search(part.title) and not plan.summary:
            plan.summary = part.text
        if part.within(_CONTEXT):
            _read_context(part, plan)
        if part.heading and part.within(_STRUCTURE):
            _read_structure(part, plan)
        if part.heading and _CONSTRAINT.search(part.title):
            plan.constraints += [
                Note(line=item.line, text=item.text) for item in items(part.lines) if not item.text.startswith("|")
            ]
    plan.paths = list(dict.fromkeys(plan.paths))
    if path.name == "design.md":
        plan.design = design_parts(parts)
    plan.places = places(parts)
    return plan


def tree_paths(text: str) -> list[str]:
    """The files of a drawn tree, their folders joined; folders without files stay out.

    A lone root that holds `src/` or `pyproject.toml` is the repository itself and no part of the paths.
    """
    entries: list[tuple[int, str]] = []
    for line in text.splitlines():
        bare = line.expandtabs(4)
        branch = _BRANCH.match(bare)
        start = branch.end() if branch else 0
        name = _COMMENT.sub("", bare[start:]).strip().strip("`")
        if name and not re.search(r"[\[\]<>{}*…\"'=;]|\.\.\.", name):
            entries += [(start, part.strip()) for part in name.split(", ") if part.strip()]
    entries = [(col, name) for col, name in entries if re.fullmatch(r"[\w.\-+@/ ]+", name) and " " not in name]
    root = _root_of(entries)
    paths: list[str] = []
    stack: list[tuple[int, str]] = []
    for index, (col, name) in enumerate(entries):
        while stack and stack[-1][0] >= col:
            stack.pop()
        is_folder = name.endswith("/") or (index + 1 < len(entries) and entries[index + 1][0] > col)
        name = name.removeprefix("./").strip("/")
        if is_folder:
            stack.append((col, "" if index == root or name in ("", ".") else name))
            continue
        path = "/".join([*(folder for _, folder in stack if folder), name])
        if is_file_path(path):
            paths.append(path)
    return paths


def _root_of(entries: list[tuple[int, str]]) -> int | None:
    """The index of the entry that stands for the repository, if one does."""
    if len(entries) < 2 or [col for col, _ in entries].count(entries[0][0]) != 1 or entries[1][0] <= entries[0][0]:
        return None
    name = entries[0][1].strip("./")
    if not name:
        return 0
    if is_known_folder(name) or "/" in name:
        return None
    inner = min(col for col, _ in entries[1:])
    children = {child.strip("/") for col, child in entries[1:] if col == inner}
    top = {"src", "tests", "pyproject.toml", "README.md", "Makefile", "docs", ".github", "setup.py", "pipelines"}
    return 0 if children & top else None


def _read_context(part: Section, plan: Plan) -> None:
    for item in items(part.lines):
        pair = as_field(item.text)
        if pair is None:
            continue
        plan.context.setdefault(pair[0], pair[1])
        if _CONTEXT_CONSTRAINT.search(pair[0]):
            plan.constraints.append(Note(line=item.line, text=f"{pair[0]}: {pair[1]}"))


def _read_structure(part: Section, plan: Plan) -> None:
    block: list[Line] = []
    for line in [*part.lines, None]:
        if line is not None and line.hidden == "code":
            # Two blocks may stand directly one after the other.
            block.append(line)
            if len(block) == 1 or not re.match(r"^[ \t>]*(?:`{3,}|~{3,})[ \t]*$", line.text):
                continue
        if block:
            text = "\n".join(inner.text for inner in block[1:-1])
            plan.structure.append(text)
            if not _DOCUMENTATION.search(part.title):
                plan.paths += tree_paths(text)
            block = []
    prose = "\n".join(line.text for line in part.lines if not line.hidden)
    plan.paths += [path for path in find_files(prose) if not path.endswith("/")]
