"""Options of the project's own scripts that pages and workflows use."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.tools.script_options import options_of
from kfpilot.tools.text_checks import markdown_problems

ARGPARSE = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("-r", "--rows", type=int)
parser.add_argument("--cache", action=argparse.BooleanOptionalAction)
parser.parse_args()
"""
CLICK = """
import click
@click.command()
@click.option("--rows", "-r")
@click.option("--fast/--slow")
def main(rows, fast): ...
"""


def page(root: Path, source: str, command: str) -> list[str]:
    (root / "make.py").write_text(source)
    (root / "page.md").write_text(f"```bash\n{command}\n```\n")
    return markdown_problems(root, "page.md")


@pytest.mark.parametrize("source", [ARGPARSE, CLICK], ids=["argparse", "click"])
def test_an_option_that_the_script_does_not_have_is_named(tmp_path: Path, source: str) -> None:
    assert page(tmp_path, source, "python make.py data --rows 3 && other --bogus") == []
    (problem,) = page(tmp_path, source, "python make.py data --row-count=3")
    assert problem.startswith("line 2: `make.py` has no option `--row-count`.")


def test_all_forms_of_an_option_are_known(tmp_path: Path) -> None:
    for command in ("--ro 3", "--no-cache", "--cache -r 3", "--help", "-x", "-- --anything"):
        assert page(tmp_path, ARGPARSE, f"python make.py data {command}") == []
    assert page(tmp_path, CLICK, "python make.py --slow") == []


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nprint(sys.argv)\n",
        ARGPARSE.replace("ArgumentParser()", "ArgumentParser(parents=[common])"),
        ARGPARSE.replace("parse_args()", "parse_known_args()"),
        ARGPARSE.replace('"--rows"', "NAME"),
        ARGPARSE + "\nadd_more(parser)\n",
        "import typer\ntyper.run(main)\n",
        "def (",
    ],
)
def test_what_cannot_be_told_is_left_alone(tmp_path: Path, source: str) -> None:
    (tmp_path / "make.py").write_text(source)
    assert options_of(tmp_path / "make.py") is None
    assert page(tmp_path, source, "python make.py --bogus") == []
