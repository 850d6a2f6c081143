"""The conversation: takes a line, does what it means, keeps the session. The terminal reads the lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ...tools.redact import redact
from ..documents import leading_feature
from ..drafting.draft import Draft, compose, plan_of, save
from ..drafting.survey import survey
from ..errors import EXIT_OK, Interrupted, KfpilotError, ToolFailure, UserError
from ..reports.find import list_runs
from ..reports.words import bare, one_line
from ..settings import Settings
from .actions import Actions
from .desk import Desk
from .grammar import COMMANDS, Intent, selection, understand
from .runs import after_failure, feature_to_resume, made_since, marks, nothing_run
from .said import (
    budget_lines,
    document_of,
    documents_text,
    draft_lines,
    latest_report,
    used_line,
    why_lines,
)
from .session import Phase, Session, folder_of, keep

BUDGETS = ("tokens", "cost", "calls", "attempts", "time")
STOPPED = "Stopped. Nothing was lost: say it again, or go on with something else."
LEFT_TO_IT = "Decide it, and say so in the assumptions."
NEXT = "Say what to change, or: go (writes and runs it), save (writes it only), show spec|plan|tasks."


class Talk:
    """One conversation.

    Args:
        root: The repository's root.
        session: What it has come to.
        actions: The command line.
        say: Shows a line.
        settings: Makes the settings, with the conversation's overrides.
        ask: Whether questions may be asked.
        desk: Makes the model's desk.
    """

    def __init__(
        self,
        root: Path,
        session: Session,
        actions: Actions,
        say: Callable[[str], None],
        settings: Callable[[dict[str, str]], Settings],
        *,
        ask: bool = True,
        desk: Callable[[Path, Settings], Desk],
    ) -> None:
        self.root, self.session, self.actions, self.out, self.ask = root, session, actions, say, ask
        self.settings, self.make_desk = settings, desk
        self._desk: Desk | None = None
        self.code = EXIT_OK

    def say(self, *lines: str) -> None:
        """Show lines, and keep them with the conversation."""
        for line in lines:
            self.out(line)
        self.session.heard("kfpilot", redact("\n".join(lines)))

    def handle(self, line: str) -> bool:
        """Do what a line means. A failure is said and ends nothing.

        Returns:
            Whether the conversation goes on.
        """
        if not line.strip() and self.session.phase != "asking":
            return True
        intent = understand(line, self.phase, self.perhaps_feature_of)
        self.session.heard("user", redact(line.strip()))
        self.code = EXIT_OK
        try:
            if intent.kind == "quit":
                return False
            self.do(intent)
        except KeyboardInterrupt:
            self.code = Interrupted.exit_code
            self.say("", STOPPED)
        except KfpilotError as error:
            self.code = error.exit_code
            self.say(redact(str(error)))
        except ToolFailure as error:
            self.code = 1
            self.say(redact(str(error)))
        finally:
            keep(self.root, self.session)
        return True

    @property
    def phase(self) -> Phase:
        """Where the conversation stands for whoever speaks: a draft is open until its documents have been run."""
        if self.session.questions or self.session.draft is None:
            return self.session.phase
        return "saved" if self.worked() else "draft"

    def worked(self) -> bool:
        """Whether the draft's documents have been run."""
        draft = self.session.draft
        return bool(draft and self.session.saved and list_runs(self.root, draft.folder))

    def perhaps_feature_of(self, words: str) -> tuple[str | None, str]:
        """The same of words that may be no order: "run 300 rows at once" names none."""
        try:
            return self.feature_of(words)
        except UserError:
            return None, words

    def feature_of(self, words: str) -> tuple[str | None, str]:
        """The feature that an order begins with, the draft's too, and the words after it.

        Raises:
            UserError: It looks like a feature's name, and there is none.
        """
        folder, (first, _, rest) = self.session.draft.folder if self.session.draft else "", words.partition(" ")
        number = folder.partition("-")[0]
        if first and first in (folder, number if number.isdigit() else folder):
            return folder, rest.strip()
        return leading_feature(self.root, words)

    def do(self, intent: Intent) -> None:
        """One order; sets the exit code where it is that of a command."""
        of, feature = intent.of, self.session.feature or None
        match intent.kind:
            case "words":
                self.words(of)
            case "question":
                self.question(of)
            case "new":
                self.new(of)
            case "go" | "run" | "resume":
                self.run(of, intent.kind)
            case "save":
                self.save()
            case "show":
                self.show(of)
            case "plan":
                draft = self.unsaved()
                if draft:
                    self.actions.show_plan(plan_of(draft, survey(self.root)))
                else:
                    self.code = self.actions.plan(feature)
            case "diff":
                self.actions.diff(feature, of)
            case "status":
                self.actions.status()
            case "report":
                self.code = self.actions.report(feature)
            case "verify":
                self.code = self.actions.verify(of.replace(",", " ").split(), feature)
            case "undo":
                self.undo(of)
            case "agree" | "leave":
                self.stand(agreed=intent.kind == "agree")
            case "why":
                self.say(*why_lines(latest_report(self.root, self.session.feature), of))
            case "budget":
                self.budget(of)
            case "model":
                self.model(of)
            case "help":
                self.help()
            case _:
                raise UserError(f"there is no command {of}", mend="/help lists them.")

    def desk(self) -> Desk:
        """The model's desk, by the settings as they are now."""
        settings = self.settings(self.session.overrides)
        if self._desk is None:
            self._desk = self.make_desk(folder_of(self.root, self.session), settings)
        self._desk.settings = settings
        return self._desk

    def close(self) -> None:
        """Let the model go."""
        if self._desk is not None:
            self._desk.close()

    def unsaved(self) -> Draft | None:
        """The draft, if it does not stand in the repository as it is."""
        return self.session.draft if self.session.phase == "draft" else None

    def words(self, text: str) -> None:
        """Words that are no order: an answer, a request or a correction."""
        if self.session.phase == "asking":
            self.answered(text)
        elif self.session.draft is None:
            self.new(text)
        else:
            self.correct(text)

    def new(self, request: str) -> None:
        """Begin with a feature: ask what matters, or draft at once."""
        if len(request.split()) < 3:
            raise UserError(
                "that is no request yet", mend="Say in a sentence what is to be built, like: flag customers who …"
            )
        self.session.forget()
        self.session.request = request
        keep(self.root, self.session)
        self.session.questions = self.desk().questions(request) if self.ask else []
        if self.session.questions:
            count = len(self.session.questions)
            self.say(f"{'One question' if count == 1 else f'{count} questions'} first; an empty line leaves it to me.")
            self.say(bare(self.session.questions[0]))
        else:
            self.draft()

    def answered(self, text: str) -> None:
        """The answer to the question that is open."""
        self.answer(text.strip() or LEFT_TO_IT)
        if self.session.questions:
            self.say(bare(self.session.questions[0]))
        else:
            self.draft()

    def answer(self, text: str) -> None:
        """Keep the answer to the question that is open."""
        self.session.answers.append((self.session.questions.pop(0), text))

    def draft(self) -> None:
        """Draft what was asked for."""
        made, found = self.desk().draft(self.session.request, self.session.answers)
        self.session.draft = made
        self.say(*draft_lines(made, found, plan_of(made, found)), "", NEXT)

    def correct(self, words: str) -> None:
        """Change the draft as the user says."""
        self.may_change()
        said = [*self.session.corrections, words]
        made, found = self.desk().draft(self.session.request, self.session.answers, self.session.draft, said)
        self.session.corrected(made, words)
        self.say(*draft_lines(made, found, plan_of(made, found)), "", NEXT)

    def may_change(self) -> None:
        """Raise if the documents have been worked already: ids and ticks belong together."""
        if self.session.draft and self.worked():
            raise UserError(
                f"{self.session.draft.folder} has been run, so its documents are not drafted anew",
                mend="Ask a question with a ?, do single tasks (do T003, with your words), or begin with: new: …",
            )

    def save(self) -> None:
        """Write the documents into the repository."""
        draft = self.session.draft
        if draft is None:
            raise UserError("there is no draft", mend="Say first what is to be built.")
        if self.session.phase == "saved":
            self.say(f"It is written already: {draft.directory}/")
            return
        if not self.session.saved:
            # Somebody may have taken the number since it was drafted.
            fresh = compose(draft.outline, survey(self.root), draft.request)
            draft = self.session.draft = fresh if fresh.folder != draft.folder else draft
        paths = save(draft, self.root, self.session.saved)
        self.session.saved, self.session.feature = draft.digests(), draft.folder
        keep(self.root, self.session)
        self.say(*(f"written: {path}" for path in paths))

    def stand(self, *, agreed: bool) -> None:
        """Say where things stand to somebody who agrees, or wants nothing done: no word of these changes a draft."""
        if self.session.draft is None:
            self.say("Nothing is under way. Say what you want built, in your own words.")
        elif self.unsaved():
            self.say("go writes the draft and runs it, save writes it only." if agreed else f"Left as it is. {NEXT}")
        elif self.phase == "draft":
            self.say("It is written. go runs it." if agreed else "Left as it is: written, not run.")
        else:
            self.say("Nothing is under way. status says what is open; new: … begins with another feature.")

    def written(self, named: str | None, *, draft_meant: bool) -> str:
        """The feature to run, its documents written: the one that is named, else the draft's, else the one before."""
        draft = self.session.draft
        if draft and (named == draft.folder or (draft_meant and not named)):
            if self.unsaved():
                self.save()
            return self.session.draft.folder if self.session.draft else ""
        return named or self.session.feature

    def run(self, words: str, kind: str) -> None:
        """Write what is not written, then run; the display shows how it goes."""
        if kind == "resume":
            feature, words = feature_to_resume(self.root, words, self.session.feature), ""
        else:
            named, words = self.feature_of(words)
            if self.session.questions and not named:
                # Whoever says go does not want to be asked.
                while self.session.questions:
                    self.answer(LEFT_TO_IT)
                self.draft()
                return
            feature = self.written(named, draft_meant=kind == "go" or self.unsaved() is not None)
        if not feature and not words:
            raise UserError(
                "there is no draft", mend="Say first what is to be built; /run 001 runs a feature that is here."
            )
        keep(self.root, self.session)
        if self._desk is not None:
            self._desk.make_room()
        before = marks(self.root)
        try:
            resume = kind == "resume"
            self.code = self.actions.run(feature or None, selection(words), self.session.overrides, resume=resume)
        finally:
            made = made_since(self.root, before)
            if made:
                self.session.ran(made.id, made.feature)
        if self.code == Interrupted.exit_code:
            self.say("The run has stopped; resume goes on with it." if made else STOPPED)
        elif self.code != EXIT_OK and made and (told := after_failure(made)):
            self.say(told)

    def undo(self, target: str) -> None:
        """Take the last correction of an open draft back, else what this conversation has run; nothing of others."""
        session = self.session
        if not target and session.corrections and self.phase == "draft":
            if not session.before:
                raise UserError(
                    "the draft before that correction is not kept", mend="Say in your words what is to be as it was."
                )
            words = session.uncorrect()
            self.say(f"Taken back: {bare(one_line(words, 200))}", "")
            self.show("")
            self.say("", NEXT if self.unsaved() else f"It is as it was written: {session.feature}. go runs it.")
            return
        if not session.runs and not (target and session.feature and list_runs(self.root, session.feature)):
            raise nothing_run(self.root, target)
        self.code = self.actions.undo(target, session.feature, session.runs)

    def show(self, what: str) -> None:
        """The draft, or one of its documents."""
        draft = self.session.draft
        if draft is None:
            raise UserError("there is no draft", mend="Say first what is to be built; /plan shows a feature's plan.")
        if what:
            self.actions.document(*document_of(draft, what.removesuffix(".md")))
        else:
            found = survey(self.root)
            self.say(*draft_lines(draft, found, plan_of(draft, found)))

    def question(self, text: str) -> None:
        """Let the model answer from the documents and the latest run."""
        draft, state = self.session.draft, ""
        if list_runs(self.root, self.session.feature or None):
            from ..reports.markdown import render

            state = render(latest_report(self.root, self.session.feature))
        self.say(bare(self.desk().answer(text, documents_text(draft) if draft else "", state)))
        if self.phase == "draft" and re.match(r"(?:can|could|would|will|should|shall)\b", text, re.I):
            self.say("", "The draft is as it was. To have it changed, say so without a question mark.")

    def budget(self, text: str) -> None:
        """Say what was used; set limits for what comes."""
        pairs = re.findall(r"([a-z]+)\s*=\s*(\S+)", text.lower())
        if text and (not pairs or any(name.removeprefix("max_") not in BUDGETS for name, _ in pairs)):
            raise UserError(
                "no such budget", mend=f"Like: /budget tokens=500k time=1h. There are {', '.join(BUDGETS)}."
            )
        wanted = {f"max_{name.removeprefix('max_')}": value for name, value in pairs}
        settings = self.settings({**self.session.overrides, **wanted})
        self.session.overrides |= wanted
        folder = folder_of(self.root, self.session)
        lines = [used_line(folder / "journal.jsonl")]
        if list_runs(self.root, self.session.feature or None):
            lines += budget_lines(latest_report(self.root, self.session.feature))
        limits = {name: getattr(settings, f"max_{name}") for name in BUDGETS}
        told = [f"{name} {value:,.6g}" for name, value in limits.items() if value is not None]
        lines.append(f"Limits of a run from now on: {', '.join(told) or 'none'}.")
        self.say(*lines)

    def model(self, name: str) -> None:
        """Say which model works, or choose another."""
        from ..models.choose import kind_of

        if name:
            kind_of(self.settings({**self.session.overrides, "model": name}))
            self.session.overrides["model"] = name
        kind, which = kind_of(self.settings(self.session.overrides))
        self.say(f"Model: {kind}{f' {which}' if which else ''}")

    def help(self) -> None:
        """What can be said."""
        self.say(
            "Write what you want built; then correct the draft in your own words, or say one of these:",
            "  go · save · show spec|plan|tasks · do US2 now · do T003-T005 · undo T003 · why did T004 fail · resume",
            *(f"  {name:<9}{text}" for name, text in COMMANDS.items()),
        )
