"""Exports and entries of registers: written as those that are there."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from kfpilot.agent.workers.handing import exported, hand_on, handing_files, registered
from kfpilot.agent.workers.job import Job
from kfpilot.tools.files import Workspace

PACKAGE = 'from flows.read_parcels import read_parcels\n\n__all__ = ["read_parcels"]\n'
REGISTER = """from flows.parcel_flow import parcel_flow

FLOWS = {
    "parcel-flow": parcel_flow,
}
"""


def test_an_export_follows_those_that_are_there() -> None:
    more = exported(PACKAGE, "flows.keep_heavy", "keep_heavy")
    assert more == (
        "from flows.read_parcels import read_parcels\nfrom flows.keep_heavy import keep_heavy\n\n"
        '__all__ = ["keep_heavy", "read_parcels"]\n'
    )
    assert exported(more, "flows.keep_heavy", "keep_heavy") == more
    relative = exported("from .read_parcels import read_parcels\n", "flows.keep_heavy", "keep_heavy")
    assert relative == "from .read_parcels import read_parcels\nfrom .keep_heavy import keep_heavy\n"


def test_an_entry_follows_those_that_are_there() -> None:
    text = registered(REGISTER, "FLOWS", "flows.night", "night_flow", {})
    assert text == (
        "from flows.parcel_flow import parcel_flow\nfrom flows.night import night_flow\n\n"
        'FLOWS = {\n    "parcel-flow": parcel_flow,\n    "night-flow": night_flow,\n}\n'
    )
    named = registered(REGISTER, "FLOWS", "flows.night", "night_flow", {"night_flow": "at-night"})
    assert named is not None and '"at-night": night_flow,' in named
    listed = registered("from a import b\n\nALL = [b]\n", "ALL", "c", "d", {})
    assert listed == "from a import b\nfrom c import d\n\nALL = [b, d]\n"


@pytest.mark.parametrize(
    "source",
    [
        REGISTER.replace('"parcel-flow"', '"first"'),
        REGISTER.replace("parcel_flow,", "parcel_flow(),"),
        REGISTER.replace("FLOWS", "OTHERS"),
        "FLOWS = {}\n",
        "FLOWS = {",
    ],
)
def test_no_guess_where_the_entries_show_no_form(source: str) -> None:
    assert registered(source, "FLOWS", "flows.night", "night_flow", {}) is None


def test_what_a_draft_made_is_handed_on_where_the_task_says_so(job_of: Callable[[str], Job]) -> None:
    job = job_of("T001")
    root = job.worktree
    (root / "flows/__init__.py").write_text(PACKAGE)
    (root / "flows/all.py").write_text(REGISTER)
    title = (
        "Create component `keep_heavy(n: int) -> int` in flows/keep_heavy.py, export it in flows/__init__.py, and "
        "register it in `FLOWS` in `flows/all.py`"
    )
    files = ["flows/keep_heavy.py", "flows/__init__.py", "flows/all.py"]
    job = replace(job, task=job.task.model_copy(update={"title": title, "files": files}))
    assert handing_files(job) == ["flows/__init__.py", "flows/all.py"]
    (root / "flows/keep_heavy.py").write_text(
        "def keep_heavy(n: int) -> int:\n    return n\n\n\ndef helper():\n    pass\n"
    )
    space = Workspace(root=root, writable=["flows/*"], forbidden=[], role="code")
    hand_on(job, space, ["flows/keep_heavy.py"])
    assert '__all__ = ["keep_heavy", "read_parcels"]' in (root / "flows/__init__.py").read_text()
    assert '"keep-heavy": keep_heavy,\n}' in (root / "flows/all.py").read_text()
    assert "helper" not in (root / "flows/__init__.py").read_text() + (root / "flows/all.py").read_text()
    other = replace(job, task=job.task.model_copy(update={"title": "Create flows/keep_heavy.py", "files": files[:1]}))
    assert handing_files(other) == []
