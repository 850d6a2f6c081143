"""The backlog of a night: what backlog.yaml lists, or every feature with open tasks."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...tools import git
from ..documents import list_features, load_feature, resolve_feature
from ..documents.models import Feature
from ..errors import UserError
from ..planner.selection import Selection, choose
from ..workflow.checkout import open_checkout
from ..workflow.place import branch_of
from .models import Backlog, Budget, Defaults, Entry, Landing, NightPart, Wanted
from .order import in_order

NAMES = ("backlog.yaml", "backlog.yml", "specs/backlog.yaml")
LATER = 9
"""The priority of a feature whose documents name none."""


def backlog_file(root: Path) -> Path | None:
    """The repository's own backlog, if it has one."""
    return next((root / name for name in NAMES if (root / name).is_file()), None)


def read_backlog(path: Path) -> tuple[Backlog, list[int]]:
    """A backlog file, and the line on which each of its features stands.

    Raises:
        UserError: The file cannot be read, or does not say what a backlog says; every error with its line.
    """
    import yaml

    from ...tools.text_checks import yaml_text_problems
    from ...tools.yaml_lines import documents

    mend = "docs/nightly.md shows a complete one."
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"the backlog cannot be read: {error}", where=path, mend="Name another with --backlog."
        ) from None
    try:
        yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise UserError(f"not valid YAML: {error.problem}", where=path, line=line, mend=mend) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"not valid YAML: {error}", where=path, mend=mend) from None
    problems = yaml_text_problems(text)
    if problems:
        raise UserError(problems[0], where=path, mend=mend)
    read = documents(text)
    if len(read) != 1 or not isinstance(read[0].data, dict):
        raise UserError("a backlog is one document with the key `features`", where=path, mend=mend)
    document = read[0]
    try:
        backlog = Backlog.model_validate(document.data)
    except ValidationError as error:
        lines = [
            f"{path}:{document.line_of(inside(found['loc'], document.data))}: {said(dict(found))}"
            for found in error.errors()
        ]
        first, *others = list(dict.fromkeys(lines))
        place, _, what = first.partition(": ")
        more = "".join(f"\n{other}" for other in others[:9])
        raise UserError(f"{what}{more}", where=place, mend=mend) from None
    return backlog, [document.line_of(["features", number]) for number in range(len(backlog.features))]


def inside(loc: Sequence[int | str], data: Any) -> list[str | int]:
    """The part of pydantic's place that exists in the document, and the key that is too many in it."""
    path: list[str | int] = []
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            break
        path.append(part)
    return path


def said(found: dict[str, Any]) -> str:
    """An error of pydantic's in the words of a backlog."""
    place = ".".join(str(part) for part in found["loc"])
    name = str(found["loc"][-1]) if found["loc"] else ""
    if found["type"] == "extra_forbidden":
        known = [
            field.replace("_", "-")
            for model in (Backlog, NightPart, Landing, Wanted, Defaults, Budget)
            for field in model.model_fields
        ]
        if name in known:
            return f"the key '{name}' does not belong here; look at how far it is indented"
        near = difflib.get_close_matches(name, known, n=1)
        return f"there is no key '{name}' here" + (f"; did you mean '{near[0]}'?" if near else "")
    if found["type"] == "missing":
        return f"'{place}' is missing"
    return f"'{place}': {found['msg'].removeprefix('Value error, ')}"


def entries_of(backlog: Backlog, lines: list[int], file: Path, default_root: Path | None) -> list[Entry]:
    """The features of a backlog file in the order of work.

    Args:
        backlog: What the file says.
        lines: Where each feature stands in it.
        file: The file.
        default_root: The repository of features that name none.

    Raises:
        UserError: A feature, a repository or a dependency does not exist, or dependencies go in a circle.
    """
    entries: list[Entry] = []
    for wanted, line in zip(backlog.features, lines, strict=True):
        root = repository(wanted, file, line, default_root)
        # A path counts from the feature's own repository, wherever kfpilot was started.
        hint = str(root / wanted.path) if (root / wanted.path).exists() else wanted.path
        try:
            directory = resolve_feature(root, hint, {}, None)
        except UserError as error:
            raise UserError(error.what, where=file, line=line, mend=error.mend) from None
        entry = entry_of(root, directory, wanted, backlog.defaults)
        twin = next((other for other in entries if other.name == entry.name), None)
        if twin is not None and (twin.root, twin.directory) == (entry.root, entry.directory):
            raise UserError(f"'{entry.name}' is listed twice", where=file, line=line, mend="Take one of the two out.")
        if twin is not None:
            raise UserError(
                f"two features are called '{entry.name}'", where=file, line=line, mend="Give one of them a `name`."
            )
        check_selection(entry, file, line)
        entries.append(entry)
    names = [entry.name for entry in entries]
    for entry, line in zip(entries, lines, strict=True):
        for other in entry.depends_on:
            if other not in names:
                near = difflib.get_close_matches(other, names, n=1)
                mend = f"Did you mean '{near[0]}'?" if near else f"The features are: {', '.join(names[:20])}."
                raise UserError(f"'{entry.name}' depends on '{other}', which is not in the backlog", where=file,
                                line=line, mend=mend)  # fmt: skip
    by_name = {entry.name: entry for entry in entries}
    for entry in entries:
        needed = [by_name[name] for name in entry.depends_on]
        entry.after = [branch_of(other.feature) for other in needed if other.root == entry.root]
    return in_order(entries, where=file, lines=dict(zip(names, lines, strict=True)))


