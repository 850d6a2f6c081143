"""Interpreters for the steps of local runs: what a component's image would hold, and nothing of the project's.

A component on a plain Python image sees the standard library, kfp and its `packages_to_install`. One environment for
each such set is made under the cache folder and kept; the project's own interpreter is never installed into.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from . import processes
from .errors import ToolFailure

READY = ".kfpilot-ready"
"""Written last: an environment without it was left half made."""
PASSED_ON = ("PIP_", "UV_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "XDG_CONFIG")
"""What an installer needs to reach the user's index. It runs no code of the packages: only wheels are taken."""


class ComponentEnvironments:
    """Makes and remembers environments.

    Args:
        cache: The folder they are kept under.
        python: The interpreter they are made with, the project's.
        kfp_package: Its `kfp` folder.
        kfp_version: Its version of kfp.
        install: False refuses to install anything; steps without packages can still run.
    """

    def __init__(self, cache: Path, python: Path, kfp_package: Path, kfp_version: str, *, install: bool = True) -> None:
        self.cache = folder_of(cache)
        self.python = python
        self.kfp_package = kfp_package
        self.kfp_version = kfp_version
        self.install = install
        self._failed: dict[str, str] = {}

    def python_for(self, packages: Sequence[str], *, timeout: float = 300) -> Path:
        """The interpreter of an environment with kfp and these packages, made if it is not there.

        Args:
            packages: Requirements such as `pandas==2.2.3`.
            timeout: Seconds that the installation may take.

        Raises:
            ToolFailure: It cannot be made; says why. Not tried again by this object.
        """
        wanted = sorted(set(packages))
        what = [wanted, self.kfp_version, str(self.kfp_package), os.path.realpath(self.python)]
        key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
        if key in self._failed:
            raise ToolFailure(self._failed[key])
        folder = self.cache / key
        try:
            make_once(folder, lambda: self._make(folder, wanted, timeout))
        except ToolFailure as error:
            self._failed[key] = str(error)
            raise
        return folder / "bin" / "python"

    def _make(self, folder: Path, packages: list[str], timeout: float) -> None:
        if packages and not self.install:
            raise ToolFailure(f"{', '.join(packages)} would have to be installed, which is switched off")
        make_venv(self.python, folder)
        if packages:
            install(folder, packages, timeout, wheels=True)
        if not any(name.partition("=")[0].strip() == "kfp" for name in packages):
            # The same kfp as the compiler's, without its dependencies, which is what a component gets in a cluster.
            site = next((folder / "lib").glob("python*/site-packages"))
            if not (site / "kfp").exists():
                (site / "kfp").symlink_to(self.kfp_package, target_is_directory=True)


def folder_of(cache: Path) -> Path:
    """Where the environments are kept, in kfpilot's cache folder."""
    return cache / "envs"


def make_once(folder: Path, make: object) -> None:
    """Have a folder made, if it is not there whole, by one process at a time.

    Args:
        folder: The environment.
        make: Called without arguments to make it; raises ToolFailure when it cannot.
    """
    import filelock

    assert callable(make)
    if (folder / READY).exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.lock"):
        if (folder / READY).exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        try:
            make()
            (folder / READY).touch()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def make_venv(python: Path, folder: Path) -> None:
    """An empty environment without pip.

    Raises:
        ToolFailure: Python could not make it.
    """
    command = [str(python), "-m", "venv", "--without-pip", str(folder)]
    done = processes.run(command, cwd=folder.parent, env=processes.clean_env(), timeout=60)
    if done.exit_code != 0:
        raise ToolFailure(f"{python} cannot make an environment: {last_line(done.stderr or done.stdout)}")


def install(folder: Path, packages: Sequence[str], timeout: float, *, wheels: bool) -> None:
    """Install into an environment, with uv if it is there, else with pip.

    Args:
        folder: The environment.
        packages: Requirements.
        timeout: Seconds.
        wheels: Take built packages only, so that nothing of theirs runs while they are installed.

    Raises:
        ToolFailure: It did not work; says which packages and why.
    """
    python = str(folder / "bin" / "python")
    options = ["--only-binary", ":all:"] if wheels else []
    uv = shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", python, *options, *packages]
    else:
        command = [*pip(folder, timeout), "install", "--quiet", *options, *packages]
    done = processes.run(command, cwd=folder, env=installer_env(), timeout=timeout)
    if done.timed_out:
        raise ToolFailure(f"installing {', '.join(packages)} did not end within {timeout:.0f} s")
    if done.exit_code != 0:
        raise ToolFailure(f"cannot install {', '.join(packages)}: {last_line(done.stderr or done.stdout)}")


def pip(folder: Path, timeout: float) -> list[str]:
    """A command that is pip, working on an environment that need not have one."""
    from importlib.util import find_spec

    python = str(folder / "bin" / "python")
    if find_spec("pip"):
        return [sys.executable, "-P", "-m", "pip", "--python", python]
    command = [python, "-m", "ensurepip"]
    done = processes.run(command, cwd=folder, env=processes.clean_env(), timeout=timeout)
    if done.exit_code != 0:
        raise ToolFailure("there is neither uv nor pip to install packages with")
    return [python, "-m", "pip"]


def installer_env() -> dict[str, str]:
    """The environment of an installer: the user's settings for it, none of the user's keys."""
    own = {name: value for name, value in os.environ.items() if name.upper().startswith(PASSED_ON)}
    env = {**processes.clean_env(), **own}
    if "PIP_NO_INDEX" not in own:
        env.pop("PIP_NO_INDEX", None)
    return env


def last_line(text: str) -> str:
    """What an installer says at the end: its error."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "notice" not in line]
    errors = [line for line in lines if line.lower().startswith(("error", "×", "╰─▶"))]
    return " ".join(" ".join(errors or lines[-1:]).split())[-300:] or "it said nothing"
