"""Secrets planted wherever a run can meet one; then every byte is searched that it sent, kept, showed or committed."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.cli import app
from kfpilot.agent.models.choose import open_model
from kfpilot.agent.models.guard import Guard
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.recording import Recorder
from kfpilot.agent.models.scripted import ScriptedModel, calls
from kfpilot.agent.settings import Settings
from kfpilot.agent.workflow import attempts, driver
from kfpilot.agent.workflow.driver import implement
from kfpilot.agent.workflow.place import Request

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
BRANCH = "kfpilot/001-prices"
LIGHT = [word for name in ("hypothesispytest", "syrupy", "anyio") for word in ("-p", f"no:{name}")]
# Put together here, so that no scanner takes this file for a leak.
PLANTED = {
    "environment": "vX7-" + "q2Lm9-Tr4Zw8",
    "dotenv": "pW3" + "kd82hsQmZ0v",
    "dotenv-address": "s8F" + "2mQx71Lk",
    "dotenv-ignored": "Zk4" + "uWq91mNbV7",
    "file": "gh" + "p_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx",
    "test-output": "gl" + "pat-" + "Xy3kQ9mZ2vB7nL5wR8tD",
    "test-name": "hf" + "_qWm4Zt9LxKv2RbN7pYc3HgD8sFj6TaUe1i",
    "exception": "sk-" + "proj-Aq9Zm3Xw7Lk2Vb8Nr5Td",
    "words": "xox" + "b-520938471620-739105826413-q7z3kx9mw2vb",
}
ENV = f"WAREHOUSE_PASSWORD={PLANTED['dotenv']}\nDATABASE_URL=postgresql://shop:{PLANTED['dotenv-address']}@db/shop\n"
FILES = {
    "shop/settings.py": f'"""Settings."""\n\nTOKEN = "{PLANTED["file"]}"\n\n\ndef limit():\n    return 3\n',
    "tests/test_loud.py": (
        "import os\n\n\ndef test_loud():\n"
        f"    print('the token is {PLANTED['test-output']}')\n"
        f"    print(open('.env').read() if os.path.exists('.env') else '')\n"
        "    from shop.price import single\n\n"
        f"    assert single(3) == 3, '{PLANTED['test-output']} {PLANTED['test-name']} {PLANTED['environment']}'\n"
    ),
    ".env": ENV,
}
TASKS = """- [ ] T001 [US1] Create `double(price)` in shop/double.py (FR-001)
- [ ] T002 [US1] Change `single` in shop/price.py to keep its price (FR-001)
- [ ] T003 Describe the prices in docs/prices.md
- [ ] T004 Raise `limit` in shop/settings.py (FR-001)
"""
DOUBLE = "def double(price):\n    return 2 * price\n"
PAGE = "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n"


def git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True).stdout


def spelled(value: str) -> list[bytes]:
    encoded = base64.b64encode(value.encode()).rstrip(b"=")
    return [value.encode(), encoded, value.encode()[::-1]]


@pytest.fixture
def repository(make_repository: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KFPTEST_SERVICE_TOKEN", PLANTED["environment"])
    root = make_repository(TASKS, FILES)
    # Another one that git ignores: it is in no worktree, and its values are secrets all the same.
    (root / ".gitignore").write_text("__pycache__/\n/deploy/.env.local\n")
    (root / "deploy").mkdir()
    (root / "deploy/.env.local").write_text(f'export API_TOKEN="{PLANTED["dotenv-ignored"]}"\n')
    git(root, "add", ".gitignore")
    git(root, "commit", "--quiet", "-m", "ignore")
    return root


def write(path: str, content: str) -> tuple[str, dict[str, Any]]:
    return "write_file", {"path": path, "content": content}


def turns() -> list[Any]:
    finish = ("finish", {"summary": f"done with {PLANTED['words']}"})
    look = calls(
        ("read_file", {"path": "shop/settings.py"}),
        ("read_file", {"path": ".env"}),
        ("read_file", {"path": "tests/test_loud.py"}),
        ("search", {"pattern": "TOKEN|PASSWORD|token is"}),
        content=f"I saw {PLANTED['words']}",
    )
    broken = "def single(price):\n    return price + 1\n"
    leak = f'def double(price):\n    return 2 * price\n\n\nNOTE = "{PLANTED["dotenv"]}"\n'
    copy = FILES["shop/settings.py"].replace(PLANTED["file"], "[redacted: a GitHub token]").replace("3", "4")
    edit = ("edit_file", {"path": "shop/settings.py", "old": "return 3", "new": "return 4"})
    return [
        look,
        # A secret that the model cannot know from its prompts, but a test or a person may have told it.
        calls(write("shop/double.py", leak), finish),
        calls(write("shop/double.py", DOUBLE), finish),
        calls(write("shop/price.py", broken), finish),
        calls(write("shop/price.py", broken + "\n"), finish),
        calls(write("shop/settings.py", copy), finish),
        calls(edit, finish),
        calls(write("docs/prices.md", PAGE), finish),
    ]


@contextmanager
def scripted(model: ScriptedModel, record: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    @contextmanager
    def opened(settings: Settings, **more: Any) -> Iterator[Handle]:
        model.callbacks = [Recorder(record)]
        yield Handle(model=model, name="scripted", tools=True, kind="fake")

    monkeypatch.setattr(driver, "open_model", opened)
    yield
    monkeypatch.setattr(driver, "open_model", open_model)


def settings_for(tmp_path: Path) -> Settings:
    return Settings(
        cache_dir=tmp_path / "cache", python=Path(sys.executable), attempts=2, refine="never", review="never",
        test_command=LIGHT,
    )  # fmt: skip


def leaks(root: Path, sent: str, shown: str, record: Path) -> list[str]:
    """Where a planted secret is found."""
    places = {"prompts": sent.encode(), "shown": shown.encode(), "recording": record.read_bytes()}
    for file in sorted((root / ".kfpilot").rglob("*")):
        if file.is_file():
            places[file.relative_to(root).as_posix()] = file.read_bytes()
    if git(root, "branch", "--list", BRANCH).strip():
        # All that the run added: commits with their messages, and the lines they add.
        log = git(root, "log", "-p", "--format=raw", f"main..{BRANCH}").split(b"\n")
        places["commits"] = b"\n".join(
            line for line in log if not line.startswith((b" ", b"-", b"@@")) or line[:4] == b"    "
        )
    return [
        f"{kind} in {place}"
        for place, data in places.items()
        for kind, value in PLANTED.items()
        if any(spelling in data for spelling in spelled(value)[:2])
    ]


def test_no_planted_secret_leaves_the_process(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, record, events = ScriptedModel(turns()), tmp_path / "record.jsonl", list[Any]()
    request = Request(
        feature="001", words=f"our chat token is {PLANTED['words']}", tasks=["T001", "T002", "T003", "T004"]
    )
    with scripted(model, record, monkeypatch):
        code = implement(repository, request, settings_for(tmp_path), [events.append])
    assert code == 1, "T002 breaks a test and must not pass"
    assert model.left == 0
    sent = "\n".join(str(message) for messages in model.sent for message in messages)
    shown = "\n".join(event.model_dump_json() for event in events) + "".join(capsys.readouterr())
    assert leaks(repository, sent, shown, record) == []
    # The test really met them: the marks stand where the secrets stood.
    for mark in ("a GitHub token", "a GitLab token", "KFPTEST_SERVICE_TOKEN", "a Slack token"):
        assert f"[redacted: {mark}]" in sent, mark
    assert "is not shown" in sent, "the .env file itself"
    assert "WAREHOUSE_PASSWORD of .env stands here" in sent, "and a commit with its value is refused"
    # What was the user's before stays as it was: the mark was not written over it.
    kept = git(repository, "show", f"{BRANCH}:shop/settings.py").decode()
    assert PLANTED["file"] in kept and "return 4" in kept


@pytest.mark.parametrize(("place", "code"), [("model", 4), ("gate", 1)])
def test_a_crash_shows_no_secret(
    place: str, code: int, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def crash(*arguments: Any, **more: Any) -> str:
        raise ValueError(f"refused: key {PLANTED['exception']} of {PLANTED['dotenv-ignored']}")

    good = calls(write("docs/prices.md", PAGE), ("finish", {"summary": "x"}))
    model, record = ScriptedModel([crash] * 3 if place == "model" else [good]), tmp_path / "record.jsonl"
    if place == "gate":
        monkeypatch.setattr(attempts, "verify", crash)
    monkeypatch.setattr(driver, "guard_of", lambda *arguments: Guard(60, sleep=lambda seconds: None))
    monkeypatch.setenv("KFPILOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KFPILOT_REFINE", "never")
    with scripted(model, record, monkeypatch), pytest.raises(SystemExit) as caught:
        app.main(["run", "001", "--repo", str(repository), "--plain", "--task", "T003"])
    assert caught.value.code == code
    said = "".join(capsys.readouterr())
    assert "[redacted: an API key]" in said and "API_TOKEN of .env.local" in said
    sent = "\n".join(str(message) for messages in model.sent for message in messages)
    assert leaks(repository, sent, said, record) == []


def test_a_patch_of_unverified_work_holds_no_secret(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'NOTE = "{PLANTED["dotenv"]}"\n{DOUBLE}'
    leaks_twice = [calls(write("shop/double.py", text), ("finish", {"summary": "x"})) for _ in range(2)]
    model, record = ScriptedModel(leaks_twice), tmp_path / "record.jsonl"
    with scripted(model, record, monkeypatch):
        assert implement(repository, Request(feature="001", tasks=["T001"]), settings_for(tmp_path), []) == 1
    patch = next((repository / ".kfpilot/runs").iterdir()) / "patches/T001.patch"
    assert "[redacted: WAREHOUSE_PASSWORD of .env]" in patch.read_text() and PLANTED["dotenv"] not in patch.read_text()
    assert leaks(repository, "", "", record) == []
