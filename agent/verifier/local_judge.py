"""What a local run shows: a pass, a failure that is surely the code's, or nothing that can be counted on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ...tools.errors import ToolFailure
from ...tools.kfp_check import KfpObject
from ...tools.kfp_local import LocalRun
from ...tools.kfp_local_plan import Survey
from ...tools.kfp_scenarios import differences
from .local_values import Case, uncertain

Seen = Literal["shown", "passed", "failure", "doubt", "unseen"]
"""`shown`: it ran as it would in a cluster. `passed`: it ran, with something left out. `failure`: the code is wrong.
`doubt`: it may be. `unseen`: the run says nothing."""


class Outcome(BaseModel):
    """What one run comes to."""

    model_config = ConfigDict(extra="forbid")

    seen: Seen
    text: str = ""


def judge(case: Case, run: LocalRun, item: KfpObject, survey: Survey, root: Path, *, waits: bool) -> Outcome:
    """What a run comes to.

    A failure is the code's only when nothing else can be behind it: a name that is not defined, a module that nothing
    installs, a result of the wrong type; or what a person wrote down as a scenario. A component that refuses its
    values, a file, a table or a network that is not there, and what kfp's local runner does in its own way prove
    nothing.

    Args:
        case: The run that was wanted.
        run: What came of it.
        item: The pipeline or component.
        survey: What a local run of it cannot show.
        root: The repository.
        waits: Code is still to come, so what a scenario wants may not be there yet.
    """
    if run.status in ("not-run", "timeout", "crashed"):
        return Outcome(seen="unseen", text=f"not run {case.title}: {run.why}" if run.status == "not-run" else run.why)
    if run.silent:
        return Outcome(seen="unseen", text=f"kfp's local runner went on without a condition: {run.silent[0][:200]}")
    if case.scenario is not None:
        return scenario(case, run, survey, root, waits=waits)
    if run.status == "succeeded":
        return Outcome(seen="passed" if survey.blind else "shown")
    failure = run.failure
    assert failure is not None
    if case.source == "made":
        surely = WITH_ROWS if any(case.made.values()) else WITH_ANY
        always = failure.blame in ("code", "values") and surely.match(failure.error)
        failure = failure.model_copy(update={"blame": "code" if always else "unclear"})
    unfinished = waits and failure.error.startswith("NotImplementedError")
    if failure.blame == "code" and not unfinished:
        text = f"{failure}. It fails in the same way in a cluster; mend the component"
        return Outcome(seen="failure", text=f"run on this machine {case.title}, it fails: {text}")
    certain = case.source == "defaults" and not survey.blind and not uncertain(item, case)
    if failure.blame == "values" and certain:
        text = f"{failure}. Mend the component, or give a default that it can work with"
        return Outcome(seen="failure", text=f"run on this machine {case.title}, it fails: {text}")
    seen: Seen = "doubt" if failure.blame in ("code", "values", "raised") else "unseen"
    return Outcome(seen=seen, text=f"{REASONS[failure.blame]} {case.title}: {failure}")


WITH_ANY = re.compile(
    r"(?:NameError|ModuleNotFoundError|ImportError|NotImplementedError)\b|AttributeError: (?!.*NoneType)"
    r"|TypeError: .*(?:(?:unexpected|invalid) keyword argument|required (?:positional|keyword)|not callable"
    r"|positional arguments? but|os\.PathLike)"
)
"""How code ends that is wrong whatever it reads. That it reads nothing may be the reason for all else: a table without
a header, a name that only a row would have bound."""
WITH_ROWS = re.compile(rf"(?:{WITH_ANY.pattern})|(?:TypeError|UnboundLocalError)\b(?!.*NoneType)")
"""How code ends that is wrong whatever rows it reads, in which numbers stand as texts."""
REASONS = {
    "code": "it is not finished, run",
    "values": "it fails, perhaps because of its values, run",
    "raised": "it refuses to run",
    "machine": "it needs something that is not on this machine, run",
    "runner": "kfp's local runner cannot run it as a cluster would,",
    "unclear": "it fails inside a library, run",
}


def scenario(case: Case, run: LocalRun, survey: Survey, root: Path, *, waits: bool) -> Outcome:
    """A run that a person described: what they wanted must come of it."""
    wanted = case.scenario
    assert wanted is not None
    missing: str = ""
    if wanted.expect == "fails":
        if run.status == "succeeded":
            missing = "it must fail, and it succeeds"
        elif wanted.says and wanted.says not in run.log:
            missing = f"it must fail and say {wanted.says!r}; it failed with: {run.failure}"
        elif not wanted.says and run.failure and run.failure.blame in ("machine", "runner"):
            return Outcome(
                seen="unseen", text=f"{case.title} it failed as it should, but may have for want of: {run.failure}"
            )
    elif run.status == "succeeded":
        try:
            missing = "; ".join(differences(wanted, run.outputs, root))
        except (ToolFailure, OSError, UnicodeDecodeError) as error:
            return Outcome(seen="unseen", text=f"{case.title}: {error}")
    elif run.failure and run.failure.blame in ("machine", "runner"):
        return Outcome(seen="unseen", text=f"{REASONS[run.failure.blame]} {case.title}: {run.failure}")
    else:
        missing = f"it must succeed, and it fails: {run.failure}"
    if not missing:
        return Outcome(seen="passed" if survey.blind else "shown")
    if waits:
        return Outcome(seen="unseen", text=f"{case.title} it is not so far yet ({missing}); code is still to come")
    if survey.blind:
        return Outcome(seen="doubt", text=f"{case.title}: {missing}; a local run leaves something out here")
    return Outcome(seen="failure", text=f"{case.title}: {missing}")
