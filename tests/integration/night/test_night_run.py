"""Nights over real repositories: order, policy, budgets, faults, kills. Only the model is a replay."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import filelock
import pytest
from kfpilot.agent.night import night as night_module

from .conftest import BAD_PAGE, PAGE, Village, git

pytestmark = pytest.mark.integration
OPEN_SPEC = "# Feature Specification: A page\n\n- **FR-001**: It MUST work [NEEDS CLARIFICATION: when?]\n"


def tasks_on(village: Village, feature: str) -> list[str]:
    form = "--format=%(trailers:key=Kfpilot-Task,valueonly)"
    return git(village.root, "log", form, f"main..kfpilot/{feature}").split()


def test_one_bad_feature_does_not_stop_the_others(village: Village, capsys: pytest.CaptureFixture[str]) -> None:
    village.add("001-good")
    village.add("002-bad", BAD_PAGE, BAD_PAGE)
    village.add("003-broken")
    village.add("004-open", spec=OPEN_SPEC)
    village.add("005-late")
    village.record("003-broken").write_text("no record\n")
    village.backlog({
        "005-late": "    depends-on: [002-bad]\n", "002-bad": "    priority: 2\n", "001-good": "    priority: 3\n",
        "003-broken": "    priority: 4\n", "004-open": "    priority: 5\n",
    })  # fmt: skip
    assert village.night("--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert [(item["entry"]["name"], item["state"]) for item in said["items"]] == [
        ("002-bad", "partly"), ("001-good", "verified"), ("003-broken", "error"), ("004-open", "skipped"),
        ("005-late", "waiting"),
    ]  # fmt: skip
    persons = {item["entry"]["name"]: item["person"] for item in said["items"]}
    assert persons["002-bad"].startswith("look at T001")
    assert "open clarification at spec.md:3" in persons["004-open"]
    assert "002-bad" in persons["005-late"]
    assert persons["001-good"] == ""
    assert village.branches() == ["kfpilot/001-good"]
    assert git(village.root, "status", "--porcelain") == ""


def test_proceed_works_what_is_open(village: Village) -> None:
    village.add("004-open", spec=OPEN_SPEC)
    village.backlog({"004-open": ""})
    assert village.night("--gate", "proceed") == 0
    assert village.states() == {"004-open": "verified"}


def test_without_a_file_every_open_feature_is_worked(village: Village, capsys: pytest.CaptureFixture[str]) -> None:
    village.add("001-a")
    village.add("002-b")
    (village.root / "specs/002-b/tasks.md").write_text("# Tasks\n\n- [x] T001 Describe it in docs/b.md\n")
    village.commit()
    assert village.night("--model", f"replay:{village.record('001-a')}") == 0
    assert village.states() == {"001-a": "verified"}


def test_a_second_night_finds_nothing_to_do_twice(village: Village) -> None:
    village.add("001-a")
    village.backlog({"001-a": ""})
    assert village.night() == 0
    tip = git(village.root, "rev-parse", "kfpilot/001-a")
    assert village.night() == 0
    assert village.states() == {"001-a": "done"}
    assert git(village.root, "rev-parse", "kfpilot/001-a") == tip


def test_a_feature_builds_on_the_branch_it_depends_on(village: Village) -> None:
    village.add("001-a")
    village.add("002-b")
    village.backlog({"002-b": "    depends-on: [001-a]\n    priority: 1\n", "001-a": ""})
    assert village.night() == 0
    assert [item.entry.name for item in village.latest().items] == ["001-a", "002-b"]
    assert git(village.root, "merge-base", "kfpilot/001-a", "kfpilot/002-b") == git(
        village.root, "rev-parse", "kfpilot/001-a"
    )


def test_a_budget_of_the_night_leaves_the_rest_for_the_next(village: Village) -> None:
    village.add("001-a", tasks=2)
    village.add("002-b")
    village.backlog({"001-a": "", "002-b": ""})
    assert village.night("--max-calls", "1") == 3
    night = village.latest()
    assert {item.entry.name: item.state for item in night.items} == {"001-a": "budget", "002-b": "pending"}
    assert night.message == "the night's budget of model calls is used up: 1 of 1 used"
    assert tasks_on(village, "001-a") == ["T001"]
    assert village.night() == 0
    assert village.states() == {"001-a": "verified", "002-b": "verified"}
    assert village.latest().items[0].resumed
    assert tasks_on(village, "001-a") == ["T002", "T001"]


def test_a_budget_is_looked_at_before_each_call_not_after_it(village: Village) -> None:
    village.add("001-a")
    village.backlog({"001-a": ""})
    whole = json.loads(village.record("001-a").read_text())
    write, finish = whole["message"]["tool_calls"]
    rows = [whole | {"message": whole["message"] | {"tool_calls": [call]}} for call in (write, finish)]
    village.record("001-a").write_text("".join(json.dumps(row) + "\n" for row in rows))
    # The first request alone is larger, so not even that is sent.
    assert village.night("--max-tokens", "50") == 3
    assert (village.states(), village.latest().used.calls) == ({"001-a": "budget"}, 0)
    # In the middle of an attempt: the page is written, the call that would finish is not made.
    assert village.night("--max-calls", "1") == 3
    assert (village.states(), village.latest().used.calls) == ({"001-a": "budget"}, 1)
    assert village.night("--max-calls", "2") == 0
    assert (village.states(), village.latest().used.calls) == ({"001-a": "verified"}, 2)


def test_a_budget_of_a_feature_ends_only_that_feature(village: Village) -> None:
    village.add("001-a", tasks=2)
    village.add("002-b")
    village.backlog({"001-a": "    budget: {calls: 1}\n", "002-b": ""})
    assert village.night() == 3
    assert village.states() == {"001-a": "budget", "002-b": "verified"}


def test_the_night_is_over_at_its_hour(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    village.add("001-a")
    village.backlog({"001-a": ""})
    monkeypatch.setattr("kfpilot.agent.cli.nightly.next_time", lambda text: 1.0)
    assert village.night("--until", "06:00") == 3
    assert village.states() == {"001-a": "pending"}
    assert village.branches() == []


def test_a_second_night_at_the_same_time_does_not_start(village: Village, capsys: pytest.CaptureFixture[str]) -> None:
    village.add("001-a")
    village.backlog({"001-a": ""})
    (village.root / ".kfpilot").mkdir()
    with filelock.FileLock(village.root / ".kfpilot/night.lock"):
        assert village.night() == 2
    assert "a night is at work on this repository already" in capsys.readouterr().err
    assert not (village.root / ".kfpilot/nights").exists()


def test_a_run_that_is_under_way_is_told(village: Village) -> None:
    village.add("001-a")
    village.backlog({"001-a": ""})
    (village.root / ".kfpilot").mkdir()
    with filelock.FileLock(village.root / ".kfpilot/lock"):
        assert village.night() == 1
    assert "another run" in village.latest().items[0].why


def test_a_defect_in_one_feature_does_not_end_the_night(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    village.add("001-a")
    village.add("002-b")
    village.backlog({"001-a": "", "002-b": ""})
    real = night_module.implement

    def broken(root: Path, request: Any, *arguments: Any, **more: Any) -> int:
        if "001-a" in request.feature:
            raise ZeroDivisionError("a defect")
        return real(root, request, *arguments, **more)

    monkeypatch.setattr(night_module, "implement", broken)
    assert village.night() == 1
    assert village.states() == {"001-a": "error", "002-b": "verified"}
    assert "ZeroDivisionError: a defect" in village.latest().items[0].person


def test_an_interrupt_ends_the_night_in_order(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    village.add("001-a")
    village.add("002-b")
    village.backlog({"001-a": "", "002-b": ""})
    real = night_module.implement

    def interrupted(*arguments: Any, **more: Any) -> int:
        arguments[3].insert(0, lambda event: signal.raise_signal(signal.SIGTERM) if event.type == "task-started" else 0)
        return real(*arguments, **more)

    monkeypatch.setattr(night_module, "implement", interrupted)
    assert village.night() == 130
    assert village.states() == {"001-a": "interrupted", "002-b": "pending"}
    monkeypatch.setattr(night_module, "implement", real)
    assert village.night() == 0
    assert village.states() == {"001-a": "verified", "002-b": "verified"}


def test_several_repositories_in_one_night(village: Village, tmp_path: Path) -> None:
    village.add("001-a")
    village.commit()
    other = Village(tmp_path / "other", village.records, village.answer)
    git(tmp_path, "clone", "--quiet", str(village.root), "other")
    other.add("002-b")
    other.commit()
    file = tmp_path / "backlog.yaml"
    file.write_text(
        f"features:\n  - {{path: specs/001-a, repo: shop, model: 'replay:{village.record('001-a')}'}}\n"
        f"  - {{path: specs/002-b, repo: other, model: 'replay:{village.record('002-b')}'}}\n"
    )
    outside = tmp_path / "outside"
    outside.mkdir()
    village.options = ["--repo", str(outside)]
    assert village.night("--backlog", str(file), "--out", str(tmp_path / "out")) == 0
    assert (village.branches(), other.branches()) == (["kfpilot/001-a"], ["kfpilot/002-b"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "nightly.json", "nightly.md", "nightly.xml", "nightly.html", "001-a.md", "002-b.md",
    }  # fmt: skip


def test_a_dry_run_shows_the_order_and_changes_nothing(village: Village, capsys: pytest.CaptureFixture[str]) -> None:
    village.add("001-a")
    village.add("004-open", spec=OPEN_SPEC)
    village.backlog({"004-open": "    priority: 2\n", "001-a": "    priority: 1\n"})
    assert village.night("--dry-run") == 0
    out = capsys.readouterr().out
    assert out.index("1. 001-a") < out.index("2. 004-open")
    assert "SKIPPED: 1 open clarification" in out
    assert not (village.root / ".kfpilot").exists()


def test_a_feature_that_is_not_there_is_told_with_its_line(
    village: Village, capsys: pytest.CaptureFixture[str]
) -> None:
    village.add("001-a")
    (village.root / "backlog.yaml").write_text("features:\n  - path: specs/001-a\n  - path: specs/009-no\n")
    village.commit()
    assert village.night() == 2
    assert "backlog.yaml:3: No feature matches" in capsys.readouterr().err


@pytest.mark.timeout(600)
def test_a_night_killed_twice_accounts_for_every_feature(tmp_path: Path, backlog_benchmark: ModuleType) -> None:
    root = backlog_benchmark.make_backlog(tmp_path, 4)
    code, killed, _ = backlog_benchmark.run_with_kills(root, tmp_path / "cache", 4, 2)
    assert (code, killed) == (0, 2)
    assert backlog_benchmark.problems_of(root, 4, killed) == []


def test_a_page_that_passes_later_goes_on_in_the_next_night(village: Village) -> None:
    village.add("001-a", BAD_PAGE, BAD_PAGE)
    village.backlog({"001-a": ""})
    assert village.night() == 1
    village.record("001-a").write_text(
        json.dumps(village.answer("T001: Describe the price in docs/001-a-1.md", "docs/001-a-1.md", PAGE)) + "\n"
    )
    assert village.night() == 0
    assert village.states() == {"001-a": "verified"}


def test_what_is_done_waits_for_its_merge_while_main_moves_on(village: Village) -> None:
    village.add("001-a")
    village.backlog({"001-a": ""})
    assert village.night() == 0
    (village.root / "other.txt").write_text("x")
    village.commit()
    assert village.night() == 0
    item = village.latest().items[0]
    assert (item.state, item.person) == ("done", "") and "waits to be merged" in item.why
    # A task more is work that cannot begin before somebody has merged.
    tasks = village.root / "specs/001-a/tasks.md"
    tasks.write_text(tasks.read_text() + "- [ ] T002 Describe the price in docs/more.md\n")
    village.commit()
    assert village.night() == 1
    assert "git merge kfpilot/001-a" in village.latest().items[0].person


def test_a_killed_night_goes_on_only_with_all_its_features(village: Village) -> None:
    village.add("001-a")
    village.add("002-b")
    village.backlog({"001-a": "", "002-b": ""})
    assert village.night() == 0
    file = max((village.root / ".kfpilot/nights").iterdir()) / "nightly.json"
    killed = json.loads(file.read_text()) | {"state": "running"}
    file.write_text(json.dumps(killed))
    assert village.night("--only", "001-a") == 0
    assert len(list((village.root / ".kfpilot/nights").iterdir())) == 2
    assert json.loads(file.read_text())["state"] == "running"


def test_only_takes_a_feature_as_every_command_does(village: Village, capsys: pytest.CaptureFixture[str]) -> None:
    village.add("001-a")
    village.add("002-b")
    village.backlog({"001-a": "", "002-b": ""})
    for said in ("002", "002-b", "specs/002-b/"):
        assert village.night("--only", said, "--dry-run", "--max-tokens", "2M", "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert [row["name"] for row in told["features"]] == ["002-b"] and told["budget"]["tokens"] == 2_000_000
    assert village.night("--only", "00", "--dry-run") == 2
    assert "--only 00: no such feature in the backlog" in capsys.readouterr().err
    assert village.night("--max-tokens", "lots", "--dry-run") == 2
    assert "--max-tokens lots: " in capsys.readouterr().err


def test_a_backlog_that_picks_what_is_not_there_is_told_before_the_night(
    village: Village, capsys: pytest.CaptureFixture[str]
) -> None:
    village.add("001-a")
    village.backlog({"001-a": "    only-stories: [US7]\n"})
    assert village.night("--dry-run") == 2 and village.night() == 2
    told = capsys.readouterr().err
    assert "backlog.yaml" in told and "'001-a': there is no story US7" in told
