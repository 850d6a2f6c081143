"""The commands that the MCP server runs have the options it gives them."""

from __future__ import annotations

import pytest
import typer
from kfpilot.agent.cli.app import app

GIVEN = {
    "verify": {"--json", "--feature"},
    "lint": {"--json"},
    "audit": {"--json", "--feature"},
    "undo": {"--json", "--feature", "--with-dependents", "--dry-run"},
}


@pytest.mark.parametrize("name", GIVEN)
def test_the_options_exist(name: str) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    if name not in commands:
        pytest.skip(f"there is no kfpilot {name}, so it is no tool either")
    options = {option for parameter in commands[name].params for option in parameter.opts}
    assert GIVEN[name] - options == set()
