"""The model of a conversation: opened when it is needed, under guard, counted in the conversation's own journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from ...tools.redact import SHARED
from ..drafting import Survey, capable, small, survey
from ..drafting.draft import Draft
from ..errors import ModelError
from ..events import Journal, Notice
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

CHOOSING = ("model", "base_url", "model_file", "temperature", "model_timeout", "record", "cache_dir")
"""Settings that choose the model: if one changes, another is opened."""


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
    """Drafts and answers with a model, which stays open from one turn to the next.

    Args:
        root: The repository's root.
        folder: Where the journal goes.
        progress: Is told of a download of weights.
        tell: Is told what is under way.

    Attributes:
        settings: Which model, and its budgets; they hold for the conversation as they do for a run.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        settings: Settings,
        *,
        progress: Progress | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.root, self.folder, self.settings, self.progress, self.tell = root, folder, settings, progress, tell
        self.emit: Callable[[Any], None] = lambda event: None
        self._stack = ExitStack()
        self._open: tuple[Handle, Settings] | None = None
        SHARED.learn_folder(root)

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the model go; it is opened again when it is needed."""
        self._open = None
        self._stack.close()

    def make_room(self) -> None:
        """Before a run: the embedded model would stand in memory twice."""
        if self._open and self._open[0].kind == "embedded":
            self.close()

    def model(self) -> Handle:
        """The model of the settings as they are now."""
        if self._open and any(getattr(self._open[1], name) != getattr(self.settings, name) for name in CHOOSING):
            self.close()
        if self._open is None:
            log = self.folder / "model.log"
            opened = self._stack.enter_context(open_model(self.settings, progress=self.progress, log=log))
            self._open = (opened, self.settings)
        return self._open[0]

    @contextmanager
    def opened(self) -> Iterator[Handle]:
        """The model under guard, for one turn. What earlier turns used counts; the time in between does not."""
        model = self.model()
        journal = Journal(self.folder / "journal.jsonl", [self.hear])
        ledger, told = open_ledger(self.settings, model, journal)
        for event in told if not journal.path.exists() else []:
            journal.emit(event)

        def emit(event: Any) -> None:
            journal.emit(ledger.stamp(event))

        self.emit = emit
        try:
            yield guarded(model, guard_of(self.settings, journal, ledger, Stop()))
        finally:
            ledger.run.stop()

    def step(self, text: str) -> None:
        """Tell the user what a small model is at."""
        self.tell(f"{text} …")

    def hear(self, event: Any) -> None:
        """Tell the user what goes on around a call: an endpoint that is waited for, a budget that is nearly used."""
        if isinstance(event, Notice):
            self.tell(event.message)

    def survey(self) -> Survey:
        """The repository as it is now."""
        return survey(self.root)

    def questions(self, request: str) -> list[str]:
        """What the model would ask first; a small one asks nothing."""
        found = self.survey()
        with self.opened() as handle:
            if is_small(self.settings, handle):
                return []
            self.tell("looking at the repository …")
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
        with self.opened() as handle:
            if is_small(self.settings, handle):
                # It draws anew each time, so that it needs all that was said.
                words = ". ".join(corrections)
                made = small.draft(handle, found, request, before=before, words=words, emit=self.emit, tell=self.step)
            else:
                self.tell("correcting the draft …" if before else "drafting …")
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
        with self.opened() as handle:
            brief = is_small(self.settings, handle)
            self.tell("reading up …")
            said = answer_question(handle, found, question, documents, state, brief=brief, emit=self.emit)
        if not said:
            raise ModelError("the model gave no answer", mend="Ask in other words.")
        return said
