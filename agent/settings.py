"""Settings: `[tool.kfpilot]` in the user's pyproject.toml, then KFPILOT_* in the environment, then the command line."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from ..tools.kfp_lint_settings import LintSettings
from ..tools.sandbox import GIB, MEND, Mode, Sandbox
from .errors import ToolFailure, UserError

WorkerKind = Literal["auto", "tool", "draft"]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
THOUSANDS = {"k": 1_000, "m": 1_000_000}


def seconds_of(value: object) -> object:
    """Seconds of a duration such as `90`, `45m` or `1h30m`; anything else comes back for the validator to refuse."""
    text = str(value).strip().lower().replace(" ", "")
    parts = re.fullmatch(r"(?:\d+(?:\.\d+)?[smhd])+", text)
    if not parts:
        return value
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)([smhd])", text))


def count_of(value: object) -> object:
    """A number such as `200000`, `200_000`, `200k` or `1.5M`; anything else comes back for the validator to refuse."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([km])?", str(value).strip().lower().replace("_", "").replace(",", ""))
    return int(float(found[1]) * THOUSANDS.get(found[2], 1)) if found else value


Count = Annotated[int, BeforeValidator(count_of), Field(ge=1)]
Duration = Annotated[float, BeforeValidator(seconds_of), Field(gt=0)]


