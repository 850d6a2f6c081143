"""What the verifier saw: gate results, the verdict, the evidence."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class TestFirst(BaseModel):
    """Evidence of a test file that was written before its code."""

    __test__: ClassVar[bool] = False

    file: str
    waits: list[str] = Field(default=[], description="The tasks it waits for; empty when it is green")
    why: str = Field(default="", description="Why it is red")
    red: str = Field(default="", description="The commit that holds it red; empty while it is judged red")


class GateResult(BaseModel):
    """What one gate saw."""

    gate: str = Field(description="files, scope, python, kfp, tests, docs, yaml, …")
    passed: bool
    summary: str = Field(description="One line for a person")
    failures: list[str] = Field(default=[], description="What is wrong and how to mend it, for whoever must mend it")
    command: list[str] = Field(default=[], description="The command that ran; empty when the gate only read files")
    exit_code: int | None = None
    counts: dict[str, int] = {}
    seconds: float = 0.0
    warnings: list[str] = Field(default=[], description="What may be wrong, and does not fail the gate")
    not_verified: list[str] = Field(default=[], description="What this gate could not show on this machine")
    notes: list[str] = Field(default=[], description="What it saw besides, for the report: neither good nor bad")
    test_first: list[TestFirst] = Field(default=[], description="Test files that wait for code, or wait no more")


def _lean(schema: dict[str, Any]) -> None:
    """Take out of a schema what tells a model nothing: it is part of every request."""
    for part in (schema, *schema["properties"].values()):
        part.pop("title", None)
    schema.pop("description", None)


class Fault(BaseModel):
    """What the author of tests says is wrong with the code that they test. A claim: it decides nothing."""

    model_config = ConfigDict(json_schema_extra=_lean)

    file: str
    function: str
    does: str
    should: str = Field(description="what the documents demand instead")
    by: str = Field(description="where they do: FR-001, US1/AS2, …")

    @property
    def text(self) -> str:
        """On one line, for a person."""
        name = f" ({self.function})" if self.function else ""
        return " ".join(f"{self.file}{name}: {self.does}; {self.by} demands: {self.should}".split())


class HandBack(BaseModel):
    """Tests that go to the code role, with the claim of their author, because the code may be what is wrong."""

    fault: Fault
    demands: list[str] = Field(default=[], description="What the documents say in the places that the claim names")
    failing: str = Field(default="", description="The failing tests, with their output")
    tree: str = Field(description="The git tree with the tests, before any code was changed")
    others: list[str] = Field(default=[], description="Trees with other drafts of the tests that show the same")
    attempt: int = Field(description="The attempt that wrote the tests")


class Mended(BaseModel):
    """Evidence that code was changed because a task's tests found fault with it."""

    fault: Fault
    files: list[str] = Field(description="The files that the code role changed")


class Verdict(BaseModel):
    """All gates of one task on one tree."""

    task: str
    tree: str = Field(description="The git tree hash of the content that was judged")
    gates: list[GateResult] = []
    red: dict[str, list[str]] = Field(
        default={}, description="Test file -> tasks still to come that must turn it green (tests written first)"
    )
    mended: Mended | None = Field(default=None, description="Code that was changed along with the tests of the task")
    done_by: list[str] = Field(default=[], description="The tasks that have done its work, where nothing was changed")

    @property
    def passed(self) -> bool:
        """True when there is at least one gate and none failed."""
        return bool(self.gates) and all(gate.passed for gate in self.gates)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the verdict: the commit's `Kfpilot-Evidence` trailer."""
        body = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(body.encode()).hexdigest()

    def feedback(self, limit: int = 4000) -> str:
        """The failures as text for the worker, at most `limit` characters."""
        lines = [f"[{g.gate}] {failure}" for g in self.gates if not g.passed for failure in g.failures or [g.summary]]
        text = "\n".join(lines)
        return text if len(text) <= limit else text[: limit - 20] + "\n… (shortened)"
