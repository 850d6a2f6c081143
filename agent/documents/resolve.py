"""Which feature is meant: hint, environment, feature.json, branch, the only one with open tasks."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import UserError
from .models import Dialect

# Where features live, and what their documents are called there: spec, plan, tasks.
HOMES: tuple[tuple[str, Dialect, tuple[str, str, str]], ...] = (
    ("specs", "spec-kit", ("spec.md", "plan.md", "tasks.md")),
    (".specify/specs", "spec-kit", ("spec.md", "plan.md", "tasks.md")),
    (".kiro/specs", "kiro", ("requirements.md", "design.md", "tasks.md")),
    ("openspec/changes", "openspec", ("proposal.md", "design.md", "tasks.md")),
)
# Three digits alone, or a name as features have them. Other numbers may begin a sentence, or be the id of a run.
_SURELY = re.compile(
    r"[0-9]{3}(?:-(?=[\w.-]*[^\W\d_])[\w.-]+)?|[0-9]{8}-[0-9]{6}-(?![0-9a-f]{4}\Z)(?=[\w.-]*[^\W\d_])[\w.-]+"
)
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "„": "“", "«": "»"}
_PREFIX = re.compile(r"(?:^|/)(\d{8}-\d{6}|\d+)(?=-|$)")


def list_features(root: Path) -> list[Path]:
    """The folders of all features below the repository, each with at least one of its documents."""
    found: list[Path] = []
    for home, _, names in HOMES:
        folder = root / home
        try:
            inside = sorted(folder.iterdir()) if folder.is_dir() else []
        except OSError:
            continue
        for child in inside:
            # OpenSpec keeps what is finished in changes/archive.
            if child.is_dir() and child.name != "archive" and any((child / name).is_file() for name in names):
                found.append(child.resolve())
    return found


def layout_of(directory: Path) -> tuple[Dialect, tuple[str, str, str]]:
    """Dialect and document names of a feature's folder, by where it lies, else by what it holds."""
    parts = directory.parts
    for home, dialect, names in HOMES:
        if tuple(home.split("/")) == parts[-1 - len(home.split("/")) : -1] and dialect != "spec-kit":
            return dialect, names
    if not (directory / "spec.md").is_file():
        for _, dialect, names in HOMES[2:]:
            if (directory / names[0]).is_file():
                return dialect, names
    return HOMES[0][1], HOMES[0][2]


def resolve_feature(root: Path, hint: str | None, env: Mapping[str, str], branch: str | None) -> Path:
    """Finds the feature's folder.

    The order: the hint (a path, a folder's name, its number, a unique part of its name), `SPECIFY_FEATURE_DIRECTORY`,
    `.specify/feature.json`, `SPECIFY_FEATURE`, the git branch by its numeric prefix, the only feature with open tasks.

    Args:
        root: The repository.
        hint: What the user named, if anything.
        env: The environment.
        branch: The current git branch.

    Returns:
        The folder, absolute.

    Raises:
        UserError: Nothing or several things match; the candidates are listed.
    """
    root = root.resolve()
    features = list_features(root)
    if hint is not None and hint.strip():
        return _by_hint(root, hint.strip(), features)
    directory = env.get("SPECIFY_FEATURE_DIRECTORY", "").strip()
    if directory:
        return _named_directory(root, directory, "SPECIFY_FEATURE_DIRECTORY", features)
    pointer = root / ".specify" / "feature.json"
    if pointer.is_file():
        named = _read_pointer(pointer)
        if named:
            return _named_directory(root, named, pointer, features)
    name = env.get("SPECIFY_FEATURE", "").strip()
    if name:
        found = _by_number(name, features)
        if found is None:
            raise _not_found(f"SPECIFY_FEATURE names {name!r}, but no such feature exists.", name, features, root)
        return found
    if branch:
        found = _by_number(branch, features)
        if found is not None:
            return found
    return _only_one(root, features)


