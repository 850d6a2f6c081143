"""`kfpilot nightly`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import EXIT_OK, UserError
from ..settings import Settings
from .common import console_for, settings_for
from .options import existing_folder

if TYPE_CHECKING:
    from rich.console import Console

    from ..night.models import Backlog, Budget, Entry, Item, Landing, Night
    from ..night.schedule import Kind

nightly_app = typer.Typer(
    name="nightly",
    help="Work the backlog unattended: every feature with open tasks, or what backlog.yaml lists. Never asks.",
    epilog="Examples:  kfpilot nightly --dry-run   ·   kfpilot nightly --until 06:00 --max-tokens 2M   ·   "
    "kfpilot nightly --land pull-request --json   ·   kfpilot nightly schedule --cron",
    invoke_without_command=True,
    no_args_is_help=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

BacklogFile = Annotated[
    Path | None, typer.Option("--backlog", "-b", help="The backlog (default: backlog.yaml, else all open features).")
]
Repo = Annotated[Path, typer.Option("--repo", "-C", help="The repository (default: where you are).")]
Json = Annotated[bool, typer.Option("--json", help="The summary as JSON on standard output.")]


@nightly_app.callback()
def nightly(
    context: typer.Context,
    backlog: BacklogFile = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this feature (repeat).")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The model of every feature.")] = None,
    base_url: Annotated[str | None, typer.Option(help="OpenAI-compatible endpoint (default: OPENAI_BASE_URL).")] = None,
    worker: Annotated[str | None, typer.Option(help="auto, tool or draft.")] = None,
    max_tokens: Annotated[str | None, typer.Option(help="Tokens of the whole night, like 500k or 2M.")] = None,
    max_calls: Annotated[str | None, typer.Option(help="Model calls of the whole night.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.01, help="Minutes of work of the whole night.")] = None,
    feature_tokens: Annotated[str | None, typer.Option(help="Tokens a feature, like 500k.")] = None,
    feature_calls: Annotated[str | None, typer.Option(help="Model calls a feature.")] = None,
    feature_minutes: Annotated[float | None, typer.Option(min=0.01, help="Minutes a feature.")] = None,
    until: Annotated[str | None, typer.Option(metavar="HH:MM", help="No work begins or goes on after this.")] = None,
    gate: Annotated[
        str | None, typer.Option(help="Open checklists and clarifications: skip (default) or proceed.")
    ] = None,
    land: Annotated[str | None, typer.Option(help="branch (default), push or pull-request.")] = None,
    remote: Annotated[str | None, typer.Option(help="The remote to push to (default: origin).")] = None,
    base: Annotated[str | None, typer.Option(help="Branch the pull requests go to (default: yours).")] = None,
    host: Annotated[str | None, typer.Option(help="auto (default), github or gitlab.")] = None,
    out: Annotated[Path | None, typer.Option(help="Copy summary and reports to this folder as well.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="A new night, even if one was killed.")] = False,
    clone: Annotated[
        str | None, typer.Option(metavar="URL", help="First clone this to --repo, or bring that clone up to date.")
    ] = None,
    revision: Annotated[str, typer.Option(help="The branch of the clone.")] = "main",
    engine: Annotated[str, typer.Option(help="local (default), or kfp: a task for each feature.")] = "local",
    image: Annotated[str, typer.Option(help="kfp: the worker's image (deploy/Dockerfile).")] = "",
    package: Annotated[Path, typer.Option(help="kfp: where the compiled pipeline goes.")] = Path(
        "kfpilot-nightly.yaml"
    ),
    secret: Annotated[str, typer.Option(help="kfp: the Kubernetes secret with the keys.")] = "kfpilot-keys",
    parallel: Annotated[int, typer.Option(min=1, help="kfp: features at the same time.")] = 4,
    submit: Annotated[bool, typer.Option("--submit", help="kfp: start a run of it.")] = False,
    recurring: Annotated[str | None, typer.Option(metavar="CRON", help="kfp: a run at these times.")] = None,
    kfp_host: Annotated[str | None, typer.Option(help="kfp: the API server (default: KFP_HOST).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be worked; change nothing.")] = False,
    json: Json = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the summary.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR=1 does the same.")] = False,
    repo: Repo = Path(),
) -> None:
    """Work the backlog unattended."""
    if context.invoked_subcommand is not None:
        return
    from ..night.models import Budget

    if engine not in ("local", "kfp"):
        raise UserError(f"--engine {engine}: there is no such engine", mend="It is local or kfp.")
    if engine == "local" and clone is not None:
        from ..night.landing import clone as make_clone

        make_clone(clone, repo.resolve(), revision)
    existing_folder(repo)
    plan = Plan(
        repo,
        backlog,
        only=only or [],
        night=checked(Budget, "max", tokens=max_tokens, calls=max_calls, minutes=max_minutes),
        feature=checked(Budget, "feature", tokens=feature_tokens, calls=feature_calls, minutes=feature_minutes),
        until=until,
        gate=gate,
        landing={"mode": land, "remote": remote, "base": base, "host": host},
        model=model,
    )
    if dry_run:
        raise typer.Exit(show_plan(plan, console_for(no_color), json=json))
    if engine == "kfp":
        from .nightly_kfp import kfp_command

        raise typer.Exit(
            kfp_command(
                plan, url=clone, revision=revision, image=image, package=package, secret=secret, parallel=parallel,
                submit=submit, recurring=recurring, host=kfp_host, json=json,
            )
        )  # fmt: skip
    overrides: dict[str, object] = {"base_url": base_url, "worker": worker}
    look = Look(console_for(no_color, stderr=json), plain=plain, quiet=quiet or json, tell=not quiet)
    raise typer.Exit(work(plan, overrides, look, out=out, fresh=fresh, json=json))


class Plan:
    """The backlog with the command line's words on top.

    Raises:
        UserError: Something in either is not as it must be.
    """

    def __init__(
        self,
        repo: Path,
        file: Path | None,
        *,
        only: list[str],
        night: Budget,
        feature: Budget,
        until: str | None,
        gate: str | None,
        landing: dict[str, str | None],
        model: str | None = None,
    ) -> None:
        from ..night.backlog import backlog_file, discover, entries_of, home_of, read_backlog
        from ..night.models import Defaults, Landing

        self.home, root = home_of(repo, file)
        self.file = file or (backlog_file(root) if root else None)
        self.backlog: Backlog | None = None
        if self.file is not None:
            self.backlog, lines = read_backlog(self.file)
            entries = entries_of(self.backlog, lines, self.file, root)
        else:
            entries = discover(self.home, Defaults())
        said = self.backlog
        self.budget = night.over(said.night.budget) if said else night
        self.until = until or (said.night.until if said else None)
        self.deadline = next_time(self.until) if self.until else None
        given = {key: value for key, value in landing.items() if value is not None}
        self.landing: Landing = checked(Landing, **{**(said.landing.model_dump() if said else {}), **given})
        self.entries: list[Entry] = [settled(entry, feature, gate, model) for entry in chosen(entries, only)]


def settled(entry: Entry, budget: Budget, gate: str | None, model: str | None) -> Entry:
    """An entry with what the command line says: it wins, but for a feature's own budget."""
    update: dict[str, Any] = {"budget": entry.budget.over(budget)}
    if gate is not None:
        if gate not in ("skip", "proceed"):
            raise UserError(f"--gate {gate}: there is no such policy", mend="It is skip or proceed.")
        update["gate"] = gate
    if model is not None:
        update["model"] = model
    return entry.model_copy(update=update)


