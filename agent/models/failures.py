"""What went wrong between us and a model, told so that the user can mend it.

Works on the shape of an exception (status code, class names) instead of on classes, so that it serves every
provider's client and imports none.
"""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

from ..errors import KfpilotError, ModelError, ToolFailure

OVERFLOW = re.compile(
    r"context[_ ]length|maximum context|context window|context size|exceed_context_size|prompt is too long|"
    r"input (is )?too long|too many (input )?tokens|input tokens exceed|reduce the length",
    re.IGNORECASE,
)
TIMEOUTS = {"APITimeoutError", "TimeoutException", "TimeoutError", "ModelTimeoutError", "ReadTimeout"}
CONNECTIONS = {"APIConnectionError", "TransportError", "ConnectionError", "ModelConnectionError"}
KEY_LIKE = re.compile(r"\b(?:sk|pk|key|gsk|xai|hf)[-_][\w*.-]{6,}")
RAISE_TIMEOUT = "KFPILOT_MODEL_TIMEOUT"
TRIES_TIMEOUT = 4
TRIES_GARBAGE = 3
TRANSIENT_STATUS = {408, 409, 425, 429, 500, 502, 503, 504, 529}


def safe_url(url: str) -> str:
    """A URL without user, password, query and fragment, fit to be shown."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without the given secrets, those of the environment, and anything that looks like an API key."""
    from ...tools.redact import redact as without_secrets

    for secret in secrets:
        if len(secret) >= 6:
            text = text.replace(secret, "***")
    return KEY_LIKE.sub("***", without_secrets(text))


def retryable(error: BaseException) -> bool:
    """Whether the same request may succeed a little later: for transport retries, nothing else."""
    if isinstance(error, KfpilotError):
        return isinstance(error, ModelError) and error.transient
    if isinstance(error, ToolFailure | AssertionError | NotImplementedError):
        return False
    return isinstance(error, Exception) and model_error(error).transient


def model_error(error: BaseException, *, name: str = "", url: str = "", secrets: tuple[str, ...] = ()) -> ModelError:
    """The exception of a model client as a ModelError.

    Args:
        error: What the client raised; a ModelError comes back as it is.
        name: The model that was asked.
        url: The endpoint that was asked.
        secrets: Texts that must not be shown, besides the usual keys.
    """
    if isinstance(error, ModelError):
        return error
    place = f"the endpoint {safe_url(url)}" if url else f"the endpoint of {name}" if name else "the model's endpoint"
    said = _said(error, secrets)
    names = {cls.__name__ for cls in type(error).__mro__}
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 300:
        return _of_status(error, status, place, name, said)
    if OVERFLOW.search(said):
        return _overflow(name, said)
    chain = " ".join(f"{type(one).__name__} {one}" for one in _chain(error))
    if "CERTIFICATE_VERIFY_FAILED" in chain:
        return ModelError(
            f"{place} shows a certificate that is not trusted",
            mend="Point SSL_CERT_FILE at your organisation's certificates, or mend the URL.",
        )
    if names & TIMEOUTS:
        return ModelError(
            f"{place} did not answer in time",
            mend=f"Raise {RAISE_TIMEOUT} (seconds) if the model is slow; else see whether the endpoint hangs.",
            transient=True,
            tries=TRIES_TIMEOUT,
        )
    if "AnswerTooLarge" in chain:
        return ModelError(
            f"{place} sent an answer that is larger than any useful one; it was not read to its end",
            mend="See whether the endpoint or the model loops; use another.",
            transient=True,
            tries=TRIES_GARBAGE,
        )
    if names & CONNECTIONS or isinstance(error, OSError):
        # A connection that breaks in the middle and one that never was need different looks.
        broken = re.search(r"RemoteProtocolError|ReadError|IncompleteRead|ConnectionReset", chain)
        what = "cut the connection before its answer was whole" if broken else "cannot be reached"
        return ModelError(
            f"{place} {what} ({said})",
            mend="See whether the server runs and the URL (OPENAI_BASE_URL or --base-url) is right: `kfpilot doctor`.",
            transient=True,
            unreachable=not broken,
        )
    return ModelError(
        f"{place} gave something that is not a chat completion ({type(error).__name__}: {said})",
        mend="See whether the URL is that of an OpenAI-compatible API; it usually ends in /v1.",
        transient=True,
        tries=TRIES_GARBAGE,
    )


