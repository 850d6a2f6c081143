"""Which run is meant."""

from __future__ import annotations

import pytest
from kfpilot.agent import events as ev
from kfpilot.agent.errors import UserError
from kfpilot.agent.reports.find import find_run, latest_run, list_runs


@pytest.fixture
def root(tmp_path, recorder):
    """Three runs: two of one feature, one of another that was active last."""
    make = type(recorder)
    runs = tmp_path / ".kfpilot" / "runs"
    recorder.run_dir.rmdir()
    for age, name in enumerate(["20300101-a1", "20300102-b2", "20300102-b3"]):
        one = make(runs / name)
        one.now += 1000 * age
        one.start()
        if name != "20300102-b3":
            one.finish("partly", 1)
    other = make(runs / "20300103-c4")
    other.start()
    (runs / "not-a-run").mkdir()
    return tmp_path


def test_runs_come_with_the_last_active_first(root):
    found = list_runs(root)

    assert [(run.id, run.outcome) for run in found] == [
        ("20300102-b3", "unfinished"),
        ("20300102-b2", "partly"),
        ("20300101-a1", "partly"),
        ("20300103-c4", "unfinished"),
    ]
    assert found[0].feature == "001-late-orders"
    assert latest_run(root).id == find_run(root).id == "20300102-b3"


def test_a_run_is_found_by_its_id_the_beginning_of_it_or_its_feature(root):
    assert find_run(root, "20300101-a1").id == "20300101-a1"
    assert find_run(root, "20300101").id == "20300101-a1"
    assert find_run(root, "001-late-orders").id == "20300102-b3"


def test_the_number_of_a_feature_will_do_unless_two_have_it(root, recorder):
    assert find_run(root, "001").id == "20300102-b3"

    other = type(recorder)(root / ".kfpilot" / "runs" / "20300104-d5")
    start = ev.RunStarted(
        run="20300104-d5", feature="001-early-orders", branch="b", base="0" * 40, model="m", worker="tool"
    )
    other.add(start)
    with pytest.raises(UserError, match="no run begins with '001'"):
        find_run(root, "001")


def test_a_beginning_that_fits_two_runs_lists_them(root):
    with pytest.raises(UserError, match="fits 2 runs: 20300102-b3, 20300102-b2"):
        find_run(root, "20300102")


def test_no_such_run_lists_the_latest(root):
    with pytest.raises(UserError, match=r"no run begins with '1999'(.|\n)*20300102-b3"):
        find_run(root, "1999")


def test_no_run_at_all(tmp_path):
    with pytest.raises(UserError, match="kfpilot run"):
        find_run(tmp_path)


def test_a_damaged_journal_does_not_hide_the_other_runs(root):
    (root / ".kfpilot/runs/20300101-a1/journal.jsonl").write_text("not json\n")

    assert {run.id: run.outcome for run in list_runs(root)}["20300101-a1"] == "unreadable"
    assert latest_run(root).id == "20300102-b3"
