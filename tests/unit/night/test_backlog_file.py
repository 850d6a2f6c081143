"""What backlog.yaml may say, the order that comes of it, and the line of every error."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.errors import UserError
from kfpilot.agent.night.backlog import own_priority, read_backlog
from kfpilot.agent.night.models import Budget, Entry
from kfpilot.agent.night.order import in_order
from kfpilot.agent.night.policy import why_skipped

WHOLE = """night:
  until: 6:00
  budget: {tokens: 2000000, minutes: 420}
defaults:
  model: openai:coder
landing:
  mode: pull-request
  base: main
features:
  - path: specs/001-late-orders
    priority: P1
    only-stories: [US1, US2]
    budget:
      calls: 40
  - path: specs/002-prices
    repo: ../other
    depends-on: [001-late-orders]
    gate: proceed
"""


def file_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "backlog.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def entry(name: str, priority: int = 5, *needs: str) -> Entry:
    return Entry(name=name, root=Path("/r"), feature=name, directory=f"specs/{name}", priority=priority,
                 depends_on=list(needs))  # fmt: skip


def test_a_whole_backlog_is_read(tmp_path: Path) -> None:
    backlog, lines = read_backlog(file_of(tmp_path, WHOLE))
    first, second = backlog.features
    assert (first.priority, first.only_stories, first.budget.calls) == (1, ["US1", "US2"], 40)
    assert (second.repo, second.depends_on, second.gate) == ("../other", ["001-late-orders"], "proceed")
    assert (backlog.night.until, backlog.landing.mode, backlog.defaults.model) == (
        "6:00",
        "pull-request",
        "openai:coder",
    )
    assert lines == [10, 15]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("features:\n  - path: a\n    prio: 1\n", 3, "there is no key 'prio' here; did you mean 'priority'?"),
        ("features:\n  - path: a\nonly-stories: [US1]\n", 3, "'only-stories' does not belong here; look at how far"),
        ("features:\n  - path: a\n  - priority: 1\n", 3, "'features.1.path' is missing"),
        ("features:\n  - path: a\n    budget:\n      tokens: -5\n", 4, "greater than 0"),
        ("features:\n  - path: a\n    gate: maybe\n", 3, "'skip' or 'proceed'"),
        ("night:\n  until: 25:00\nfeatures:\n  - path: a\n", 2, "write a time of the day"),
        ("features: []\n", 1, "at least 1 item"),
        ("landing:\n  remote: https://evil.invalid/x\nfeatures:\n  - path: a\n", 2, "should match pattern"),
        ("features:\n  - path: a\n   priority: 1\n", 3, "not valid YAML"),
        ("features:\n  - path: a\n    path: b\n", 3, "path"),
    ],
)  # fmt: skip
def test_an_error_names_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = file_of(tmp_path, text)
    with pytest.raises(UserError) as error:
        read_backlog(path)
    assert str(error.value).startswith(f"{path}:{line}: ") or f"line {line}" in str(error.value)
    assert said in str(error.value)


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    path = file_of(tmp_path, "features:\n  - path: a\n    gate: maybe\n  - path: b\n    prio: 1\n")
    with pytest.raises(UserError) as error:
        read_backlog(path)
    assert f"{path}:3: " in str(error.value)
    assert f"{path}:5: " in str(error.value)


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n", "a: 1\n---\nb: 2\n"])
def test_what_is_no_backlog_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError):
        read_backlog(file_of(tmp_path, text))


def test_a_missing_file_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_backlog(tmp_path / "no.yaml")


def test_urgent_features_come_first_and_what_they_need_before_them() -> None:
    entries = [entry("a", 3), entry("b", 1, "d"), entry("c", 2), entry("d", 9)]
    assert [item.name for item in in_order(entries, where=Path("b"), lines={})] == ["d", "b", "c", "a"]


def test_equal_priorities_keep_the_order_of_the_file() -> None:
    entries = [entry("z"), entry("a"), entry("m")]
    assert [item.name for item in in_order(entries, where=Path("b"), lines={})] == ["z", "a", "m"]


def test_a_circle_is_named() -> None:
    entries = [entry("a", 1, "c"), entry("b", 1, "a"), entry("c", 1, "b"), entry("x", 1, "a")]
    with pytest.raises(UserError, match=r"a -> c -> b -> a") as error:
        in_order(entries, where=Path("b.yaml"), lines={"a": 7})
    assert str(error.value).startswith("b.yaml:7: ")


def test_a_features_own_limits_win_over_the_defaults() -> None:
    own, default = Budget(calls=4), Budget(tokens=100, calls=50)
    assert own.over(default) == Budget(tokens=100, calls=4)


def write_feature(folder: Path, spec: str, tasks: str, checklist: str = "") -> Path:
    home = folder / "specs/001-x"
    (home / "checklists").mkdir(parents=True)
    (home / "spec.md").write_text(spec, encoding="utf-8")
    (home / "tasks.md").write_text(tasks, encoding="utf-8")
    if checklist:
        (home / "checklists/ready.md").write_text(checklist, encoding="utf-8")
    return home


SPEC = """# Feature Specification: X

### User Story 1 - One (Priority: P1)

### User Story 2 - Two (Priority: P2)

## Requirements

- **FR-001**: It MUST work [NEEDS CLARIFICATION: when?]
"""


def test_the_priority_of_a_feature_is_that_of_its_open_stories(tmp_path: Path) -> None:
    from kfpilot.agent.documents import load_feature

    home = write_feature(tmp_path, SPEC, "# Tasks\n\n- [x] T001 [US1] Do a.py\n- [ ] T002 [US2] Do b.py\n")
    assert own_priority(load_feature(home, tmp_path), []) == 2


def test_open_points_leave_a_feature_to_a_person(tmp_path: Path) -> None:
    from kfpilot.agent.documents import load_feature

    home = write_feature(tmp_path, SPEC, "# Tasks\n\n- [ ] T001 Do a.py\n", "# Ready\n\n- [x] a\n- [ ] is it safe?\n")
    feature = load_feature(home, tmp_path)
    why = why_skipped(feature, "skip")
    assert "1 open point in checklist ready.md:4 (is it safe?)" in why
    assert "1 open clarification at spec.md:9" in why
    assert why_skipped(feature, "proceed") == ""