def _of_status(error: BaseException, status: int, place: str, name: str, said: str) -> ModelError:
    if status < 400:
        where = _header(error, "location")
        return ModelError(
            f"{place} sends the request elsewhere{f', to {safe_url(where)}' if where else ''}; neither key nor prompt "
            "goes there",
            mend="If that is where it shall go, set OPENAI_BASE_URL (or --base-url) to that address.",
        )
    if OVERFLOW.search(said) and status in (400, 413, 422, 500):
        return _overflow(name, said)
    if status == 401:
        return ModelError(
            f"{place} refuses the key ({said})", mend="Set OPENAI_API_KEY (or your provider's variable) to a valid key."
        )
    if status == 403:
        return ModelError(
            f"{place} does not allow this key to use the model '{name}' ({said})",
            mend="Use a key that may, or another model (--model).",
        )
    if status == 402 or "insufficient_quota" in said or "insufficient_quota" in str(getattr(error, "code", "")):
        return ModelError(
            f"{place} says the account's quota is used up ({said})", mend="Top it up, or use another key or endpoint."
        )
    if status == 404:
        if "model" in said.lower():
            return ModelError(
                f"{place} does not know the model '{name}' ({said})",
                mend="Give a name it has with --model or KFPILOT_MODEL; `kfpilot doctor` lists them.",
            )
        return ModelError(
            f"{place} has no chat completions at this address ({said})",
            mend="Mend the URL (OPENAI_BASE_URL or --base-url); it usually ends in /v1.",
        )
    wait = _retry_after(error)
    if status == 429:
        asked = f"; it asks to wait {wait:.0f} s" if wait is not None else ""
        return ModelError(
            f"{place} limits the rate{asked} ({said})",
            mend="Wait and `kfpilot run --resume`, or use a key with a higher limit.",
            transient=True,
            retry_after=wait,
        )
    if status in TRANSIENT_STATUS or (status >= 500 and status != 501):
        return ModelError(
            f"{place} failed with status {status} ({said})",
            mend="The fault is on the endpoint's side: try again later, or use another.",
            transient=True,
            retry_after=wait,
        )
    return ModelError(
        f"{place} refuses the request with status {status} ({said})",
        mend="See whether the endpoint and the model support chat completions with the settings used.",
    )


def _overflow(name: str, said: str) -> ModelError:
    return ModelError(
        f"the request is longer than the context of the model{f' {name}' if name else ''} ({said})",
        mend="Use a model with a longer context, or make the task name fewer or smaller files.",
        overflow=True,
    )


def _said(error: BaseException, secrets: tuple[str, ...]) -> str:
    """The endpoint's own words: one line, not too long, without secrets."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    text = inner.get("message") if isinstance(inner, dict) else inner
    if not isinstance(text, str) or not text:
        text = str(getattr(error, "message", "") or error) or type(error).__name__
    text = re.sub(r"<[^>]*>", " ", text) if "<html" in text.lower() else text
    line = " ".join(redact(text, secrets).split())
    return line if len(line) <= 300 else line[:297] + "…"


def _header(error: BaseException, name: str) -> str:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    return str(headers.get(name) or "")


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found and len(found) < 10:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _retry_after(error: BaseException) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    if value := headers.get("retry-after-ms"):
        try:
            return max(0.0, float(value) / 1000)
        except ValueError:
            pass
    value = headers.get("retry-after")
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
