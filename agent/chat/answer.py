"""Answers a question about the draft or about a run: one call, without tools."""

from __future__ import annotations

import time

from ..drafting.survey import Survey
from ..drafting.words import block, repository_of
from ..errors import KfpilotError
from ..events import ModelCalled
from ..marks import mark_for
from ..models.ask import Emit
from ..models.handle import Handle

TEMPLATE = "chat_answer.md"
DOCUMENTS, STATE = 24_000, 12_000
"""Characters of the documents, and of what runs did, that are shown."""
BRIEF = 4
"""A small model gets so much less of both."""
MAX_TOKENS = 600


def answer_question(
    handle: Handle,
    found: Survey,
    question: str,
    documents: str,
    state: str,
    *,
    brief: bool = False,
    emit: Emit | None = None,
) -> str:
    """The model's words.

    Args:
        handle: The model.
        found: The repository.
        question: The user's.
        documents: The draft, or the feature's documents.
        state: What the latest run did.
        brief: Show less, for a small model.
        emit: Takes the event of the call.
    """
    from langchain_core.messages import HumanMessage, SystemMessage

    from ..models.failures import model_error
    from ..models.usage import usage_of

    share = BRIEF if brief else 1
    # What runs say stands at its end.
    documents, state = cut(documents, DOCUMENTS // share), cut(state, STATE // share)
    template = "new_feature_small.md" if brief else "new_feature.md"
    asked = block(
        TEMPLATE,
        "request",
        repository=repository_of(template, found),
        documents=documents,
        state=state,
        question=question.strip(),
        code=mark_for(documents, state),
    )
    started = time.monotonic()
    try:
        model = handle.model.bind(max_tokens=MAX_TOKENS)
        message = model.invoke([SystemMessage(block(TEMPLATE, "system")), HumanMessage(asked)])
    except KfpilotError:
        raise
    except Exception as error:
        raise model_error(error, name=handle.name) from error
    usage = usage_of(message)
    if emit:
        emit(
            ModelCalled(
                purpose="answer",
                prompt_tokens=usage.prompt,
                cached_tokens=usage.cached,
                completion_tokens=usage.completion,
                seconds=round(time.monotonic() - started, 3),
            )
        )
    return str(message.text).strip()


def cut(text: str, limit: int) -> str:
    """The beginning of a long text, with a word that there is more."""
    return text if len(text) <= limit else text[:limit].rsplit("\n", 1)[0] + "\n(cut here)"
