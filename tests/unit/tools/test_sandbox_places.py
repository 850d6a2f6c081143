"""What the sandbox lets code see on the word of an environment or a repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.tools.sandbox import Reach, Sandbox, outermost, policy_for
from kfpilot.tools.sandbox_child import Territory
from kfpilot.tools.sandbox_places import harmless, interpreter, repository, without_secrets


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home" / "me"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.mark.parametrize(
    ("place", "may"),
    [
        ("", False), ("..", False), (".ssh", False), (".config/gh", False), (".local/share/keyrings", False),
        (".aws", False), (".", False), ("work/project", True), (".pyenv/versions/3.12", True), (".venv/lib", True),
        (".local/share/uv/python", True), (".pyenvs", False),
    ],
)  # fmt: skip
def test_folders_of_a_home(home: Path, place: str, may: bool) -> None:
    (home / place).mkdir(parents=True, exist_ok=True)
    assert harmless(home / place) is may


@pytest.mark.parametrize("place", ["/", "/home", "/etc", "/etc/ssl/private", "/proc/1", "/srv/me/.ssh"])
def test_folders_of_the_system(home: Path, place: str) -> None:
    assert not harmless(Path(place))


def test_a_link_to_a_secret_is_no_way_round(home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / "project").symlink_to(home / ".ssh")
    assert not harmless(home / "project")


def test_an_environment_shows_its_installation_and_its_editable_projects_and_no_keys(home: Path) -> None:
    base = home / ".pyenv/versions/3.12"
    for name in ("bin", "lib/python3.12", "lib/python3.12/site-packages"):
        (base / name).mkdir(parents=True)
    (base / "bin/python3.12").write_text("")
    site = home / "code/.venv/lib/python3.12/site-packages"
    site.mkdir(parents=True)
    (home / "code/.venv/bin").mkdir()
    (home / "code/.venv/bin/python").symlink_to(base / "bin/python3.12")
    (home / "code/.venv/pyvenv.cfg").write_text(f"home = {base}/bin\n")
    for name in ("code/sister/src", "code/mapped", ".ssh"):
        (home / name).mkdir(parents=True)
    (site / "sister.pth").write_text(f"{home}/code/sister/src\n{home}/.ssh\nimport nothing\n{home}\n")
    (site / "__editable___x_finder.py").write_text(f"MAPPING: dict[str, str] = {{'x': '{home}/code/mapped'}}\n")
    shown = interpreter(home / "code/.venv/bin/python")
    for wanted in (base / "bin", base / "lib", home / "code/.venv/lib", home / "code/sister/src", home / "code/mapped"):
        assert str(wanted) in shown
    assert not [path for path in shown if path in (str(home), str(home / ".ssh"), str(home / "code"), str(base))]


def test_a_git_configuration_without_addresses_and_passwords() -> None:
    text = (
        "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://me:secret@example.invalid\n"
        "[credential]\n\thelper = store\n[http \"x\"]\n\textraheader = secret\n[USER]\n\tname = me\n"
        "[url \"https://secret@x\"]\n\tinsteadOf = x\n[includeIf \"gitdir:x\"]\n\tpath = secret\n"
    )  # fmt: skip
    assert without_secrets(text) == "[core]\n\tbare = false\n[USER]\n\tname = me\n"


def test_a_pointer_to_something_that_is_no_repository_shows_nothing(home: Path, tmp_path: Path) -> None:
    (home / ".ssh").mkdir()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {home}/.ssh\n")
    assert repository(tree) == ([], {})


def test_paths_within_others_are_told_once(tmp_path: Path) -> None:
    for name in ("a/b", "ab"):
        (tmp_path / name).mkdir(parents=True)
    paths = [str(tmp_path / name) for name in ("a/b", "ab", "a", "missing")]
    assert sorted(outermost(paths)) == [str(tmp_path / "a"), str(tmp_path / "ab")]


def test_the_git_folder_of_what_may_be_written_may_not(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git/config").write_text('[remote "x"]\n\turl = secret\n')
    policy = policy_for(Sandbox(), Reach(write=[tmp_path]), tmp_path, own=True)
    assert policy["guard"] == [str(tmp_path / ".git")]
    assert policy["replace"] == {str(tmp_path / ".git/config"): "\n"}


def test_a_child_starts_anew_for_a_folder_it_does_not_know(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    territory = Territory(Path("/usr/bin/python3"), [first])
    try:
        assert territory.covers(first)
        assert territory.covers(first / "inner")
        assert territory.covers(territory.scratch / "x", territory.shown / "y")
        assert not territory.covers(second)
        assert territory.covers(second), "the child that is started now sees it"
        second.rename(tmp_path / "kept")
        second.mkdir()
        assert not territory.covers(second), "another folder of the same name"
        assert set(territory.reach().write) == {territory.scratch, first, second}
    finally:
        territory.close()
