"""`kfpilot doctor`: what is configured, what works, what is missing, and how to mend each."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel

from ..errors import KfpilotError, ModelError, ToolFailure, UserError
from ..models import choose, embedded, endpoint, weights
from ..models.failures import RAISE_TIMEOUT, redact, safe_url
from ..reports.words import plural
from ..settings import Settings, load_settings, unknown_variables
from .options import existing_folder

State = Literal["ok", "warn", "fail"]

MEMORY_WANTED = 2_500_000_000
DISK_WANTED = 2_000_000_000
NO_MODEL, BAD_CONFIGURATION = ModelError.exit_code, UserError.exit_code


class Check(BaseModel):
    """One thing that was looked at."""

    name: str
    state: State
    detail: str
    mend: str = ""
    about_model: bool = False


class Diagnosis(BaseModel):
    """Everything that was looked at, and the exit code that follows."""

    checks: list[Check]

    @property
    def exit_code(self) -> int:
        """0 if kfpilot can work here, 2 if the configuration is at fault, 4 if there is no usable model."""
        failed = [check for check in self.checks if check.state == "fail"]
        if any(not check.about_model for check in failed):
            return BAD_CONFIGURATION
        return NO_MODEL if failed else 0


def diagnose(
    root: Path, *, probe: bool = True, model: str | None = None, base_url: str | None = None, timeout: float = 60.0
) -> Diagnosis:
    """Look at everything; never raises for what it finds.

    Args:
        root: The folder to work in.
        probe: Ask the model whether it can call tools (two short requests).
        model: Like --model.
        base_url: Like --base-url.
        timeout: Seconds one request may take.
    """
    return Diagnosis(checks=list(_all(root, probe, model, base_url, timeout)))


def _all(root: Path, probe: bool, model: str | None, base_url: str | None, timeout: float) -> Iterator[Check]:
    yield _python()
    yield _git()
    repo, top = _repository(root)
    yield repo
    yield _kfp()
    try:
        settings = load_settings(top or root, model=model, base_url=base_url)
    except UserError as error:
        yield Check(name="settings", state="fail", detail=error.what, mend=error.mend)
        return
    yield _settings(top or root)
    yield _sandbox(settings)
    yield _pytest(top or root, settings)
    yield from _cache(settings)
    limited = settings.model_copy(update={"model_timeout": min(settings.model_timeout, timeout)})
    for check in _model(limited, probe):
        if timeout < settings.model_timeout:
            # Here it is this option that ends the wait, not the setting.
            check.mend = check.mend.replace(RAISE_TIMEOUT, "--timeout")
        yield check


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check(name="python", state="ok", detail=f"{version} ({sys.executable})")


def _git() -> Check:
    found = shutil.which("git")
    mend = "Install git 2.25 or newer and put it on PATH."
    if not found:
        return Check(name="git", state="fail", detail="not found", mend=mend)
    try:
        done = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Check(name="git", state="fail", detail=str(error), mend=mend)
    return Check(name="git", state="ok", detail=done.stdout.strip().removeprefix("git version "))


def _repository(root: Path) -> tuple[Check, Path | None]:
    name = "repository"
    if not shutil.which("git"):
        return Check(name=name, state="fail", detail="cannot tell without git", mend="Install git."), None
    from ...tools import git

    try:
        repo = git.open_repo(root)
        top, head, branch, dirty = git.root_of(repo), git.head(repo), git.current_branch(repo), git.is_dirty(repo)
    except ToolFailure as error:
        mend = "Change into a git repository with at least one commit, or name it with --repo."
        return Check(name=name, state="fail", detail=str(error), mend=mend), None
    detail = f"{top}, {branch or 'no branch'} at {head[:10]}"
    if dirty:
        shown = ", ".join(dirty[:3]) + (" …" if len(dirty) > 3 else "")
        mend = "Commit what the run shall see: it starts from the commit, not from the files as they lie there."
        return Check(name=name, state="warn", detail=f"{detail}; not committed: {shown}", mend=mend), top
    return Check(name=name, state="ok", detail=detail), top


def _kfp() -> Check:
    try:
        found = importlib.metadata.version("kfp")
    except importlib.metadata.PackageNotFoundError:
        return Check(name="kfp", state="fail", detail="not installed", mend="pip install kfp==2.17.0")
    if not found.startswith("2."):
        return Check(name="kfp", state="fail", detail=f"{found}, not KFP 2", mend="pip install 'kfp>=2.17,<3'")
    return Check(name="kfp", state="ok", detail=found)


def _settings(root: Path) -> Check:
    """Where settings come from, and what is written like one but is none."""
    unknown = unknown_variables()
    if unknown:
        mend = "Mend its name, or take it away: it changes nothing. The settings stand in docs/settings.md."
        return Check(name="settings", state="warn", detail="; ".join(unknown), mend=mend)
    return Check(name="settings", state="ok", detail=_sources(root))


def _sources(root: Path) -> str:
    """Where settings come from; names only, since values may be secret."""
    said = sorted(name for name in os.environ if name.startswith("KFPILOT_") and not name.endswith("_KEY"))
    said += [name for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL") if os.environ.get(name)]
    if (root / "pyproject.toml").is_file() and "[tool.kfpilot" in (root / "pyproject.toml").read_text(
        "utf-8", "replace"
    ):
        said.insert(0, "[tool.kfpilot] in pyproject.toml")
    return ", ".join(said) or "all defaults"


def _sandbox(settings: Settings) -> Check:
    from ...tools.sandbox import describe

    name = "sandbox"
    try:
        sandbox = settings.open_sandbox()
    except UserError as error:
        return Check(name=name, state="fail", detail=error.what, mend=error.mend)
    if settings.sandbox == "off":
        mend = "Take KFPILOT_SANDBOX=off away, unless this machine or container is thrown away afterwards."
        return Check(name=name, state="warn", detail="off: the project's code can do all that you can do", mend=mend)
    return Check(name=name, state="ok", detail=describe(sandbox))


def _pytest(root: Path, settings: Settings) -> Check:
    from ...tools import processes
    from ...tools.pytest_run import find_python
    from ...tools.sandbox import Reach

    name = "pytest"
    try:
        sandbox = settings.open_sandbox()
        python = find_python(root, settings.python, sandbox)
        done = processes.run(
            [str(python), "-c", "import pytest; print(pytest.__version__)"],
            cwd=Path("/"),
            env=processes.clean_env(),
            timeout=60,
            reach=Reach(python=python),
            sandbox=sandbox,
        )
    except UserError:
        return Check(name=name, state="warn", detail="not tried: there is no sandbox")
    except (ToolFailure, KfpilotError, OSError) as error:
        return Check(name=name, state="fail", detail=str(error), mend="Name the interpreter with KFPILOT_PYTHON.")
    if done.exit_code != 0:
        return Check(
            name=name,
            state="fail",
            detail=f"{python} cannot import pytest",
            mend=f"{python} -m pip install pytest; or name another interpreter with KFPILOT_PYTHON.",
        )
    return Check(name=name, state="ok", detail=f"{done.stdout.strip()} in {python}")


def _cache(settings: Settings) -> Iterator[Check]:
    folder = settings.cache_dir.expanduser()
    trial = folder / f".kfpilot-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(b"")
        trial.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield Check(
            name="cache",
            state="fail",
            detail=f"{folder} cannot be written ({error.strerror})",
            mend="Name another folder with KFPILOT_CACHE_DIR.",
        )
        return
    yield Check(name="cache", state="ok", detail=str(folder))
    few = free < DISK_WANTED
    mend = "Free some space; worktrees and the embedded model's weights need up to 2 GB." if few else ""
    yield Check(name="disk", state="warn" if few else "ok", detail=f"{free / 1e9:.1f} GB free", mend=mend)


def _model(settings: Settings, probe: bool) -> Iterator[Check]:
    kind, name = choose.kind_of(settings)
    if kind == "embedded":
        yield from _embedded(settings)
        return
    found: list[Check] = []
    try:
        if kind == "replay":
            with choose.open_model(settings) as handle:
                yield _ok("model", f"{handle.name}, recorded {'with' if handle.tools else 'without'} tools")
            return
        for check in _endpoint(settings, name) if kind == "endpoint" else [_ok("model", f"{kind}:{name}")]:
            found.append(check)
        found += [_tools(settings)] if probe else []
    except (UserError, ModelError) as error:
        # It does not work, so it is not told to be well before. What a run refuses before it begins is bad
        # configuration here too: a wrong URL, no key, a model that is not named.
        found = [check for check in found if (check.name, check.state) != ("model", "ok")]
        found.append(_fail("model", error).model_copy(update={"about_model": isinstance(error, ModelError)}))
    yield from found


def _endpoint(settings: Settings, name: str) -> Iterator[Check]:
    found = endpoint.find_endpoint(settings)
    place = safe_url(found.url)
    try:
        names = sorted(str(row.get("id")) for row in endpoint.list_models(found, min(settings.model_timeout, 10)))
    except ModelError as error:
        # Some servers have no list; whether the model itself answers is the next question.
        yield Check(
            name="endpoint", state="warn", detail=f"{place} gives no list of models: {error.what}", about_model=True
        )
        names = []
    else:
        yield _ok("endpoint", f"{place} answers, {plural(len(names), 'model')}")
    if not name:
        name = str(endpoint.pick_model(found)["id"])
    elif names and name not in names:
        shown = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
        yield Check(
            name="model",
            state="warn",
            detail=f"{name} is not in the endpoint's list: {shown}",
            mend="Name one of these with --model or KFPILOT_MODEL, if it does not answer.",
            about_model=True,
        )
        return
    yield _ok("model", name)


def _tools(settings: Settings) -> Check:
    from ..models.probe import can_call_tools

    with choose.open_model(settings) as handle:
        result = can_call_tools(handle.model)
    detail = f"{result.why} ({result.seconds:.1f} s)"
    if result.ok:
        return _ok("tool calls", detail)
    mend = "Use --worker draft, which needs no tool calls, or a model that calls tools."
    return Check(name="tool calls", state="warn", detail=detail, mend=mend, about_model=True)


def _embedded(settings: Settings) -> Iterator[Check]:
    if embedded.is_installed():
        yield _ok("model", "embedded, runtime installed, no tool calls (draft worker)")
    else:
        try:
            embedded.check_installed()
        except UserError as error:
            yield _fail("model", error)
    found = weights.status(settings)
    size = f"{found.size / 1e6:.0f} MB in {found.path}"
    if found.own_file:
        try:
            weights.ensure(settings)
            yield _ok("weights", size)
        except UserError as error:
            yield _fail("weights", error)
    elif found.state == "ready":
        yield _ok("weights", size)
    else:
        # Not a failure: a run fetches and checks them by itself.
        words = {"unchecked": f"not checked yet: {size}", "partial": f"partly fetched: {size}"}
        detail = words.get(found.state, f"not fetched yet (1.1 GB): {found.path}")
        mend = "`kfpilot model pull` does it now; else the first run does."
        yield Check(name="weights", state="warn", detail=detail, mend=mend, about_model=True)
    free = _memory()
    if free is not None and free < MEMORY_WANTED:
        mend = "Close something, or use an endpoint: the embedded model needs 2.5 GB."
        yield Check(name="memory", state="warn", detail=f"{free / 1e9:.1f} GB free", mend=mend, about_model=True)


def _memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _ok(name: str, detail: str) -> Check:
    return Check(name=name, state="ok", detail=detail, about_model=True)


def _fail(name: str, error: UserError | ModelError) -> Check:
    return Check(name=name, state="fail", detail=error.what, mend=error.mend, about_model=True)


def show(diagnosis: Diagnosis) -> None:
    """A table on a terminal, plain lines elsewhere."""
    if sys.stdout.isatty():
        from rich.table import Table
        from rich.text import Text

        from .common import console_for

        colours = {"ok": "green", "warn": "yellow", "fail": "bold red"}
        table = Table("", "check", "what was found", "how to mend it", show_edge=False, pad_edge=False)
        for check in diagnosis.checks:
            table.add_row(Text(check.state, colours[check.state]), check.name, Text(check.detail), Text(check.mend))
        console_for(False).print(table)
        return
    for check in diagnosis.checks:
        print(f"{check.state:4}  {check.name}: {check.detail}")
        if check.mend and check.state != "ok":
            print(f"      {check.mend}")


def doctor(
    root: Annotated[
        Path,
        typer.Option("--repo", "-C", "--root", help="The repository to work in.", callback=existing_folder),
    ] = Path(),
    model: Annotated[str | None, typer.Option(help="Look at this model instead of the configured one.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Look at this endpoint.")] = None,
    probe: Annotated[bool, typer.Option(help="Ask the model whether it can call tools: two short requests.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds one request may take.", min=1)] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is configured, what works and what is missing, each with its mend.

    Exit code 0 if kfpilot can work here, 2 if the configuration is at fault, 4 if there is no usable
    model. Keys are never shown.
    """
    diagnosis = diagnose(root, probe=probe, model=model, base_url=base_url, timeout=timeout)
    for check in diagnosis.checks:
        check.detail, check.mend = redact(check.detail), redact(check.mend)
    if as_json:
        rows = [check.model_dump(include={"name", "state", "detail", "mend"}) for check in diagnosis.checks]
        print(json.dumps({"exit_code": diagnosis.exit_code, "checks": rows}, indent=2, ensure_ascii=False))
    else:
        show(diagnosis)
    raise typer.Exit(diagnosis.exit_code)
