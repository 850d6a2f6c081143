"""`kfpilot chat` and `kfpilot new`: the conversation's way to what the other commands do."""

from __future__ import annotations

import json as jsonlib
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ...tools import git
from ..chat.desk import Desk, limits_line
from ..chat.runs import made_since, marks
from ..chat.said import draft_lines
from ..chat.session import Session, age_of, folder_of, keep, latest_session, new_session
from ..chat.talk import Talk
from ..documents import leading_feature
from ..drafting.draft import Draft, like_it, plan_of, save
from ..errors import EXIT_OK, Interrupted, UserError
from ..planner.models import ExecutionPlan
from ..planner.plan_json import plan_json
from ..settings import Settings
from ..workflow.checkout import open_checkout
from ..workflow.driver import NothingToDo
from .common import console_for, settings_for
from .model import download_progress
from .words import words_of

if TYPE_CHECKING:
    from rich.console import Console


class CommandLine:
    """The other commands, as a conversation calls them.

    Args:
        root: The repository's root.
        console: Where they print.
        base: What was given on the command line of the conversation.
        plain: Lines instead of a live table.
        no_color: No colours.
        confirm: Asks the user before work is taken back; None where nobody can answer.
    """

    def __init__(
        self,
        root: Path,
        console: Console,
        base: dict[str, object],
        *,
        plain: bool,
        no_color: bool,
        confirm: Callable[[str], bool] | None = None,
    ) -> None:
        self.root, self.console, self.base, self.plain, self.no_color = root, console, base, plain, no_color
        self.confirm = confirm

    def run(self, feature: str | None, words: str, overrides: dict[str, str], *, resume: bool) -> int:
        """`kfpilot run`."""
        from .run import run_command

        if feature is None:
            feature, words = leading_feature(self.root, words)
        try:
            return run_command(
                self.root,
                feature,
                [words] if words else [],
                tasks=[],
                stories=[],
                overrides={**self.base, **overrides},
                resume=resume,
                plain=self.plain,
                no_color=self.no_color,
            )
        except NothingToDo as error:
            self.console.print(str(error), markup=False, highlight=False)
            return EXIT_OK

    def plan(self, feature: str | None) -> int:
        """`kfpilot plan --no-llm`."""
        from .plan import plan_command

        return plan_command(self.root, feature, [], tasks=[], stories=[], no_llm=True, no_color=self.no_color)

    def show_plan(self, plan: ExecutionPlan) -> None:
        """The plan of a draft."""
        from .plan import show

        show(plan, self.console)

    def status(self) -> None:
        """`kfpilot status`."""
        from .report import status_command

        status_command(self.root, self.console)

    def report(self, feature: str | None) -> int:
        """`kfpilot report`."""
        from .report import report_command

        return report_command(self.root, self.console, feature)

    def undo(self, target: str, feature: str, runs: list[str]) -> int:
        """`kfpilot undo`, after it was shown and allowed where there is somebody to ask."""
        from ..workflow.undo_choice import latest_with_work
        from .undo import undo_command

        found = target or latest_with_work(open_checkout(self.root), runs)
        if not found:
            raise UserError(
                "what this conversation has run left nothing to take back", mend="Other runs: kfpilot status"
            )
        # A run's id is that of one feature; a task's is not.
        of = feature if target else None
        if self.confirm is not None:
            undo_command(self.root, found, feature=of, dry_run=True, no_color=self.no_color)
            if not self.confirm("Take it back?"):
                say_on(self.console, "Nothing was taken back, as you said.")
                return EXIT_OK
        return undo_command(self.root, found, feature=of, no_color=self.no_color)

    def verify(self, tasks: list[str], feature: str | None) -> int:
        """`kfpilot verify`."""
        from .verify import verify_command

        return verify_command(self.root, tasks, feature=feature, no_color=self.no_color)

    def diff(self, feature: str | None, task: str) -> None:
        """What the latest run, or one of its tasks, changed."""
        from .diff import diff_of

        show_text(self.console, diff_of(self.root, feature, task), "diff")

    def document(self, path: str, text: str) -> None:
        """A document, rendered on a terminal."""
        self.console.print(path, style="bold", markup=False, highlight=False)
        if self.console.is_terminal:
            from rich.markdown import Markdown

            self.console.print(Markdown(text))
        else:
            self.console.file.write(text)


def show_text(console: Console, text: str, lexer: str) -> None:
    """A text with colours on a terminal, as it is elsewhere."""
    if console.is_terminal:
        from rich.syntax import Syntax

        console.print(Syntax(text, lexer, word_wrap=True, background_color="default"))
    else:
        console.file.write(text)


