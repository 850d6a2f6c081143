"""When a test names an id, and when it only looks so."""

from __future__ import annotations

import pytest
from kfpilot.agent.acceptance.elsewhere import needs_elsewhere
from kfpilot.agent.acceptance.ids import names_it
from kfpilot.agent.planner.cover import Criterion


def named(ref: str, text: str) -> bool:
    return names_it(Criterion(id=ref, ref=ref, kind="requirement", text="", path="spec.md"), text)


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        ("FR-001", "FR-001"),
        ("FR-001", "test_fr_001_keeps"),
        ("FR-001", "test_fr001"),
        ("FR-001", "test_keeps__FR1"),
        ("FR-001", "FR-001a, the first part"),
        ("FR-012", "see FR-010–FR-013"),
        ("SC-002", "sc 2"),
        ("FR-001c", "test_fr_001c"),
        ("FR-2.1", "FR-2.1 holds"),
        ("US1/AS2", "US1/AS2"),
        ("US1/AS2", "test_us1_as2_refunded"),
        ("US1/AS2", "User Story 1, acceptance scenario 2"),
        ("US10/AS12", "us10 scenario #12"),
        ("1.2", "Requirements: 1.2"),
        ("1.2", "test_req_1_2_keeps"),
        ("Export as CSV", "test_export_as_csv"),
    ],
)
def test_it_is_named(ref: str, text: str) -> None:
    assert named(ref, text)


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        ("FR-001", "FR-0011 and FR-010"),
        ("FR-001", "NFR-001"),
        ("FR-001", "fr 12"),
        ("FR-001", "xfr_001"),
        ("FR-001", "from_row_1"),
        ("FR-010", "FR-001"),
        ("FR-001c", "FR-001"),
        ("US1/AS2", "US1/AS21 and US11/AS2"),
        ("US1/AS2", "US2 scenario 2"),
        ("US1/AS2", "status1 as 2"),
        ("1.2", "version 1.2 of the file"),
        ("1.2", "requirement 1.21"),
        ("1.2", "requirement 11.2"),
        ("Export", "export"),
    ],
)
def test_it_only_looks_so(ref: str, text: str) -> None:
    assert not named(ref, text)


@pytest.mark.parametrize(
    ("kind", "text", "needs"),
    [
        ("criterion", "95% of users finish on the first try", "people"),
        ("criterion", "Analysts answer a question without help", "people"),
        ("criterion", "The run ends in less than a minute", "time"),
        ("criterion", "Results are there within 5 seconds", "time"),
        ("criterion", "The page is served with p95 latency below 200 ms", "time"),
        ("criterion", "A file of 10 GB is read", "load"),
        ("criterion", "Support requests fall over three months", "production"),
        ("criterion", "99 % of the rows are kept", "measurement"),
        ("requirement", "The step MUST be scheduled on a GPU node of the cluster", "cluster"),
        ("scenario", "Given the pipeline in production, When it runs, Then it ends", "production"),
    ],
)
def test_what_is_not_shown_here(kind: str, text: str, needs: str) -> None:
    found = needs_elsewhere(kind, text)  # type: ignore[arg-type]
    assert found is not None and needs in found.needs


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("criterion", "The totals add up to the amount of all paid orders"),
        ("criterion", "Every customer has one row"),
        ("requirement", "Users MUST be able to choose a status"),
        ("requirement", "The table MUST have one row per month"),
        ("requirement", "Orders older than 30 days MUST be left out within the step"),
        ("requirement", "The column availability MUST be kept"),
        ("scenario", "Given a user, When they start it, Then the user sees a table"),
    ],
)
def test_what_is_shown_here(kind: str, text: str) -> None:
    assert needs_elsewhere(kind, text) is None  # type: ignore[arg-type]
