"""`/implement`: starts a run in a process of its own, and tells what its journal tells."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

import anyio.to_thread
from acp import helpers

from ..errors import EXIT_OK, UserError
from ..events import ADAPTER, RunFinished, read_journal
from ..planner.models import ExecutionPlan
from ..reports.find import JOURNAL, runs_folder
from ..reports.summarise import summarise
from ..reports.words import bare, merge_command, one_line, plural
from ..workflow import background, background_runs
from ..workflow.background_runs import Background
from ..workflow.place import Request
from .talk import Talk
from .translate import Translator, planned_entry, text_of

LOOK = 0.15
"""Seconds between two looks at the journal."""

PATIENCE = 8.0
"""Seconds that a run has to end when it was stopped; then it is told again."""

RESUME = "--resume"


async def implement(talk: Talk, root: Path, words: str, overrides: dict[str, Any], *, always_ask: bool = False) -> None:
    """Carry out open tasks of a feature.

    Args:
        talk: The session.
        root: The repository.
        words: The user's own words; may begin with the feature, or with `--resume`.
        overrides: Settings of the run.
        always_ask: The user has not said `/implement`, so ask in every mode.

    Raises:
        UserError: Nothing can be started; says why.
        Cancelled: The user stopped it before it began.
    """
    working = await anyio.to_thread.run_sync(background_runs.working_run, root)
    if working and not words:
        await talk.say(f"Run {working.run} of {working.feature} is already working; this is how it stands.")
        call = await talk.begin(f"Implement {working.feature}", "execute")
        await follow(talk, working, call, 0)
        return
    resume, words = (True, words.removeprefix(RESUME).strip()) if is_resume(words) else (False, words)
    request, plan = await anyio.to_thread.run_sync(ask_for, root, words, resume)
    feature = request.feature or ""
    if plan is not None and not plan.tasks:
        await talk.say(f"{feature}: nothing left to do.")
        return
    title = f"Go on with {feature}" if plan is None else f"Implement {feature}: {plural(len(plan.tasks), 'task')}"
    text = what_it_does(feature, request, plan)
    call = await talk.begin(title, "execute", text=text, status="pending")
    if plan is not None:
        await talk.send(helpers.update_plan(map(planned_entry, plan.tasks)))
    if not await talk.allowed(call, title, "execute", "implement", text, always_ask=always_ask):
        await talk.change(call, "failed", "Not started.")
        await talk.say("Not started, as you said. Nothing was changed.")
        return
    await talk.change(call, "in_progress", "The run starts: its worktree is made and the model is opened.")
    begin = functools.partial(background.start, root, request, overrides, resume=resume)
    before = await anyio.to_thread.run_sync(told_before, root, feature) if resume else {}
    try:
        job = await anyio.to_thread.run_sync(begin)
    except UserError:
        await talk.change(call, "failed", "It could not be started.")
        raise
    await follow(talk, job, call, before.get(job.run, 0))


def is_resume(words: str) -> bool:
    """Whether the words ask to go on with a run that broke off."""
    return words.split(maxsplit=1)[:1] == [RESUME]


def told_before(root: Path, feature: str) -> dict[str, int]:
    """The size of the journal of each run of the feature: what comes after it is new."""
    from ..reports.find import list_runs

    return {info.id: background.size_of(info.journal) for info in list_runs(root, feature)}


def ask_for(root: Path, words: str, resume: bool) -> tuple[Request, ExecutionPlan | None]:
    """What the run is asked for, and what it would do by the documents alone (None for a run that is gone on with)."""
    from ..documents import leading_feature
    from ..workflow.checkout import find_feature, open_checkout
    from ..workflow.selecting import planned

    hint, rest = leading_feature(root, words)
    if resume and hint is None and rest:
        # A resumed run does what it was asked for, so whatever stands here can only be the feature.
        hint, rest = rest.split()[0], ""
    documents = find_feature(open_checkout(root), hint)
    request = Request(feature=documents.name, words="" if resume else rest)
    return request, None if resume else planned(documents, request)


def what_it_does(feature: str, request: Request, plan: ExecutionPlan | None) -> str:
    """What a user should know before saying yes."""
    where = f"on branch {background_branch(feature)}, in a worktree of its own; your files stay as they are"
    if plan is None:
        return f"Goes on with the latest run of {feature} that broke off, {where}."
    lines = [f"{plural(len(plan.tasks), 'task')} in {plural(len(plan.waves), 'wave')}, {where}:"]
    lines += [f"{task.id} {task.role}  {bare(one_line(task.title, 100))}" for task in plan.tasks]
    if request.words:
        lines.append(f"Your words go along: {bare(one_line(request.words, 200))}")
    lines += [f"warning: {one_line(warning.message, 200)}" for warning in plan.warnings]
    return "\n".join(lines)


def background_branch(feature: str) -> str:
    """The run's branch."""
    from ..workflow.place import branch_of

    return branch_of(feature)


