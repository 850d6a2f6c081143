"""Values for a local run: the pipeline's defaults, what the documents give for a parameter, a person's scenarios."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...tools.errors import ToolFailure
from ...tools.kfp_check import KfpObject
from ...tools.kfp_local_plan import REMOTE, missing_inputs
from ...tools.kfp_scenarios import Scenario, split_arguments
from ..documents.models import Feature
from .local_rows import made_rows

NO_VALUE = re.compile(r"[<>{}$…]|\.\.\.|\byour\b|\bchange-?me\b|\btodo\b|\bplaceholder\b|^x+$", re.I)
"""Looks like a value and stands for one that somebody must put there."""
PLAIN: dict[str, Any] = {
    "STRING": "x", "NUMBER_INTEGER": 1, "NUMBER_DOUBLE": 1.0, "BOOLEAN": True, "LIST": [], "STRUCT": {},
}  # fmt: skip
"""What a parameter gets without any value where only what fails with every value counts."""
MORE = 2
"""How many further values of the documents are tried."""


class Case(BaseModel):
    """One run that is to be made.

    Attributes:
        source: Where the values are from.
        title: For messages, such as `with its defaults`.
        arguments: Parameter -> value.
        files: Input -> file.
        made: Input artifacts that get a file of ours, with its text: nothing, or rows that are made up.
        scenario: The scenario, if it is one.
        problem: Why it cannot be run; empty if it can.
    """

    model_config = ConfigDict(extra="forbid")

    source: Literal["defaults", "documents", "scenario", "made"]
    title: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, Path] = Field(default_factory=dict)
    made: dict[str, str] = Field(default_factory=dict)
    scenario: Scenario | None = None
    problem: str = ""


def cases_of(
    item: KfpObject, scenarios: list[Scenario], text: str, root: Path, source: str = ""
) -> tuple[list[Case], list[str]]:
    """The runs of a pipeline or component, and the inputs for which there is no value.

    Args:
        item: It, compiled with its documents.
        scenarios: All that people have written.
        text: The documents, for literal values of parameters.
        root: The repository, for the scenarios' files.
        source: The module that it is in.
    """
    own = [scenario for scenario in scenarios if concerns(scenario, item)]
    cases = [of_scenario(scenario, item, root) for scenario in own]
    parameters, artifacts = missing_inputs(item.ir[0])
    types = parameter_types(item)
    if not parameters and not artifacts:
        return [Case(source="defaults", title="with its defaults"), *cases], []
    given = {name: literal_values(text, name, types[name]) for name in parameters}
    if artifacts:
        plain = {name: values[0] if values else PLAIN.get(types[name]) for name, values in given.items()}
        return cases or made_cases(item, plain, source), [] if cases else [*parameters, *artifacts]
    if not all(given.values()):
        return cases, [] if cases else [name for name in parameters if not given[name]]
    first = {name: values[0] for name, values in given.items()}
    found = [Case(source="documents", title=f"with {shown(first)} of the documents", arguments=first)]
    for name, values in given.items():
        for value in values[1 : 1 + MORE]:
            other = {**first, name: value}
            found.append(Case(source="documents", title=f"with {shown(other)} of the documents", arguments=other))
    return found[: 1 + MORE] + cases, []


def made_cases(item: KfpObject, arguments: dict[str, Any], source: str) -> list[Case]:
    """The runs of a component whose input artifacts are files of ours; none for a pipeline, or for lists of artifacts.

    They are empty, or rows of the columns that it reads.
    """
    artifacts = item.ir[0].get("root", {}).get("inputDefinitions", {}).get("artifacts", {})
    lists = any(artifact.get("isArtifactList") for artifact in artifacts.values())
    if item.kind == "pipeline" or lists or None in arguments.values():
        return []
    needed = missing_inputs(item.ir[0])[1]
    nothing = dict.fromkeys(needed, "")
    cases = [Case(source="made", title="with empty inputs", arguments=arguments, made=nothing)]
    rows = made_rows(source, item.name) if len(needed) == 1 else ""
    if rows:
        title = f"with made-up rows ({rows.partition(chr(10))[0]}: numbers)"
        cases.append(Case(source="made", title=title, arguments=arguments, made=dict.fromkeys(needed, rows)))
    return cases


def concerns(scenario: Scenario, item: KfpObject) -> bool:
    """Whether a scenario is about this pipeline or component."""
    is_pipeline = item.kind == "pipeline"
    return bool(scenario.pipeline) == is_pipeline and scenario.subject in (item.name, item.ir_name)


def of_scenario(scenario: Scenario, item: KfpObject, root: Path) -> Case:
    """A person's scenario as a run."""
    case = Case(source="scenario", title=f"in the scenario '{scenario.name}'", scenario=scenario)
    try:
        case.arguments, case.files = split_arguments(scenario, root)
    except ToolFailure as error:
        case.problem = str(error)
        return case
    parameters, artifacts = missing_inputs(item.ir[0])
    unknown = [name for name in scenario.arguments if name not in item.inputs]
    missing = [name for name in [*parameters, *artifacts] if name not in scenario.arguments]
    if unknown:
        case.problem = f"there is no input {', '.join(unknown)}"
    elif missing:
        case.problem = f"it gives no value for {', '.join(missing)}"
    return case