def check_selection(entry: Entry, file: Path, line: int) -> None:
    """The tasks and stories that a backlog picks exist.

    Raises:
        UserError: One does not.
    """
    if entry.problem or not (entry.tasks or entry.stories):
        return
    feature = load_feature(entry.root / entry.directory, entry.root)
    try:
        choose(feature, Selection(tasks=entry.tasks, stories=entry.stories))
    except UserError as error:
        raise UserError(f"'{entry.name}': {error.what}", where=file, line=line, mend=error.mend) from None


def repository(wanted: Wanted, file: Path, line: int, default_root: Path | None) -> Path:
    """The root of the repository a feature is in."""
    if wanted.repo is None:
        if default_root is None:
            raise UserError("the feature names no `repo`, and there is no repository here", where=file, line=line,
                            mend="Write `repo: ../path-of-the-clone`, or start kfpilot in the repository.")  # fmt: skip
        return default_root
    folder = (file.parent / Path(wanted.repo).expanduser()).resolve()
    try:
        return git.root_of(open_checkout(folder))
    except UserError as error:
        raise UserError(f"repo '{wanted.repo}': {error}", where=file, line=line) from None


def entry_of(root: Path, directory: Path, wanted: Wanted, defaults: Defaults) -> Entry:
    """A feature with everything settled. Documents that cannot be read are its own problem, not the night's."""
    feature, problem = None, ""
    try:
        feature = load_feature(directory, root)
    except UserError as error:
        problem = str(error)
    stories = [story.upper() for story in wanted.only_stories]
    return Entry(
        name=wanted.name or directory.name,
        root=root,
        feature=directory.name,
        directory=directory.relative_to(root).as_posix(),
        priority=wanted.priority if wanted.priority is not None else own_priority(feature, stories),
        budget=wanted.budget.over(defaults.budget),
        model=wanted.model or defaults.model,
        stories=stories,
        tasks=wanted.only_tasks,
        words=wanted.words,
        depends_on=wanted.depends_on,
        gate=wanted.gate or defaults.gate,
        open_tasks=open_tasks(feature),
        problem=problem,
    )


def open_tasks(feature: Feature | None) -> int:
    """How many boxes of the checkout's tasks.md are open."""
    return sum(task.state in ("open", "in_progress") for task in feature.tasks.tasks) if feature else 0


def own_priority(feature: Feature | None, only: list[str]) -> int:
    """The priority of the most urgent story with an open task: P1 is 1."""
    if feature is None or feature.spec is None:
        return LATER
    wanted = {
        story for task in feature.tasks.tasks if task.state not in ("done", "deferred") for story in task.stories
    } & (set(only) if only else {story.key for story in feature.spec.stories})
    found = [
        int(story.priority[1:])
        for story in feature.spec.stories
        if story.key in wanted and story.priority and story.priority[1:].isdigit()
    ]
    return min(found, default=LATER)


def discover(root: Path, defaults: Defaults) -> list[Entry]:
    """Every feature of a repository that has open tasks, or documents that cannot be read."""
    entries = [
        entry_of(root, directory, Wanted(path=directory.name), defaults)
        for directory in list_features(root)
        if (directory / "tasks.md").is_file()
    ]
    return in_order([entry for entry in entries if entry.open_tasks or entry.problem], where=root, lines={})


def home_of(folder: Path, file: Path | None) -> tuple[Path, Path | None]:
    """Where the night's record lies, and the repository one is in: the repository, else the backlog's folder."""
    try:
        root = git.root_of(open_checkout(folder))
    except UserError:
        if file is None:
            raise
        return file.parent.resolve(), None
    return root, root
