"""Settings: where they may come from, what they refuse, and the page about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kfpilot.agent.errors import UserError
from kfpilot.agent.settings import AS_JSON, Settings, load_settings, settings_page, unknown_variables

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"KFPILOT_{name.upper()}", raising=False)


def write(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path, "[tool.kfpilot]\nattempts = 2\ndrafts = 4\ngate-timeout = 30\n")
    monkeypatch.setenv("KFPILOT_ATTEMPTS", "5")
    monkeypatch.setenv("KFPILOT_DRAFTS", "6")
    found = load_settings(root, drafts=7, attempts=None)
    assert (found.gate_timeout, found.attempts, found.drafts) == (30, 5, 7)


@pytest.mark.parametrize(
    "name",
    [
        "base_url",
        "base-url",
        "model_file",
        "record",
        "cache_dir",
        "cache-dir",
        "sandbox",
        "sandbox-read",
        "sandbox_disk",
    ],
)
def test_a_repository_cannot_redirect_keys_or_files(name: str, tmp_path: Path) -> None:
    root = write(tmp_path, f'[tool.kfpilot]\n{name} = "https://collector.example"\n')
    variable = "KFPILOT_" + name.replace("-", "_").upper()
    with pytest.raises(UserError, match=f"pyproject.toml.*may not stand in a repository[^$]*{variable}"):
        load_settings(root)


def test_what_a_repository_may_not_set_the_user_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFPILOT_CACHE_DIR", str(tmp_path))
    found = load_settings(tmp_path, base_url="http://localhost:1/v1")
    assert (found.base_url, found.cache_dir) == ("http://localhost:1/v1", tmp_path)


def test_what_it_may_say_about_its_own_tests(tmp_path: Path) -> None:
    root = write(
        tmp_path, '[tool.kfpilot]\npython = "venv/bin/python"\ntest-command = ["-x"]\nsource-roots = ["lib"]\n'
    )
    found = load_settings(root)
    assert (found.python, found.test_command, found.source_roots) == (Path("venv/bin/python"), ["-x"], ["lib"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.kfpilot]\ndraftz = 3\n", "no setting 'draftz'[^$]*'drafts'"),
        ("[tool.kfpilot]\nattempts = 0\n", "'attempts'[^$]*Attempts a task"),
        ("[tool]\nkfpilot = 3\n", "not a table"),
        ("tool = 3\n[other]\n", None),
        ("[tool.kfpilot\n", "not valid TOML"),
    ],
)
def test_bad_settings_say_where_and_how_to_mend(text: str, says: str | None, tmp_path: Path) -> None:
    root = write(tmp_path, text)
    if says is None:
        assert load_settings(root).attempts == 3
        return
    with pytest.raises(UserError, match=f"pyproject.toml: .*{says}"):
        load_settings(root)


def test_a_list_in_the_environment_that_is_not_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFPILOT_SOURCE_ROOTS", "src")
    with pytest.raises(UserError, match="not JSON"):
        load_settings(None)


def test_the_page_about_settings_is_up_to_date() -> None:
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == settings_page(), "run `make docs`"


@pytest.mark.parametrize(
    ("name", "value", "example"),
    [
        ("PRICES", "abc", '\'{"gpt-*": {"prompt": 2, "completion": 8}}\''),
        ("TEST_COMMAND", "-m slow", '\'["-m", "not slow"]\''),
        ("LINT", "{", '\'{"ignore": ["K01"]}\''),
    ],
)
def test_what_is_no_json_is_named_with_an_example_of_its_own(
    name: str, value: str, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"KFPILOT_{name}", value)
    with pytest.raises(UserError) as refused:
        load_settings(None)
    assert refused.value.what.startswith(f"KFPILOT_{name} is not JSON: ")
    assert refused.value.mend == f"Write it like KFPILOT_{name}={example}."
    monkeypatch.setenv(f"KFPILOT_{name}", example.strip("'"))
    load_settings(None)


def test_every_list_and_table_has_an_example() -> None:
    held = {name for name, field in Settings.model_fields.items() if isinstance(field.get_default(), list | dict)}
    assert held <= AS_JSON.keys() <= Settings.model_fields.keys()


def test_variables_that_nobody_reads_are_found() -> None:
    known = dict.fromkeys(("KFPILOT_CACHE_DIR", "KFPILOT_UPDATE_GOLDEN", "kfpilot_model", "KFP_MODEL"), "1")
    assert unknown_variables(known) == []
    assert unknown_variables({**known, "KFPILOT_ATTEMPT": "2", "KFPILOT_ZZZ": "1"}) == [
        "KFPILOT_ATTEMPT is no setting; did you mean KFPILOT_ATTEMPTS?",
        "KFPILOT_ZZZ is no setting",
    ]


def test_no_variable_that_is_read_is_told_to_be_none() -> None:
    read = {
        name
        for folder in ("agent", "tools", "tests")
        for file in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"[\"'](KFPILOT_[A-Z_]+)[\"']", file.read_text(encoding="utf-8"))
    }
    assert "KFPILOT_FORBID_MODELS" in read
    assert unknown_variables(dict.fromkeys(read - {"KFPILOT_ATTEMPT", "KFPILOT_ZZZ"}, "1")) == []
