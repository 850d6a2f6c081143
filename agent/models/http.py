"""HTTP clients for endpoints: they follow no redirect, and read no answer without end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

LARGEST = 32_000_000
"""Bytes of an answer; the longest that a model gives are far below."""


class AnswerTooLarge(Exception):
    """The endpoint sends more than any answer needs."""


def clients(*, trust_env: bool, largest: int = LARGEST) -> dict[str, Any]:
    """`http_client` and `http_async_client` for a chat client.

    A redirect is not followed: the prompt, and for some clients the key, would go to a host that nobody named.

    Args:
        trust_env: Whether proxies and certificates of the environment count.
        largest: Bytes of an answer that are read.
    """
    import openai

    options: dict[str, Any] = {"follow_redirects": False, "trust_env": trust_env}
    return {
        "http_client": openai.DefaultHttpxClient(**options, event_hooks={"response": [limit(largest)]}),
        "http_async_client": openai.DefaultAsyncHttpxClient(**options, event_hooks={"response": [alimit(largest)]}),
    }


def limit(largest: int) -> Callable[[Any], None]:
    """A hook that stops to read a response once it is too large."""

    def hook(response: Any) -> None:
        refuse(response, largest)
        response.stream = limited(response.stream, largest)

    return hook


def alimit(largest: int) -> Callable[[Any], Any]:
    """The same for the asynchronous client."""

    async def hook(response: Any) -> None:
        refuse(response, largest)
        response.stream = alimited(response.stream, largest)

    return hook


def refuse(response: Any, largest: int) -> None:
    """Raise where the response says itself that it is too large."""
    told = response.headers.get("content-length", "")
    if told.isdigit() and int(told) > largest:
        raise AnswerTooLarge(told)


def limited(stream: Any, largest: int) -> Any:
    """The stream of a response, counted. Its class derives from the stream's, whose kind the client looks at."""

    class Limited(type(stream)):  # type: ignore[misc]
        def __init__(self) -> None:
            pass

        def __iter__(self) -> Iterator[bytes]:
            seen = 0
            for part in stream:
                seen += len(part)
                if seen > largest:
                    raise AnswerTooLarge(f"more than {largest} bytes")
                yield part

        def close(self) -> None:
            stream.close()

    return Limited()


def alimited(stream: Any, largest: int) -> Any:
    """The same for the asynchronous client."""

    class Limited(type(stream)):  # type: ignore[misc]
        def __init__(self) -> None:
            pass

        async def __aiter__(self) -> AsyncIterator[bytes]:
            seen = 0
            async for part in stream:
                seen += len(part)
                if seen > largest:
                    raise AnswerTooLarge(f"more than {largest} bytes")
                yield part

        async def aclose(self) -> None:
            await stream.aclose()

    return Limited()
