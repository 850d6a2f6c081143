"""`kfpilot deliver` after real runs: real git, real compiling; only the model is a fake."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfpilot.agent.cli.app import main
from kfpilot.agent.errors import Interrupted
from kfpilot.agent.reports.summarise import summarise

pytestmark = pytest.mark.integration

TASKS = """
- [ ] T001 [US1] Give the pipeline the input `day` and save under it in shop/daily.py
- [ ] T002 [P] Describe the prices in docs/prices.md
"""
CHANGED = '''"""The daily run."""

from kfp import dsl, kubernetes

from shop.load import load


@dsl.pipeline(name="daily")
def daily(day: str, count: int = 3):
    task = load(count=count)
    kubernetes.use_secret_as_env(task, secret_name="keys", secret_key_to_env={"token": "TOKEN"})
'''
PAGE = "# Prices\n\nMigration: the pipeline `daily` must be given the input `day`.\n"
OUT = ".kfpilot/deliveries/001-prices"


class Delivered:
    """How `kfpilot deliver` ended."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> None:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["deliver", "--repo", str(root), *words])
        self.code = ended.value.code
        said = capsys.readouterr()
        self.out, self.err = said.out, said.err


@pytest.fixture
def runs(scripted_runs: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KFPILOT_CACHE_DIR", str(tmp_path / "cache"))
    return scripted_runs(TASKS)


def test_verified_tasks_become_packages_with_notes_and_the_way_back(
    runs: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.run([("shop/daily.py", CHANGED)], [("docs/prices.md", PAGE)])
    before = runs.checkout()
    trees = runs.git("worktree", "list")

    done = Delivered(runs.root, capsys, "--version", "v1.4")

    assert done.code == 0, done.out + done.err
    out = runs.root / OUT
    delivery = json.loads((out / "delivery.json").read_text())
    assert [task["id"] for task in delivery["tasks"]] == ["T001", "T002"]
    assert delivery["ready"] is True
    (package,) = delivery["packages"]
    assert (package["pipeline"], package["state"]) == ("daily", "changed")
    assert [(entry["name"], entry["required"]) for entry in package["parameters"]] == [("day", True), ("count", False)]
    assert package["needs"] == [{"kind": "Secret", "name": "keys", "keys": ["token"], "optional": False}]
    spec, platform = yaml.safe_load_all((out / package["file"]).read_text())
    assert set(spec["root"]["inputDefinitions"]["parameters"]) == {"day", "count"}
    assert "secretAsEnv" in json.dumps(platform)
    (previous,) = yaml.safe_load_all((out / package["previous"]).read_text())
    assert set(previous["root"]["inputDefinitions"]["parameters"]) == {"count"}
    assert "There is a new input day (STRING), without a default" in (out / "release-notes.md").read_text()
    assert "BREAKING" in done.out and OUT in done.out
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    assert runs.checkout() == before
    assert runs.git("worktree", "list") == trees

    monkeypatch.setattr("kfpilot.agent.delivery.collect.redact", lambda text: text.replace("load", "***"))
    assert "packages/daily.yaml holds what looks like a secret" in Delivered(runs.root, capsys).out


def test_what_is_not_verified_is_not_delivered_and_the_exit_code_says_so(
    runs: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = CHANGED.replace("load(count=count)", "load(number=count)")
    runs.run([("shop/daily.py", wrong)], [("shop/daily.py", wrong)], [("docs/prices.md", PAGE)])
    assert runs.outcomes() == {"T001": "failed", "T002": "verified"}

    done = Delivered(runs.root, capsys, "001", "--json")

    said = json.loads(done.out)
    assert done.code == 1
    assert said["ready"] is False and said["readiness"].startswith("Not ready to deploy")
    assert [task["id"] for task in said["tasks"]] == ["T002"]
    assert said["missing"][0].startswith("T001 ")
    assert said["packages"] == []
    assert not (runs.root / OUT / "packages").exists()


def test_a_module_that_never_compiled_does_not_stand_in_the_way(runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (runs.root / "shop/old.py").write_text("from kfp.components import func_to_container_op\n")
    runs.git("add", "--all")
    runs.git("commit", "--quiet", "--message", "Left over")
    runs.run([("shop/daily.py", CHANGED)], [("docs/prices.md", PAGE)])
    done = Delivered(runs.root, capsys)
    assert done.code == 0, done.out + done.err
    assert "not compiled" not in done.out
    notes = (runs.root / OUT / "release-notes.md").read_text()
    assert "shop/old.py did not compile before either, and is as it was" in notes


def test_a_commit_that_no_gate_has_seen_makes_it_not_ready(runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    runs.run([("shop/daily.py", CHANGED)], [("docs/prices.md", PAGE)])
    runs.git("checkout", "--quiet", runs.branch)
    (runs.root / "shop/price.py").write_text("def single(price):\n    return 0\n")
    runs.git("commit", "--quiet", "--all", "--message", "by hand")
    runs.git("checkout", "--quiet", "main")

    done = Delivered(runs.root, capsys)

    assert done.code == 1
    assert "no gate has seen what came after" in done.out


def test_after_the_merge_it_is_compared_with_where_the_run_began_or_with_a_tag(
    runs: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.git("tag", "v1.3")
    runs.run([("shop/daily.py", CHANGED)], [("docs/prices.md", PAGE)], land=True)
    assert Delivered(runs.root, capsys, "--json").code == 0
    runs.git("branch", "-D", runs.branch)

    for words in ((), ("--since", "v1.3")):
        said = json.loads(Delivered(runs.root, capsys, "--json", *words).out)
        assert [task["id"] for task in said["tasks"]] == ["T001", "T002"]
        assert said["landed"] is True
        assert [package["state"] for package in said["packages"]] == ["changed"]


def test_the_limits_of_tasks_that_an_earlier_run_verified_are_told(
    runs: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Interrupted):
        runs.run([("shop/daily.py", CHANGED)], KeyboardInterrupt())
    (first,) = runs.root.glob(".kfpilot/runs/*")
    limits = summarise(first / "journal.jsonl").readiness.not_verified
    assert limits, "the gates of the first task have such limits"
    assert runs.run([("docs/prices.md", PAGE)]) == 0

    done = Delivered(runs.root, capsys, "--json")

    said = json.loads(done.out)
    assert done.code == 0 and said["run"] != first.name
    assert [task["title"].split()[0] for task in said["tasks"]] == ["Give", "Describe"]
    assert set(limits) <= set(said["not_verified"])
    assert "all 2 tasks verified" in said["readiness"] and "not part of this run" not in said["readiness"]
    notes, runbook = ((runs.root / OUT / name).read_text() for name in ("release-notes.md", "runbook.md"))
    assert "(T001) (" not in notes and all(limit in notes and limit in runbook for limit in limits)

    # Killed between the commit and the word of it in the journal.
    (first / "journal.jsonl").unlink()
    assert set(limits) <= set(json.loads(Delivered(runs.root, capsys, "--json").out)["not_verified"])
    shutil.rmtree(first)
    said = json.loads(Delivered(runs.root, capsys, "--json").out)
    assert f"what the gates could not see of T001: the record of {first.name} is gone" in said["not_verified"]
    assert said["tasks"][0]["title"].startswith("Give the pipeline") and "(T001)" not in said["tasks"][0]["title"]


def test_mistakes_of_the_user_are_told_in_a_sentence(
    runs: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert Delivered(runs.root, capsys).code == 2
    runs.run([], [], [], [])
    nothing = Delivered(runs.root, capsys)
    assert nothing.code == 2 and "nothing to deliver" in nothing.err

    runs.run([("docs/prices.md", PAGE)], tasks=["T002"])
    assert "there is no commit v9" in Delivered(runs.root, capsys, "--since", "v9").err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/x").write_text("")
    refused = Delivered(runs.root, capsys, "--out", str(tmp_path / "mine"))
    assert refused.code == 2 and "no delivery" in refused.err
    (runs.root / ".kfpilot/deliveries").symlink_to(tmp_path / "mine")
    refused = Delivered(runs.root, capsys)
    assert refused.code == 2 and ".kfpilot/deliveries cannot be used" in refused.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["x"]
