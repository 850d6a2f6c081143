"""The reviewer agent: one call at the end of a run. It reads, and what it says can only lower."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ..documents.models import Feature
from ..errors import KfpilotError
from ..models.ask import Asker, Emit
from ..models.failures import model_error
from ..models.handle import Handle
from .models import Row
from .request import HEAD, ReviewedTask, render
from .review import Lines, Review, ReviewAnswer, check_answer

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

ANSWERS = 2
"""The first answer, and one more after its faults were shown."""
RETRIES = 2
"""After a failure of the endpoint that may pass."""
Mode = Literal["auto", "always", "never"]


def why_not(mode: Mode, handle: Handle, rows: Sequence[Row], patch: str) -> str:
    """Why no reviewer is asked; empty if one is."""
    if mode == "never":
        return "switched off (review = never)"
    if not rows and not patch.strip():
        return "there is nothing to review"
    if mode == "always":
        return ""
    if handle.kind == "replay":
        return "" if getattr(handle.model, "answers", lambda key: False)(HEAD) else "the record holds none"
    if handle.kind == "endpoint" and handle.tools:
        return ""
    return f"the model ({handle.name}) is not asked for reviews unless review = always"


def review_work(
    feature: Feature,
    rows: Sequence[Row],
    tasks: Sequence[ReviewedTask],
    patch: str,
    lines: Lines,
    handle: Handle,
    emit: Emit | None = None,
) -> Review:
    """Ask the reviewer once, and once more after a bad answer.

    Args:
        feature: The documents.
        rows: The acceptance table.
        tasks: What was worked, with a line for each gate.
        patch: The diff of the run's branch.
        lines: Counts the lines of files that may be named.
        handle: The model.
        emit: Takes the events of the calls.

    Returns:
        The review; one that is not `done` says why. A model that fails is no failure of the run.
    """
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    system, request, shown = render(feature, rows, tasks, patch, handle.context_tokens)
    messages: list[BaseMessage] = [SystemMessage(system), HumanMessage(request)]
    ask = Asker(handle.model, ReviewAnswer, purpose="review", emit=emit, missing={"verdicts": [], "findings": []})
    fault = ""
    for _ in range(ANSWERS):
        try:
            text, answer, fault = patient(ask, messages)
        except KfpilotError as error:
            # A dead endpoint, a request that is too long, a budget that is used up: the work stands without a review.
            return Review(done=False, why=" ".join(str(error).split()), left_out=shown.left_out)
        if answer is not None:
            review = check_answer(answer, rows, lines)
            review.left_out = shown.left_out
            return review
        messages += [
            AIMessage(text or "(no text)"),
            HumanMessage(f"This cannot be used: {fault}\nAnswer again with the whole JSON and nothing else."),
        ]
    return Review(done=False, why=f"the reviewer's answers were not usable: {fault}", left_out=shown.left_out)


def patient(ask: Asker[ReviewAnswer], messages: Sequence[BaseMessage]) -> tuple[str, ReviewAnswer | None, str]:
    """Ask, and ask again where the endpoint failed in passing.

    Raises:
        KfpilotError: It failed for good, or too often.
    """
    for again in range(RETRIES + 1):
        try:
            return ask(messages)
        except KfpilotError as error:
            found = error
        except Exception as error:
            found = model_error(error)
        wait = getattr(found, "retry_after", None)
        if not getattr(found, "transient", False) or again == RETRIES:
            raise found
        time.sleep(min(2.0**again if wait is None else wait, 30.0))
    raise AssertionError("not reached")
