"""What is said about a failure, and what must never be said."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from kfpilot.agent.errors import ModelError, UserError
from kfpilot.agent.models.failures import model_error, redact, retryable, safe_url


def status(code: int, message: str, **headers: str) -> Exception:
    error: Any = RuntimeError(message)
    error.status_code, error.body = code, {"error": {"message": message}}
    error.response = type("Response", (), {"headers": headers})()
    return error


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504, 529])
def test_retried(code: int) -> None:
    assert retryable(status(code, "x"))


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 422, 501])
def test_not_retried(code: int) -> None:
    assert not retryable(status(code, "x"))


def test_what_is_not_about_transport_is_not_retried() -> None:
    assert not retryable(UserError("x"))
    assert not retryable(KeyboardInterrupt())
    assert retryable(ConnectionResetError("x")) and retryable(TimeoutError("x"))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], wait: float | None) -> None:
    assert model_error(status(429, "x", **headers)).retry_after == wait


def test_a_certificate_is_not_an_outage() -> None:
    error = ConnectionError("failed")
    error.__cause__ = ssl.SSLCertVerificationError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    found = model_error(error)
    assert "certificate" in found.what and "SSL_CERT_FILE" in found.mend and not found.transient


def test_a_model_error_stays_what_it_is() -> None:
    error = ModelError("x", mend="y", transient=True)
    assert model_error(error) is error and str(error) == "x\n  y"


def test_secrets_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "topsecretvalue")
    text = redact("key topsecretvalue and sk-abc123456 and other-one", ("other-one",))
    assert text == "key [redacted: SOME_API_KEY] and *** and ***"
    assert safe_url("https://me:pass@host:8443/v1?key=abc#x") == "https://host:8443/v1"
    said = str(model_error(status(400, "topsecretvalue\n" * 200), url="http://u:pw@host/v1"))
    assert "topsecretvalue" not in said and "pw" not in said and len(said) < 600