def chosen(entries: list[Entry], only: list[str]) -> list[Entry]:
    """The entries that --only names; dependencies on others are taken as met by their branches."""
    if not only:
        return entries
    names = [entry.name for entry in entries]
    known = {
        entry.name: {entry.name, entry.directory, entry.feature, entry.feature.partition("-")[0]} for entry in entries
    }
    wanted: set[str] = set()
    for said in only:
        # As everywhere: the name, its number, its folder.
        found = [name for name in names if said.rstrip("/") in known[name]]
        found = [said] if said in found else found
        if len(found) != 1:
            why = f"it may be {' or '.join(found)}" if found else "no such feature in the backlog"
            raise UserError(f"--only {said}: {why}", mend=f"It has: {', '.join(sorted(names))}.")
        wanted.update(found)
    return [entry for entry in entries if entry.name in wanted]


def checked(kind: Any, of: str = "", **values: Any) -> Any:
    """A model from options; what it refuses is the user's error.

    Args:
        kind: The model.
        of: How its options begin.
        values: What they say.
    """
    from pydantic import ValidationError

    try:
        return kind(**values)
    except ValidationError as error:
        found = error.errors()[0]
        option = {"mode": "land"}.get(str(found["loc"][0]), str(found["loc"][0]))
        name = "-".join(filter(None, (of, option.replace("_", "-"))))
        raise UserError(f"--{name} {found['input']}: {found['msg']}", mend="See kfpilot nightly --help.") from None