def confirmed(question: str) -> bool:
    """Whether the user says yes; no answer is none."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def say_on(console: Console, line: str) -> None:
    """A line as it is; long ones are wrapped on a terminal alone."""
    console.print(line, markup=False, highlight=False, soft_wrap=not console.is_terminal)


def chat_command(
    folder: Path,
    *,
    go_on: bool = False,
    questions: bool = True,
    overrides: dict[str, object],
    plain: bool = False,
    no_color: bool = False,
) -> int:
    """Talk until the user leaves; returns the exit code: that of the last order when the lines came from a pipe."""
    from ..chat.terminal import LEAVE, names_in, read_lines

    root = git.root_of(open_checkout(folder))
    console = console_for(no_color)
    session = latest_session(root) if go_on else new_session()
    person = sys.stdin.isatty() and sys.stdout.isatty()
    stack = ExitStack()
    tell = stack.enter_context(download_progress())

    def settings(more: dict[str, str]) -> Settings:
        return settings_for(root, {**overrides, **more})

    def desk(place: Path, wanted: Settings) -> Desk:
        return Desk(root, place, wanted, progress=tell, tell=lambda text: say_on(console, f"  {text}"))

    actions = CommandLine(
        root, console, overrides, plain=plain, no_color=no_color, confirm=confirmed if person else None
    )
    talk = Talk(
        root, session, actions, lambda line: say_on(console, line), settings, ask=questions and person, desk=desk
    )
    ended: list[int] = []

    def words() -> list[str]:
        return names_in(root, session.feature)

    def terminate(number: int, frame: object) -> None:
        ended.append(number)
        raise KeyboardInterrupt

    stack.callback(talk.close)
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        with stack:
            greet(console, session, settings(session.overrides), go_on=go_on)
            while converse(talk, lambda: read_lines(root, words, lambda text: say_on(console, text)), ended):
                if not person or ended:
                    return Interrupted.exit_code
                say_on(console, LEAVE)
    except KeyboardInterrupt:
        return Interrupted.exit_code
    finally:
        signal.signal(signal.SIGTERM, before)
        if session.log:
            keep(root, session)
    if ended:
        return Interrupted.exit_code
    return EXIT_OK if person else talk.code


def converse(talk: Talk, lines: Callable[[], Iterable[str]], ended: list[int]) -> bool:
    """Take line after line until the user leaves.

    Returns:
        Whether it was interrupted instead, between two lines.
    """
    try:
        for line in lines():
            if not talk.handle(line) or ended:
                break
    except KeyboardInterrupt:
        return True
    return False


def greet(console: Console, session: Session, settings: Settings, *, go_on: bool) -> None:
    """The first lines: what to do, what the model cannot do, where the conversation stood."""
    say_on(console, "Say what you want built, in your own words. /help lists the rest, Ctrl-D leaves.")
    limits = limits_line(settings)
    if limits:
        say_on(console, limits)
    if go_on:
        stands = {"empty": "nothing is drafted", "asking": "a question is open", "draft": "a draft is not written yet"}
        where = stands.get(session.phase, f"{session.draft.folder if session.draft else session.feature} is written")
        if session.draft is None and session.feature:
            where = f"{session.feature} was run last"
        say_on(console, f"Going on with the conversation of {age_of(session)}: {where}.")
        if session.questions:
            say_on(console, session.questions[0])


def new_command(
    folder: Path,
    words: list[str],
    *,
    overrides: dict[str, object],
    questions: bool = True,
    dry_run: bool = False,
    run: bool = False,
    json: bool = False,
    plain: bool = False,
    no_color: bool = False,
    words_file: Path | None = None,
) -> int:
    """Draft a feature, write its documents, and run it if asked to; returns the exit code."""
    root = git.root_of(open_checkout(folder))
    # No feature is looked for in the words: it is a new one.
    _, words = words_of(root, "", words, words_file)
    request = " ".join(words).strip()
    if len(request.split()) < 3:
        raise UserError(
            "say in a sentence what is to be built",
            mend='Like: kfpilot new "flag customers whose orders dropped by half"',
        )
    if run and (json or dry_run):
        raise UserError("--run goes with neither --json nor --dry-run", mend="Then: kfpilot run FEATURE --json")
    settings = settings_for(root, overrides)
    console, progress = console_for(no_color), console_for(no_color, stderr=True)
    person = sys.stdin.isatty() and sys.stdout.isatty() and not json
    session = new_session()
    session.request = request
    with ExitStack() as stack:
        place = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kfpilot-new-")))
            if dry_run
            else folder_of(root, session)
        )
        limits = limits_line(settings)
        if limits:
            say_on(progress, limits)
        told = stack.enter_context(download_progress())
        desk = stack.enter_context(
            Desk(root, place, settings, progress=told, tell=lambda text: say_on(progress, f"  {text}"))
        )
        try:
            if questions and person:
                session.answers = [(text, answered(console, text)) for text in desk.questions(request)]
            draft, found = desk.draft(request, session.answers)
        except KeyboardInterrupt:
            raise Interrupted("stopped; nothing was written") from None
        plan, same = plan_of(draft, found), like_it(draft, found)
    if not dry_run:
        save(draft, root)
        session.draft, session.saved, session.feature = draft, draft.digests(), draft.folder
        session.heard("user", request)
        keep(root, session)
    if json:
        sys.stdout.write(
            jsonlib.dumps(told_as_json(draft, plan, same, written=not dry_run), indent=2, ensure_ascii=False) + "\n"
        )
        return EXIT_OK
    for line in draft_lines(draft, found, plan):
        say_on(console, line)
    say_on(console, "")
    for path in draft.paths:
        say_on(console, f"{'would write' if dry_run else 'written'}: {path}")
    if not run:
        if not dry_run:
            say_on(console, f"Next: kfpilot run {draft.folder}, or change it with: kfpilot chat --continue")
        return EXIT_OK
    before = marks(root)
    try:
        return CommandLine(root, console, overrides, plain=plain, no_color=no_color).run(
            draft.folder, "", {}, resume=False
        )
    finally:
        # So that `kfpilot chat --continue` knows it as its own.
        made = made_since(root, before)
        if made:
            session.ran(made.id, made.feature)
            keep(root, session)


def answered(console: Console, question: str) -> str:
    """The user's answer; none at all leaves the matter to the model."""
    say_on(console, question)
    try:
        text = input("> ").strip()
    except EOFError:
        text = ""
    return text or "Decide it, and say so in the assumptions."


def told_as_json(draft: Draft, plan: ExecutionPlan, same: list[str], *, written: bool) -> dict[str, object]:
    """What a program wants to know of a draft."""
    return {
        "feature": draft.folder,
        "directory": draft.directory,
        "title": draft.outline.title,
        "written": written,
        "same_name": same,
        "documents": {f"{draft.directory}/{name}": text for name, text in draft.documents.items()},
        "plan": plan_json(plan),
    }