def parameter_types(item: KfpObject) -> dict[str, str]:
    """Parameter -> its type in the compiled form."""
    parameters = item.ir[0].get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    return {name: str(entry.get("parameterType", "STRING")) for name, entry in parameters.items()}


def literal_values(text: str, name: str, kind: str) -> list[Any]:
    """The values that documents give a parameter in so many words, each once.

    Only what leaves no doubt: `day` = `2026-11-02`, `day=2026-11-02`, day="2026-11-02" in code, `day` is `2026-11-02`.

    Args:
        text: The documents.
        name: The parameter.
        kind: Its type in the compiled form.
    """
    word = re.escape(name)
    patterns = (
        rf"`{word}`\s*(?:=|:|is|of|set to)\s*`([^`\n]+)`",
        rf"`{word}\s*=\s*([^`\n,)]+)`",
        rf"`[^`\n]*\b{word}\s*=\s*(\"[^\"\n]*\"|'[^'\n]*'|-?\d+(?:\.\d+)?|True|False)[^`\n]*`",
        rf"\b{word}\s*=\s*(\"[^\"\n]+\"|'[^'\n]+')",
    )
    places = sorted((match.start(), match.group(1)) for pattern in patterns for match in re.finditer(pattern, text))
    found: list[Any] = []
    for _, written in places:
        value = parse(written.strip(), kind)
        if value is not None and value not in found:
            found.append(value)
    return found


def parse(written: str, kind: str) -> Any:
    """A value of a type as it is written; None when it is none."""
    if NO_VALUE.search(written) and kind not in ("STRUCT",):
        return None
    quoted = len(written) > 1 and written[0] == written[-1] and written[0] in "\"'"
    bare = written[1:-1] if quoted else written
    if kind == "STRING":
        return bare if bare and (quoted or not re.search(r"\s", bare)) else None
    try:
        value = json.loads({"True": "true", "False": "false"}.get(written, written))
    except ValueError:
        return None
    wanted: Mapping[str, type | tuple[type, ...]] = {
        "NUMBER_INTEGER": int, "NUMBER_DOUBLE": (int, float), "BOOLEAN": bool, "LIST": list, "STRUCT": dict,
    }  # fmt: skip
    fits = isinstance(value, wanted.get(kind, ())) and (kind == "BOOLEAN" or not isinstance(value, bool))
    return value if fits else None


def documents_text(feature: Feature) -> str:
    """The specification and the tasks."""
    files = [feature.spec.path if feature.spec else None, feature.tasks.path]
    return "\n".join(
        file.read_text(encoding="utf-8-sig", errors="replace") for file in files if file is not None and file.is_file()
    )


def uncertain(item: KfpObject, case: Case) -> bool:
    """Whether some value only holds a place, or names what cannot be reached from here."""
    parameters = item.ir[0].get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    values = [case.arguments.get(name, entry.get("defaultValue")) for name, entry in parameters.items()]
    return any(stands_for_another(value) for value in values)


def stands_for_another(value: Any) -> bool:
    """None, nothing, or a text such as `<your project>` or `gs://bucket/x`."""
    if isinstance(value, str):
        return not value.strip() or bool(NO_VALUE.search(value) or REMOTE.match(value) or "/" in value)
    return value is None or value in ([], {})


def shown(arguments: Mapping[str, Any]) -> str:
    """Values in a message."""
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items())