def leading_feature(root: Path, words: str) -> tuple[str | None, str]:
    """The feature that a user's words begin with, and the words after it, as they were written.

    What surely names one counts: `001`, `001-late-orders`, `late-orders` or `specs/001-late-orders`, as the folder is
    called; "3 retries" is no feature. A pair of quotes around the whole is taken away.

    Args:
        root: The repository.
        words: What the user wrote, such as `001 only US1`.

    Returns:
        The feature's folder name and the rest; None and all of the words if they begin with no feature.

    Raises:
        UserError: The words begin with three digits, or with a name or a path as features have them, and no feature or
            several are called so: without the feature they would start another one.
    """
    words, root = unquoted(words), root.resolve()
    first, *rest = words.split(maxsplit=1) or [""]
    word = first.strip("\"'`,:").removeprefix("./").rstrip("/")
    surely = bool(_SURELY.fullmatch(word)) or any(word.rpartition("/")[0] == home for home, _, _ in HOMES)
    features = list_features(root)
    matches = [feature for feature in features if word in _names_of(feature, root)]
    if surely and not matches:
        folded = word.casefold()
        matches = [feature for feature in features if folded in {name.casefold() for name in _names_of(feature, root)}]
    # What is called just so is meant, before what has only the number.
    exact = [feature for feature in matches if word in (feature.name, _relative(feature, root))]
    matches = exact if len(exact) == 1 else matches
    if len(matches) == 1:
        # A quotation that goes on in the rest is not cut open.
        opened = first[0] if first[0] in _QUOTES and first.count(first[0]) == 1 else ""
        return matches[0].name, opened + "".join(rest).strip()
    if surely and matches:
        names = ", ".join(_relative(match, root) for match in matches)
        raise UserError(f"{word!r} may mean several features: {names}", mend="Begin the words with one of them.")
    if surely:
        error = _not_found(
            f"No feature matches {word!r}, with which the words begin.", word.rsplit("/", 1)[-1], features, root
        )
        if rest:
            error = UserError(
                error.what,
                where=root,
                mend=f"{error.mend} If {word!r} belongs to your words, put the feature before it: "
                f"{features[0].name if features else 'FEATURE'} {word} …",
            )
        raise error
    return None, words


def unquoted(words: str) -> str:
    """The words without space around them, and without a pair of quotes around the whole."""
    words = words.strip()
    if len(words) > 1 and words[0] in _QUOTES and words[-1] == _QUOTES[words[0]]:
        inside = words[1:-1]
        if words[0] not in inside and words[-1] not in inside:
            return inside.strip()
    return words


def _names_of(feature: Path, root: Path) -> set[str]:
    """What a feature is surely called by."""
    number, path = _number_of(feature.name), _relative(feature, root)
    return {feature.name, _slug(feature.name), path, *([number, str(Path(path).with_name(number))] if number else [])}


def _by_hint(root: Path, hint: str, features: Sequence[Path]) -> Path:
    looks_like_path = "/" in hint or "\\" in hint or hint.startswith((".", "~")) or hint.endswith(".md")
    # Features first: a folder named "1" in the current directory is not what `1` means.
    if not looks_like_path:
        found = _by_name(hint, features)
        if found is not None:
            return found
    path = Path(hint).expanduser()
    for candidate in [path] if path.is_absolute() else [Path.cwd() / path, root / path]:
        try:
            folder = candidate.parent if candidate.is_file() else candidate
            is_folder = folder.is_dir()
        except (OSError, ValueError):
            continue
        if not is_folder:
            continue
        folder = folder.resolve()
        if not folder.is_relative_to(root):
            raise UserError(
                f"The feature lies outside the repository {root}.",
                where=folder,
                mend="Start kfpilot in the repository that holds it.",
            )
        if any((folder / name).is_file() for _, _, names in HOMES for name in names):
            return folder
        if looks_like_path:
            raise UserError(
                "The folder holds no spec.md, plan.md or tasks.md.", where=folder, mend=_candidates(features, root)
            )
    name = hint.replace("\\", "/").rstrip("/")
    if looks_like_path:
        # `specs/003` and `specs/003-late` are as good as their last part if nothing else is meant.
        exact = [feature for feature in features if feature.name == name.rsplit("/", 1)[-1]]
        if len(exact) == 1 and not path.is_absolute():
            return exact[0]
    raise _not_found(f"No feature matches {hint!r}.", name.rsplit("/", 1)[-1], features, root)


def _by_name(hint: str, features: Sequence[Path]) -> Path | None:
    """By the whole name, the number, the slug, or a part of the name, in this order."""
    wanted = hint.casefold()
    number = int(hint[:30]) if hint.isascii() and hint.isdigit() else None
    tests = (
        [f for f in features if f.name == hint],
        [f for f in features if f.name.casefold() == wanted],
        [f for f in features if number is not None and (p := _number_of(f.name)) and p.isdigit() and int(p) == number],
        [f for f in features if _number_of(f.name) == hint],
        [f for f in features if _slug(f.name) == wanted],
        [f for f in features if wanted in f.name.casefold()],
    )
    for matches in tests:
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = "".join(f"\n    {_shown(match)}" for match in matches)
            raise UserError(f"{hint!r} may mean several features:{names}", mend="Name one of them by its folder.")
    return None


