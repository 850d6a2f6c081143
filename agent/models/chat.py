"""The chat-completions client. Importing this module takes seconds: do it inside functions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ..errors import ModelError
from .failures import model_error
from .forbid import check_allowed


class EndpointChat(ChatOpenAI):
    """ChatOpenAI whose failures are ModelErrors and whose empty answers are failures.

    Left alone, a reply with no choices ends as an IndexError far away, and a proxy's error page as a TypeError.
    """

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        check_allowed(self.model_name)
        try:
            return _checked(super()._generate(messages, stop, run_manager, **kwargs))
        except Exception as error:
            raise self._translated(error) from error

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        check_allowed(self.model_name)
        try:
            return _checked(await super()._agenerate(messages, stop, run_manager, **kwargs))
        except Exception as error:
            raise self._translated(error) from error

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        check_allowed(self.model_name)
        ended = False
        try:
            for chunk in super()._stream(*args, **kwargs):
                ended = ended or _ends(chunk)
                yield chunk
            if not ended:
                raise ConnectionError("IncompleteRead: the stream broke off before the answer was whole")
        except Exception as error:
            raise self._translated(error) from error

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        check_allowed(self.model_name)
        ended = False
        try:
            async for chunk in super()._astream(*args, **kwargs):
                ended = ended or _ends(chunk)
                yield chunk
            if not ended:
                raise ConnectionError("IncompleteRead: the stream broke off before the answer was whole")
        except Exception as error:
            raise self._translated(error) from error

    def _create_chat_result(self, response: Any, generation_info: dict | None = None) -> ChatResult:
        _mark_odd_arguments(response)
        return super()._create_chat_result(response, generation_info)

    def _translated(self, error: Exception) -> ModelError:
        key = self.openai_api_key
        secret = key.get_secret_value() if isinstance(key, SecretStr) else ""
        url = str(self.root_client.base_url) if self.root_client else self.openai_api_base or ""
        return model_error(error, name=self.model_name, url=url, secrets=(secret,))


def _ends(chunk: ChatGenerationChunk) -> bool:
    """Whether a chunk says why the model stopped: the only sign that a stream is whole."""
    told = {**(chunk.generation_info or {}), **chunk.message.response_metadata}
    return bool(told.get("finish_reason") or told.get("status"))


def _mark_odd_arguments(response: Any) -> None:
    """Make arguments that are JSON but no object what they are: a malformed call. Else the whole answer is lost."""
    for choice in getattr(response, "choices", None) or []:
        for call in getattr(getattr(choice, "message", None), "tool_calls", None) or []:
            function = getattr(call, "function", None)
            if function is None:
                continue
            try:
                odd = not isinstance(json.loads(function.arguments), dict)
            except (ValueError, TypeError, RecursionError):
                continue
            if odd:
                function.arguments = f"(not an object) {function.arguments}"


def _checked(result: ChatResult) -> ChatResult:
    if not result.generations:
        raise ValueError("an answer without choices")
    return result
