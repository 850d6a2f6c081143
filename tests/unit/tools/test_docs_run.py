"""The examples of a page: which are run, and what came of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kfpilot.tools.docs_run import BlockResult, blocks, run_page

MARK = "<!-- kfpilot: run -->\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src/shop").mkdir(parents=True)
    (root / "src/shop/__init__.py").write_text("def double(price):\n    return 2 * price\n")
    return root


def run(root: Path, text: str, timeout: float = 60) -> list[BlockResult]:
    (root / "page.md").write_text(text)
    return run_page(
        Path(sys.executable), root, "page.md", source_roots=lambda tree: [tree / "src"], timeout=timeout
    )  # fmt: skip


def outcomes(found: list[BlockResult]) -> list[tuple[str, int]]:
    return [(item.outcome, item.line) for item in found]


def fence(language: str, text: str, *, mark: bool = True) -> str:
    return (MARK if mark else "") + f"```{language}\n{text}```\n\n"


def test_marked_blocks_and_doctests_are_found() -> None:
    text = "# A\n\n" + fence("python", "a = 1\n") + fence("python", "b = 2\n", mark=False)
    text += fence("pycon", ">>> 1\n1\n", mark=False) + MARK + "\nwords\n\n" + fence("bash", "ls\n", mark=False)
    text += fence("bash", "ls\n") + fence("yaml", "a: 1\n")
    assert [(block.kind, block.line, block.marked) for block in blocks(text)] == [
        ("python", 5, True),
        ("doctest", 13, False),
        ("shell", 27, True),
        ("other", 32, True),
    ]


def test_blocks_follow_each_other_as_a_reader_would(project: Path) -> None:
    text = fence("python", "from shop import double\nx = double(2)\n") + fence("bash", "echo made > made.txt\n")
    text += fence("python", "assert open('made.txt').read() == 'made\\n'\nassert x == 4\n")
    text += fence("python", ">>> double(x)\n8\n>>> [x for x in range(99)]\n[0, ..., 98]\n", mark=False)
    assert {outcome for outcome, _ in outcomes(run(project, text))} == {"passed"}
    assert not (project / "made.txt").exists()


@pytest.mark.parametrize(
    ("language", "text", "line", "words"),
    [
        ("python", "a = 1\nraise ValueError('no')\n", 4, "ValueError: no"),
        ("python", "from shop import treble\n", 3, "treble"),
        ("python", "import sys\nsys.exit(3)\n", 3, "exit code 3"),
        ("python", "import os\nos._exit(0)\n", 3, "ended the interpreter"),
        ("python", "def f(:\n", 3, "SyntaxError"),
        ("bash", "true\nls nothing-here | cat\necho on\n", 3, "nothing-here"),
    ],
)
def test_a_block_that_fails_is_named_with_its_line(
    project: Path, language: str, text: str, line: int, words: str
) -> None:
    found = run(project, fence(language, text) + fence("python", "pass\n"))
    assert [item.outcome for item in found] == ["failed", "not run"]
    assert found[0].line == line
    assert words in found[0].said


def test_an_answer_that_is_not_so_is_a_mismatch(project: Path) -> None:
    text = fence("python", ">>> from shop import double\n>>> double(2)\n5\n", mark=False)
    (found,) = run(project, text)
    assert (found.outcome, found.line) == ("mismatch", 3)
    assert "gives 4" in found.said


def test_an_unmarked_example_that_cannot_run_does_not_end_the_page(project: Path) -> None:
    text = fence("python", ">>> client.list_runs()\n[]\n", mark=False) + fence("python", "a = 1\n")
    assert [item.outcome for item in run(project, text)] == ["failed", "passed"]


def test_what_takes_too_long_is_stopped(project: Path) -> None:
    found = run(project, fence("python", "import time\ntime.sleep(60)\n"), timeout=0.6)
    assert [item.outcome for item in found] == ["failed"]
    assert "0.6 s" in found[0].said


def test_keys_of_the_user_are_not_seen(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "x")
    found = run(project, fence("bash", 'test -z "$SOME_TOKEN"\n'))
    assert [item.outcome for item in found] == ["passed"]


def test_data_is_not_run(project: Path) -> None:
    assert [item.outcome for item in run(project, fence("yaml", "a: 1\n"))] == ["not run"]
    assert run(project, "# nothing\n") == []
