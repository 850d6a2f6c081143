"""Do the files that a tick claims exist, and if not, did they ever?"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict

from ...tools import git_paths
from ...tools.kfp_names import words
from .claims import Claims, FileClaim
from .models import Check, Outcome
from .tree import SOURCE_ENDS, Tree

GENERATED = re.compile(
    r"(?:^|/)(?:node_modules|dist|build|out|target|coverage|htmlcov|__pycache__|\.venv|venv|\.next|\.nuxt|\.cache|\.git"
    r"|vendor|\.pytest_cache|bin|obj|generated|\.terraform)/",
    re.I,
)
"""Folders of what is made by running something; git rarely holds it."""
OUTPUT_FOLDERS = re.compile(
    r"(?:^|/)(?:logs?|tmp|temp|outputs?|artifacts|reports?|results|site|data|models?|checkpoints|screenshots?|uploads?"
    r"|downloads?)/",
    re.I,
)
"""Folders that mostly hold such things, unless the file is code."""
OUTPUT_ENDS = words(
    "csv tsv parquet log db sqlite sqlite3 pkl pickle joblib onnx pb zip gz tar bin jsonl ndjson lock out key pem crt"
    " env png jpg jpeg svg pdf d pt pth h5 npz npy feather arrow local whl egg"
)
"""Endings of data, secrets and outputs, which often are made and not kept."""


class Where(BaseModel):
    """The feature that a task belongs to.

    Attributes:
        document: Its tasks file, relative to the root.
        homes: Folders that paths may be relative to, the feature's project first, each ending with `/` or empty.
        here: Some file that its ticks name is or was in this repository, so that its code is not in another one.
    """

    model_config = ConfigDict(extra="forbid")

    document: str
    homes: list[str]
    here: bool = False


class FileJudge:
    """Judges file claims against one repository.

    Args:
        tree: The repository.
        claimed: All paths that are going to be asked about, relative to the root, so that git is asked once.
    """

    def __init__(self, tree: Tree, claimed: list[str]) -> None:
        self.tree = tree
        missing = [path for path in dict.fromkeys(claimed) if not tree.exists(path)]
        self.ignored = git_paths.ignored(tree.root, missing) if tree.is_git else set()
        commits = [commit for path in missing if (commit := tree.history.deleted.get(path))] if missing else []
        # A renamed file may be renamed again: follow as far as it goes, all paths in one question a step.
        self.moves: dict[str, dict[str, str]] = {}
        for _ in range(git_paths.HOPS):
            new = [commit for commit in commits if commit not in self.moves]
            if not new:
                break
            found = git_paths.renames(tree.root, new)
            self.moves |= {commit: {} for commit in new} | found
            paths = [path for moved in found.values() for path in moved.values()]
            commits = [commit for path in paths if (commit := tree.history.deleted.get(path))]

    def find(self, path: str, homes: list[str]) -> tuple[str, str]:
        """The file that is meant, and a word on why it is that one; empty if none exists now.

        Args:
            path: As the task gives it.
            homes: Folders it may be relative to, the feature's project first, each ending with `/` or empty.
        """
        for home in homes:
            if self.tree.exists(home + path):
                return (home + path).rstrip("/"), ""
        found = self.tree.ending(path)
        if len(found) > 1:
            inside = [other for other in found if homes[0] and other.startswith(homes[0])]
            found = inside if len(inside) == 1 else found
        if len(found) == 1:
            return found[0], f"as {found[0]}"
        folder = [f for f in self.tree.folders if f.endswith("/" + path.strip("/"))] if path.endswith("/") else []
        if folder:
            return sorted(folder)[0], f"as {sorted(folder)[0]}/"
        shorter = "" if found else self.tree.shorter(path)
        return (shorter, f"as {shorter}") if shorter else ("", "")

    def known(self, path: str, homes: list[str]) -> bool:
        """Whether the path, as it stands, is or was a file of this repository."""
        return any(home + path in self.tree.ever or self.tree.exists(home + path) for home in homes)

    def judge(self, claim: FileClaim, claims: Claims, where: Where, *, alone: bool) -> Check:
        """What is to be said of one file.

        Args:
            claim: The file and how sure the task is about it.
            claims: All claims of the task.
            where: The feature that the task belongs to.
            alone: No other file that the task made exists or ever did.
        """
        homes = where.homes
        path = claim.path
        found, how = self.find(path, homes)
        if claim.kind == "removed":
            return self._removed(path, found, homes, claims)
        if found:
            return self._existing(claim, found, how, where)
        if claim.kind == "refers" or claim.loose:
            return _check(path, "note", f"{path} is mentioned and does not exist")
        return self._missing(claim, claims, where, alone=alone)

    def _existing(self, claim: FileClaim, found: str, how: str, where: Where) -> Check:
        place = self.tree.root / found
        note = f" ({how})" if how else ""
        if claim.kind == "refers":
            return _check(claim.path, "note", f"{claim.path} exists{note}, and is only mentioned", found=found)
        kept = PurePosixPath(found).name in ("__init__.py", ".gitkeep", ".keep", "py.typed", ".nojekyll")
        if place.is_file() and not kept and not place.stat().st_size:
            return _check(claim.path, "unknown", f"{claim.path} exists{note} and is empty")
        if claim.kind == "written" and self._unchanged(found, where):
            return _check(
                claim.path, "unknown", f"{claim.path} exists{note}, and was not changed since the task was written"
            )
        return _check(claim.path, "holds", f"{claim.path} exists{note}", found=found)

    def _unchanged(self, path: str, where: Where) -> bool:
        """Whether a tracked file is the same as it was before the feature's tasks were first committed."""
        begun = self.tree.history.first.get(where.document)
        latest = self.tree.history.latest.get(path)
        return begun is not None and latest is not None and latest > begun and path not in self.tree.changed

    def _removed(self, path: str, found: str, homes: list[str], claims: Claims) -> Check:
        if not found:
            commit = next((c for home in homes if (c := self.tree.history.deleted.get(home + path))), "")
            if commit:
                return _check(path, "holds", f"{path} is gone since {commit}", commit=commit)
            if self.tree.ending(path, ever=True):
                return _check(path, "holds", f"{path} is gone")
            return _check(path, "unknown", f"{path} is not here, and the known history never had it")
        again = next((found for home in homes if home + path in self.tree.history.deleted), "")
        exact = self.tree.history.complete and any(found == home + path for home in homes)
        sure = exact and "/" in path and not again and not claims.doubtful and (self.tree.root / found).is_file()
        message = f"{path} is still there" + (", though it was deleted once" if again else "")
        return _check(path, "false" if sure else "unknown", message, rule="TICK-REMOVED")

    def _missing(self, claim: FileClaim, claims: Claims, where: Where, *, alone: bool) -> Check:
        path, homes = claim.path, where.homes
        gone = self._gone(path, homes)
        if gone is not None:
            return gone
        doubt = self._doubt(path, homes)
        if doubt:
            return _check(path, "unknown", doubt)
        for others, like in ((self.tree.same_name(path), "the same name"), (self.tree.like_name(path), "a like name")):
            if others:
                known = f"{path} does not exist; a file of {like} is or was at {others[0]}"
                return _check(path, "unknown", known, near=others[:3])
        if claims.doubtful:
            return _check(path, "unknown", f"{path} does not exist; the task's words say it was done in another way")
        sure = claim.kind == "made" or (claim.kind == "made_in" and alone and "/" in path)
        near = self.tree.near(path)
        if not sure:
            return _check(path, "unknown", f"{path} does not exist, and no commit ever had it", near=near)
        if not where.here and not self._folder_known(path, homes):
            elsewhere = (
                f"{path} never existed here, nor did any file of this feature: is its code in another repository?"
            )
            return _check(path, "unknown", elsewhere)
        message = f"{path} never existed: it is not here, and no commit of this repository ever had it"
        return _check(path, "false", message, near=near)

    def _folder_known(self, path: str, homes: list[str]) -> bool:
        """Whether the folder that the file should be in is or was one of this repository's."""
        folder = path.rpartition("/")[0]
        return bool(folder) and any((home + folder).strip("/") in self.tree.folders_ever for home in homes)

    def _gone(self, path: str, homes: list[str]) -> Check | None:
        """What became of a file that once was."""
        history = self.tree.history
        once = [home + path for home in homes if home + path in history.deleted or home + path in history.added]
        once = once or [other for other in self.tree.ending(path, ever=True) if other not in self.tree.present]
        for old in once:
            commit = history.deleted.get(old, "")
            if commit:
                now = git_paths.where_now(old, history, self.moves, self.tree.present)
                if now:
                    moved = f"{path} was renamed in {commit} and is {now} now"
                    return _check(path, "holds", moved, commit=commit, found=now)
                return _check(path, "unknown", f"{path} existed once and was deleted in {commit}", commit=commit)
            if old in self.tree.contents or old in self.tree.changed:
                return _check(path, "unknown", f"{path} is deleted in the checkout, not yet in a commit")
            commit = history.added.get(old, "")
            where = f"{path} exists only on another branch, added in {commit}"
            return _check(path, "unknown", where, commit=commit)
        return None

    def _doubt(self, path: str, homes: list[str]) -> str:
        """Why nothing certain can be said of a path that is nowhere to be found; empty if nothing speaks against it."""
        name = PurePosixPath(path).name
        ending = name.rpartition(".")[2].lower()
        several = self.tree.ending(path)
        if len(several) > 1:
            return f"{path} may be any of {len(several)} files: {', '.join(several[:3])}"
        if not self.tree.history.complete:
            return f"{path} does not exist; {self.tree.history.reason or 'its history is unknown'}"
        if any(home + path in self.ignored for home in homes):
            return f"{path} does not exist here, and git ignores it"
        if any((home + path).startswith(f"{module}/") for home in homes for module in self.tree.modules):
            return f"{path} lies in a submodule"
        plain = name in ("Dockerfile", "Makefile", "Jenkinsfile", "LICENSE", "Procfile")
        if path.endswith("/") or ("." not in name.lstrip(".") and not plain):
            return f"{path} does not exist; git keeps no empty folder, and it may be no file"
        output = OUTPUT_FOLDERS.search(path) and ending not in SOURCE_ENDS
        if output or GENERATED.search(path) or ending in OUTPUT_ENDS or name.startswith(".env"):
            return f"{path} does not exist; it looks like something that is made by running and not kept"
        if not self.tree.has_source:
            return f"{path} does not exist; this repository holds no code, so it may be in another one"
        return ""


def _check(
    subject: str,
    outcome: Outcome,
    message: str,
    *,
    rule: str = "TICK-FILE",
    near: list[str] | None = None,
    commit: str = "",
    found: str = "",
) -> Check:
    return Check(
        rule=rule, subject=subject, outcome=outcome, message=message, near=near or [], commit=commit, found=found
    )
