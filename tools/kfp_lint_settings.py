"""What a project asks of the KFP lint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Policy = Literal["limits", "retries", "docstrings", "base-image"]
LAST_RULE = 24
NEEDS = {"K12": "retries"}
"""Rules that only a policy wakes: who selects one wants its policy."""


class LintSettings(BaseModel):
    """`[tool.kfpilot.lint]`."""

    model_config = ConfigDict(extra="forbid")

    select: list[str] = Field(default=[], description="Only these rules; all if none is named")
    ignore: list[str] = Field(default=[], description="Not these rules")
    per_path_ignore: dict[str, list[str]] = Field(
        default={}, description="Glob as in .gitignore -> rules that do not count there"
    )
    policies: list[Policy] = Field(
        default=[], description="limits (K11), retries (K12), docstrings (K20), base-image (K04)"
    )
    compile: bool = Field(default=True, description="Modules with pipelines are compiled, for what only that shows")

    @model_validator(mode="before")
    @classmethod
    def _underscores(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {str(key).replace("-", "_"): value for key, value in values.items()}

    @field_validator("select", "ignore")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        return known_rules(value)

    @field_validator("per_path_ignore")
    @classmethod
    def _known_there(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        return {glob: known_rules(rules) for glob, rules in value.items()}

    @property
    def rules(self) -> set[str]:
        """The ids of the rules that count."""
        chosen = set(self.select) or {f"K{number:02}" for number in range(LAST_RULE + 1)}
        return chosen - set(self.ignore)

    @property
    def asked(self) -> frozenset[str]:
        """The policies that count."""
        return frozenset(self.policies) | {NEEDS[rule] for rule in self.select if rule in NEEDS}


def known_rules(names: Iterable[str]) -> list[str]:
    """Ids of rules, in capitals; `ALL` stands for all of them.

    Raises:
        ValueError: There is no such rule.
    """
    every = [f"K{number:02}" for number in range(LAST_RULE + 1)]
    found: list[str] = []
    for name in (item.strip().upper() for item in names):
        if name in ("ALL", "K"):
            found += every
        elif name not in every:
            raise ValueError(f"there is no rule {name}; they are K00 to K{LAST_RULE}")
        else:
            found.append(name)
    return found