def _by_number(name: str, features: Sequence[Path]) -> Path | None:
    """By a name such as a branch's: the same folder name, else the same numeric prefix."""
    last = name.rstrip("/").rsplit("/", 1)[-1]
    same = [feature for feature in features if feature.name == last]
    if len(same) == 1:
        return same[0]
    match = _PREFIX.search(name)
    if match is None:
        return None
    number = match[1]
    matches = [
        feature
        for feature in features
        if (own := _number_of(feature.name))
        and (own == number or (own.isdigit() and number.isdigit() and int(own) == int(number)))
    ]
    if len(matches) > 1:
        names = "".join(f"\n    {_shown(match)}" for match in matches)
        raise UserError(f"{name!r} matches several features by its number:{names}", mend="Name one of them.")
    return matches[0] if matches else None


def _named_directory(root: Path, named: str, source: str | Path, features: Sequence[Path]) -> Path:
    folder = Path(named).expanduser()
    folder = (folder if folder.is_absolute() else root / folder).resolve()
    if not folder.is_dir():
        raise UserError(
            f"The feature folder {named!r} does not exist.",
            where=source,
            mend=f"Correct it there, or name the feature on the command line. {_candidates(features, root)}",
        )
    if not folder.is_relative_to(root):
        raise UserError(f"The feature folder {named!r} lies outside the repository {root}.", where=source)
    return folder


def _read_pointer(pointer: Path) -> str:
    try:
        content = json.loads(pointer.read_text(encoding="utf-8-sig"))
        named = content.get("feature_directory", "")
        if not isinstance(named, str):
            raise ValueError("feature_directory is not a string")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(
            f"The file cannot be read as JSON: {error}.",
            where=pointer,
            mend='It should be {"feature_directory": "specs/001-name"}. Delete it if you do not need it.',
        ) from error
    return named.strip()


def _only_one(root: Path, features: Sequence[Path]) -> Path:
    if not features:
        raise UserError(
            "No feature was found.",
            where=root,
            mend="kfpilot looks for specs/<feature>/tasks.md, .specify/specs/, .kiro/specs/ and openspec/changes/. "
            "Write one, name the feature's folder, or let one be drafted: kfpilot new.",
        )
    if len(features) == 1:
        return features[0]
    still_open = [feature for feature in features if has_open_tasks(feature)]
    if len(still_open) == 1:
        return still_open[0]
    state = "several features have open tasks" if still_open else "no feature has open tasks"
    raise UserError(f"Which feature is meant is not clear: {state}.", mend=_candidates(still_open or features, root))


def has_open_tasks(directory: Path) -> bool:
    """Whether the feature's tasks.md holds a task that is neither ticked nor deferred; unreadable ones do not count."""
    from .tasks import parse_tasks_text

    path = directory / "tasks.md"
    try:
        tasks = parse_tasks_text(path.read_bytes(), path).tasks
    except (OSError, UserError):
        return False
    return any(task.state in ("open", "in_progress") for task in tasks)


def _not_found(what: str, name: str, features: Sequence[Path], root: Path) -> UserError:
    names = {feature.name: feature for feature in features}
    slugs = {_slug(feature.name): feature for feature in features}
    near = [names[match] for match in difflib.get_close_matches(name, names, n=3, cutoff=0.4)]
    near += [slugs[match] for match in difflib.get_close_matches(name.casefold(), slugs, n=3, cutoff=0.4)]
    return UserError(what, where=root, mend=_candidates(list(dict.fromkeys(near)) or features, root))


def _candidates(features: Sequence[Path], root: Path) -> str:
    if not features:
        return "There is no feature below specs/, .specify/specs/, .kiro/specs/ or openspec/changes/."
    shown = [_relative(feature, root) for feature in features[:20]]
    more = f", and {len(features) - 20} more" if len(features) > 20 else ""
    return f"Name one of these: {', '.join(shown)}{more}."


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _shown(feature: Path) -> str:
    return "/".join(feature.parts[-2:])


def _number_of(name: str) -> str | None:
    match = _PREFIX.match(name)
    return match[1] if match else None


def _slug(name: str) -> str:
    return re.sub(r"^(?:\d{8}-\d{6}|\d+)-", "", name).casefold()
