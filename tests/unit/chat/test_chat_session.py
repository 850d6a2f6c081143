"""Conversations are kept, found again, and hold no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.chat.session import Session, age_of, chat_folder, keep, latest_session, new_session
from kfpilot.agent.errors import UserError


def test_the_latest_conversation_comes_back_as_it_was(tmp_path: Path) -> None:
    first = Session(id="20261128-101500-0001", request="a", answers=[("b?", "c")], overrides={"model": "embedded"})
    first.heard("user", "a")
    keep(tmp_path, Session(id="20261127-101500-0001"))
    keep(tmp_path, first)
    assert latest_session(tmp_path) == first
    assert age_of(first) == "2026-11-28 10:15"
    assert (tmp_path / ".kfpilot/.gitignore").read_text(encoding="utf-8") == "*\n"


def test_what_can_be_gone_on_with_is_not_lost_to_a_later_look(tmp_path: Path) -> None:
    open_one = Session(id="20261128-101500-0001", request="a", questions=["b?"])
    keep(tmp_path, Session(id="20261127-101500-0001", request="older"))
    keep(tmp_path, open_one)
    keep(tmp_path, Session(id="20261129-101500-0001", request="nothing came of it"))
    look = Session(id="20261130-101500-0001", overrides={"model": "embedded"})
    look.heard("user", "status")
    keep(tmp_path, look)
    assert latest_session(tmp_path) == open_one
    assert not (chat_folder(tmp_path) / look.id).exists()


def test_one_with_a_request_alone_is_better_than_none(tmp_path: Path) -> None:
    asked = Session(id="20261128-101500-0001", request="a")
    keep(tmp_path, asked)
    assert latest_session(tmp_path) == asked


def test_one_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    keep(tmp_path, Session(id="20261128-101500-0001", request="a"))
    (file,) = chat_folder(tmp_path).glob("*/session.json")
    file.write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be read"):
        latest_session(tmp_path)


def test_secrets_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "correct-horse-42-battery")
    session = new_session()
    session.request = "use correct-horse-42-battery"
    keep(tmp_path, session)
    assert "correct-horse" not in next(chat_folder(tmp_path).glob("*/session.json")).read_text(encoding="utf-8")


def test_a_long_conversation_keeps_its_end() -> None:
    session = new_session()
    for number in range(500):
        session.heard("user", str(number))
    assert (len(session.log), session.log[-1].text) == (400, "499")


def test_another_feature_forgets_the_first_but_not_the_settings() -> None:
    session = Session(id="x", request="a", corrections=["b"], saved={"p": "d"}, feature="f", overrides={"model": "m"})
    session.forget()
    assert (session.request, session.corrections, session.saved, session.feature) == ("", [], {}, "")
    assert session.overrides == {"model": "m"} and session.phase == "empty"
