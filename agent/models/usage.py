"""What one answer cost, whoever gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


class Usage(BaseModel):
    """Tokens of one exchange (or of several, added up)."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    def __add__(self, other: Usage) -> Usage:
        """The sum of both."""
        return Usage(
            prompt=self.prompt + other.prompt,
            cached=self.cached + other.cached,
            completion=self.completion + other.completion,
        )

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion


def usage_of(message: BaseMessage) -> Usage:
    """The tokens that an answer says it cost; zeros if it does not say."""
    found = getattr(message, "usage_metadata", None)
    if found:
        return Usage(
            prompt=found.get("input_tokens") or 0,
            cached=(found.get("input_token_details") or {}).get("cache_read") or 0,
            completion=found.get("output_tokens") or 0,
        )
    raw = (getattr(message, "response_metadata", None) or {}).get("token_usage") or {}
    return Usage(
        prompt=raw.get("prompt_tokens") or 0,
        cached=(raw.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
        completion=raw.get("completion_tokens") or 0,
    )


def finish_of(message: BaseMessage) -> str:
    """Why the model stopped ("stop", "tool_calls", "length", …); empty if it does not say."""
    metadata = getattr(message, "response_metadata", None) or {}
    return str(metadata.get("finish_reason") or metadata.get("stop_reason") or "")


def refusal_of(message: BaseMessage) -> str:
    """Why the model will not answer, in its own words; empty if it does not refuse."""
    told = (getattr(message, "additional_kwargs", None) or {}).get("refusal")
    if told:
        return " ".join(str(told).split())[:300]
    if isinstance(message.content, list):
        for block in message.content:
            if isinstance(block, dict) and block.get("type") == "refusal":
                return " ".join(str(block.get("refusal", "")).split())[:300] or "no reason given"
    if finish_of(message) in ("content_filter", "refusal", "safety", "SAFETY"):
        return "the provider's filter stopped the answer"
    return ""
