"""Judges every tick of a repository: gathers what the tasks claim, looks at files, names, history and runs, decides."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from ...tools.errors import ToolFailure
from ...tools.git_command import attempt, text
from ..documents.models import Task
from ..errors import UserError
from ..settings import Settings
from .claims import Claims
from .copies import copy_of
from .features import Document, choose, read_document
from .files import FileJudge, Where
from .models import Audit, Check, FeatureAudit, TickAudit, Verdict, count_all
from .ran import Wanted
from .records import Records
from .running import Runner
from .symbols import SymbolJudge
from .ticks import Tick
from .tree import SOURCE_ENDS, Tree

Say = Callable[[str], None]
MAKES = ("made", "made_in", "written")


def audit(
    path: Path,
    hints: list[str],
    settings: Callable[[Path], Settings],
    *,
    run: bool = True,
    archived: bool = False,
    time_limit: float | None = None,
    say: Say = lambda _: None,
) -> tuple[Audit, Tree, list[tuple[Document, FeatureAudit]]]:
    """Judge the ticks of all features below a path, or of those that are named.

    Args:
        path: A repository, a folder in it, a feature's folder, or a tasks.md.
        hints: Features: a path, a name, a number, or a unique part of a name.
        settings: Gives the settings of a repository.
        run: Run tests and compile pipelines; else only read.
        archived: Also what OpenSpec has put away as finished.
        time_limit: Seconds after which nothing more is run.
        say: Is told what is being done.

    Returns:
        The audit, and what `take_away` needs to untick.

    Raises:
        UserError: The path does not exist, there is no feature, or a named one cannot be found or read.
    """
    begun = time.monotonic()
    root, scope = place_of(path)
    tree = Tree(root)
    result = Audit(root=str(root), ran=run)
    documents = _documents(tree, choose(tree, scope, hints, archived=archived), result, named=bool(hints or scope))
    ticks = [Tick(document, task) for document in documents for task in document.tasks.tasks if task.state == "done"]
    if any(tick.claims.files for tick in ticks):
        say(f"reading {tree.root.name}: {len(tree.present)} files and their history")
        if not tree.history.complete:
            result.notes.append(f"no file counts as never there: {tree.history.reason}")
    _read(tree, documents, ticks, say)
    if run:
        _run(tree, ticks, settings(root), begun + time_limit if time_limit else None, result.notes, say)
    found = []
    for document in documents:
        own = [tick for tick in ticks if tick.document is document]
        feature = FeatureAudit(
            name=document.name,
            path=document.path,
            dialect=document.tasks.dialect,
            tasks=len(document.tasks.tasks),
            ticks=_all_judged(document, own),
        )
        result.features.append(feature)
        found.append((document, feature))
    result.totals = count_all(result.features)
    return result, tree, found


def place_of(path: Path) -> tuple[Path, str]:
    """The root of the repository, and what below it is meant: a folder with `/` at its end, a file, or empty.

    Raises:
        UserError: The path does not exist.
    """
    path = path.expanduser()
    if not path.exists():
        raise UserError(f"{path} does not exist.", mend="Name a repository, a folder in it, or a feature's tasks.md.")
    path = path.resolve()
    if path.is_file() and path.name != "tasks.md":
        raise UserError("This is no tasks file.", where=path, mend="Name a folder, or a feature's tasks.md.")
    folder = path if path.is_dir() else path.parent
    done = attempt(folder, "rev-parse", "--show-toplevel")
    if done.returncode and b"dubious ownership" in done.stderr:
        raise UserError(
            f"git does not trust {folder}: it belongs to another user.",
            mend=f"If you do: git config --global --add safe.directory {folder}",
        )
    root = Path(text(done.stdout).rstrip("\n")).resolve() if not done.returncode else _root_without_git(folder)
    inside = path.relative_to(root).as_posix()
    return root, "" if inside == "." else inside + ("/" if path.is_dir() else "")


def _root_without_git(folder: Path) -> Path:
    """The folder that holds `specs/`, `.kiro/` or `openspec/`, when a feature's folder is named outside of git."""
    homes = (("specs",), (".specify", "specs"), (".kiro", "specs"), ("openspec", "changes"))
    for home in sorted(homes, key=len, reverse=True):
        if folder.parent.parts[-len(home) :] == home:
            return folder.parents[len(home)]
    return folder


