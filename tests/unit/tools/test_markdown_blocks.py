"""Blocks of data and shell in pages, and links in HTML or to lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.tools.markdown_blocks import block_problems, commands
from kfpilot.tools.text_checks import markdown_problems


@pytest.mark.parametrize(
    ("language", "good", "bad", "offset"),
    [
        ("json", '{"a": [1, 2]}\n', '{"a": 1,\n "b": [1, 2}\n', 1),
        ("json", '"a": 1,\n"b": 2\n', '"a": 1,\n"b" 2\n', 0),
        ("json", '{"a": 1}\n{"a": 2}\n', '{"a": 1\n', 1),
        ("toml", "[a]\nb = 1\n", "[a]\nb = one\n", 1),
        ("bash", "for x in a b; do\n  echo $x\ndone\n", "for x in a b; do\n  echo $x\n", 2),
        ("sh", "export A=1 && kfpilot run\n", 'echo "a\nb\n', 0),
        ("console", "$ ls \\\n    -l\ntotal (8\n$ pwd\n", "$ if true; then\nx\n", 2),
    ],
)
def test_blocks_parse(tmp_path: Path, language: str, good: str, bad: str, offset: int) -> None:
    assert list(block_problems(language, good, tmp_path)) == []
    ((line, said),) = block_problems(language, bad, tmp_path)
    assert line == offset
    assert "parse" in said


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("bash", "kfpilot run <feature>\n"),
        ("bash", "kfp run create -e ... (\n"),
        ("bash", "$ kfpilot plan\nplan: 8 tasks (from the documents\n"),
        ("json", '{"a": ..., "b": 1}\n'),
        ("json", '// the settings\n{"a": 1}\n'),
        ("jsonc", "{'a'}\n"),
        ("toml", "a = <name>\n"),
        ("text", "if (\n"),
        ("", "if (\n"),
    ],
)
def test_what_a_reader_fills_in_is_left_alone(tmp_path: Path, language: str, text: str) -> None:
    assert list(block_problems(language, text, tmp_path)) == []


def test_commands_of_a_session_keep_their_lines() -> None:
    assert commands("$ a \\\n  b\nsaid\n$ c\n").splitlines() == ["a \\", "  b", "", "c"]


def page(root: Path, text: str) -> list[str]:
    (root / "page.md").write_text(text)
    return markdown_problems(root, "page.md")


def test_links_in_html_lead_somewhere(tmp_path: Path) -> None:
    (tmp_path / "run.svg").write_text("<svg/>")
    good = '<p>\n<img alt="x" src="run.svg">\n</p>\n\nA <a href="run.svg">picture</a>. <!-- <img src="no.png"> -->\n'
    assert page(tmp_path, good) == []
    (problem,) = page(tmp_path, '<p>\n<img src="rum.svg" width="9">\n</p>\n')
    assert problem.startswith("line 2: the link to `rum.svg` leads nowhere.")
    assert "`run.svg`" in problem
    assert page(tmp_path, '<img src="https://example.com/x.png">\n') == []


def test_lines_that_are_named_exist(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/a.py").write_text("a = 1\nb = 2\n")
    assert page(tmp_path, "See `shop/a.py:2` and [it](shop/a.py#L1-L2).\n") == []
    assert "only 2 lines" in page(tmp_path, "See `shop/a.py:12`.\n")[0]
    assert "only 2 lines" in page(tmp_path, "See [it](shop/a.py#L12).\n")[0]
    assert "there is no `shop/c.py`" in page(tmp_path, "See `shop/c.py:12`.\n")[0]
