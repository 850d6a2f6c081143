"""Stopping a run: nothing sleeps on through it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from kfpilot.agent.workflow import stopping


def stop_asked() -> AbstractContextManager[None]:
    return stopping.graceful(stopping.Stop(), lambda: None)


@pytest.mark.parametrize("block", [stop_asked, stopping.undisturbed])
def test_a_main_thread_that_sleeps_is_woken(
    block: Callable[[], AbstractContextManager[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "KNOCK", 0.02)
    with block():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()  # without an end, but for a signal
        signal.pause()


def test_the_end_is_reached_though_a_signal_comes_before_they_are_shut_out(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    shut_out = stopping.undisturbed
    came = iter([signal.SIGINT])

    def late() -> AbstractContextManager[None]:
        for number in came:
            os.kill(os.getpid(), number)
        return shut_out()

    monkeypatch.setattr(stopping, "undisturbed", late)
    stopping.surely(lambda: done.append("reported"))
    assert done == ["reported"]


def test_the_handlers_are_afterwards_those_from_before() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, stopping.WAKE)
    before = [signal.getsignal(number) for number in numbers]

    with stop_asked(), stopping.undisturbed():
        assert all(signal.getsignal(number) != handler for number, handler in zip(numbers, before, strict=True))

    assert [signal.getsignal(number) for number in numbers] == before


def test_nobody_is_woken_before_a_stop_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    knocks: list[int] = []
    monkeypatch.setattr(stopping, "KNOCK", 0.01)
    monkeypatch.setattr(signal, "pthread_kill", lambda thread, number: knocks.append(number))
    with stop_asked():
        time.sleep(0.05)
        assert knocks == []
        os.kill(os.getpid(), signal.SIGTERM)
        end = time.monotonic() + 10
        while not knocks and time.monotonic() < end:
            time.sleep(0.01)
    assert set(knocks) == {stopping.WAKE}