def _documents(tree: Tree, paths: list[str], result: Audit, *, named: bool) -> list[Document]:
    documents = []
    for path in paths:
        try:
            documents.append(read_document(tree, path))
        except UserError as error:
            if named and len(paths) == 1:
                raise
            result.skipped.append(str(error).replace(f"{tree.root}/", ""))
            continue
        if not documents[-1].tasks.tasks:
            result.notes.append(f"{path}: no task was recognised")
    return documents


def _read(tree: Tree, documents: list[Document], ticks: list[Tick], say: Say) -> None:
    """What can be seen without running anything."""
    claimed = [home + claim.path for tick in ticks for claim in tick.claims.files for home in tick.document.homes]
    files = FileJudge(tree, claimed)
    wanted = {claim.name.rpartition(".")[2] for tick in ticks for claim in tick.claims.names}
    symbols = SymbolJudge(tree, wanted)
    if wanted:
        say(f"looking for {len(wanted)} names")
    records = Records(tree)
    where = {document.path: _where(document, ticks, files) for document in documents}
    python = python_only(tree)
    for tick in ticks:
        place, claims = where[tick.document.path], tick.claims
        record = records.check(tick.document, tick.task)
        tick.checks += [record] if record else []
        made = [claim.path for claim in claims.files if claim.kind in MAKES]
        for claim in claims.files:
            alone = not any(files.known(path, place.homes) for path in made if path != claim.path)
            check = files.judge(claim, claims, place, alone=alone)
            tick.checks.append(_settled(check, tick, ticks, symbols) if check.outcome == "false" else check)
        in_python = any(claim.path.endswith(".py") for claim in claims.files) or (python and not claims.files)
        tick.checks += [symbols.judge(claim, claims, python=in_python) for claim in claims.names]


def _where(document: Document, ticks: list[Tick], files: FileJudge) -> Where:
    paths = [claim.path for tick in ticks if tick.document is document for claim in tick.claims.files]
    code = [path for path in paths if path.rpartition(".")[2].lower() in SOURCE_ENDS]
    here = any(files.known(path, document.homes) for path in code)
    return Where(document=document.path, homes=document.homes, here=here)


def _settled(check: Check, tick: Tick, ticks: list[Tick], symbols: SymbolJudge) -> Check:
    """What seems false of a file is not, if another task explains it, or if the names it should hold are elsewhere."""
    doubt = ""
    for other in ticks:
        if other is tick or not (check.subject in other.task.files or check.subject in other.task.title):
            continue
        if check.rule == "TICK-REMOVED":
            later = other.document is not tick.document or other.task.line > tick.task.line
            again = any(claim.path == check.subject and claim.kind in MAKES for claim in other.claims.files)
            doubt = f"{other.task.key} makes it" if later and again else doubt
        elif other.claims.moves:
            doubt = f"{other.task.key} moves or removes it"
    if not doubt and check.rule == "TICK-FILE":
        names = [name for name in tick.claims.names_in_words if symbols.names.where(name)]
        doubt = f"`{names[0]}` is defined in {symbols.names.where(names[0])[0]}" if names else ""
    return check.model_copy(update={"outcome": "unknown", "message": f"{check.message}; {doubt}"}) if doubt else check


def python_only(tree: Tree) -> bool:
    """Whether Python is the only language of the repository, so that a name can be of no other."""
    ends = {path.rpartition(".")[2].lower() for path in tree.present}
    return "py" in ends and not ends & (SOURCE_ENDS - {"py", "ipynb", "sh", "css", "html", "sql"})


