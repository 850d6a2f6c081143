"""Settings: `[tool.kfpilot]` in the user's pyproject.toml, then KFPILOT_* in the environment, then the command line."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import UserError

WorkerKind = Literal["auto", "tool", "draft"]


class Settings(BaseSettings):
    """Everything a user can set. The field descriptions are the documentation."""

    model_config = SettingsConfigDict(env_prefix="KFPILOT_", extra="forbid")

    model: str = Field(default="auto", description="auto, embedded, replay:FILE, a model name, or provider:name")
    base_url: str | None = Field(default=None, description="OpenAI-compatible endpoint; else OPENAI_BASE_URL")
    model_file: Path | None = Field(default=None, description="A GGUF file for the embedded model")
    worker: WorkerKind = Field(default="auto", description="tool for models that call tools, draft for small ones")
    temperature: float | None = Field(default=None, description="Sampling temperature; None leaves the default")
    attempts: int = Field(default=3, ge=1, le=20, description="Attempts a task, tool worker")
    drafts: int = Field(default=8, ge=1, le=50, description="Drafts a task, draft worker")
    model_timeout: float = Field(default=600.0, gt=0, description="Seconds one model call may take")
    gate_timeout: float = Field(default=600.0, gt=0, description="Seconds one gate may take")
    python: Path | None = Field(default=None, description="Interpreter of the project under work")
    test_command: list[str] = Field(default=[], description="Arguments for pytest; empty means the project's own")
    source_roots: list[str] = Field(default=[], description="Folders that go on the import path; found if empty")
    cache_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("kfpilot")), description="Worktrees and weights"
    )
    refine: Literal["auto", "always", "never"] = Field(default="auto", description="When the planner agent is asked")
    record: Path | None = Field(default=None, description="Keep every model exchange in this file (JSON lines)")


def load_settings(root: Path | None, **overrides: object) -> Settings:
    """Settings for a repository.

    Args:
        root: The repository whose pyproject.toml is read; None reads none.
        overrides: Values from the command line; None means not given.

    Raises:
        UserError: A setting is unknown or has a bad value.
    """
    table: dict[str, object] = {}
    file = root / "pyproject.toml" if root else None
    if file and file.is_file():
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("kfpilot", {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UserError(f"not valid TOML: {error}", where=file, mend="Mend the file, then try again.") from None
    try:
        # What is passed in wins over the environment, so what the environment sets is taken out of the file's part.
        names = {key.replace("-", "_"): value for key, value in table.items()}
        values = {key: value for key, value in names.items() if f"KFPILOT_{key.upper()}" not in os.environ}
        values.update({key: value for key, value in overrides.items() if value is not None})
        return Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"setting '{name}': {first['msg']}",
            where=file if name in table else None,
            mend="See `kfpilot doctor` for the settings and where they come from.",
        ) from None