def next_time(text: str) -> float:
    """The next moment the clock shows this, in seconds since the epoch.

    Raises:
        UserError: It is no time.
    """
    from datetime import datetime, timedelta

    from ..night.models import CLOCK

    if not CLOCK.fullmatch(text):
        raise UserError(f"--until {text}: not a time", mend="Write it like 06:00.")
    hour, minute = map(int, text.split(":"))
    now = datetime.now()
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (then if then > now else then + timedelta(days=1)).timestamp()


class Look:
    """How a night looks while it goes on."""

    def __init__(self, console: Console, *, plain: bool, quiet: bool, tell: bool) -> None:
        self.console, self.plain, self.quiet, self.tell = console, plain, quiet, tell

    def say(self, text: str) -> None:
        """A line of the night itself."""
        if self.tell:
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def show(self, item: Item, number: int, total: int) -> Iterator[Any]:
        """The display of one feature's run."""
        from ..night.summary import WORDS, figures
        from ..reports.display import choose_display

        self.say(f"[{number}/{total}] {item.entry.name}")
        with choose_display(self.console, json=False, plain=self.plain, quiet=self.quiet) as display:
            yield display
        done, of = figures(item)
        why = f": {item.why}" if item.why else ""
        self.say(f"[{number}/{total}] {item.entry.name}: {WORDS[item.state]}, {done} of {of} tasks{why}")


def work(plan: Plan, overrides: dict[str, object], look: Look, *, out: Path | None, fresh: bool, json: bool) -> int:
    """The night itself, its summary, the messages about it; returns the exit code."""
    from ..night.night import work_night
    from ..night.record import begin, folder_of, one_night
    from ..night.summary import copy_to, in_short

    def settings_of(entry: Entry) -> Settings:
        return settings_for(entry.root, {**overrides, "model": entry.model})

    with one_night([plan.home, *(entry.root for entry in plan.entries)]):
        night = begin(plan.home, plan.entries, plan.budget, plan.deadline, plan.landing, fresh=fresh)
        if night.sessions > 1:
            look.say(f"The night {night.id} was killed; it goes on.")
        code = work_night(night, settings_of, look.show)
        if out is not None:
            copy_to(night, out)
    for problem in tell(night):
        print(f"kfpilot: {problem}", file=sys.stderr)
    if json:
        sys.stdout.write(night.model_dump_json(indent=2) + "\n")
        return code
    console = look.console
    said = f"{in_short(night)}." if night.items else "Nothing to do: no feature has open tasks."
    console.print(f"\n{said}", markup=False, soft_wrap=True)
    for item in night.items:
        if item.person:
            console.print(f"  {item.entry.name} needs a person: {item.person}", markup=False, soft_wrap=True)
    console.print(f"Summary: {folder_of(night) / 'nightly.html'}", markup=False, soft_wrap=True)
    return code


