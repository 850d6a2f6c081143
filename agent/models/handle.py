"""What the rest of kfpilot gets to hold of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Kind = Literal["endpoint", "embedded", "replay", "fake"]


@dataclass
class Handle:
    """An open model.

    Attributes:
        model: The chat model itself.
        name: What the report calls it.
        tools: Whether it can be trusted to call tools.
        kind: Where its answers come from.
        context_tokens: Its context window, None if nobody said.
        close: Ends what was started for it; may be called twice.
    """

    model: BaseChatModel
    name: str
    tools: bool
    kind: Kind
    context_tokens: int | None = None
    close: Callable[[], None] = field(default=lambda: None, repr=False)


def whole_answer(begun: str, said: str) -> str:
    """The text of an answer that was begun for the model (a last message of the assistant's).

    Some servers give back the beginning with the answer, some only what they added.
    """
    return said if said.startswith(begun) else begun + said