class Tail:
    """Reads the lines that a journal gets.

    Args:
        path: The journal; it may not be there yet.
        offset: Bytes to leave out.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path, self.offset = path, offset

    def new(self) -> list[Any]:
        """The events since the last time; a line that is being written is left for the next time."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return [ADAPTER.validate_json(line) for line in whole.splitlines() if line.strip()]


async def follow(talk: Talk, job: Background, call: str, before: int) -> None:
    """Tell the run's events as they come, until its process has ended; stop it when the user says so.

    Args:
        talk: The session.
        job: The run.
        call: The tool call that stands for the run.
        before: Bytes of the journal that an earlier session of the run has written.
    """
    talk.session.run = job.run
    await talk.save()
    folder = runs_folder(job.root) / job.run
    teller = Translator(job.root, folder.relative_to(job.root))
    tail = Tail(folder / JOURNAL, before)
    if before:
        earlier = [event for event in read_journal(folder / JOURNAL) if event.seq <= count_before(tail)]
        await anyio.to_thread.run_sync(teller.catch_up, earlier)
    stopped: float | None = None
    while True:
        # Asked first: what the process told before it ended is then in the journal.
        working = await anyio.to_thread.run_sync(is_working, job)
        for event in await anyio.to_thread.run_sync(tail.new):
            for update in await anyio.to_thread.run_sync(teller.updates, event):
                await talk.send(update)
        if not working:
            break
        if talk.cancelled and (stopped is None or time.monotonic() - stopped > PATIENCE):
            if stopped is None:
                await talk.say("Stopping the run …")
            stopped = time.monotonic()
            await anyio.to_thread.run_sync(stop, job)
        await talk.pause(LOOK)
    await tell_the_end(talk, job, call, teller, heard=tail.offset > before)


def count_before(tail: Tail) -> int:
    """The number of events in the part of the journal that is left out."""
    with tail.path.open("rb") as file:
        return file.read(tail.offset).count(b"\n")


def is_working(job: Background) -> bool:
    """Whether the run's process still runs; it writes its own record, so that is read anew."""
    now = background_runs.load(job.root, job.run) or job
    now.pid = now.pid or job.pid
    return now.working


def stop(job: Background) -> None:
    """Stop the run as Ctrl-C would; it may just have ended by itself."""
    try:
        background.cancel(job.root, job.run)
    except UserError:
        return


async def tell_the_end(talk: Talk, job: Background, call: str, teller: Translator, *, heard: bool) -> None:
    """How the run ended and what can be done now."""
    now = await anyio.to_thread.run_sync(background.load, job.root, job.run) or job
    if not heard:
        good = now.exit_code == EXIT_OK
        message = bare(one_line(now.message, 600)) or f"the run's process ended without a word; see {now.log}"
        await talk.change(call, "completed" if good else "failed", message)
        await talk.say(message if good else f"**The run did not start**: {message}")
        return
    for task in list(teller.calls):
        await talk.send(helpers.update_tool_call(teller.calls[task], status="failed", content=[text_of(["stopped"])]))
    words = await anyio.to_thread.run_sync(summary, job, teller)
    good = isinstance(teller.fold.finish, RunFinished) and teller.fold.finish.exit_code == EXIT_OK
    await talk.change(call, "completed" if good else "failed", one_line(words.replace("*", "")))
    await talk.say(words)


def summary(job: Background, teller: Translator) -> str:
    """What was verified, what was not, and the next step."""
    report = summarise(runs_folder(job.root) / job.run / JOURNAL)
    done, tasks = len(report.verified), len(report.tasks)
    lines = [f"**{done} of {plural(tasks, 'task')} verified**, on branch `{report.branch}`."]
    if report.message and report.state != "verified":
        lines.append(f"The run was {'stopped' if report.state == 'interrupted' else 'ended'}: {bare(report.message)}.")
    if report.not_landed:
        lines.append(f"**It did not land:** {bare(report.not_landed)}")
    elif done and not report.landed:
        lines.append(f"Your files are as they were. Take the work over: `{merge_command(report)}`")
    elif not done:
        lines.append("Your files are as they were.")
    if report.open and report.state in ("verified", "partly"):
        lines.append("Not verified: " + ", ".join(task.id for task in report.open) + ".")
    if report.state in ("unfinished", "interrupted", "budget", "error"):
        lines.append(
            f"What is verified stays. Go on: `/implement {RESUME} {report.feature}`, "
            f"or in a terminal `kfpilot run {report.feature} --resume`"
        )
    lines.append("The whole report: `/report`")
    return "\n\n".join(lines)
