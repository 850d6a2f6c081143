"""The user's words from a file or from standard input, and the feature that they begin with."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from kfpilot.agent.cli import words
from kfpilot.agent.cli.words import words_of
from kfpilot.agent.documents import leading_feature
from kfpilot.agent.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("003-late-orders", "004-prices"):
        (tmp_path / "specs" / name).mkdir(parents=True)
        (tmp_path / "specs" / name / "tasks.md").write_text("- [ ] T001 Do it\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "feature", "rest"),
    [
        ("003 only US1", "003-late-orders", "only US1"),
        ("003-late-orders", "003-late-orders", ""),
        ("specs/004-prices/ keep pandas out\nplease", "004-prices", "keep pandas out\nplease"),
        ("'late-orders': T003", "003-late-orders", "T003"),
        # What only looks like a feature stays a word.
        ("3 retries at most", None, "3 retries at most"),
        ("late things first", None, "late things first"),
        ("../004-prices x", None, "../004-prices x"),
        ("  ", None, ""),
    ],
)
def test_words_may_begin_with_the_feature(root: Path, text: str, feature: str | None, rest: str) -> None:
    assert leading_feature(root, text) == (feature, rest)


def test_words_of_a_file_reach_the_run_as_they_stand(root: Path) -> None:
    file = root / "w.txt"
    text = 'only US1; `id` $(id) "it\'s" -- --land\nsecond line'
    file.write_text("\ufeff004 " + text, encoding="utf-8")
    assert words_of(root, None, [], file) == ("004-prices", [text])
    # A feature that was named wins; then all of the text is words.
    assert words_of(root, "003", [], file) == ("003", ["004 " + text])


def test_words_from_standard_input(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"keep pandas out")))
    assert words_of(root, None, [], Path("-")) == (None, ["keep pandas out"])


def test_the_folder_of_the_words_is_hidden_from_git(root: Path) -> None:
    (root / ".kfpilot").mkdir()
    file = root / ".kfpilot/words.txt"
    file.write_text("x", encoding="utf-8")
    words_of(root, None, [], file)
    assert (root / ".kfpilot/.gitignore").read_text(encoding="utf-8") == "*\n"


@pytest.mark.parametrize(
    ("data", "given", "said"),
    [(b"x", ["y"], "given twice"), (b"\xff", [], "UTF-8"), (b"x" * (words.LIMIT + 1), [], "64 kB"), (None, [], "read")],
)
def test_what_cannot_be_words(root: Path, data: bytes | None, given: list[str], said: str) -> None:
    file = root / "w.txt"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(UserError, match=said):
        words_of(root, None, given, file)
