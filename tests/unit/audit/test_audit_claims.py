"""What a task's words claim: which files it made, changed, removed or only mentions, and which names it defined."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.audit.claims import Claims, claims_of
from kfpilot.agent.documents import parse_tasks_text


def claims(title: str, *bullets: str) -> Claims:
    text = f"- [x] T001 {title}\n" + "".join(f"  - {bullet}\n" for bullet in bullets)
    return claims_of(parse_tasks_text(text.encode(), Path("tasks.md")).tasks[0])


def kinds(title: str, *bullets: str) -> dict[str, str]:
    return {claim.path: claim.kind for claim in claims(title, *bullets).files}


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("Create src/a.py", "made"),
        ("Create `src/a.py` with the reader", "made"),
        ("[P] [US1] Create the new module src/a.py", "made"),
        ("Set up the project - add src/a.py", "made"),
        ("Implement the reader in src/a.py", "made_in"),
        ("Unit test for the reader in src/a.py", "made_in"),
        ("Contract test for GET /users: src/a.py", "made_in"),
        ("Add retries to src/a.py", "made_in"),
        ("Update src/a.py with a limit", "written"),
        ("Extend the reader in src/a.py", "written"),
        ("Remove src/a.py", "removed"),
        ("Delete the old file src/a.py.", "removed"),
        ("Remove the retries from src/a.py", "refers"),
        ("Remove src/a.py imports", "refers"),
        ("Verify that src/a.py works", "refers"),
        ("Run the tests against src/a.py", "refers"),
        ("Handle limits as described in src/a.py", "refers"),
        ("Move helpers out of src/a.py", "refers"),
        ("Extract helpers from src/a.py", "refers"),
        ("Set the port values in src/a.py", "written"),
        ("Implement aoi() to extract the skyline in src/a.py", "made_in"),
    ],
)
def test_the_words_around_a_path_say_what_is_claimed(title: str, wanted: str) -> None:
    assert kinds(title) == {"src/a.py": wanted}


def test_what_is_joined_by_and_is_of_one_kind() -> None:
    assert kinds("Create src/a.py, src/b.py and `src/c.py`") == {
        "src/a.py": "made",
        "src/b.py": "made",
        "src/c.py": "made",
    }


def test_only_the_target_of_a_move_may_be_written() -> None:
    assert kinds("Rename src/a.py to src/b.py") == {"src/a.py": "refers", "src/b.py": "written"}


def test_bullets_make_files_too() -> None:
    found = kinds("Scripts", "Write `scripts/a.sh` for the setup", "Verify `scripts/b.sh`", "Remove `scripts/c.sh`")
    assert found == {"scripts/a.sh": "made", "scripts/b.sh": "refers", "scripts/c.sh": "refers"}


@pytest.mark.parametrize("title", ["Create src/[entity]_model.py", "Create src/<name>.py", "Create tests/test_*.py"])
def test_the_rest_of_a_pattern_is_no_file(title: str) -> None:
    assert kinds(title) == {}


@pytest.mark.parametrize("path", ["src/your_module.py", "path/to/file.py", "migrations/NNN_x.py", "src/__init__.py"])
def test_a_name_that_stands_for_others_is_loose(path: str) -> None:
    assert [claim.loose for claim in claims(f"Create {path}").files] == [True]


@pytest.mark.parametrize(
    "title",
    [
        "~~Create src/a.py~~",
        "Create src/a.py (not needed)",
        "Create src/a.py or src/b.py",
        "Create src/a.py if needed",
        "Create src/a.py — implemented in src/b.py",
        "Create helpers such as src/a.py",
        "Create src/a.py (merged into src/b.py)",
        "Create src/a.py — SKIPPED",
    ],
)
def test_a_task_that_says_it_was_done_otherwise_is_doubtful(title: str) -> None:
    assert claims(title).doubtful


def test_a_plain_task_is_not_doubtful() -> None:
    assert not claims("Create src/a.py with the reader and its limits").doubtful


@pytest.mark.parametrize(
    ("title", "name", "sure"),
    [
        ("Add function `load_orders()` to src/a.py", "load_orders", True),
        ("Create class `Order` in src/a.py", "Order", True),
        ("Implement `load_orders` in src/a.py", "load_orders", True),
        ("Implement `Order.total(self)` in src/a.py", "Order.total", True),
        ("Create the component `train(data, rate)` in src/a.py", "train", True),
        ("Add `test_edges` to tests/test_a.py", "test_edges", True),
        ("Cover it in tests/test_a.py::TestA::test_edges", "test_edges", True),
        ("Add `lru_cache` to src/a.py", "lru_cache", False),
        ("Use `load_orders()` in src/a.py", "load_orders", False),
        ("Implement the limits with `Decimal` in src/a.py", "Decimal", False),
        ("Add `print()` to src/a.py", "print", False),
    ],
)
def test_a_name_is_surely_defined_only_when_the_words_say_so(title: str, name: str, sure: bool) -> None:
    assert {claim.name: claim.sure for claim in claims(title).names}[name] is sure


def test_a_name_that_is_the_files_own_is_no_claim() -> None:
    assert claims("Create `orders` in src/orders.py").names == []


def test_names_that_are_taken_away() -> None:
    found = {claim.name: claim.removed for claim in claims("Delete `old_parse` and `old_read`, keep `parse`").names}
    assert found == {"old_parse": True, "old_read": True, "parse": False}


def test_code_names_of_the_title_are_known_without_its_paths() -> None:
    found = claims("Create TTSService and `load_model()` in src/tts_service.py for user_id").names_in_words
    assert found == ["load_model", "TTSService", "user_id"]
