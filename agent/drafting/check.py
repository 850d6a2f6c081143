"""What is wrong with a draft: first its words, then the documents, by the parser and planner that will read them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ...tools.syntax import parse_python
from ..documents.checks import check_tasks
from ..documents.models import Feature
from ..documents.plan import parse_plan_text
from ..documents.refs import find_files, find_refs
from ..documents.resolve import HOMES
from ..documents.spec import parse_spec_text
from ..documents.suspect import suspicions
from ..documents.tasks import parse_tasks_text
from ..errors import UserError
from ..planner.build import build_plan
from ..planner.models import Role
from ..planner.paths import HELD, is_protected, matches, role_of_path
from .layout import CODE, file_of, needed, stages
from .outline import Outline, Piece, PieceKind
from .survey import Survey

ROLES: dict[PieceKind, Role] = {
    "component": "code",
    "pipeline": "code",
    "code": "code",
    "docs": "docs",
    "infra": "infra",
}
_OPEN = re.compile(r"NEEDS CLARIFICATION|\bTBD\b|\bTODO\b|\[[A-Z][A-Z _]{3,}\]")
_SAFE = re.compile(r"[\w.][\w.\-]*(?:/[\w.][\w.\-]*)*\Z")


def outline_problems(outline: Outline, found: Survey, request: str = "") -> list[str]:
    """What is wrong with the words, said so that whoever wrote them can mend it.

    Args:
        outline: The words.
        found: The repository.
        request: What the user asked for; what runs by itself is drafted only where it names the file.
    """
    problems: list[str] = []
    stories, requirements = len(outline.stories), len(outline.requirements)
    for number, item in enumerate(outline.requirements, 1):
        if item.story > stories:
            problems.append(f"requirement {number} names story {item.story}, and there are {stories}")
        if not re.search(r"\b(?:MUST|SHALL)\b", item.text):
            problems.append(f"requirement {number} says no MUST: {item.text[:60]}")
    names = [piece.name for piece in outline.pieces]
    problems += [f"two pieces are called {name}" for name in sorted({n for n in names if names.count(n) > 1})]
    for piece in outline.pieces:
        problems += [f"piece {piece.name}: {text}" for text in piece_problems(piece, outline, found)]
        path = file_of(piece, found)
        if matches(HELD, path) and path not in find_files(request):
            problems.append(
                f"piece {piece.name}: {path} runs by itself or steers assistants; the user named no such file"
            )
    cited = {number for piece in outline.pieces for number in piece.requirements}
    problems += [
        f"no piece has requirement {number} in its `requirements`: {outline.requirements[number - 1].text[:80]}"
        for number in range(1, requirements + 1)
        if number not in cited
    ]
    worked = {piece.story for piece in outline.pieces}
    problems += [f"no piece belongs to story {number}" for number in range(1, stories + 1) if number not in worked]
    for number, criterion in enumerate(outline.criteria, 1):
        if criterion.shown_by not in names:
            problems.append(f"criterion {number}: `shown_by` names no piece ({criterion.shown_by or 'empty'})")
    problems += [f"a question is left open: {text[:80]}" for text in texts(outline) if _OPEN.search(text)]
    problems += circles(outline)
    return problems


def piece_problems(piece: Piece, outline: Outline, found: Survey) -> list[str]:
    """What is wrong with one piece."""
    problems = []
    path = file_of(piece, found)
    if piece.story > len(outline.stories):
        problems.append(f"names story {piece.story}, and there are {len(outline.stories)}")
    for number in piece.requirements:
        if not 1 <= number <= len(outline.requirements):
            problems.append(f"there is no requirement {number}")
    problems += [f"`needs` names no piece: {name}" for name in piece.needs if outline.piece(name) is None]
    if piece.kind in ("component", "pipeline") and not piece.name.isidentifier():
        problems.append("its name is no Python name")
    if piece.kind in CODE and not piece.test:
        problems.append("`test` is empty: say with an example what its test shows")
    if piece.kind in ("code", "infra") and not piece.file:
        problems.append("`file` is empty: only components, pipelines and docs have a place by convention")
    elif not _SAFE.match(path) or ".." in path.split("/") or is_protected(path) or find_files(f"`{path}`") != [path]:
        problems.append(f"{path} is no file that a task may write")
    elif role_of_path(path, found.root) != ROLES[piece.kind]:
        problems.append(f"{path} is a place for {role_of_path(path, found.root)}, not for {ROLES[piece.kind]}")
    problems += signature_problems(piece, found)
    for field in ("does", "test"):
        others = [name for name in find_files(getattr(piece, field), found.root) if name != path]
        if others:
            problems.append(f"`{field}` names files ({', '.join(others)}); say it without paths, by the pieces' names")
        refs = find_refs(getattr(piece, field))
        if refs:
            problems.append(f"`{field}` cites {', '.join(refs)}; numbers stand in `requirements` alone")
    return problems


def signature_problems(piece: Piece, found: Survey) -> list[str]:
    """What is wrong with a signature: it must be one of Python, of the name of the piece, as it will be written."""
    if piece.kind not in ("component", "pipeline"):
        return []
    if not piece.signature:
        return [] if found.known(piece.name) else ["`signature` is empty"]
    try:
        made = parse_python(f"def {piece.signature}: ...").body[0]
    except (SyntaxError, ValueError):
        return [f"`signature` is no signature of Python: {piece.signature}"]
    if not isinstance(made, ast.FunctionDef) or made.name != piece.name:
        return [f"`signature` must begin with {piece.name}("]
    return []


def circles(outline: Outline) -> list[str]:
    """Pieces that need each other."""
    left = {piece.name: set(needed(piece, outline)) for piece in outline.pieces}
    while True:
        free = [name for name, needs in left.items() if not needs & set(left)]
        if not free:
            break
        for name in free:
            del left[name]
    return [f"these pieces need each other: {', '.join(sorted(left))}"] if left else []


def texts(outline: Outline) -> list[str]:
    """Every text of an outline."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(outline.model_dump())
    return found


