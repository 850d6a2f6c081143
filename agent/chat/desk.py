"""The model of a conversation: opened when it is needed, under guard, counted in the conversation's own journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ...tools.redact import SHARED
from ..budgets import Scope
from ..drafting import Survey, capable, small, survey
from ..drafting.draft import Draft
from ..errors import ModelError
from ..events import Journal
from ..models.choose import kind_of, open_model
from ..models.guard import guarded
from ..models.handle import Handle
from ..settings import Settings
from ..workflow.books import guard_of, open_ledger
from ..workflow.stopping import Stop
from .answer import answer_question

Progress = Callable[[int, int, str], None]

SMALL = (
    "The embedded model is small: it drafts one or two components and the pipeline that runs them, asks nothing back, "
    "and takes minutes; corrections draft anew."
)
"""What a user must know before they wait for it."""


def is_small(settings: Settings, handle: Handle) -> bool:
    """Whether the model drafts in small steps: the embedded one, and whatever the user set to write drafts."""
    if settings.worker != "auto":
        return settings.worker == "draft"
    return handle.kind == "embedded"


def limits_line(settings: Settings) -> str:
    """What to say of the model's limits at the start; empty if there is nothing to say."""
    kind, _ = kind_of(settings)
    small_one = settings.worker == "draft" if settings.worker != "auto" else kind == "embedded"
    return SMALL if small_one else ""


class Desk:
    """Drafts and answers with a model.

    Args:
        root: The repository's root.
        settings: Which model, and its budgets; they hold for the conversation as they do for a run.
        folder: Where the journal goes.
        progress: Is told of a download of weights.
        tell: Is told what is under way.
    """

    def __init__(
        self,
        root: Path,
        settings: Settings,
        folder: Path,
        *,
        progress: Progress | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.root, self.settings, self.folder, self.progress, self.tell = root, settings, folder, progress, tell
        self.spent: Scope | None = None
        SHARED.learn_folder(root)

    @contextmanager
    def opened(self) -> Iterator[tuple[Handle, Journal]]:
        """The model under guard. It is closed again at once: a run needs the memory for its own."""
        with ExitStack() as stack:
            log = self.folder / "model.log"
            model = stack.enter_context(open_model(self.settings, progress=self.progress, log=log))
            journal = Journal(self.folder / "journal.jsonl")
            ledger, told = open_ledger(self.settings, model, journal)
            for event in told:
                journal.emit(event)
            handle = guarded(model, guard_of(self.settings, journal, ledger, Stop()))
            self.spent = ledger.run

            def emit(event: object) -> None:
                journal.emit(ledger.stamp(event))

            self.emit = emit
            try:
                yield handle, journal
            finally:
                ledger.run.stop()

    def survey(self) -> Survey:
        """The repository as it is now."""
        return survey(self.root)

    def questions(self, request: str) -> list[str]:
        """What the model would ask first; a small one asks nothing."""
        found = self.survey()
        with self.opened() as (handle, _):
            if is_small(self.settings, handle):
                return []
            self.tell("looking at the repository")
            return capable.questions(handle, found, request, self.emit)

    def draft(
        self,
        request: str,
        answers: list[tuple[str, str]],
        before: Draft | None = None,
        corrections: Sequence[str] = (),
    ) -> tuple[Draft, Survey]:
        """A draft that parser and planner find nothing wrong with.

        Args:
            request: What the user asked for.
            answers: Questions with the user's answers.
            before: The draft that is to be corrected.
            corrections: What the user has said to it, the latest last.

        Raises:
            ModelError: The model did not get there.
        """
        found = self.survey()
        with self.opened() as (handle, _):
            if is_small(self.settings, handle):
                # It draws anew each time, so that it needs all that was said.
                words = ". ".join(corrections)
                made = small.draft(handle, found, request, before=before, words=words, emit=self.emit, tell=self.tell)
            else:
                self.tell("correcting the draft" if before else "drafting")
                words = corrections[-1] if corrections else ""
                made = capable.draft(
                    handle, found, request, answers=answers, before=before, words=words, emit=self.emit
                )
        return made, found

    def answer(self, question: str, documents: str, state: str) -> str:
        """What the model says to a question; it changes nothing.

        Raises:
            ModelError: It said nothing.
        """
        found = self.survey()
        with self.opened() as (handle, _):
            brief = is_small(self.settings, handle)
            self.tell("reading up")
            said = answer_question(handle, found, question, documents, state, brief=brief, emit=self.emit)
        if not said:
            raise ModelError("the model gave no answer", mend="Ask in other words.")
        return said
