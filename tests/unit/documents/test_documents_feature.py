"""Which feature is meant, and what is said when that is not clear or a document is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.documents import list_features, load_feature, resolve_feature
from kfpilot.agent.errors import UserError

OPEN, DONE = "- [ ] T001 a\n", "- [x] T001 a\n"


def feature(root: Path, name: str, tasks: str = OPEN, home: str = "specs", spec: str = "spec.md") -> Path:
    folder = root / home / name
    folder.mkdir(parents=True)
    (folder / spec).write_text("# Feature Specification: X\n", encoding="utf-8")
    (folder / "tasks.md").write_text(tasks, encoding="utf-8")
    return folder.resolve()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_order_of_resolution(root: Path) -> None:
    one, two, three, four, five = (feature(root, f"00{i}-name{i}", OPEN if i == 5 else DONE) for i in range(1, 6))
    env = {"SPECIFY_FEATURE_DIRECTORY": "specs/002-name2", "SPECIFY_FEATURE": "004-name4"}
    (root / ".specify").mkdir()
    pointer = root / ".specify" / "feature.json"
    pointer.write_text('{"feature_directory": "specs/003-name3"}', encoding="utf-8")
    branch = "001-name1"
    assert resolve_feature(root, "specs/001-name1", env, "x") == one
    assert resolve_feature(root, None, env, branch) == two
    del env["SPECIFY_FEATURE_DIRECTORY"]
    assert resolve_feature(root, None, env, branch) == three
    pointer.unlink()
    assert resolve_feature(root, None, env, branch) == four
    assert resolve_feature(root, None, {}, branch) == one
    assert resolve_feature(root, None, {}, "feature/003-other-words") == three
    assert resolve_feature(root, None, {}, "main") == five
    assert resolve_feature(root, None, {}, None) == five


@pytest.mark.parametrize(
    "hint",
    [
        *("001-late-orders", "specs/001-late-orders", "./specs/001-late-orders/", "specs/001-late-orders/tasks.md"),
        *("1", "001", "late-orders", "LATE", "late"),
    ],
)
def test_hints(root: Path, hint: str) -> None:
    wanted = feature(root, "001-late-orders")
    feature(root, "002-mail")
    assert resolve_feature(root, hint, {}, None) == wanted
    assert resolve_feature(root, str(wanted), {}, None) == wanted


def test_a_hint_is_relative_to_the_current_folder_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = feature(root, "001-late")
    feature(root, "002-mail")
    monkeypatch.chdir(root / "specs")
    assert resolve_feature(root, "001-late/", {}, None) == wanted
    assert resolve_feature(root, "specs/001-late", {}, None) == wanted


def test_timestamps_kiro_and_openspec(root: Path) -> None:
    stamped = feature(root, "20250110-120000-late")
    kiro = feature(root, "mail", home=".kiro/specs", spec="requirements.md")
    change = feature(root, "add-report", home="openspec/changes", spec="proposal.md")
    feature(root, "old", home="openspec/changes/archive", spec="proposal.md")
    assert list_features(root) == [stamped, kiro, change]
    assert resolve_feature(root, None, {}, "20250110-120000-late") == stamped
    assert resolve_feature(root, "mail", {}, None) == kiro
    assert load_feature(kiro, root).dialect == "kiro"
    loaded = load_feature(change, root)
    assert loaded.dialect == "openspec" and loaded.spec is not None and loaded.spec.path.name == "proposal.md"


def test_no_feature(root: Path) -> None:
    with pytest.raises(UserError, match="No feature was found") as caught:
        resolve_feature(root, None, {}, None)
    assert "specs/" in caught.value.mend


def test_several_features_are_listed(root: Path) -> None:
    feature(root, "001-late-orders")
    feature(root, "002-late-mail")
    with pytest.raises(UserError, match="not clear") as caught:
        resolve_feature(root, None, {}, "main")
    assert "specs/001-late-orders, specs/002-late-mail" in caught.value.mend
    with pytest.raises(UserError, match="several features") as caught:
        resolve_feature(root, "late", {}, None)
    assert "002-late-mail" in str(caught.value)


def test_near_names_for_a_wrong_hint(root: Path) -> None:
    feature(root, "001-late-orders")
    feature(root, "002-mail")
    for hint in ("001-late-ordres", "specs/001-late-ordres", "late-ordres"):
        with pytest.raises(UserError) as caught:
            resolve_feature(root, hint, {}, None)
        assert caught.value.mend == "Name one of these: specs/001-late-orders."


def test_a_finished_feature_alone_is_still_the_one(root: Path) -> None:
    only = feature(root, "001-late", DONE)
    assert resolve_feature(root, None, {}, "main") == only


@pytest.mark.parametrize("content", ["{", "[]", '{"feature_directory": 3}'])
def test_a_broken_pointer_is_named(root: Path, content: str) -> None:
    feature(root, "001-late")
    (root / ".specify").mkdir()
    (root / ".specify" / "feature.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"feature\.json"):
        resolve_feature(root, None, {}, None)


def test_a_wrong_environment_is_named(root: Path) -> None:
    feature(root, "001-late")
    with pytest.raises(UserError, match="SPECIFY_FEATURE_DIRECTORY"):
        resolve_feature(root, None, {"SPECIFY_FEATURE_DIRECTORY": "specs/9"}, None)
    with pytest.raises(UserError, match="SPECIFY_FEATURE names"):
        resolve_feature(root, None, {"SPECIFY_FEATURE": "009-x"}, None)


def test_outside_the_repository(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = feature(tmp_path_factory.mktemp("other"), "001-x")
    with pytest.raises(UserError, match="outside the repository"):
        resolve_feature(root, str(other), {}, None)


def test_load_everything(root: Path) -> None:
    folder = feature(root, "001-late", "- [ ] T001 Write src/a.py per contracts/api.yaml\n")
    (folder / "plan.md").write_text("# Implementation Plan: X\n", encoding="utf-8")
    (folder / "research.md").write_text("x", encoding="utf-8")
    (folder / "contracts").mkdir()
    (folder / "contracts" / "api.yaml").write_text("x", encoding="utf-8")
    (folder / "checklists").mkdir()
    (folder / "checklists" / "ux.md").write_text("- [x] CHK001 a\n- [ ] CHK002 b\n", encoding="utf-8")
    (root / ".specify" / "memory").mkdir(parents=True)
    (root / ".specify" / "memory" / "constitution.md").write_text("x", encoding="utf-8")
    loaded = load_feature(folder, root)
    assert loaded.name == "001-late" and loaded.spec and loaded.plan
    assert list(loaded.extras) == ["research", "contracts/api.yaml"]
    assert loaded.constitution is not None
    assert (loaded.checklists[0].done, loaded.checklists[0].open[0].line) == (1, 2)
    assert loaded.task("T001").files == ["src/a.py"], "the contract is read, not written"
    assert loaded.tasks.warnings == []


def test_missing_documents(root: Path) -> None:
    folder = feature(root, "001-late")
    assert [warn.code for warn in load_feature(folder, root).tasks.warnings] == ["missing-plan"]
    (folder / "tasks.md").unlink()
    with pytest.raises(UserError, match=r"no tasks\.md \(only spec\.md\)"):
        load_feature(folder, root)
    with pytest.raises(UserError, match="does not exist"):
        load_feature(root / "specs" / "nothing", root)


def test_phantom_ticks(root: Path) -> None:
    (root / "src").mkdir()
    (root / "src" / "there.py").write_text("", encoding="utf-8")
    text = (
        "- [x] T001 Write src/gone.py\n- [x] T002 Write src/there.py and src/gone.py\n"
        "- [x] T003 Extend there.py\n- [ ] T004 Write src/gone.py\n- [x] T005 No file\n"
    )
    warnings = load_feature(feature(root, "001-late", text), root).tasks.warnings
    assert [(w.code, w.line) for w in warnings if w.code == "phantom-tick"] == [("phantom-tick", 1)]