class Price(BaseModel):
    """What a million tokens of a model cost, in whatever currency the budgets are in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0, description="Prompt tokens read from a cache; else as the others")


class Settings(BaseSettings):
    """Everything a user can set. The field descriptions are the documentation."""

    model_config = SettingsConfigDict(env_prefix="KFPILOT_", extra="forbid")

    model: str = Field(default="auto", description="auto, embedded, replay:FILE, a model name, or provider:name")
    base_url: str | None = Field(default=None, description="OpenAI-compatible endpoint; else OPENAI_BASE_URL")
    model_file: Path | None = Field(default=None, description="A GGUF file for the embedded model")
    worker: WorkerKind = Field(default="auto", description="tool for models that call tools, draft for small ones")
    temperature: float | None = Field(default=None, description="Sampling temperature; none leaves it to the model")
    attempts: int = Field(default=3, ge=1, le=20, description="Attempts a task, tool worker")
    hand_back: bool = Field(
        default=True, description="Code that a task's tests find fault with goes to the code role, once"
    )
    drafts: int = Field(default=8, ge=1, le=50, description="Drafts a task, draft worker")
    jobs: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Tasks worked side by side; 0: 4 with a model of an endpoint, 1 with the embedded model",
    )
    model_timeout: float = Field(default=600.0, gt=0, description="Seconds one model call may take")
    gate_timeout: float = Field(default=600.0, gt=0, description="Seconds one gate may take")
    python: Path | None = Field(default=None, description="Interpreter of the project under work; else its .venv")
    kubernetes_version: str | None = Field(
        default=None, pattern=r"^v?1\.\d+(\.\d+)?$", description="Version that manifests are checked for, like 1.31"
    )
    min_change_coverage: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Percent of the added lines of code that tests must execute; 0: only told",
    )
    test_command: list[str] = Field(default=[], description="More arguments for pytest")
    source_roots: list[str] = Field(default=[], description="Folders that come first on the import path; found if none")
    cache_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("kfpilot")), description="Worktrees and weights"
    )
    refine: Literal["auto", "always", "never"] = Field(
        default="auto", description="When the planner agent is asked: auto, always, never"
    )
    review: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="When the reviewer agent is asked at the end of a run: "
        "auto (models of an endpoint that call tools), always, never",
    )
    local_runs: bool = Field(default=True, description="Changed pipelines are run on this machine, without a network")
    kfp_versions: list[str] = Field(
        default=[], description="Further versions of kfp that the final check compiles with, such as 2.14.6"
    )
    lint: LintSettings = Field(
        default=LintSettings(),
        description="A table for `kfpilot lint`: select, ignore, per-path-ignore, policies, compile",
    )
    sandbox: Mode = Field(
        default="auto",
        description="What runs the project's code: auto (bubblewrap, else landlock, else refused), bubblewrap, "
        "landlock, or off (it can do all that you can do)",
    )
    sandbox_read: list[Path] = Field(default=[], description="Further files and folders that the project's code sees")
    sandbox_memory: float | None = Field(
        default=None, gt=0, description="GiB that it may use; three quarters of the machine's if not given"
    )
    sandbox_processes: int | None = Field(
        default=None, ge=16, description="Processes it may have; 1024, or 64 a core if not given"
    )
    sandbox_disk: float = Field(default=10.0, gt=0, description="GiB that it may write to the worktree")
    model_wait: Duration = Field(
        default=7200.0,
        description="Seconds that one call waits in all for an endpoint that is away or limits the rate, like 30m",
    )
    max_tokens: Count | None = Field(default=None, description="Tokens that a run may use, like 500k or 2M")
    max_cost: float | None = Field(default=None, gt=0, description="Money that a run may cost, see `prices`")
    max_calls: Count | None = Field(default=None, description="Model calls of a run")
    max_attempts: Count | None = Field(default=None, description="Attempts of a run, all tasks together")
    max_time: Duration | None = Field(default=None, description="Seconds a run may work, or like 90m or 8h")
    max_tokens_per_task: Count | None = Field(default=None, description="Tokens that one task may use")
    max_cost_per_task: float | None = Field(default=None, gt=0, description="Money that one task may cost")
    max_calls_per_task: Count | None = Field(default=None, description="Model calls of one task")
    max_time_per_task: Duration | None = Field(default=None, description="Seconds one task may take, or like 20m")
    prices: dict[str, Price] = Field(
        default={},
        description="Money for a million tokens, JSON: model or pattern -> prompt, completion and, if need be, cached",
    )
    record: Path | None = Field(default=None, description="Keep every model exchange in this file (JSON lines)")

    def open_sandbox(self) -> Sandbox:
        """Where the project's code is run.

        Raises:
            UserError: There is none on this machine, and it was not switched off.
        """
        given = {"processes": self.sandbox_processes}
        if self.sandbox_memory is not None:
            given["memory"] = int(self.sandbox_memory * GIB)
        made = Sandbox(
            mode=self.sandbox,
            disk=int(self.sandbox_disk * GIB),
            read=tuple(path.expanduser().absolute() for path in self.sandbox_read),
            **{key: value for key, value in given.items() if value is not None},
        )
        try:
            made.mechanism()
        except ToolFailure as error:
            raise UserError(str(error), mend=MEND) from None
        return made


AS_JSON = {
    "prices": '{"gpt-*": {"prompt": 2, "completion": 8}}',
    "lint": '{"ignore": ["K01"]}',
    "test_command": '["-m", "not slow"]',
    "source_roots": '["src"]',
    "kfp_versions": '["2.14.6"]',
    "sandbox_read": '["/data/models"]',
}
"""How a setting that is a list or a table is written in the environment."""

OTHER_VARIABLES = frozenset(
    """
    API_KEY FORBID_MODELS JOB GITHUB_TOKEN GITLAB_TOKEN SLACK_WEBHOOK_URL WEBHOOK_URL PYTEST_SETTINGS PYTEST_RESULT
    SANDBOX_INSIDE UPDATE_GOLDEN
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
"""What else is read from KFPILOT_… variables, and is no setting; some is for tests and child processes."""


def unknown_variables(env: Mapping[str, str] = os.environ) -> list[str]:
    """What to say of each KFPILOT_… variable that nobody reads: a mistyped one would change nothing, silently."""
    known = [f"KFPILOT_{name}" for name in (*(field.upper() for field in Settings.model_fields), *OTHER_VARIABLES)]
    found = []
    for name in sorted(env):
        if name.upper().startswith("KFPILOT_") and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.8)
            found.append(f"{name} is no setting" + (f"; did you mean {near[0]}?" if near else ""))
    return found


def not_json(error: SettingsError) -> UserError:
    """Which variable holds a list or a table that cannot be read, and how that one is written."""
    field = re.search(r'field "(\w+)"', str(error))
    name = field[1] if field else ""
    variable = f"KFPILOT_{name.upper()}"
    cause = error.__cause__
    why = f": {cause.msg} at character {cause.pos + 1}" if isinstance(cause, json.JSONDecodeError) else ""
    example = AS_JSON.get(name)
    return UserError(
        f"{variable if name else 'a list in the environment'} is not JSON{why}",
        mend=f"Write it like {variable if example else 'KFPILOT_SOURCE_ROOTS'}='{example or AS_JSON['source_roots']}'.",
    )


