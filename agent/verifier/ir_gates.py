"""The gate that compares compiled pipelines with those of the base: what breaks callers must have been asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ...tools.ir_diff import IrChange
from ...tools.ir_modules import compare_modules
from ..documents.models import Feature
from ..planner.models import PlannedTask
from ..planner.paths import role_of_path
from .bench import Bench
from .compiled import compile_in, compiled, compiled_at, compiled_base
from .context import GateContext
from .models import GateResult
from .running_gates import is_code
from .static_gates import result

if TYPE_CHECKING:
    from git import Repo

TAKES_AWAY = re.compile(
    r"\b(?:remov|delet|drop|renam|replac|chang|rewrit|migrat|deprecat|retir|swap|switch|instead|no longer|convert|turn"
    r"|merg|split|mov|refactor|rework|redesign|simplif|substitut|rid of|not needed|obsolete|mandatory|required?\b"
    r"|without (?:a )?default|must be (?:given|set)|entfern|ersetz|umbenenn|änder)\w*",
    re.I,
)
"""Words of a sentence that asks for something to go or to become another thing."""

NAMELESS = "Output"
"""What the compiler calls the output of a function that returns a single value."""
RETURNS = re.compile(r"\b(?:return|output|give|yield|hand|NamedTuple)(?:s|ed|ing)?\b", re.I)
TYPES = re.compile(r"\b(?:int(?:eger)?|float|double|str(?:ing)?|text|bool(?:ean)?|list|dict|number|type|typed)\b", re.I)
NOTES = re.compile(r"(?:^|/)(?:CHANGELOG|CHANGES|HISTORY|NEWS|MIGRATION|MIGRATING|UPGRADING|RELEASE)[^/]*$", re.I)
NOT_NOTES = ("specs/", ".specify/", ".kiro/", "openspec/")
SHOWN = 40


def gate_ir(ctx: GateContext) -> GateResult:
    """No component or pipeline lost, renamed or retyped what others call it by, unless the task asks for that."""
    touched = [path for path in ctx.changed if path.endswith(".py") and is_pipeline_code(ctx, path)]
    old = compiled_base(ctx, touched)
    if not old:
        return result("ir", [], "no module that was there before was touched")
    new = {module.path: module for module in compiled(ctx, [path for path in touched if path in ctx.present])}
    changes = compare_modules(old, new)
    breaking = [item for item in changes if item.breaking]
    text = words_of(ctx.task, ctx.feature)
    failures, demands = [], []
    for item in breaking:
        if not asked_for(text, item, others_of(item, changes)):
            failures.append(
                f"{item}. The task does not ask for this: keep `{item.name}` as it was (a new parameter gets a default)"
            )
        elif not noted(item, changed_notes(ctx.worktree, ctx.changed), others_of(item, changes)):
            demands.append(f"{item}. Asked for; a changed page in docs/ or the changelog must name `{item.name}`")
    counts = {kind: sum(item.kind == kind for item in changes) for kind in ("added", "changed", "removed")}
    counts["breaking"] = len(breaking)
    unknown = [f"{path} as it was cannot be compiled: {module.error}" for path, module in old.items() if module.error]
    good = f"{len(changes)} changes of compiled forms" if changes else "compiled forms are as they were"
    if breaking:
        good += f", {len(breaking)} break callers and were asked for"
    return result(
        "ir",
        failures,
        good,
        counts=counts,
        notes=[str(item) for item in changes[:SHOWN]],
        warnings=demands,
        not_verified=[" ".join(text.split())[:300] for text in unknown],
    )


def is_pipeline_code(ctx: GateContext, path: str) -> bool:
    """Whether a changed path is code that may hold components; a deleted file's role is that of its path."""
    return role_of_path(path) != "tests" and is_code(ctx, path)


def words_of(task: PlannedTask, feature: Feature) -> str:
    """The task's text, and that of the requirements it refers to."""
    found = feature.task(task.id)
    lines = [found.title, *found.details]
    if feature.spec:
        lines += [item.text for item in feature.spec.requirements if item.id in task.refs]
    return "\n".join(lines)


