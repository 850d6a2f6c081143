"""The slash commands, and what is done with words that are none."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import anyio.to_thread
from acp import helpers

from ..errors import EXIT_OK, UserError
from ..planner.models import ExecutionPlan
from ..reports.words import bare, one_line, plural
from ..workflow.children import run_command, run_json
from .implement import implement, is_resume
from .menu import usage
from .talk import Talk
from .translate import differences, planned_entry, text_of

QUICK = 60.0
"""Seconds that a command may take which reads only."""

DEPENDENTS = "--with-dependents"


class Call(NamedTuple):
    """A command as it was typed, and where."""

    talk: Talk
    root: Path
    words: str
    overrides: dict[str, Any]


async def plan(call: Call) -> None:
    """Waves, roles, files and warnings, by the documents alone."""
    found = await anyio.to_thread.run_sync(plan_of, call.root, call.words)
    await call.talk.send(helpers.update_plan(map(planned_entry, found.tasks)))
    await call.talk.say(plan_text(found))


def plan_of(root: Path, words: str) -> ExecutionPlan:
    """The plan of the open tasks that the words pick."""
    from ..documents import leading_feature
    from ..workflow.checkout import find_feature, open_checkout
    from ..workflow.place import Request
    from ..workflow.selecting import planned

    feature, rest = leading_feature(root, words)
    documents = find_feature(open_checkout(root), feature)
    return planned(documents, Request(feature=documents.name, words=rest))


def plan_text(found: ExecutionPlan) -> str:
    """The plan as Markdown."""
    lines = [f"**{found.feature}**: {plural(len(found.tasks), 'task')} in {plural(len(found.waves), 'wave')}"]
    if not found.tasks:
        lines = [f"**{found.feature}**: nothing left to do."]
    for number, wave in enumerate(found.waves, 1):
        lines.append(f"\nWave {number}\n")
        for task in wave:
            about = " ".join(filter(None, ("+".join([task.role, *task.also]), task.story, task.priority)))
            needs = f"; needs {', '.join(task.depends_on)}" if task.depends_on else ""
            files = "".join(f" `{path}`" for path in task.files)
            lines.append(f"- {task.id} ({about}{needs}): {bare(one_line(task.title, 160))}{files}")
    ticked = sum(skip.why == "already ticked" for skip in found.skipped)
    left = [f"{skip.id} ({skip.why})" for skip in found.skipped if skip.why != "already ticked"]
    if ticked:
        lines.append(f"\n{ticked} already ticked.")
    if left:
        lines.append("\nLeft out: " + ", ".join(left))
    lines += [f"\nWarning: {warning.code}: {bare(warning.message)}" for warning in found.warnings]
    return "\n".join(lines)


async def verify(call: Call) -> None:
    """The gates of tasks, on the files as they are."""
    from ..documents import leading_feature

    feature, rest = await anyio.to_thread.run_sync(leading_feature, call.root, call.words)
    tasks = [word for word in rest.replace(",", " ").split() if word not in ("and", "only")]
    named = f" {', '.join(tasks)}" if tasks else " every ticked task"
    shown = await call.talk.begin(f"Verify{named}", "execute")
    seen: list[str] = []

    async def tell(progress: float, message: str) -> None:
        line = re.sub(r" ?\(\d+ s\)$", "", message)
        if line and line not in seen:
            seen.append(line)
            await call.talk.change(shown, "in_progress", "\n".join(seen))

    arguments = ["verify", *(["--feature", feature] if feature else []), "--", *tasks]
    try:
        code, result, _ = await call.talk.unless_cancelled(run_json(call.root, arguments, tell=tell))
    except BaseException:
        await call.talk.change(shown, "failed", "\n".join(seen))
        raise
    await call.talk.change(shown, "completed" if code == EXIT_OK else "failed", "\n".join(seen))
    await call.talk.say(verdicts_text(result))


def verdicts_text(result: dict[str, Any]) -> str:
    """What the gates saw, as Markdown."""
    lines = []
    for task in result["tasks"]:
        lines.append(f"**{task['task']}**: {'verified' if task['passed'] else 'not verified'}\n")
        for gate in task["gates"]:
            lines.append(f"- {'pass' if gate['passed'] else '**fail**'} {gate['gate']}: {bare(gate['summary'])}")
            found = [] if gate["passed"] or gate["failures"] == [gate["summary"]] else gate["failures"]
            lines += [f"  - {bare(one_line(text))}" for text in found[:20]]
            lines += [f"  - warning: {bare(one_line(text))}" for text in gate["warnings"][:10]]
            lines += [f"  - not verified here: {bare(one_line(text))}" for text in gate["not_verified"][:10]]
        lines.append("")
    return "\n".join(lines) or "No task to verify."


async def audit(call: Call) -> None:
    """Is there evidence for every tick? Reads only."""
    from ..documents import leading_feature

    feature, _ = await anyio.to_thread.run_sync(leading_feature, call.root, call.words)
    named = feature or "".join(call.words.split()[:1])
    shown = await call.talk.begin("Compare the ticks with the repository", "read")
    arguments = ["audit", "--no-run", "--no-color", *(["--feature", named] if named else [])]
    code, out, message = await call.talk.unless_cancelled(run_command(call.root, arguments, timeout=QUICK))
    await call.talk.change(shown, "completed" if code == EXIT_OK else "failed")
    if not out:
        raise UserError(message.removeprefix("kfpilot: "))
    await call.talk.say(f"{fenced(out)}\n\nNothing was run. With the tests: `kfpilot audit` in a terminal.")


async def status(call: Call) -> None:
    """Features, open tasks, the latest run of each."""
    await call.talk.say(fenced(await output_of(call, ["status", "--no-color"])))


async def report(call: Call) -> None:
    """The report of a run."""
    from ..documents import leading_feature

    feature, _ = await anyio.to_thread.run_sync(leading_feature, call.root, call.words)
    named = feature or "".join(call.words.split()[:1])
    await call.talk.say(await output_of(call, ["report", *(["--", named] if named else [])]))


async def output_of(call: Call, arguments: list[str]) -> str:
    """What a command prints.

    Raises:
        UserError: It says that it cannot.
    """
    code, out, message = await call.talk.unless_cancelled(run_command(call.root, arguments, timeout=QUICK))
    if code != EXIT_OK:
        raise UserError(message.removeprefix("kfpilot: "))
    return out


async def undo(call: Call) -> None:
    """Takes a task or a run back, after it has shown what that is."""
    arguments = await anyio.to_thread.run_sync(undo_arguments, call.root, call.words)
    dry, target = ["undo", "--dry-run", *arguments], call.talk
    _, would, _ = await target.unless_cancelled(run_json(call.root, dry, timeout=QUICK))
    steps = would["undone"]
    if not steps:
        taken = ", ".join(step["task"] for step in would["already"])
        await target.say(f"Nothing to take back: {taken or 'all of it'} was taken back before.")
        return
    names = ", ".join(step["task"] for step in reversed(steps))
    title = f"Take back {names}"
    shown = await target.begin(title, "edit", text=undo_text(would), status="pending")
    if not await target.allowed(shown, title, "edit", "undo", undo_text(would)):
        await target.change(shown, "failed", "Not taken back.")
        await target.say("Nothing was taken back, as you said.")
        return
    await target.change(shown, "in_progress")
    try:
        # From here on it is not stopped half way: it is a matter of a second or two.
        _, made, _ = await run_json(call.root, ["undo", *arguments], timeout=QUICK)
    except UserError:
        await target.change(shown, "failed")
        raise
    content: list[Any] = [text_of([undo_text(made)])]
    for step in made["undone"]:
        if step["undone_by"]:
            look = functools.partial(differences, call.root, step["undone_by"], step["files"])
            content += (await anyio.to_thread.run_sync(look))[0]
    await target.send(helpers.update_tool_call(shown, status="completed", content=content))
    where = "which is checked out here" if made["checkout"] else "your checkout is as it was"
    await target.say(
        f"**{names} taken back** by commits on top of `{made['branch']}` ({where}).\n\n"
        f"Work it again: `/implement {made['feature']}`"
    )


def undo_arguments(root: Path, words: str) -> list[str]:
    """The arguments of `kfpilot undo` for what was typed: a feature, a task or a run, and `--with-dependents`.

    Raises:
        UserError: There is something else in it.
    """
    from ..documents import leading_feature

    flags = [word for word in words.split() if word == DEPENDENTS]
    feature, rest = leading_feature(root, " ".join(word for word in words.split() if word != DEPENDENTS))
    if len(rest.split()) > 1 or rest.startswith("-"):
        raise UserError(
            f"'{bare(one_line(rest, 80))}' is neither a task nor a run",
            mend=f"Say /undo T003, /undo with the beginning of a run's id, or /undo T003 {DEPENDENTS}",
        )
    return [*(["--feature", feature] if feature else []), *flags[:1], "--", *rest.split()]


def undo_text(result: dict[str, Any]) -> str:
    """What `kfpilot undo` takes back, line by line."""
    lines = []
    for step in result["undone"]:
        why = f", since it {step['because']}" if step["because"] else ""
        by = f" by {step['undone_by'][:10]}" if step["undone_by"] else ""
        lines.append(f"{step['task']} ({step['commit'][:10]}){by}{why}: {', '.join(step['files']) or 'its tick'}")
    return "\n".join([*lines, *result["notes"], f"On branch {result['branch']}."])


async def run_tasks(call: Call) -> None:
    """`/implement`."""
    await implement(call.talk, call.root, call.words, call.overrides)


COMMANDS: dict[str, Callable[[Call], Awaitable[None]]] = {
    "implement": run_tasks,
    "plan": plan,
    "verify": verify,
    "audit": audit,
    "status": status,
    "undo": undo,
    "report": report,
}


async def answer(talk: Talk, root: Path, text: str, overrides: dict[str, Any]) -> None:
    """Do what the user has typed.

    Raises:
        KfpilotError: It cannot be done; says why.
        Cancelled: The user stopped it.
    """
    head, *rest = text.split(maxsplit=1) or [""]
    words = "".join(rest).strip()
    if head.startswith("/"):
        command = COMMANDS.get(head[1:].lower())
        if command is None:
            await talk.say(f"There is no command `{bare(head)[:40]}`.\n\n{usage()}")
            return
        await command(Call(talk, root, words, overrides))
        return
    if await anyio.to_thread.run_sync(means_work, root, text.strip()):
        await implement(talk, root, text.strip(), overrides, always_ask=True)
        return
    await talk.say(usage())


def means_work(root: Path, text: str) -> bool:
    """Whether plain words can only mean open tasks: they name the one feature that has some, or pick tasks of it."""
    from ..documents import leading_feature, list_features, load_feature
    from ..planner.selection import parse_words

    if not text or is_resume(text):
        return False
    waiting = []
    for folder in list_features(root):
        try:
            feature = load_feature(folder, root)
        except UserError:
            continue
        if any(task.state not in ("done", "deferred") for task in feature.tasks.tasks):
            waiting.append(feature)
    if len(waiting) != 1:
        return False
    named, rest = leading_feature(root, text)
    if named is not None:
        return named == waiting[0].name
    try:
        return parse_words(rest, waiting[0]).picks
    except UserError:
        return False


def fenced(text: str) -> str:
    """Text as it is, for an editor that renders Markdown."""
    clean = "\n".join(bare(line) for line in text.rstrip().splitlines()).replace("```", "'''")
    return f"```text\n{clean}\n```"
