"""Compiles a project under further versions of kfp, each in an environment of its own that is kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from . import search
from .component_envs import install, make_once, make_venv
from .errors import ToolFailure
from .ir_diff import compare
from .kfp_check import KfpChecker, KfpModule, KfpObject

VERSION = re.compile(r"^\d+(?:\.\d+)+(?:(?:a|b|rc)\d+)?$")
AT_A_TIME = 2
INSTALL_LIMIT = 600.0
KFP_IMPORT = r"^\s*(?:from|import)\s+kfp\b"
DETAILS = 8
"""Differences of one version that are told."""


class VersionReport(BaseModel):
    """What one version of kfp makes of the project.

    Attributes:
        version: The version.
        status: `same`: it compiles to the same but for the version's own traces. `differs`: it compiles to something
            else. `fails`: something does not compile. `not-verified`: it could not be tried.
        details: What differs or fails, and where; or why it was not tried.
        objects: How many components and pipelines were compared.
        unseen: Modules that could not be tried under this version, and why.
    """

    model_config = ConfigDict(extra="forbid")

    version: str
    status: Literal["same", "differs", "fails", "not-verified"]
    details: list[str] = Field(default_factory=list)
    objects: int = 0
    unseen: list[str] = Field(default_factory=list)

    def __str__(self) -> str:
        words = {
            "same": f"compiles to the same ({self.objects} compared)",
            "differs": "compiles to something else",
            "fails": "does not compile",
            "not-verified": "not verified",
        }
        return f"kfp {self.version}: {words[self.status]}"


def kfp_files(root: Path, limit: int = 500) -> list[str]:
    """The Python files that import kfp."""
    return sorted({match.path for match in search.grep(root, KFP_IMPORT, glob="*.py", limit=limit)})


def check_versions(
    root: Path,
    files: Sequence[str],
    versions: Sequence[str],
    main: KfpChecker,
    cache: Path,
    source_roots: Sequence[Path] | None = None,
    timeout: float = 300,
) -> list[VersionReport]:
    """Compile files under further versions of kfp and compare with what the project's own makes of them.

    Args:
        root: The tree.
        files: Python files, relative to it.
        versions: Versions such as `2.14.6`.
        main: The checker of the project's own kfp.
        cache: Where the environments are kept.
        source_roots: Folders that come first on the import path; found if not given.
        timeout: Seconds for the files under one version.

    Returns:
        One report for each version, in their order. An environment that cannot be made is a report too.
    """
    wanted = list(dict.fromkeys(version.strip() for version in versions if version.strip()))
    if not wanted:
        return []
    own = main.check(root, list(files), source_roots, timeout, ir=True)

    def one(version: str) -> VersionReport:
        try:
            python = environment(cache, main.python, version)
            with KfpChecker(python, sandbox=main.sandbox) as checker:
                return report(version, own, checker.check(root, list(files), source_roots, timeout, ir=True))
        except ToolFailure as error:
            return VersionReport(version=version, status="not-verified", details=[str(error)])

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(one, wanted))


def environment(cache: Path, python: Path, version: str) -> Path:
    """The interpreter of an environment with one version of kfp, made if it is not there.

    Raises:
        ToolFailure: It cannot be made; says why.
    """
    if not VERSION.match(version):
        raise ToolFailure(f"{version!r} is no version of kfp; write it like 2.14.6")
    key = hashlib.sha256(os.path.realpath(python).encode()).hexdigest()[:8]
    folder = cache / "kfp" / f"{version}-{key}"

    def make() -> None:
        make_venv(python, folder)
        try:
            install(folder, [f"kfp=={version}", f"kfp-kubernetes=={version}"], INSTALL_LIMIT, wheels=False)
        except ToolFailure:
            # Before 2.13 the two were numbered each in its own way.
            install(folder, [f"kfp=={version}", "kfp-kubernetes"], INSTALL_LIMIT, wheels=False)

    make_once(folder, make)
    return folder / "bin" / "python"


def report(version: str, own: Sequence[KfpModule], other: Sequence[KfpModule]) -> VersionReport:
    """Compare what two versions have made of the same files."""
    found = VersionReport(version=version, status="same")
    failed, differing = [], []
    for mine, theirs in zip(own, other, strict=True):
        if mine.error:
            continue
        if theirs.error:
            if "ModuleNotFoundError" in theirs.error and "'kfp" not in theirs.error:
                what = " ".join(theirs.error.split("\n")[0].split(" (if ")[0].split())
                found.unseen.append(f"{mine.path}: {what} (only kfp is installed there)")
            else:
                failed.append(theirs.error)
            continue
        after = {item.name: item for item in theirs.objects}
        for item in mine.objects:
            if not item.ok:
                continue
            found.objects += 1
            again = after.get(item.name)
            if again is None or not again.ok:
                error = again.error if again else "it is no component there"
                failed.append(f"{mine.path}:{item.line}: {item.kind} {item.name}: {error}")
            else:
                differing += differences(f"{mine.path}:{item.line} {item.name}", item, again)
    if failed:
        found.status, found.details = "fails", failed
    elif differing:
        found.status, found.details = "differs", differing[:DETAILS]
    elif not found.objects:
        found.status = "not-verified"
        found.details = found.unseen or ["there is no component or pipeline to compile"]
    return found


def differences(where: str, own: KfpObject, other: KfpObject) -> list[str]:
    """In what two compiled forms differ, the traces of the version left aside."""
    before, after = neutral(own.ir), neutral(other.ir)
    if before == after:
        return []
    named = [str(change) for change in compare(before, after, where=where, pipeline=own.kind == "pipeline")]
    return named or [f"{where}: differs at {first_difference(before, after)}"]


def neutral(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The compiled form without the version of kfp that made it."""
    text = re.sub(r"kfp(-kubernetes)?==[\w.]+", r"kfp\1==", json.dumps(documents))
    found: list[dict[str, Any]] = json.loads(text)
    found[0].pop("sdkVersion", None)
    return found


def first_difference(one: Any, other: Any, path: str = "") -> str:
    """The place of the first difference, as a path of keys."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if one.get(key) != other.get(key):
                return first_difference(one.get(key), other.get(key), f"{path}.{key}" if path else str(key))
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            if left != right:
                return first_difference(left, right, f"{path}[{number}]")
    return path or "the whole"
