"""How a run is stopped: after the current step at the first signal, at once at the second."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
WAKE = signal.SIGURG
"""Ignored where nobody handles it, so one that comes late harms nobody."""
KNOCK = 3.0
"""Seconds between two knocks."""


class Stopped(KeyboardInterrupt):
    """A step was not begun because the run is to stop. Nobody's `except Exception` swallows it."""


class Stop:
    """Whether the run is to stop, for all its threads.

    Attributes:
        asked: No further step is begun.
        ending: It was asked for because something failed, not by the user.
        halted: The run has ended: what a thread still does must change nothing any more.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.ending = threading.Event()
        self.halted = threading.Event()

    def end(self) -> None:
        """Something has failed for good: end after the steps that are under way."""
        if not self.asked.is_set():
            self.ending.set()
        self.asked.set()

    def check(self) -> None:
        """Before a step.

        Raises:
            Stopped: It is not to be begun.
        """
        if self.asked.is_set() or self.halted.is_set():
            raise Stopped

    def check_halted(self) -> None:
        """Before a change that lasts, within a step.

        Raises:
            Stopped: The run has ended meanwhile.
        """
        if self.halted.is_set():
            raise Stopped


@contextmanager
def graceful(stop: Stop, tell: Callable[[], None]) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM ask for a stop, and the next one interrupt.

    Args:
        stop: Is asked.
        tell: Says so to the user; called in a thread of its own, since a handler may interrupt anything.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signalled = threading.Event()
    with knocking() as knock:

        def handle(number: int, frame: FrameType | None) -> None:
            if signalled.is_set():
                raise KeyboardInterrupt
            signalled.set()
            stop.asked.set()
            threading.Thread(target=tell, daemon=True).start()
            threading.Thread(target=knock, daemon=True).start()

        before = {number: signal.signal(number, handle) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no signal into the short end of a run: it ends anyway, and what it says of itself must be whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda number, frame: None) for number in SIGNALS}
    try:
        with knocking() as knock:
            threading.Thread(target=knock, daemon=True).start()
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def surely(act: Callable[[], None]) -> None:
    """Do it undisturbed, even when a signal comes while signals are being shut out; then perhaps twice."""
    while True:
        try:
            with undisturbed():
                act()
            return
        except KeyboardInterrupt:
            continue


@contextmanager
def knocking() -> Iterator[Callable[[], None]]:
    """What wakes the main thread again and again until the end of the block, called in a thread of its own.

    Seen on a virtual machine with Linux 6.18: after a signal the main thread slept in poll(2) for minutes, with a
    timeout of 2 s and its pipe closed, until another signal came. Stopping must not hang there.
    """
    over, sleeper = threading.Event(), threading.get_ident()

    def knock() -> None:
        while not over.wait(KNOCK):
            signal.pthread_kill(sleeper, WAKE)

    before = signal.signal(WAKE, lambda number, frame: None)
    try:
        yield knock
    finally:
        over.set()
        signal.signal(WAKE, before)


def kill_children() -> None:
    """Kill what this process has started, with the groups of those that lead one (Linux; elsewhere nothing)."""
    for file in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            for word in file.read_text().split():
                pid = int(word)
                with suppress(OSError):
                    if os.getpgid(pid) == pid:
                        os.killpg(pid, signal.SIGKILL)
                    else:
                        os.kill(pid, signal.SIGKILL)
