"""A tick is one byte, and parsing loses nothing: whatever the bytes are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kfpilot.agent.documents import (
    TaskList,
    parse_plan_text,
    parse_spec_text,
    parse_tasks_text,
    retarget,
    tick,
    tickable,
)
from kfpilot.agent.errors import UserError

CORPUS = Path(__file__).parents[2] / "corpus" / "documents"
FILES = sorted(CORPUS.glob("*.md"))
VARIANTS = {
    "as it is": lambda data: data,
    "crlf": lambda data: re.sub(rb"\r?\n", b"\r\n", data),
    "cr": lambda data: re.sub(rb"\r?\n", b"\r", data),
    "bom": lambda data: b"\xef\xbb\xbf" + data.removeprefix(b"\xef\xbb\xbf"),
    "trailing blanks": lambda data: re.sub(rb"(\r?\n)", rb" \t\1", data),
}

PIECES = st.sampled_from(
    [
        *(
            "- [ ] ",
            "- [x] ",
            "- [X] ",
            "* [~] ",
            "  - [-] ",
            "\t",
            "- []",
            "- [✓] ",
            "T001",
            "T002 ",
            "T004a ",
            "1.1 ",
        ),
        *(
            "2. ",
            "[P] ",
            "[US1] ",
            "[US1+2] ",
            "*",
            "**",
            "~~",
            "`",
            "```",
            "~~~",
            "<!--",
            "-->",
            "### ",
            "|",
            "> ",
            "1. ",
        ),
        *(
            "## Phase 4.5: ",
            "## Task 2: ",
            "### T1 — ",
            "DONE",
            "DEFERRED",
            "→ ",
            "(depends on ",
            "T001-T003)",
            "FR-001 ",
        ),
        *(
            "SC-001",
            "src/a.py ",
            "{a,b}.py ",
            "/",
            "| T001 | US1 |",
            "| --- |",
            "| Depends |",
            "Depends: ",
            "日本語",
            "größe",
        ),
        *("_Requirements: 1.2_", "🎯", "\ufeff", "\x00", "\x85", "\u2028", "\n", "\r\n", "\r", "\n\n", "\n  ", "├── "),
        *(
            "[NEEDS CLARIFICATION: ",
            "]",
            "**Given** ",
            "**When** ",
            "### User Story 1 - ",
            "│   ",
            "├── src/\n│   └── a.py",
        ),
    ]
)
DOCUMENT = st.lists(PIECES | st.text(max_size=4), max_size=60).map("".join)


def parse(data: bytes) -> TaskList:
    return parse_tasks_text(data, Path("tasks.md"))


def check(data: bytes) -> None:
    tasks = parse(data)
    lines = re.split(r"\r\n|\n|\r", data.removeprefix(b"\xef\xbb\xbf").decode())
    assert len({task.key for task in tasks.tasks}) == len(tasks.tasks)
    last = 0
    for task in tasks.tasks:
        assert last < task.line <= task.end_line <= len(lines)
        last = task.end_line
        assert re.split(r"\r\n|\n|\r", task.raw) == lines[task.line - 1 : task.end_line]
        assert task.raw.encode() in data
        if task.mark_offset is None:
            assert not tickable(task)
            continue
        mark = (task.mark or "").encode()
        assert data[task.mark_offset - 1 : task.mark_offset + len(mark) + 1] == b"[" + mark + b"]"
        if not tickable(task):
            continue
        ticked = tick(data, task)
        assert len(ticked) == len(data)
        changed = [i for i, (a, b) in enumerate(zip(data, ticked, strict=True)) if a != b]
        assert changed == ([] if task.mark in ("x", "X") else [task.mark_offset])
        again = retarget(ticked, task)
        assert (again.line, again.digest, again.mark in ("x", "X")) == (task.line, task.digest, True)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_corpus_keeps_its_bytes(path: Path, variant: str) -> None:
    original = path.read_bytes()
    data = VARIANTS[variant](original)
    check(data)
    before, after = parse(original).tasks, parse(data).tasks
    assert [(t.key, t.state, t.title, t.files, t.depends_on) for t in after] == [
        (t.key, t.state, t.title, t.files, t.depends_on) for t in before
    ]


@settings(max_examples=150, deadline=None)
@given(DOCUMENT)
def test_any_document_keeps_its_bytes(text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    check(data)
    parse_spec_text(data, Path("spec.md"))
    parse_plan_text(data, Path("plan.md"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=40).map(lambda junk: b"- [ ] T001 a\n" + junk))
def test_any_bytes_are_parsed_or_refused_with_a_reason(data: bytes) -> None:
    for reader in (parse_tasks_text, parse_spec_text, parse_plan_text):
        try:
            reader(data, Path("x.md"))
        except UserError as error:
            assert "not UTF-8" in str(error)
            with pytest.raises(UnicodeDecodeError):
                data.decode()


def test_the_mark_follows_the_file() -> None:
    upper = b"- [X] T001 a\n- [X] T002 b\n- [x] T003 c\n- [ ] T004 d\n"
    assert tick(upper, parse(upper).tasks[3]) == upper.replace(b"[ ]", b"[X]")
    mixed = b"- [X] T001 a\n- [x] T002 b\n- [ ] T004 d\n"
    assert tick(mixed, parse(mixed).tasks[2]) == mixed.replace(b"[ ]", b"[x]")
    fresh = b"- [ ] T001 a [X] \n"
    assert tick(fresh, parse(fresh).tasks[0]) == fresh.replace(b"[ ]", b"[x]")


def test_a_changed_line_is_not_ticked() -> None:
    data = b"- [ ] T001 a\n- [ ] T002 b\n"
    task = parse(data).tasks[1]
    with pytest.raises(UserError, match="no longer on line 2"):
        tick(b"- [ ] T000 new\n" + data, task)
    with pytest.raises(UserError, match="no longer"):
        tick(b"", task)
    with pytest.raises(UserError, match="no longer"):
        tick(data.replace(b"T002 b", b"T002 c"), task)


def test_retarget_finds_the_line_again() -> None:
    data = b"- [ ] T001 a\n- [ ] T002 b\n"
    task = parse(data).tasks[1]
    moved = b"\n- [ ] T000 new\n" + data
    assert tick(moved, retarget(moved, task)).endswith(b"- [ ] T001 a\n- [x] T002 b\n")
    edited = data.replace(b"T002 b", b"T002 b, better")
    assert retarget(edited, task).title == "b, better"
    with pytest.raises(UserError, match="T002"):
        retarget(b"- [ ] T001 a\n", task)
    with pytest.raises(UserError, match="T002"):
        retarget(
            b"- [ ] T002 c\n- [ ] T002 d\n",
            parse(b"- [ ] T002 x\n- [ ] T002 y\n").tasks[1].model_copy(update={"key": "T002#3"}),
        )


def test_retarget_tells_equal_lines_apart() -> None:
    data = b"- [ ] T001 same\n- [ ] T001 same\n- [ ] same\n- [ ] same\n"
    for task in parse(data).tasks:
        assert retarget(data, task).line == task.line


def test_tasks_without_a_box_cannot_be_ticked() -> None:
    data = b"### T1 - Setup\n\n### [ ] T2 Loader\n"
    first, second = parse(data).tasks
    assert not tickable(first)
    with pytest.raises(UserError, match="T1 has no box"):
        tick(data, first)
    assert tick(data, second) == data.replace(b"[ ]", b"[x]")
