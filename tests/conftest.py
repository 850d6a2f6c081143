"""What holds for every test: no key of the user's, no setting of the user's, an identity for git, a cache of its own.

Unit tests cannot open a socket, and cannot reach a real model.
"""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path

import pytest
import pytest_socket

UNIT = Path(__file__).parent / "unit"
OURS = ("KFPILOT_", "OPENAI_", "SPECIFY_", "GIT_")
KEYS = ("ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "MISTRAL_API_KEY", "HF_TOKEN")
IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A User",
    "GIT_AUTHOR_EMAIL": "user@example.invalid",
    "GIT_COMMITTER_NAME": "A User",
    "GIT_COMMITTER_EMAIL": "user@example.invalid",
    # A folder above the test's own must never count as the repository.
    "GIT_CEILING_DIRECTORIES": "/tmp",
}
QUICK = "KFPILOT_TEST_COMMAND"
"""What the many runs of pytest in these tests are told: with the plugins of this suite, which the projects in them do
not need, each would take twice as long."""
OTHERWISE = ["--disable-plugin-autoload", "-p", "pytest_cov.plugin"]


def pytest_configure() -> None:
    os.environ[QUICK] = json.dumps(OTHERWISE)
    gc.disable()


def pytest_collection_finish() -> None:
    """What five thousand collected tests have loaded stays: to search it for garbage takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: a test that waits for a child leaves its own idle."""
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ours + 1


FEW = 6
"""From so many cases on a test marked `chaos` tries only some of them in each run of the suite."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the many cases of a test marked `chaos` every seventh is tried each time; all of them by `make chaos`."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("chaos") and not item.get_closest_marker("slow"):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for same in cases.values():
        for number, item in enumerate(same if len(same) >= FEW else ()):
            if number % 7:
                item.add_marker("slow")


def is_unit(item: pytest.Item) -> bool:
    return UNIT in item.path.parents


@pytest.fixture(autouse=True)
def own_environment(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Runs before the test's other fixtures, so that a test may still set any of these."""
    for name in list(os.environ):
        if (name.startswith(OURS) or name in KEYS) and (name != QUICK or is_unit(request.node)):
            monkeypatch.delenv(name)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KFPILOT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    if is_unit(request.node):
        monkeypatch.setenv("KFPILOT_FORBID_MODELS", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: one that opens a socket fails too."""
    if is_unit(item):
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.enable_socket()


def pytest_runtest_teardown(item: pytest.Item) -> None:
    pytest_socket.enable_socket()