def others_of(item: IrChange, changes: Sequence[IrChange]) -> list[str]:
    """The outputs that came where the only one, which has no name of its own, went."""
    if (item.kind, item.what, item.name) != ("removed", "output", NAMELESS):
        return []
    return [
        other.name
        for other in changes
        if (other.kind, other.what, other.where) == ("added", "output", item.where)
    ]  # fmt: skip


def asked_for(text: str, item: IrChange, others: Sequence[str] = ()) -> bool:
    """Whether a text asks for a breaking change.

    A new input is asked for when it is named; what goes or becomes another thing must be named in a sentence that says
    so, or be missing in a signature that the text gives for the component. An output without a name makes way for
    those that a sentence says are returned.

    Args:
        text: The task's words.
        item: The change.
        others: The outputs that came in its place.
    """
    names = spellings(item.name) + (spellings(item.after) if item.what == "name" else [])
    if item.kind == "added":
        return mentions(text, names) or signature_tells(text, item)
    for sentence in re.split(r"(?<=[.;!?])\s+|\n", text):
        if others and RETURNS.search(sentence) and all(mentions(sentence, spellings(name)) for name in others):
            return True
        if not mentions(sentence, names):
            continue
        if TAKES_AWAY.search(sentence) or (item.what == "type" and TYPES.search(sentence)):
            return True
    return signature_tells(text, item)


def signature_tells(text: str, item: IrChange) -> bool:
    """Whether the text gives the component's signature, and the change follows from it."""
    owner = item.where.rpartition(" ")[2]
    for match in re.finditer(rf"\b{re.escape(owner)}\(([^)]*)\)", text):
        listed = {part.split("=")[0].split(":")[0].strip(" `*") for part in match.group(1).split(",")} - {""}
        if item.what == "input" and listed:
            return (item.name in listed) == (item.kind == "added")
    return False


def spellings(name: str) -> list[str]:
    """A name as code, as KFP and as prose write it."""
    return list(dict.fromkeys([name, name.replace("_", "-"), name.replace("-", "_"), re.sub("[_-]", " ", name)]))


def mentions(text: str, names: list[str]) -> bool:
    """Whether a text has one of the names as a word of its own."""
    return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.I) for name in names if name)


def changed_notes(tree: Path, changed: list[str]) -> dict[str, str]:
    """Pages for people that were changed: path -> text. The feature's own documents are none."""
    return {
        path: (tree / path).read_text(encoding="utf-8", errors="replace")
        for path in changed
        if (path.endswith((".md", ".mdx", ".rst")) or NOTES.search(path))
        and not path.startswith(NOT_NOTES)
        and (tree / path).is_file()
    }


def noted(item: IrChange, notes: dict[str, str], others: Sequence[str] = ()) -> bool:
    """Whether one of the pages names what changed, or what came in its place."""
    names = [name for each in (item.name, *others) for name in spellings(each)]
    return any(mentions(text, names) for text in notes.values())


def missing_notes(bench: Bench, repo: Repo, tree: Path, start: str) -> list[str]:
    """Changes of a whole branch that break callers and are named on no changed page.

    Args:
        bench: The workplace of the verifier.
        repo: The repository.
        tree: The worktree with the branch's head.
        start: The commit that the branch began at.
    """
    changed = git.changed_files(tree, start)
    code = [path for path in changed if path.endswith(".py") and role_of_path(path) == "code"]
    old = compiled_at(bench, repo, start, code) if code else {}
    if not old:
        return []
    now = compile_in(bench, tree, [path for path in code if (tree / path).is_file()])
    notes = changed_notes(tree, changed)
    changes = compare_modules(old, {module.path: module for module in now})
    return [
        f"{item}. No page says so: name `{item.name}` in docs/, CHANGELOG.md or MIGRATION.md, with what callers must do"
        for item in changes
        if item.breaking and not noted(item, notes, others_of(item, changes))
    ]
