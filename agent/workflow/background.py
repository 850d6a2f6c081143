"""Runs in a process of their own, which goes on when whoever started it is gone: an assistant, a terminal.

What to do goes to the child as a file, so that nobody's words pass through a shell or stand in the list of processes.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import detached, git
from ..errors import Interrupted, KfpilotError, ToolFailure, UserError
from ..models.choose import check_configured
from ..reports.find import JOURNAL, runs_folder
from ..settings import Settings, load_settings
from ..verifier.bench import python_of
from .background_runs import Background, list_background, load
from .checkout import find_feature, open_checkout, require_quiet
from .driver import NothingToDo, implement, one_run, unfinished
from .locks import worker_of
from .place import Request, branch_of, choose_start, new_run_id
from .resuming import require_same
from .selecting import planned
from .stopping import SIGNALS

if TYPE_CHECKING:
    from git import Repo

START = 4.0
"""Seconds that a start waits for the child to have its place, or to say why not."""

STEP = 1.0
"""Seconds that a cancelled run has to end its current step."""


def start(folder: Path, request: Request, overrides: dict[str, object], *, resume: bool = False) -> Background:
    """Start a run, or go on with the one that broke off, in a process of its own.

    Args:
        folder: A folder in the user's repository.
        request: What to do; with `resume`, only its feature matters.
        overrides: Settings from the command line; None means not given.
        resume: Go on with the latest unfinished run of the feature.

    Returns:
        The run, a few seconds after its start at the latest; its journal may not be there yet.

    Raises:
        KfpilotError: It cannot start: no such feature, task or model, another run is working, a bad setting. Nothing
            is left running.
    """
    repo = open_checkout(folder)
    root = git.root_of(repo)
    feature = find_feature(repo, request.feature).name
    given = {key: str(value) if isinstance(value, Path) else value for key, value in overrides.items()}
    settings = load_settings(root, **given)
    # Before the lock as well: a child that is about to take it must not find it taken by us.
    refuse_second(root)
    if not resume:
        require_possible(repo, request, settings)
    with one_run(root):
        refuse_second(root)
        if resume:
            require_same(root, feature, request)
        run = unfinished(root, feature).name if resume else new_run_id()
        job = Background(
            run=run,
            feature=feature,
            root=root,
            request=request.model_copy(update={"feature": feature, "run": run}),
            overrides={key: value for key, value in given.items() if value is not None},
            resume=resume,
            started=time.time(),
        )
        job.save()
    # -P: no module of the user's repository stands in for one of ours.
    command = [sys.executable, "-P", "-m", "kfpilot.agent.workflow.background", str(job.file)]
    job.pid = detached.start(command, cwd=Path.cwd(), log=job.log)
    return wait_for_start(job)


def require_possible(repo: Repo, request: Request, settings: Settings) -> None:
    """Whoever starts a run in the background is told at once what the run would only tell to its record.

    Raises:
        KfpilotError: What is asked for is not there, git is not ready, or no model is configured.
    """
    require_quiet(repo)
    feature = find_feature(repo, request.feature)
    plan = planned(feature, request)
    choose_start(repo, branch_of(feature.name), request.after)
    if plan.tasks:
        python_of(git.root_of(repo), settings, settings.open_sandbox())
        check_configured(settings)


def refuse_second(root: Path) -> None:
    """Until the child has the lock itself, its record stands for it.

    Raises:
        UserError: A run is working in the background.
    """
    for job in list_background(root):
        if job.working:
            raise UserError(
                f"another run is working on this repository: {job.run} of {job.feature}, in the background",
                where=root,
                mend="Wait for it (`kfpilot status`), or stop it: kfpilot cancel",
            )


def wait_for_start(job: Background) -> Background:
    """Wait until the child has its place, or has failed; it writes its own record from then on."""
    record = runs_folder(job.root) / job.run
    before = size_of(record / JOURNAL)
    deadline = time.monotonic() + START
    alive = True
    while alive and time.monotonic() < deadline:
        begun = size_of(record / JOURNAL) > before if job.resume else (record / "run.json").exists()
        if begun:
            break
        time.sleep(0.05)
        alive = detached.is_alive(job.pid, str(job.file))
    now = load(job.root, job.run) or job
    now.pid = job.pid
    if not alive and now.exit_code is None:
        now.exit_code, now.message = 1, "the run's process ended at once"
        now.save()
        raise UserError("the run's process ended at once", where=now.log, mend="Its output is there.")
    if now.exit_code and size_of(record / JOURNAL) == before:
        raise UserError(now.message)
    return now


def size_of(file: Path) -> int:
    """Bytes; 0 when it is not there."""
    return file.stat().st_size if file.exists() else 0


def cancel(root: Path, run: str | None = None) -> Background:
    """Tell a run in the background to stop: what is verified until then stays, and it can be gone on with.

    Args:
        root: The repository.
        run: The run's id or its beginning; None is the one that is working.

    Raises:
        UserError: No such run is working in the background.
    """
    for job in list_background(root):
        if job.run.startswith(run or "") and detached.stop(job.pid if job.exit_code is None else 0, str(job.file)):
            # The first signal lets the current step end; a call of a model may take long, so the next one cuts it off.
            time.sleep(STEP)
            detached.stop(job.pid, str(job.file), again=True)
            return job
    worker = worker_of(root)
    if worker:
        raise UserError(
            f"no run is working in the background, but process {worker.pid} on {worker.host} works on {worker.what}",
            where=root,
            mend=f"End it with Ctrl-C where it runs, or with: kill -INT {worker.pid}",
        )
    which = f"run {run} is" if run else "no run is"
    raise UserError(
        f"{which} {'not ' if run else ''}working in the background",
        where=root,
        mend="See `kfpilot status`: no process works here now.",
    )


def main(file: Path) -> int:
    """The child: carries the run out and writes down how it ended."""
    for number in SIGNALS:
        signal.signal(number, on_terminate)
    job = Background.model_validate_json(file.read_text(encoding="utf-8"))
    job.pid = os.getpid()
    try:
        job.save()
        settings = load_settings(job.root, **job.overrides)
        job.exit_code = implement(job.root, job.request, settings, [], resume=job.resume)
    except NothingToDo as end:
        job.exit_code, job.message = 0, str(end)
    except KeyboardInterrupt:
        job.exit_code, job.message = Interrupted.exit_code, "stopped"
    except KfpilotError as error:
        job.exit_code, job.message = error.exit_code, str(error)
    except ToolFailure as error:
        job.exit_code, job.message = 1, str(error)
    except Exception as error:
        job.exit_code, job.message = 1, f"{type(error).__name__}: {error}"
        raise
    finally:
        job.save()
    return job.exit_code


def on_terminate(number: int, frame: object) -> None:
    """As Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