def _run(tree: Tree, ticks: list[Tick], settings: Settings, deadline: float | None, notes: list[str], say: Say) -> None:
    """What running shows, on a copy."""
    wanted = Wanted(tree, ticks)
    if not wanted.tests and not wanted.modules:
        return
    say(f"copying {tree.root.name} to run its code there")
    try:
        with copy_of(tree) as copy:
            runner = Runner(tree, copy, settings, deadline, notes)
            if wanted.modules:
                say(f"compiling {len(wanted.modules)} modules that use KFP")
                wanted.compiled = runner.modules(wanted.modules)
            if wanted.tests:
                say(f"running {len(wanted.tests)} test files")
                wanted.seen = runner.tests(wanted.tests)
            wanted.judge(runner)
    except (ToolFailure, OSError) as error:
        notes.append(f"nothing was run: {error}")


def _judged(tick: Tick, children: list[TickAudit], unticked: int) -> TickAudit:
    false = [child.key for child in children if child.verdict == "contradicted"]
    if false:
        # Else `--fix` would leave the task ticked above a sub-task whose tick it takes away.
        message = f"of its sub-tasks, contradicted: {', '.join(false[:5])}"
        tick.checks.append(Check(rule="TICK-PART", subject=tick.task.key, outcome="false", message=message))
    verdict, reason = decide(tick.checks, tick.claims)
    if verdict == "unsupported" and children and not any(check.outcome == "unknown" for check in tick.checks):
        bad = [child.key for child in children if child.verdict != "verified"]
        verdict = "unsupported" if bad or unticked else "verified"
        why = f"not all are verified: {', '.join(bad[:5])}" if bad else f"{unticked} are not ticked"
        reason = f"of its sub-tasks, {why}" if bad or unticked else f"all its {len(children)} sub-tasks are verified"
    return TickAudit(
        key=tick.task.key,
        title=tick.task.title,
        path=tick.document.path,
        line=tick.task.line,
        verdict=verdict,
        reason=reason,
        checks=tick.checks,
    )


def _all_judged(document: Document, ticks: list[Tick]) -> list[TickAudit]:
    """The sub-tasks (`1.1`) before their tasks (`1`), since a task may be no more than its sub-tasks."""
    done: dict[str, TickAudit] = {}
    below: dict[str, list[Task]] = defaultdict(list)
    for task in document.tasks.tasks:
        parts = (task.id or "").split(".")
        for length in range(1, len(parts)):
            below[".".join(parts[:length])].append(task)
    for tick in sorted(ticks, key=lambda tick: -(tick.task.id or "").count(".")):
        inside = below.get(tick.task.id or "", [])
        children = [done[task.key] for task in inside if task.key in done]
        open_ones = [task for task in inside if task.key not in done and not task.optional]
        done[tick.task.key] = _judged(tick, children, len(open_ones))
    return [done[tick.task.key] for tick in ticks]


def decide(checks: list[Check], claims: Claims) -> tuple[Verdict, str]:
    """The verdict and the reason for it.

    What is surely false contradicts, whatever else holds. The record of kfpilot's gates verifies. Else everything that
    is claimed must have been seen, and something at least.
    """
    false = [check for check in checks if check.outcome == "false"]
    if false:
        return "contradicted", "; ".join(check.message for check in false)
    record = [check for check in checks if check.rule == "TICK-RECORD" and check.outcome == "holds"]
    if record:
        return "verified", record[0].message
    unknown = [check for check in checks if check.outcome == "unknown"]
    if unknown:
        return "unsupported", "; ".join(check.message for check in unknown)
    holds = [check for check in checks if check.outcome == "holds"]
    if holds:
        return "verified", "; ".join(check.message for check in holds)
    if claims.checks:
        return "unsupported", "it only looks at something, and names nothing that could be looked for"
    notes = [check.message for check in checks]
    return "unsupported", "; ".join(notes) or "it names no file or name that could be looked for"
