"""The files of a repository as they are now and as they ever were, found by exact path, by its end, by like names."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath

from ...tools import git_paths
from ...tools.kfp_names import words

SOURCE_ENDS = words(
    "py ipynb js jsx ts tsx mjs cjs vue svelte go rs java kt scala rb php swift cs cpp cc c h hpp dart ex exs lua sh"
    " sql proto tf css scss html"
)
TESTS = ("test", "tests", "spec")
MANY = 3
"""How many near names are shown."""


def stem_key(path: str) -> str:
    """A file's name without ending, case, and what stands between its words; `test` first or last is the same.

    `user_service.py`, `UserService.ts` and `user-service.test.ts`'s `user-service` are one; so are `test_user.py` and
    `user_test.go`.
    """
    rest, test = stem_words(path)
    return "".join(rest) + ("|test" if test else "")


def stem_words(path: str) -> tuple[list[str], bool]:
    """The words of a file's name, and whether it is a test's."""
    name = PurePosixPath(path.rstrip("/")).name.split(".")
    words = [name[0] or (name[1] if len(name) > 1 else ""), *(part for part in name[1:-1] if part in TESTS)]
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", "_".join(words)).lower()
    parts = [part for part in re.split(r"[^a-z0-9]+", text) if part]
    return [part for part in parts if part not in TESTS], any(part in TESTS for part in parts)


class Tree:
    """The paths of one repository.

    Args:
        root: Its top folder.

    Attributes:
        contents: Tracked path -> id of its content in the index.
        present: Every file that is tracked or in the checkout, without the ignored ones and those that are deleted.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.contents = git_paths.tracked(root)
        self.modules = git_paths.submodules(root)
        self.is_git = git_paths.attempt(root, "rev-parse", "--git-dir").returncode == 0
        self.present = self._files()
        self.folders = {parent for path in self.present for parent in _parents(path)}

    def _files(self) -> set[str]:
        if not self.is_git:
            from ...tools.search import files

            return set(files(self.root))
        # A file that a sparse checkout leaves out is not changed, so it counts as being here.
        gone = {path for path in self.changed if not self._on_disk(path)}
        return {*self.contents, *git_paths.untracked(self.root)} - gone

    @cached_property
    def history(self) -> git_paths.PathHistory:
        """Every path that any commit had."""
        return git_paths.path_history(self.root)

    @cached_property
    def ever(self) -> set[str]:
        """Every path of now and of the history."""
        return {*self.present, *self.history.added, *self.history.deleted}

    @cached_property
    def _by_end(self) -> dict[str, list[str]]:
        return _ends(self.present)

    @cached_property
    def _ever_by_end(self) -> dict[str, list[str]]:
        return _ends(self.ever)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted({*self.ever, *self.folders}):
            found[stem_key(path)].append(path)
        return found

    @cached_property
    def has_source(self) -> bool:
        """Whether there is any code here at all: a repository may hold the documents only."""
        return any(path.rpartition(".")[2].lower() in SOURCE_ENDS for path in self.ever)

    def exists(self, path: str) -> bool:
        """Whether a path relative to the root is a file or folder now."""
        path = path.rstrip("/")
        return path in self.present or path in self.folders or self._on_disk(path)

    def _on_disk(self, path: str) -> bool:
        try:
            return (self.root / path).exists() or (self.root / path).is_symlink()
        except (OSError, ValueError):
            return False

    @cached_property
    def folders_ever(self) -> set[str]:
        """Every folder that holds or held a file."""
        return self.folders | {parent for path in self.ever for parent in _parents(path)}

    @cached_property
    def changed(self) -> set[str]:
        """Tracked files that differ from the last commit."""
        return git_paths.changed_now(self.root)

    def ending(self, path: str, *, ever: bool = False) -> list[str]:
        """The paths that are this one with folders before it, whatever the case of its letters."""
        table = self._ever_by_end if ever else self._by_end
        wanted = path.strip("/")
        return [found for found in table.get(_last(wanted), []) if _is_end(found, wanted)]

    def shorter(self, path: str) -> str:
        """The path without its first folders, if it exists: `backend/src/a.py` in the backend's own repository."""
        parts = path.strip("/").split("/")
        for start in range(1, len(parts) - 1):
            rest = "/".join(parts[start:])
            if self.exists(rest) and "/" in rest:
                return rest
        return ""

    def same_name(self, path: str) -> list[str]:
        """Files of now and ever that have the same name, in whatever folder."""
        return sorted(
            set(self._ever_by_end.get(_last(path.strip("/")), [])), key=lambda found: (found not in self.present, found)
        )

    def like_name(self, path: str) -> list[str]:
        """Files and folders of now and ever whose name has the same words (`user.py` and the package `user/`)."""
        key = stem_key(path)
        if len(key.split("|")[0]) < 3:
            return []
        found = [other for other in self._by_stem.get(key, []) if other != path]
        found = found or self._same_tests(path)
        return sorted(found, key=lambda other: (other not in self.present and other not in self.folders, other))

    def _same_tests(self, path: str) -> list[str]:
        """Test files whose name has all words of this one's, or the other way: tests are split and put together."""
        words, test = stem_words(path)
        if not test or not words:
            return []
        suffix = PurePosixPath(path).suffix
        others = ((other, *stem_words(other)) for other in self.ever if other.endswith(suffix) and other != path)
        mine = set(words)
        tests = [(other, set(theirs)) for other, theirs, is_test in others if is_test and theirs]
        return [other for other, theirs in tests if mine <= theirs or mine >= theirs]

    def near(self, path: str) -> list[str]:
        """Up to three files of now whose path looks like this one."""
        name = PurePosixPath(path).name
        suffix = PurePosixPath(path).suffix
        pool = [other for other in self.present if other.endswith(suffix)] if suffix else list(self.present)
        names: dict[str, list[str]] = defaultdict(list)
        for other in sorted(pool):
            names[PurePosixPath(other).name].append(other)
        close = difflib.get_close_matches(name, names, n=MANY, cutoff=0.7)
        beside = [other for other in sorted(pool) if PurePosixPath(other).parent == PurePosixPath(path).parent]
        found = [other for one in close for other in names[one]] or beside
        return list(dict.fromkeys(found))[:MANY]


def _parents(path: str) -> Iterable[str]:
    parts = path.split("/")
    return ("/".join(parts[:length]) for length in range(1, len(parts)))


def _last(path: str) -> str:
    return path.rpartition("/")[2].casefold()


def _ends(paths: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths):
        found[_last(path)].append(path)
    return found


def _is_end(path: str, end: str) -> bool:
    path, end = path.casefold(), end.casefold()
    return path == end or path.endswith(f"/{end}")