NOT_FROM_A_REPOSITORY = (
    "base_url", "model_file", "record", "cache_dir", "prices",
    "sandbox", "sandbox_read", "sandbox_memory", "sandbox_processes", "sandbox_disk",
)  # fmt: skip
"""Settings that pyproject.toml may not hold. A cloned repository could send the user's key to a server of its own, run
a model of its own, have files written outside itself, call expensive models free, or let its code out of the sandbox.
`python` and `test_command` are allowed: they choose what is run in the sandbox."""


def load_settings(root: Path | None, **overrides: object) -> Settings:
    """Settings for a repository.

    Args:
        root: The repository whose pyproject.toml is read; None reads none.
        overrides: Values from the command line; None means not given.

    Raises:
        UserError: A setting is unknown, has a bad value, or may not stand in a repository.
    """
    file = root / "pyproject.toml" if root else None
    table = read_table(file) if file and file.is_file() else {}
    # What is passed in wins over the environment, so what the environment sets is taken out of the file's part.
    said = {name.upper() for name in os.environ}
    values = {key: value for key, value in table.items() if f"KFPILOT_{key.upper()}" not in said}
    values.update({key: value for key, value in overrides.items() if value is not None})
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except SettingsError as error:
        raise not_json(error) from None
    except ValidationError as error:
        first = error.errors()[0]
        top = name = str(first["loc"][0]) if first["loc"] else ""
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        if first["type"] != "extra_forbidden" or len(first["loc"]) > 1:
            name = ".".join(str(part) for part in first["loc"])
            field = Settings.model_fields[top]
            what, mend = f"setting '{name}': {first['msg']}", f"It is: {field.description}."
        else:
            what = f"there is no setting '{name}'"
            mend = f"Did you mean '{near[0]}'?" if near else f"The settings are {', '.join(Settings.model_fields)}."
        raise UserError(what, where=file if top in table and top not in overrides else None, mend=mend) from None


def read_table(file: Path) -> dict[str, object]:
    """`[tool.kfpilot]` of a pyproject.toml, with underscores in the names.

    Raises:
        UserError: The file is not TOML, or holds a setting that no repository may make for its user.
    """
    try:
        tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"not valid TOML: {error}", where=file, mend="Mend the file, then try again.") from None
    table = tool.get("kfpilot", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UserError("tool.kfpilot is not a table", where=file, mend="Write [tool.kfpilot] and the settings below.")
    names = {key.replace("-", "_"): value for key, value in table.items()}
    for name in NOT_FROM_A_REPOSITORY:
        if name in names:
            raise UserError(
                f"setting '{name}' may not stand in a repository: it decides where your key, your model or your files "
                "go, or what the repository's code may do, and whoever clones the repository has not chosen that",
                where=file,
                mend=f"Take it out of [tool.kfpilot]; set KFPILOT_{name.upper()} or use the option of the command.",
            )
    return names


def settings_page() -> str:
    """docs/settings.md, made from the fields above; `make docs` writes it."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "the user's cache folder" if field.default_factory else words_for(field.default)
        where = "no" if name in NOT_FROM_A_REPOSITORY else f"`{name.replace('_', '-')}`"
        rows.append(f"| `KFPILOT_{name.upper()}` | {where} | {default} | {field.description} |")
    return PAGE + "\n".join(rows) + "\n"


def words_for(default: object) -> str:
    """A default as a reader of the page would write it."""
    if default is None or default in ([], {}) or isinstance(default, LintSettings):
        return "none"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


PAGE = """# Settings

Made from `agent/settings.py` by `make docs`; a test compares the two.

What stands on the left wins: the command line (`kfpilot run --help`), the environment (`KFPILOT_…`),
`[tool.kfpilot]` in the repository's `pyproject.toml`. The endpoint's own variables, `OPENAI_BASE_URL`,
`OPENAI_API_KEY` and `OPENAI_MODEL`, are read from the environment only, and so are the keys of other providers. A list
is JSON in the environment: `KFPILOT_SOURCE_ROOTS='["src"]'`.

```toml
[tool.kfpilot]
attempts = 2
source-roots = ["src"]
test-command = ["-m", "not slow"]
```

Settings with "no" in the second column are refused there: a cloned repository must not decide where your key is sent
or which files are written outside it.

| Environment | In `pyproject.toml` | Default | What it is |
|---|---|---|---|
"""


if __name__ == "__main__":
    print(settings_page(), end="")
