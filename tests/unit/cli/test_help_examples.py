"""Every command says with an example how it is used, and the page of commands is made from these texts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from kfpilot.agent.cli.app import app
from typer.testing import CliRunner

ROOT = Path(__file__).parents[3]


def every_command(command: click.Command, words: tuple[str, ...] = ("kfpilot",)) -> Iterator[tuple[str, click.Command]]:
    """The command and all below it, each with what one types for it."""
    yield " ".join(words), command
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, (*words, name))


COMMANDS = dict(every_command(typer.main.get_command(app)))


def examples_of(command: click.Command) -> list[str]:
    """The examples at the end of a command's help, without what they are piped into."""
    _, found, listed = (command.epilog or "").partition("Example")
    parts = listed.partition(":")[2].split("·") if found else []
    return [part.partition(" | ")[0].strip() for part in parts]


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> str:
    """Read the words as the command line would, and run nothing; returns the command that they are for."""
    context = command.make_context(words[0], words[1:], parent=parent)
    rest = [*context._protected_args, *context.args]
    if not isinstance(command, typer.core.TyperGroup) or not rest:
        assert context.args == []
        return context.command_path
    name, below, more = command.resolve_command(context, rest)
    assert below is not None and name is not None
    return parse(below, [name, *more], context)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_of_the_command(name: str) -> None:
    done = CliRunner().invoke(app, [*name.split()[1:], "--help"], prog_name="kfpilot")
    shown = " ".join(done.stdout.split())
    assert done.exit_code == 0 and f"Usage: {name} " in shown
    examples = examples_of(COMMANDS[name])
    assert examples and all(example in shown for example in examples)
    assert any(example == name or example.startswith(f"{name} ") for example in examples)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_are_commands_with_options_that_exist(name: str) -> None:
    for example in examples_of(COMMANDS[name]):
        words = shlex.split(example)
        assert words[0] == "kfpilot"
        assert parse(COMMANDS["kfpilot"], words) in COMMANDS


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))])
def test_the_commands_on_a_page_exist_with_their_options(page: str) -> None:
    text = "\n".join(re.findall(r"^```(?:bash|sh|console)\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S))
    for line in re.findall(r"^(?:\$ )?(kfpilot .*)$", text, re.M):
        command = re.split(r" [|>#] |;|(?<=\s)#", line)[0]
        # A feature, a task and a file are the reader's own; only what is there is looked at.
        if "[OPTIONS]" not in command:
            assert parse(COMMANDS["kfpilot"], shlex.split(command)) in COMMANDS, line


def test_every_option_and_argument_is_explained() -> None:
    bare = [
        f"{name} {parameter.name}"
        for name, command in COMMANDS.items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert bare == []


def test_the_page_of_commands_is_the_one_that_make_docs_writes(tmp_path: Path) -> None:
    from typer import cli

    target = "docs/commands.md"
    (line,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.endswith(target)]
    words = line.removesuffix(target).split()[1:]
    done = CliRunner().invoke(cli.app, [*words, str(tmp_path / "commands.md")])
    assert done.exit_code == 0, done.output
    assert (ROOT / target).read_text() == (tmp_path / "commands.md").read_text(), "run `make docs`"
