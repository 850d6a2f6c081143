"""Runs as an editor sees them: the plan, tool calls, permission, what is kept, stopping and going on."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

TASKS = """- [ ] T001 Describe prices in docs/prices.md
- [ ] T002 Add a workflow in .github/workflows/tests.yml
- [ ] T003 Describe the workflow in docs/workflow.md (depends on T002)
"""
PRICES = "# Prices\n\nThey are in `shop/price.py`.\n"
BROKEN = "on: [push\njobs:\n"


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def no_change(root: Path) -> bool:
    return git(root, "status", "--porcelain") == "" and len(git(root, "branch", "--all").splitlines()) == 1


def test_a_run_from_the_question_to_its_undoing(make_repository: Any, recorded: Any, edit: Any) -> None:
    root = make_repository(TASKS)
    recorded({"docs/prices.md": PRICES}, {".github/workflows/tests.yml": BROKEN})

    async def scenario(editor: Any) -> None:
        assert await editor.say("/implement 001 keep $(touch pwned) it short") == "end_turn"
        (asked,) = editor.asked
        assert asked[0] == "Implement 001-prices: 3 tasks"
        assert "kfpilot/001-prices" in asked[1] and "T002 infra" in asked[1] and "keep $(touch pwned)" in asked[1]
        assert asked[2] == ["allow_once", "allow_always", "reject_once", "reject_always"]
        # The complete list each time, in the protocol's three states.
        plans = editor.plans()
        assert {tuple(plan) for plan in plans} == {("T001", "T002", "T003")}
        assert [list(plan.values()) for plan in plans if "in_progress" in plan.values()] == [
            ["in_progress", "pending", "pending"], ["completed", "in_progress", "pending"],
        ]  # fmt: skip
        assert plans[-1] == {"T001": "completed", "T002": "pending", "T003": "pending"}
        done, failed = editor.call("T001 docs"), editor.call("T002 infra")
        assert (done["states"], done["kind"]) == (["in_progress", "completed"], "edit")
        text, diff = done["content"]
        assert "verified: 1 attempt" in text["content"]["text"] and "docs" in text["content"]["text"]
        assert diff == {"type": "diff", "path": str(root / "docs/prices.md"), "newText": PRICES}
        assert done["locations"] == [{"path": str(root / "docs/prices.md"), "line": 1}]
        assert failed["states"] == ["in_progress", "failed"]
        assert "not verified**" in editor.text and ".kfpilot/runs/" in editor.text and "T003" in editor.text
        assert editor.call("Final check")["states"] == ["completed"]
        assert editor.call("Implement 001")["states"] == ["pending", "in_progress", "failed"]
        assert "1 of 3 tasks verified" in editor.text and "git merge --ff-only kfpilot/001-prices" in editor.text

        await editor.say("/report")
        assert editor.text.startswith("# ") and "T001" in editor.text
        # Undo says first what it takes back.
        editor.answers = ["reject_once", "allow_always"]
        branch = git(root, "rev-parse", "kfpilot/001-prices")
        await editor.say("/undo T001")
        assert editor.asked[-1][0] == "Take back T001" and "docs/prices.md" in editor.asked[-1][1]
        assert "Nothing was taken back" in editor.text and git(root, "rev-parse", "kfpilot/001-prices") == branch
        await editor.say("/undo T001")
        (gone,) = [part for part in editor.call("Take back T001")["content"] if part["type"] == "diff"]
        assert (gone["oldText"], gone["newText"]) == (PRICES, "")
        assert "T001 taken back" in editor.text and "docs/prices.md" not in git(root, "ls-tree", "-r", "--name-only",
                                                                              "kfpilot/001-prices")  # fmt: skip
        # Answered for the whole session.
        many = len(editor.asked)
        await editor.say("/undo T001")
        assert len(editor.asked) == many and "taken back before" in editor.text

    edit(root, scenario)
    assert git(root, "status", "--porcelain") == "" and not (root / "pwned").exists()
    (kept,) = (root / ".kfpilot/runs").glob("*/run.json")
    assert json.loads(kept.read_text())["request"]["words"] == "keep $(touch pwned) it short"


def test_a_run_that_broke_off_is_gone_on_with(make_repository: Any, recorded: Any, edit: Any) -> None:
    root = make_repository("- [ ] T001 Describe prices in docs/prices.md\n- [ ] T002 Describe more in docs/more.md\n")
    recorded({"docs/prices.md": PRICES})

    async def scenario(editor: Any) -> None:
        await editor.say("/implement")
        assert editor.plans()[-1] == {"T001": "completed", "T002": "in_progress"}
        assert editor.call("T002")["states"] == ["in_progress", "failed"]
        assert "`/implement --resume 001-prices`" in editor.text and "1 of 2 tasks verified" in editor.text
        recorded({"docs/more.md": "# More\n"})
        await editor.say("/implement --resume 001")
        assert editor.asked[-1][0] == "Go on with 001-prices"
        # What was verified before is in the first plan already, and is not told again.
        assert editor.plans()[0]["T001"] == "completed" and editor.plans()[-1]["T002"] == "completed"
        assert "T001" not in editor.text and [c["title"][:4] for c in editor.calls() if c["kind"] == "edit"] == ["T002"]
        assert "2 of 2 tasks verified" in editor.text
        await editor.say("/implement --resume")
        assert "no unfinished run" in editor.text and editor.call("Go on")["states"][-1] == "failed"

    edit(root, scenario)


def test_a_session_is_listed_and_opened_again(make_repository: Any, recorded: Any, edit: Any) -> None:
    root = make_repository(TASKS)
    recorded({"docs/prices.md": PRICES})

    async def first(editor: Any) -> tuple[str, list[dict[str, Any]]]:
        assert (await editor.agent.list_sessions()).sessions == []
        await editor.say("/plan only T001")
        told = list(editor.updates)
        await editor.say("/implement only T001")
        return editor.session, [*told, *editor.updates]

    session, told = edit(root, first)

    async def second(editor: Any) -> None:
        (entry,) = (await editor.agent.list_sessions(cwd=str(root / "shop"))).sessions
        assert (entry.session_id, entry.cwd, entry.title) == (session, str(root), "/plan only T001")
        assert entry.updated_at and entry.updated_at[:2] == "20"
        editor.updates.clear()
        loaded = await editor.load(root, session)
        assert loaded.modes.current_mode_id == "ask"
        again = [update for update in editor.updates if update["sessionUpdate"] != "available_commands_update"]
        # The user's words too: then they were shown by the editor itself.
        heard = [part["content"]["text"] for part in again if part["sessionUpdate"] == "user_message_chunk"]
        assert heard == ["/plan only T001", "/implement only T001"]
        same = [part for part in again if part["sessionUpdate"] != "user_message_chunk"]
        assert same == [part for part in told if part["sessionUpdate"] != "session_info_update"]
        await editor.say("/status")
        assert "1 of 1 verified" in editor.text

    edit(root, second)
    (head,) = (root / ".kfpilot/acp").glob("*.json")
    assert {file.stat().st_mode & 0o777 for file in (head, head.with_suffix(".jsonl"))} == {0o600}


@pytest.mark.parametrize("answer", ["reject_once", "reject_always", "cancelled"])
def test_nothing_begins_without_a_yes(make_repository: Any, recorded: Any, edit: Any, answer: str) -> None:
    root = make_repository(TASKS)
    recorded()

    async def scenario(editor: Any) -> None:
        editor.answers = [answer, "reject_once"]
        assert await editor.say("/implement") == ("cancelled" if answer == "cancelled" else "end_turn")
        assert "Nothing was changed" in editor.text
        assert await editor.say("/implement") == "end_turn"
        assert len(editor.asked) == (1 if answer == "reject_always" else 2)
        assert not (root / ".kfpilot/runs").exists() and no_change(root)
        # Another mode makes answers for the session void; in this one nobody asks.
        await editor.agent.set_session_mode(session_id=editor.session, mode_id="auto")
        asked = len(editor.asked)
        await editor.say("/implement only T001")
        assert len(editor.asked) == asked and "0 of 1 task verified" in editor.text

    edit(root, scenario)


def test_plain_words_are_asked_about_in_every_mode(make_repository: Any, recorded: Any, edit: Any) -> None:
    root = make_repository(TASKS)
    recorded()

    async def scenario(editor: Any) -> None:
        await editor.agent.set_session_mode(session_id=editor.session, mode_id="auto")
        for text in ("hello", "what can you do?", "", "--resume"):
            assert await editor.say(text) == "end_turn"
            assert "/implement" in editor.text and "/undo" in editor.text and editor.asked == []
        editor.answers = ["reject_once"] * 2
        for text, title in (("only T001, in two lines", "1 task"), ("001 with care", "3 tasks")):
            await editor.say(text)
            assert editor.asked[-1][0] == f"Implement 001-prices: {title}"
            assert editor.asked[-1][2] == ["allow_once", "reject_once"]
        assert not (root / ".kfpilot/runs").exists()

    edit(root, scenario)


def test_a_model_that_is_not_there(make_repository: Any, edit: Any) -> None:
    root = make_repository(TASKS)

    async def scenario(editor: Any) -> None:
        assert await editor.say("/implement only T001") == "end_turn"
        assert "none.jsonl" in editor.text and editor.call("Implement")["states"][-1] == "failed"

    edit(root, scenario, model="replay:none.jsonl")


class TestAgainstAnEndpoint:
    """Runs whose model does not answer until it may."""

    @pytest.fixture(autouse=True)
    def environment(self, hanging: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_BASE_URL", hanging.url)
        monkeypatch.setenv("OPENAI_MODEL", "m")
        for name, value in {"WORKER": "draft", "LOCAL_RUNS": "0", "REVIEW": "never", "REFINE": "never"}.items():
            monkeypatch.setenv(f"KFPILOT_{name}", value)

    def test_cancel_ends_a_run_in_order(self, make_repository: Any, hanging: Any, edit: Any) -> None:
        root = make_repository(TASKS)

        async def scenario(editor: Any) -> None:
            turn = asyncio.ensure_future(editor.say("/implement only T001"))
            await editor.until(lambda: any(call["title"].startswith("T001") for call in editor.calls()))
            await asyncio.to_thread(hanging.asked.wait, 90)
            other = await editor.agent.prompt(session_id=editor.session, prompt=[{"type": "text", "text": "/status"}])
            assert other.stop_reason == "end_turn" and "Still at work" in editor.text
            await editor.agent.cancel(session_id=editor.session)
            assert await turn == "cancelled"
            assert "`/implement --resume 001-prices`" in editor.text
            assert editor.call("T001")["states"][-1] == "failed"

        edit(root, scenario)
        (job,) = [json.loads(file.read_text()) for file in (root / ".kfpilot/background").glob("*.json")]
        assert job["exit_code"] == 130

    def test_a_run_outlives_the_editor_and_is_found_again(self, make_repository: Any, hanging: Any, edit: Any) -> None:
        root = make_repository(TASKS)

        async def first(editor: Any) -> str:
            turn = asyncio.ensure_future(editor.say("/implement only T001"))
            await editor.until(lambda: any(call["title"].startswith("T001") for call in editor.calls()))
            turn.cancel()
            return str(editor.session)

        session = edit(root, first)

        async def second(editor: Any) -> None:
            await editor.load(root, session)
            assert "still works" in editor.text
            await editor.say("/implement only T002")
            assert "another run is working" in editor.text
            turn = asyncio.ensure_future(editor.say("/implement"))
            await editor.until(lambda: editor.plans() == [{"T001": "pending"}, {"T001": "in_progress"}])
            await editor.agent.cancel(session_id=session)
            assert await turn == "cancelled"

        edit(root, second)


def test_what_was_typed_is_kept_without_secrets(make_repository: Callable[..., Path], edit: Any, recorded: Any) -> None:
    secret = "hunter2-hunter2-77"
    root = make_repository(TASKS, {".env": f"SHOP_PASSWORD={secret}\n"})
    recorded()

    async def scenario(editor: Any) -> None:
        editor.answers = ["reject_once"]
        await editor.say(f"/implement only T001 with {secret}")
        assert secret not in json.dumps(editor.updates) + str(editor.asked) and "[redacted: " in editor.asked[0][1]

    edit(root, scenario)
    for file in (root / ".kfpilot/acp").iterdir():
        assert secret not in file.read_text(), file
