"""`kfpilot-scenarios.yaml`: runs of pipelines that a person describes, with the values and what is to come of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import ToolFailure

FILE_NAME = "kfpilot-scenarios.yaml"


class Scenario(BaseModel):
    """One run and what is to come of it.

    Attributes:
        pipeline: The pipeline, by its name in Python or in KFP; or
        component: a single component.
        name: What the run is about, in a few words.
        arguments: Parameter or artifact -> value; `{file: PATH}` is a file of the repository.
        expect: Whether the run succeeds or fails.
        says: Text that a failing run prints.
        outputs: Output -> value; for a file its text, or `{file: PATH}` for a file with the same bytes.
    """

    model_config = ConfigDict(extra="forbid")

    pipeline: str = ""
    component: str = ""
    name: str = Field(min_length=1)
    arguments: dict[str, Any] = Field(default_factory=dict)
    expect: Literal["succeeds", "fails"] = "succeeds"
    says: str = ""
    outputs: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def one_subject(self) -> Scenario:
        """It is about a pipeline or about a component, and asks for what such a run can give."""
        if bool(self.pipeline) == bool(self.component):
            raise ValueError("name one of pipeline and component")
        if self.expect == "fails" and self.outputs:
            raise ValueError("a run that fails has no outputs; leave outputs out, or say what it prints with says")
        if self.expect == "succeeds" and self.says:
            raise ValueError("says is for runs that fail; use outputs")
        return self

    @property
    def subject(self) -> str:
        """The name of the pipeline or component."""
        return self.pipeline or self.component


class ScenarioFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    scenarios: list[Scenario]


def load_scenarios(file: Path) -> list[Scenario]:
    """The scenarios of a file; none if it does not exist.

    Raises:
        ToolFailure: It is not YAML or has not the form; says where and what is expected.
    """
    import yaml

    if not file.is_file():
        return []
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        return ScenarioFile.model_validate(data).scenarios if data is not None else []
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ToolFailure(f"{file.name} is not YAML: {' '.join(str(error).split())[:300]}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        what = first["msg"].removeprefix("Value error, ")
        raise ToolFailure(f"{file.name}: {place}: {what}. See docs/verification.md for an example") from None


def split_arguments(scenario: Scenario, root: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """The arguments as values and as files.

    Args:
        scenario: The scenario.
        root: The repository; a file must lie in it.

    Raises:
        ToolFailure: A file is not there, or lies outside.
    """
    values: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for name, value in scenario.arguments.items():
        path = file_of(value, root)
        if path is None:
            values[name] = value if not hasattr(value, "isoformat") else value.isoformat()
        else:
            files[name] = path
    return values, files


def file_of(value: Any, root: Path) -> Path | None:
    """The file that `{file: PATH}` means; None for a plain value.

    Raises:
        ToolFailure: It is not there, or lies outside the repository.
    """
    if not (isinstance(value, dict) and set(value) == {"file"} and isinstance(value["file"], str)):
        return None
    path = (root / value["file"]).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ToolFailure(f"the file {value['file']} lies outside the repository")
    if not path.exists():
        raise ToolFailure(f"the file {value['file']} does not exist in the repository")
    return path


def differences(scenario: Scenario, outputs: dict[str, Any], root: Path) -> list[str]:
    """In what the outputs of a run differ from those the scenario wants.

    Args:
        scenario: The scenario.
        outputs: `LocalRun.outputs`.
        root: The repository.
    """
    found = []
    for name, wanted in scenario.outputs.items():
        if name not in outputs:
            had = ", ".join(outputs) or "none"
            found.append(f"there is no output {name} (there is {had})")
            continue
        got, path = outputs[name], file_of(wanted, root)
        if isinstance(got, dict) and "path" in got:
            got = got.get("text")
            if got is None:
                found.append(f"output {name} is no text file, or was not written")
                continue
            wanted = path.read_text(encoding="utf-8") if path else wanted
        if not same(wanted, got):
            found.append(f"output {name} is {short(got)} instead of {short(wanted)}")
    return found


def same(wanted: Any, got: Any) -> bool:
    """Equal, with numbers as close as floating point allows and without a last line end."""
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return math.isclose(wanted, got, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(map(same, wanted, got))
    if isinstance(wanted, dict) and isinstance(got, dict):
        return wanted.keys() == got.keys() and all(same(wanted[key], got[key]) for key in wanted)
    if isinstance(wanted, str) and isinstance(got, str):
        return wanted.removesuffix("\n") == got.removesuffix("\n")
    return bool(wanted == got)


def short(value: Any) -> str:
    """A value in a message."""
    text = repr(value)
    return text if len(text) <= 120 else text[:80] + " … " + text[-30:]