def tell(night: Night) -> list[str]:
    """Post the summary; returns the problems."""
    from ..night.notify import notify

    return notify(night)


def show_plan(plan: Plan, console: Console, *, json: bool) -> int:
    """What would be worked, in which order, and what would be left to a person."""
    from ..documents import load_feature
    from ..night.policy import why_skipped

    rows = []
    for entry in plan.entries:
        skipped = entry.problem
        if not skipped:
            skipped = why_skipped(load_feature(entry.root / entry.directory, entry.root), entry.gate)
        rows.append({**entry.model_dump(mode="json"), "skipped": skipped})
    if json:
        import json as jsonlib

        data = {
            "features": rows,
            "budget": plan.budget.model_dump(),
            "until": plan.until,
            "landing": plan.landing.model_dump(),
        }
        sys.stdout.write(jsonlib.dumps(data, indent=2, ensure_ascii=False) + "\n")
        return EXIT_OK
    if not rows:
        console.print("Nothing to do: no feature has open tasks.")
    width = max((len(entry.name) for entry in plan.entries), default=0)
    for number, (entry, row) in enumerate(zip(plan.entries, rows, strict=True), 1):
        needs = f", after {', '.join(entry.depends_on)}" if entry.depends_on else ""
        left = f"  SKIPPED: {row['skipped']}" if row["skipped"] else ""
        line = f"{number:3}. {entry.name:<{width}}  P{entry.priority}, {entry.open_tasks} open{needs}{left}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if plan.deadline:
        console.print(f"Until {time.strftime('%Y-%m-%d %H:%M', time.localtime(plan.deadline))}.")
    console.print(f"Landing: {plan.landing.mode}. Nothing was changed.", markup=False)
    return EXIT_OK


@nightly_app.command(
    epilog="Examples:  kfpilot nightly schedule --github --write   ·   kfpilot nightly schedule --cron --at 21:30   "
    "·   kfpilot nightly schedule --systemd --out units   ·   "
    "kfpilot nightly schedule --k8s --clone https://github.com/OWNER/NAME.git --out deploy"
)
def schedule(
    github: Annotated[bool, typer.Option("--github", help="A GitHub workflow (its clock is UTC).")] = False,
    cron: Annotated[bool, typer.Option("--cron", help="A crontab line.")] = False,
    systemd: Annotated[bool, typer.Option("--systemd", help="A systemd service and timer.")] = False,
    k8s: Annotated[bool, typer.Option("--k8s", help="A Kubernetes CronJob with its volume.")] = False,
    at: Annotated[str, typer.Option(metavar="HH:MM", help="When the night begins.")] = "22:00",
    until: Annotated[str, typer.Option(metavar="HH:MM", help="When it ends.")] = "06:00",
    land: Annotated[str, typer.Option(help="branch, push or pull-request.")] = "pull-request",
    image: Annotated[str, typer.Option(help="Worker image of the CronJob (deploy/Dockerfile).")] = "",
    clone: Annotated[str, typer.Option(metavar="URL", help="What the CronJob clones.")] = "",
    revision: Annotated[str, typer.Option(help="The branch it works on.")] = "main",
    out: Annotated[Path | None, typer.Option(help="Write the files to this folder.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write them to the repository.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what was changed.")] = False,
    json: Annotated[bool, typer.Option("--json", help="File names and texts as JSON.")] = False,
    repo: Repo = Path(),
) -> None:
    """Print or write what starts a night every evening; checked as the gate `infra` checks such files."""
    from .nightly_schedule import schedule_command

    wanted: list[tuple[Kind, bool]] = [("github", github), ("cron", cron), ("systemd", systemd), ("k8s", k8s)]
    raise typer.Exit(
        schedule_command(
            repo, [kind for kind, on in wanted if on], at=at, until=until, land=land, image=image, url=clone,
            branch=revision, out=out, write=write, force=force, json=json,
        )
    )  # fmt: skip
