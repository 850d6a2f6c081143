"""What code in the sandbox may see: the system, the interpreter it runs with, and a repository without its secrets."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
    "/sys/devices/system", "/sys/fs/cgroup",
)  # fmt: skip
ETC = (
    "passwd", "group", "nsswitch.conf", "hosts", "host.conf", "hostname", "protocols", "services", "ld.so.cache",
    "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "locale.conf", "locale.alias", "os-release",
    "debian_version", "alternatives", "ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki/tls/certs",
    "pki/ca-trust/extracted", "crypto-policies", "mime.types", "magic", "fonts", "java", "inputrc", "bash.bashrc",
    "profile", "terminfo", "python3", "python3.11", "python3.12", "python3.13",
)  # fmt: skip
"""Files of /etc that programs look into; none holds a secret."""

PARTS = ("bin", "lib", "lib64", "include", "share", "libexec", "pyvenv.cfg", "conda-meta", "ssl")
"""What an installation of Python consists of. The whole prefix would be too much where it is somebody's home."""

HOME_TOOLS = (
    ".pyenv", ".asdf", ".rye", ".conda", ".virtualenvs", ".venv", ".venvs", ".pixi", ".local/bin", ".local/lib",
    ".local/share/uv", ".local/share/pipx", ".local/share/mise", ".local/share/hatch", ".local/share/rtx",
    ".local/share/pypoetry", ".local/share/virtualenvs", ".cache/pypoetry", ".cache/uv", ".cache/kfpilot",
    ".cache/pre-commit",
)  # fmt: skip
"""Hidden folders of a home that may hold an interpreter or code; all others may hold keys."""

SECTIONS = ("core", "extensions", "user", "init", "i18n", "diff", "merge", "log")
"""Sections of a git configuration that hold neither an address nor a password."""


def links() -> dict[str, str]:
    """The top folders of the system that are links into /usr."""
    return {name: str(Path(name).readlink()) for name in SYSTEM if Path(name).is_symlink()}


@cache
def system() -> tuple[str, ...]:
    """The system's programs and libraries, and the harmless files of /etc."""
    names = [name for name in SYSTEM if not Path(name).is_symlink()] + [f"/etc/{name}" for name in ETC]
    return tuple(name for name in names if Path(name).exists())


def harmless(path: Path) -> bool:
    """Whether a folder may be shown on the word of an environment: no home, nothing above one, no hidden part of one.

    A repository can bring an environment of its own whose files name any folder.
    """
    real = Path(os.path.realpath(path))
    home = Path(os.path.realpath(Path.home()))
    if len(real.parts) < 3 or home.is_relative_to(real) or real.is_relative_to("/etc") or real.is_relative_to("/proc"):
        return False
    if not real.is_relative_to(home):
        return not any(part in (".ssh", ".aws", ".gnupg", ".kube", ".docker", ".config") for part in real.parts)
    inside = real.relative_to(home).as_posix()
    return not inside.startswith(".") or any(f"{inside}/".startswith(f"{name}/") for name in HOME_TOOLS)


def interpreter(python: Path) -> list[str]:
    """The folders that an interpreter needs, with those that its environment adds to the import path."""
    return list(look_at(python, Path.home()))


@cache
def look_at(python: Path, home: Path) -> tuple[str, ...]:
    """The same, looked at once in each process, since a hundred files may have to be read."""
    found: dict[str, None] = {}
    for prefix in prefixes(python):
        for part in PARTS:
            place = prefix / part
            if there(place) and harmless(place):
                found[str(place)] = None
        for site in sorted(prefix.glob("lib*/python3*/site-packages")):
            for extra in editable(site):
                if there(extra) and harmless(extra):
                    found[str(extra)] = None
    found[str(python)] = None
    found[os.path.realpath(python)] = None
    return tuple(path for path in found if there(path))


def there(path: Path | str) -> bool:
    """Whether it exists; what may not be looked at does not."""
    return os.access(path, os.F_OK)


def prefixes(python: Path) -> list[Path]:
    """The environment an interpreter belongs to, and the installations below it."""
    found: dict[Path, None] = {}
    start = Path(os.path.abspath(python))  # noqa: PTH100 (resolve would leave the environment)
    while True:
        found[start.parent.parent] = None
        settings = start.parent.parent / "pyvenv.cfg"
        try:
            said = re.search(r"^home\s*=\s*(.+)$", settings.read_text("utf-8", "replace"), re.M)
        except OSError:
            said = None
        if said:
            found[Path(said[1].strip()).parent] = None
        try:
            aim = start.readlink()
        except OSError:  # no link, or not to be looked at
            return list(found)
        if len(found) > 20:
            return list(found)
        start = Path(os.path.normpath(start.parent / aim))


def editable(site: Path) -> Iterator[Path]:
    """The folders that an environment's `.pth` files and setuptools' finders name."""
    for file in sorted(site.glob("*.pth")):
        for line in lines(file):
            if line and not line.startswith(("import ", "import\t", "#")):
                yield Path(os.path.normpath(site / line))
    for file in sorted(site.glob("__editable__*_finder.py")):
        for line in lines(file):
            match = re.match(r"(?:MAPPING|NAMESPACES)\b[^=]*=\s*(\{.*\})\s*$", line)
            try:
                table = ast.literal_eval(match[1]) if match else {}
            except (ValueError, SyntaxError):
                continue
            for value in table.values():
                yield from (Path(item) for item in ([value] if isinstance(value, str) else value))


def lines(file: Path) -> list[str]:
    """The lines of a small file."""
    try:
        return file.read_text("utf-8", "replace").splitlines() if file.stat().st_size < 1_000_000 else []
    except OSError:
        return []


def own() -> list[str]:
    """What the sandbox itself is made of."""
    return [
        *interpreter(Path(sys.executable)),
        str(Path(__file__).parent / "checks"),
        str(Path(__file__).parent / "confine"),
    ]


def repository(root: Path) -> tuple[list[str], dict[str, str]]:
    """The git folders of a checkout, and their configurations without addresses and credentials.

    Returns:
        Folders that may be read, and file -> content to show instead.
    """
    pointer = root / ".git"
    if pointer.is_dir():
        folders = [pointer]
    else:
        said = next((line[8:].strip() for line in lines(pointer) if line.startswith("gitdir: ")), "")
        if not said:
            return [], {}
        own = Path(os.path.normpath(root / said))
        common = next(iter(lines(own / "commondir")), "")
        folders = [own, Path(os.path.normpath(own / common))] if common else [own]
    if not all((folder / "HEAD").is_file() for folder in folders):
        return [], {}
    shown = {}
    for folder in folders:
        for name in ("config", "config.worktree"):
            if (folder / name).is_file():
                shown[str(folder / name)] = without_secrets("\n".join(lines(folder / name)))
        for name in ("FETCH_HEAD", "credentials"):
            if (folder / name).is_file():
                shown[str(folder / name)] = ""
    # A clone that shares its objects has them elsewhere, and git can read nothing without them.
    shared = [path for folder in folders for path in lines(folder / "objects" / "info" / "alternates")]
    shared = [path for path in shared if Path(path).is_absolute() and Path(path).name == "objects"]
    return [*dict.fromkeys([*map(str, folders), *shared])], shown


def without_secrets(text: str) -> str:
    """A git configuration with only the sections that are known to be harmless."""
    kept, keep = [], False
    for line in text.splitlines():
        if match := re.match(r"\s*\[\s*([A-Za-z0-9.-]+)", line):
            keep = match[1].lower() in SECTIONS
        if keep:
            kept.append(line)
    return "\n".join(kept) + "\n"