def feature_of(documents: dict[str, str], found: Survey, folder: str) -> Feature:
    """The documents as they would be read from the repository; nothing is written.

    Raises:
        UserError: A document cannot be worked: no task, an unknown dependency, a circle.
    """
    directory = found.root / found.home / folder
    spec_name, plan_name, tasks_name = next(names for home, _, names in HOMES if same_form(home, found))
    data = {name: text.encode() for name, text in documents.items()}
    tasks = parse_tasks_text(data[tasks_name], directory / tasks_name, found.root)
    check_tasks(tasks, data[tasks_name])
    return Feature(
        name=folder,
        root=found.root,
        directory=directory,
        dialect=found.dialect,
        spec=parse_spec_text(data[spec_name], directory / spec_name),
        plan=parse_plan_text(data[plan_name], directory / plan_name),
        tasks=tasks,
        constitution=Path(found.root / found.constitution) if found.constitution else None,
    )


def same_form(home: str, found: Survey) -> bool:
    """Whether a home of features has documents of the repository's convention."""
    return next(dialect for name, dialect, _ in HOMES if name == home) == found.dialect


def document_problems(documents: dict[str, str], outline: Outline, found: Survey, folder: str) -> list[str]:
    """What parser and planner find in the documents.

    A task must be read with exactly the file, the role and the references that it was written with.
    """
    try:
        feature = feature_of(documents, found, folder)
        plan = build_plan(feature)
    except UserError as error:
        return [f"the documents cannot be worked: {error.what}"]
    problems = [f"{item.code}: {item.message}" for item in plan.warnings]
    lines = [line for stage in stages(outline, found) for line in stage.lines]
    if len(lines) != len(feature.tasks.tasks):
        problems.append(f"{len(lines)} tasks were written and {len(feature.tasks.tasks)} are read")
    planned = {task.line: task for task in plan.tasks}
    for line, task in zip(lines, feature.tasks.tasks, strict=False):
        if task.files != [line.file]:
            problems.append(f"piece {line.piece}: its task is read with the files {', '.join(task.files) or 'none'}")
            continue
        extra = sorted(set(task.depends_on) - set(line.depends))
        if len(task.depends_on) != len(line.depends) or (extra and found.dialect == "spec-kit"):
            problems.append(f"piece {line.piece}: its words are read as a dependency on {', '.join(extra)}")
        piece = outline.piece(line.piece)
        wanted: Role = "tests" if line.is_test else ROLES[piece.kind] if piece else "code"
        got = planned.get(task.line)
        if got and [got.role, *got.also] != [wanted]:
            roles = ", ".join([got.role, *got.also])
            problems.append(f"piece {line.piece}: its task is read as work for {roles}, not for {wanted} alone")
    for name, text in documents.items():
        problems += [f"{name}: reads as if meant for a model: {item.text}" for item in suspicions(text)]
    return problems
