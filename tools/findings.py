"""What a static check found, in one shape for every check: text for people, SARIF for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["error", "warning", "note"]
"""`error`: it goes wrong. `warning`: it may go wrong, or is against a policy. `note`: good to know."""

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Rule(BaseModel):
    """What a check looks for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(description="K01, SECRET, …")
    name: str = Field(description="A few words in kebab-case, such as own-names-only")
    summary: str = Field(description="One sentence: what is wrong when the rule speaks")
    severity: Severity = "error"
    why: str = Field(default="", description="What happens at run time, for the documentation")
    mend: str = Field(default="", description="What to do about it, for the documentation")
    default: bool = Field(default=True, description="False for policies that must be asked for")


class Finding(BaseModel):
    """One place where something is wrong."""

    model_config = ConfigDict(extra="forbid")

    rule: str = Field(description="The id of a rule")
    path: str = Field(description="Relative to the repository, with forward slashes")
    line: int = Field(default=1, ge=1)
    column: int = Field(default=1, ge=1)
    message: str = Field(description="What is wrong, what it leads to, how to mend it")
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.rule} {self.message}"


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By place, each once."""
    unique = {(item.path, item.line, item.column, item.rule, item.message): item for item in findings}
    return [unique[key] for key in sorted(unique)]


def sarif(findings: Sequence[Finding], rules: Sequence[Rule], *, version: str, tool: str = "kfpilot") -> str:
    """The findings as a SARIF 2.1.0 log, the form that code scanning services read.

    Args:
        findings: What was found.
        rules: The rules that were looked at, also those that found nothing.
        version: The version of kfpilot.
        tool: The name under which a scanning service keeps these results apart from others.

    Returns:
        JSON text, byte-identical for the same arguments.
    """
    import sarif_pydantic as s

    levels = {"error": s.Level.ERROR, "warning": s.Level.WARNING, "note": s.Level.NOTE}
    described = [
        s.ReportingDescriptor(
            id=rule.id,
            name=rule.name,
            short_description=s.Message(text=rule.summary),
            full_description=s.Message(text=rule.why or rule.summary),
            default_configuration=s.ReportingConfiguration(level=levels[rule.severity], enabled=rule.default),
        )
        for rule in rules
    ]
    index = {rule.id: number for number, rule in enumerate(rules)}
    results = [
        s.Result(
            rule_id=item.rule,
            rule_index=index.get(item.rule),
            level=levels[item.severity],
            message=s.Message(text=item.message),
            locations=[
                s.Location(
                    physical_location=s.PhysicalLocation(
                        artifact_location=s.ArtifactLocation(uri=item.path, uri_base_id="%SRCROOT%"),
                        region=s.Region(start_line=item.line, start_column=item.column),
                    )
                )
            ],
        )
        for item in findings
    ]
    driver = s.ToolDriver(name=tool, version=version, rules=described)
    log = s.Sarif(schema_uri=SCHEMA, runs=[s.Run(tool=s.Tool(driver=driver), results=results)])
    return log.model_dump_json(by_alias=True, exclude_none=True, indent=2)
