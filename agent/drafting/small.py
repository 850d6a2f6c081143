"""Drafting with a small model: it fills lines with words, step by step; what hangs together is put together here.

The harness decides the pipeline's wiring, ids, paths and references: a small model gets words right more often than
structure. No prompt is longer than about 1,500 tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..errors import KfpilotError
from ..events import ModelCalled
from ..models.ask import Emit
from ..models.handle import Handle, whole_answer
from .capable import unusable
from .draft import Draft, compose, problems_of
from .lines import Missing, Part, StoryLines, read_parts, read_story
from .outline import Outline
from .survey import Survey
from .wiring import outline_of
from .words import block, repository_of

TEMPLATE = "new_feature_small.md"
TRIES = 4
"""Answers for one step."""
ROUNDS = 2
"""Whole drafts, if the first is not right although every step was."""
MAX_TOKENS = 420
MOST_LINES = 8
"""Lines of one answer that are begun for the model because it left them out."""
FIRST_TEMPERATURE, LATER_TEMPERATURE = 0.2, 0.7

EXAMPLE = ("bonn", "ulm", "count_paid", "the parameter status", "plans by city", "for each city", "each city has")
"""Words of the example in the prompt by which a line is known that was copied from it."""

Tell = Callable[[str], None]


class Talk:
    """Asks the model for the lines of one step after another.

    Args:
        handle: The model.
        begin: What every request begins with, so that a model's cache can keep it.
        emit: Takes the events of the calls.
    """

    def __init__(self, handle: Handle, begin: str, emit: Emit | None) -> None:
        self.handle, self.begin, self.emit = handle, begin, emit

    @property
    def prefills(self) -> bool:
        """Whether the model goes on with an answer that was begun for it."""
        return self.handle.kind == "embedded"

    def ask(self, step: str, opening: str, number: int, *, one_line: bool = False) -> str:
        """The answer, its opening in front.

        Args:
            step: What is asked for.
            opening: How the answer begins.
            number: Which try it is; each draws differently, and the same in each run.
            one_line: Let it end with the line.
        """
        from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

        from ..models.failures import model_error
        from ..models.usage import usage_of

        prefill = self.prefills
        messages: list[Any] = [SystemMessage(block(TEMPLATE, "system")), HumanMessage(f"{self.begin}\n\n{step}")]
        settings: dict[str, Any] = {
            "temperature": FIRST_TEMPERATURE if number == 1 else LATER_TEMPERATURE,
            "max_tokens": MAX_TOKENS,
        }
        if prefill:
            messages.append(AIMessage(opening))
            settings |= {"seed": 1000 * number + 7, "top_p": 0.95, "stop": ["\n"] if one_line else ["\n\n", "```"]}
        started = time.monotonic()
        try:
            message = self.handle.model.bind(**settings).invoke(messages)
        except KfpilotError:
            raise
        except Exception as error:
            raise model_error(error, name=self.handle.name) from error
        usage = usage_of(message)
        if self.emit:
            self.emit(
                ModelCalled(
                    purpose="draft",
                    prompt_tokens=usage.prompt,
                    cached_tokens=usage.cached,
                    completion_tokens=usage.completion,
                    seconds=round(time.monotonic() - started, 3),
                )
            )
        said = str(message.text)
        return whole_answer(opening, said) if prefill else said


def draft(
    handle: Handle,
    found: Survey,
    request: str,
    *,
    before: Draft | None = None,
    words: str = "",
    emit: Emit | None = None,
    tell: Tell = lambda text: None,
) -> Draft:
    """A draft without faults. A correction draws it anew, with the user's words beside the request.

    Args:
        handle: The model.
        found: The repository.
        request: What the user asked for.
        before: The draft that is to be corrected.
        words: What the user says to it.
        emit: Takes the events of the calls.
        tell: Is told what is under way; it takes minutes on a processor.

    Raises:
        ModelError: No answer could be used; says what was wrong.
    """
    wanted = f"{request.strip()}. {words.strip()}" if words.strip() else request.strip()
    begin = block(TEMPLATE, "begin", repository=repository_of(TEMPLATE, found), request=" ".join(wanted.split()))
    talk = Talk(handle, begin, emit)
    folder = before.folder if before else ""
    problems: list[str] = []
    for number in range(ROUNDS):
        outline = one_round(talk, found, wanted, number * TRIES, tell)
        problems = problems_of(outline, found, request, folder)
        if not problems:
            return compose(outline, found, request, folder)
    raise unusable(problems, ROUNDS)


def one_round(talk: Talk, found: Survey, wanted: str, offset: int, tell: Tell) -> Outline:
    """Every step once, each until its answer can be used.

    Raises:
        ModelError: The answers to one step could not be used.
    """
    tell("naming the components")
    title, parts = patient(talk, "parts", "Title:", offset, lambda text: read_parts(text, found))
    stories: list[tuple[Part, StoryLines]] = []
    for part in parts:
        tell(f"writing what {part.name} must do")
        values = {"signature": part.signature, "does": part.does, "name": part.name}
        stories.append((part, patient(talk, "story", "Story:", offset, read_story, **values)))
    return outline_of(title, stories, found, wanted)


def without_copies(answer: str, begin: str) -> str:
    """The answer without the lines that repeat the example of the form, unless the request itself speaks of it."""
    copied = [word for word in EXAMPLE if word not in begin.lower()]
    lines = [(line, line.lower().replace("`", "")) for line in answer.splitlines()]
    # What a component does is looked at with its parameters at hand.
    return "\n".join(line for line, low in lines if low.startswith("does:") or not any(word in low for word in copied))


def patient(talk: Talk, step: str, opening: str, offset: int, read: Callable[[str], Any], **values: str) -> Any:
    """The data of a step, asked for again while it cannot be read; what was wrong is said in a few words.

    Raises:
        ModelError: No answer could be read.
    """
    hint, problem = "", ""
    for number in range(1, TRIES + 1):
        asked = block(TEMPLATE, step, hint=hint, **values)
        answer = without_copies(talk.ask(asked, opening, offset + number), talk.begin)
        for line in range(1, MOST_LINES + 1):
            try:
                return read(answer)
            except Missing as error:
                problem = str(error)
                if not talk.prefills:
                    break
                # The model is given the label, so that only the words are left to it.
                begun = f"{answer.rstrip()}\n{error.labels[0]}:".lstrip()
                answer = without_copies(talk.ask(asked, begun, offset + number + line, one_line=True), talk.begin)
            except ValueError as error:
                problem = str(error)
                break
        hint = f"Mind: {problem}."
    raise unusable([problem], TRIES)
