"""Drafting with a model that can hold a whole feature: one answer, checked, and shown its faults until it is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import ModelError
from ..models.ask import Asker, Emit
from ..models.handle import Handle
from .draft import Draft, compose, problems_of
from .outline import Outline, Questions, TemplatedOutline
from .survey import Survey
from .templates import missing_sections
from .words import block, repository_of

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

TEMPLATE = "new_feature.md"
ANSWERS = 4
"""The first answer, and three more after its faults were shown."""
MOST_QUESTIONS = 3
SHOWN_PROBLEMS = 20

Answers = Sequence[tuple[str, str]]


def questions(handle: Handle, found: Survey, request: str, emit: Emit | None = None) -> list[str]:
    """What the model would ask the user first: at most three questions, often none.

    An answer that cannot be read is no question.
    """
    from langchain_core.messages import HumanMessage, SystemMessage

    repository = repository_of(TEMPLATE, found)
    asked = block(TEMPLATE, "questions", repository=repository, request=request.strip(), most=MOST_QUESTIONS)
    ask = Asker(handle.model, Questions, purpose="draft", emit=emit)
    messages = [SystemMessage(block(TEMPLATE, "questions_system")), HumanMessage(asked)]
    _, answer, _ = ask(messages)
    wanted = [text for text in (answer.questions if answer else []) if text.strip()]
    return wanted[:MOST_QUESTIONS]


def draft(
    handle: Handle,
    found: Survey,
    request: str,
    *,
    answers: Answers = (),
    before: Draft | None = None,
    words: str = "",
    emit: Emit | None = None,
) -> Draft:
    """A draft without faults.

    Args:
        handle: The model.
        found: The repository.
        request: What the user asked for.
        answers: Questions that were asked, with the user's answers.
        before: The draft that is to be corrected.
        words: What the user says to it.
        emit: Takes the events of the calls.

    Raises:
        ModelError: No answer could be used; says what was wrong with the last.
    """
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    asked = block(
        TEMPLATE,
        "request",
        repository=repository_of(TEMPLATE, found),
        request=request.strip(),
        answers=list(answers),
        own=bool(found.own_sections),
    )
    messages: list[BaseMessage] = [SystemMessage(block(TEMPLATE, "system")), HumanMessage(asked)]
    folder = before.folder if before else ""
    if before:
        messages.append(AIMessage(before.outline.model_dump_json(exclude_defaults=True)))
        messages.append(HumanMessage(block(TEMPLATE, "correction", words=words.strip())))
    own = found.own_sections
    ask = Asker[Outline](handle.model, TemplatedOutline if own else Outline, purpose="draft", emit=emit)
    said = " ".join([request, *(text for _, text in answers), words])
    problems: list[str] = []
    for _ in range(ANSWERS):
        text, outline, fault = ask(messages)
        outline = Outline.model_validate(outline.model_dump()) if outline else None
        problems = [fault] if outline is None else problems_of(outline, found, said, folder)
        if outline is not None and own:
            # Once: the rest can be filled in by a person, and a draft that is right is worth more.
            problems, own = [*problems, *missing_sections(outline, own)], []
        if outline is not None and not problems:
            return compose(outline, found, request, folder)
        repair = block(TEMPLATE, "repair", problems=problems[:SHOWN_PROBLEMS])
        messages += [AIMessage(text or "(no text)"), HumanMessage(repair)]
    raise unusable(problems, ANSWERS)


def unusable(problems: Sequence[str], tries: int) -> ModelError:
    """The end of the tries, with what was still wrong."""
    shown = "; ".join(problems[:3]) + (f"; and {len(problems) - 3} more" if len(problems) > 3 else "")
    return ModelError(
        f"the model gave {tries} drafts and none could be used: {shown}",
        mend="Nothing was written. Say more exactly what you want (names, columns, an example), or use a larger model.",
    )
