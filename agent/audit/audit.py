"""Judges every tick of a repository: gathers what the tasks claim, looks at files, names, history and runs, decides."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ...tools.errors import ToolFailure
from ...tools.git_command import attempt, text
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
            ticks=[_judged(tick) for tick in own],
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
    if path.is_file() and path.suffix != ".md":
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
    where = {
        document.path: Where(
            document=document.path,
            homes=document.homes,
            here=any(
                files.known(claim.path, document.homes)
                for tick in ticks
                if tick.document is document
                for claim in tick.claims.files
                if claim.path.rpartition(".")[2].lower() in SOURCE_ENDS
            ),
        )
        for document in documents
    }
    python = python_only(tree)
    for tick in ticks:
        place, claims = where[tick.document.path], tick.claims
        record = records.check(tick.document, tick.task)
        tick.checks += [record] if record else []
        made = [claim for claim in claims.files if claim.kind in ("made", "made_in", "written")]
        for claim in claims.files:
            others = [other for other in made if other.path != claim.path]
            alone = not any(files.known(other.path, place.homes) for other in others)
            tick.checks.append(files.judge(claim, claims, place, alone=alone))
        in_python = any(claim.path.endswith(".py") for claim in claims.files) or (python and not claims.files)
        tick.checks += [symbols.judge(claim, claims, python=in_python) for claim in claims.names]


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


def _judged(tick: Tick) -> TickAudit:
    verdict, reason = decide(tick.checks, tick.claims)
    return TickAudit(
        key=tick.task.key,
        title=tick.task.title,
        path=tick.document.path,
        line=tick.task.line,
        verdict=verdict,
        reason=reason,
        checks=tick.checks,
    )


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
        return "unsupported", "it only looks at something, which leaves no trace"
    notes = [check.message for check in checks]
    return "unsupported", "; ".join(notes) or "it names no file or name that could be looked for"
