"""The morning summary: nightly.json, nightly.md, nightly.xml (JUnit) and nightly.html, each whole or not at all."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from ..reports.words import OUTCOMES, clock, count, plural
from ..reports.write import write_whole
from .models import Item, Night
from .record import DATA, folder_of

WORDS = {
    "pending": "not reached",
    "running": "under way",
    "verified": "verified",
    "done": "was done before",
    "partly": "partly verified",
    "budget": "ended by a budget",
    "interrupted": "interrupted",
    "error": "error",
    "skipped": "skipped",
    "waiting": "waits for another",
}
"""The states of a feature in words."""
NEXT = ("pending", "budget", "interrupted")
"""States that the next night goes on with by itself."""


def save(night: Night) -> Path:
    """Write the night's files as it stands; returns the folder."""
    from .junit import junit_xml
    from .page import page

    folder = folder_of(night)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / DATA, night.model_dump_json(indent=2) + "\n")
    write_whole(folder / "nightly.md", markdown(night))
    write_whole(folder / "nightly.xml", junit_xml(night))
    write_whole(folder / "nightly.html", page(night))
    return folder


def copy_to(night: Night, out: Path) -> None:
    """Copy the night's files to a folder of the user's choice, and each feature's own report beside them."""
    out.mkdir(parents=True, exist_ok=True)
    for name in (DATA, "nightly.md", "nightly.xml", "nightly.html"):
        shutil.copyfile(folder_of(night) / name, out / name)
    for item in night.items:
        if item.run:
            report = item.entry.root / ".kfpilot" / "runs" / item.run / "report.md"
            if report.is_file():
                safe = "".join(char if char.isalnum() or char in "._-" else "-" for char in item.entry.name)
                shutil.copyfile(report, out / f"{safe}.md")


def figures(item: Item) -> tuple[int, int]:
    """Verified tasks, and tasks of the run."""
    return (len(item.report.verified), len(item.report.tasks)) if item.report else (0, item.entry.open_tasks)


def in_short(night: Night) -> str:
    """One sentence: `18 of 20 features verified, 1 partly, 1 skipped`."""
    states = [item.state for item in night.items]
    good = states.count("verified") + states.count("done")
    parts = [f"{good} of {plural(len(states), 'feature')} verified"]
    for state, words in WORDS.items():
        if state not in ("verified", "done") and state in states:
            parts.append(f"{states.count(state)} {words}")
    return ", ".join(parts)


def how_it_ended(night: Night) -> str:
    """The night's end in words."""
    told = {
        "running": "The night has not ended: it is at work now, or was killed.",
        "finished": "The night came to the end of its backlog.",
        "budget": f"The night was over before its backlog: {night.message}.",
        "interrupted": "The night was interrupted.",
    }
    return told[night.state]


def markdown(night: Night) -> str:
    """The summary as Markdown."""
    from ..reports.markdown import cell, plain

    used = night.used
    lines = [
        f"# Night {night.id}",
        "",
        f"**{in_short(night)}.** {plain(how_it_ended(night))}",
        "",
        f"Began {moment(night.started)}"
        + (f", ended {moment(night.ended)}" if night.ended else "")
        + (f", in {plural(night.sessions, 'session')}" if night.sessions > 1 else "")
        + f". {plural(used.calls, 'model call')}, {count(used.tokens)} tokens, {clock(used.seconds)} of work.",
        "",
        "| Feature | Outcome | Tasks verified | Branch | Landed | Time | Tokens |",
        "|---|---|---|---|---|---|---|",
    ]
    for item in night.items:
        done, total = figures(item)
        lines.append(
            f"| {cell(item.entry.name)} | {WORDS[item.state]} | {done} of {total} | {cell(item.branch) or '–'} "
            f"| {cell(landed_words(item)) or '–'} | {clock(item.used.seconds)} | {count(item.used.tokens)} |"
        )
    wanted = [item for item in night.items if item.person]
    lines += ["", "## Needs a person", ""]
    lines += [f"- **{plain(item.entry.name)}**: {plain(item.person)}" for item in wanted] or ["Nothing."]
    later = [item for item in night.items if item.state in NEXT]
    if later:
        lines += ["", "## The next night goes on with", ""]
        lines += [f"- **{plain(item.entry.name)}**: {plain(item.why or WORDS[item.state])}" for item in later]
    merge = [item for item in night.items if to_merge(item)]
    if merge:
        lines += ["", "## To review and merge", ""]
        lines += [f"- {plain(item.entry.name)}: {plain(way_of(item))}" for item in merge]
    lines += ["", "## Features", ""]
    for item in night.items:
        lines += feature_lines(item)
    return "\n".join(lines).rstrip() + "\n"


def feature_lines(item: Item) -> list[str]:
    """What the run of a feature did, task by task."""
    from ..reports.markdown import cell, plain

    lines = [f"### {plain(item.entry.name)}", "", f"{WORDS[item.state].capitalize()}" +
             (f": {plain(item.why)}" if item.why else "") + ".", ""]  # fmt: skip
    if item.report and item.report.tasks:
        run = f" (run {item.run}{', resumed' if item.resumed else ''})" if item.run else ""
        lines += [f"{OUTCOMES[item.report.state].capitalize()}{run}.", "", "| Task | Outcome | Why |", "|---|---|---|"]
        lines += [
            f"| {cell(task.id)} {cell(task.title)} | {task.state} | {cell(task.why) or '–'} |"
            for task in item.report.tasks
        ]
        lines.append("")
    return lines


def to_merge(item: Item) -> bool:
    """Whether there is verified work on a branch that the user's own does not have."""
    return bool(item.report and item.report.verified and not item.report.landed)


def way_of(item: Item) -> str:
    """How the work of a feature gets to where it belongs."""
    if item.landed and item.landed.url:
        return item.landed.url
    return f"`git merge {item.branch}`"


def landed_words(item: Item) -> str:
    """Where the work went, shortly."""
    if item.landed is None:
        return ""
    if item.landed.problem:
        return "failed"
    return item.landed.url or ("pushed" if item.landed.pushed else "branch")


def moment(at: float) -> str:
    """A time with its zone."""
    return time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(at))
