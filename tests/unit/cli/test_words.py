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
        ("Prices are doubled", None, "Prices are doubled"),
        ("20261125-031502-9f3a", None, "20261125-031502-9f3a"),
        ("100% of the rows\n\n- all", None, "100% of the rows\n\n- all"),
        ("specs/003 only US1", "003-late-orders", "only US1"),
        ("003-Late-Orders: T003", "003-late-orders", "T003"),
        # A pair of quotes around the whole is nobody's word; others are.
        ('"003 only US1\nkeep it"\n', "003-late-orders", "only US1\nkeep it"),
        ("“only US1”", None, "only US1"),
        ('003 say "late"', "003-late-orders", 'say "late"'),
        ('"003 and" say "late"', "003-late-orders", '"and" say "late"'),
        ('"late" is not "lost"', None, '"late" is not "lost"'),
        ("003 100 rows at most", "003-late-orders", "100 rows at most"),
    ],
)
def test_words_may_begin_with_the_feature(root: Path, text: str, feature: str | None, rest: str) -> None:
    assert leading_feature(root, text) == (feature, rest)


@pytest.mark.parametrize(
    "text", ["009", "009 only US1", '"009: only US1"', "009-prices US1", "specs/009-prices", "20261125-031502-prices"]
)
def test_a_feature_that_is_not_here_is_not_another_one(root: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"No feature matches .*, with which the words begin") as refused:
        leading_feature(root, text)
    assert "specs/003-late-orders" in str(refused.value) or "specs/004-prices" in str(refused.value)


def test_words_that_look_like_a_feature_can_be_given(root: Path) -> None:
    with pytest.raises(UserError, match="put the feature before it: 003-late-orders 100 …"):
        leading_feature(root, "100 rows at most")


def test_a_number_of_two_features_is_neither(root: Path) -> None:
    (root / "specs/003-later").mkdir()
    (root / "specs/003-later/tasks.md").write_text("- [ ] T001 Do it\n", encoding="utf-8")
    with pytest.raises(UserError, match="'003' may mean several features: specs/003-late-orders, specs/003-later"):
        leading_feature(root, "003 only US1")


def test_words_of_a_file_reach_the_run_as_they_stand(root: Path) -> None:
    file = root / "w.txt"
    text = 'only US1; `id` $(id) "it\'s" -- --land\nsecond line\n\n- a list'
    file.write_text("\ufeff004 " + text, encoding="utf-8")
    assert words_of(root, None, [], file) == ("004-prices", [text])
    file.write_text(f'"{text.replace(chr(34), "")}"\n', encoding="utf-8")
    assert words_of(root, "004", [], file) == ("004", [text.replace(chr(34), "")])
    file.write_text("\ufeff004 " + text, encoding="utf-8")
    # A feature that was named wins; then all of the text is words.
    assert words_of(root, "003", [], file) == ("003", ["004 " + text])


def test_no_words_are_no_words(root: Path) -> None:
    file = root / "w.txt"
    file.write_text(" \n\n", encoding="utf-8")
    assert words_of(root, None, [], file) == (None, [])


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
