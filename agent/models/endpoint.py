"""Models behind an OpenAI-compatible endpoint, and every other provider that langchain knows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from ...tools.redact import SHARED
from ..errors import ModelError, UserError
from ..settings import Settings
from .failures import model_error, redact, retryable, safe_url
from .forbid import check_allowed
from .handle import Handle
from .http import clients

if TYPE_CHECKING:
    import openai

__all__ = [
    "PROVIDERS",
    "Endpoint",
    "check_provider",
    "find_endpoint",
    "list_models",
    "model_error",
    "open_endpoint",
    "open_provider",
    "retryable",
]

OPENAI = "https://api.openai.com/v1"
CONNECT_TIMEOUT = 10.0
NO_KEY = "not-needed"

# Provider prefix of `--model provider:name` → the package that brings it.
PROVIDERS = {
    "anthropic": "langchain-anthropic",
    "azure_ai": "langchain-azure-ai",
    "azure_openai": "langchain-openai",
    "bedrock": "langchain-aws",
    "bedrock_converse": "langchain-aws",
    "cohere": "langchain-cohere",
    "deepseek": "langchain-deepseek",
    "fireworks": "langchain-fireworks",
    "google_genai": "langchain-google-genai",
    "google_vertexai": "langchain-google-vertexai",
    "groq": "langchain-groq",
    "huggingface": "langchain-huggingface",
    "ibm": "langchain-ibm",
    "mistralai": "langchain-mistralai",
    "nvidia": "langchain-nvidia-ai-endpoints",
    "ollama": "langchain-ollama",
    "openrouter": "langchain-openrouter",
    "perplexity": "langchain-perplexity",
    "together": "langchain-together",
    "upstage": "langchain-upstage",
    "xai": "langchain-xai",
}


class Endpoint(BaseModel):
    """Where an OpenAI-compatible API is and how to get in."""

    model_config = ConfigDict(frozen=True)

    url: str
    key: SecretStr

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own."""
        host = urlsplit(self.url).hostname or ""
        return host == "api.openai.com" or host.endswith(".api.openai.com")

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine; a proxy has no business there."""
        return (urlsplit(self.url).hostname or "") in ("localhost", "127.0.0.1", "::1")


def is_configured(settings: Settings, env: Mapping[str, str] = os.environ) -> bool:
    """Whether anything says that an endpoint is wanted."""
    return bool(
        settings.base_url or env.get("OPENAI_BASE_URL") or env.get("OPENAI_API_KEY") or env.get("KFPILOT_API_KEY")
    )


def find_endpoint(settings: Settings, env: Mapping[str, str] = os.environ) -> Endpoint:
    """The endpoint that settings and environment name.

    Raises:
        UserError: The URL is none, or OpenAI itself is meant and there is no key.
    """
    url = (settings.base_url or env.get("OPENAI_BASE_URL") or OPENAI).strip().rstrip("/")
    url = url.removesuffix("/chat/completions")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise UserError(
            f"'{redact(url)}' is not the URL of an endpoint",
            mend="Give one such as http://localhost:8000/v1 in OPENAI_BASE_URL or --base-url.",
        )
    key = env.get("KFPILOT_API_KEY") or env.get("OPENAI_API_KEY") or ""
    if key:
        SHARED.learn(key, "the model's key")
    found = Endpoint(url=url, key=SecretStr(key or NO_KEY))
    if found.is_openai and not key:
        raise UserError(
            "there is no key for OpenAI's endpoint",
            mend="Set OPENAI_API_KEY; or OPENAI_BASE_URL for another endpoint; or use --model embedded.",
        )
    return found


def _client(endpoint: Endpoint, timeout: float) -> openai.OpenAI:
    import openai

    return openai.OpenAI(
        base_url=endpoint.url,
        api_key=endpoint.key.get_secret_value(),
        max_retries=0,
        timeout=timeout,
        http_client=clients(trust_env=not endpoint.is_loopback)["http_client"],
    )


def list_models(endpoint: Endpoint, timeout: float = CONNECT_TIMEOUT) -> list[dict[str, Any]]:
    """What the endpoint says it serves (`GET /models`), as it says it.

    Raises:
        ModelError: It does not answer, or not with a list.
    """
    check_allowed(endpoint.url)
    try:
        with _client(endpoint, timeout) as client:
            return [row.model_dump() for row in client.models.list().data]
    except Exception as error:
        raise model_error(error, url=endpoint.url, secrets=(endpoint.key.get_secret_value(),)) from error


def pick_model(endpoint: Endpoint, timeout: float = CONNECT_TIMEOUT) -> dict[str, Any]:
    """The endpoint's one model, for when nobody gave a name.

    Raises:
        UserError: It serves none or several.
        ModelError: It does not answer.
    """
    found = list_models(endpoint, timeout)
    if len(found) == 1:
        return found[0]
    names = sorted(str(row.get("id")) for row in found)
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    raise UserError(
        f"no model is named, and {safe_url(endpoint.url)} has {len(names)}" + (f": {shown}" if names else ""),
        mend="Name one with --model, KFPILOT_MODEL or OPENAI_MODEL.",
    )


def context_of(row: dict[str, Any]) -> int | None:
    """The context window that a server tells in its list of models (each in its own way)."""
    meta = row.get("meta") if isinstance(row.get("meta"), dict) else {}
    for value in (row.get("max_model_len"), row.get("context_length"), (meta or {}).get("n_ctx")):
        if isinstance(value, int) and value > 0:
            return value
    return None


def open_endpoint(settings: Settings, name: str | None, env: Mapping[str, str] = os.environ) -> Handle:
    """A model behind an OpenAI-compatible endpoint.

    Args:
        settings: Where, how long to wait, temperature.
        name: The model; None asks the endpoint, which must have exactly one.
        env: The environment.

    Raises:
        UserError: Something is missing or ambiguous.
        ModelError: The endpoint had to be asked and failed.
    """
    endpoint = find_endpoint(settings, env)
    check_allowed(name or endpoint.url)
    context: int | None = None
    if not name:
        row = pick_model(endpoint, min(settings.model_timeout, CONNECT_TIMEOUT))
        name, context = str(row["id"]), context_of(row)
    model = chat_client(endpoint, name, timeout=settings.model_timeout, temperature=settings.temperature)
    profile = getattr(model, "profile", None) or {}
    # A name that looks like one of OpenAI's says nothing about the window that somebody else's server gives it.
    known = profile.get("max_input_tokens") if endpoint.is_openai else None
    return Handle(
        model=model,
        name=name,
        tools=True,
        kind="endpoint",
        context_tokens=context or known,
        close=model.root_client.close,
    )


def chat_client(
    endpoint: Endpoint, name: str, *, timeout: float, temperature: float | None = None, max_tokens: int | None = None
) -> Any:
    """The chat client for an endpoint: no retries of its own, chat completions unless it is OpenAI itself."""
    import openai

    from .chat import EndpointChat

    options: dict[str, Any] = clients(trust_env=not endpoint.is_loopback)
    if temperature is not None:
        options["temperature"] = temperature
    if max_tokens is not None:
        # `max_completion_tokens`, which the client would make of max_tokens, is unknown to many servers.
        options["extra_body"] = {"max_tokens": max_tokens}
    if not endpoint.is_openai:
        options["use_responses_api"] = False
    return EndpointChat(
        model=name,
        base_url=endpoint.url,
        api_key=endpoint.key,
        timeout=openai.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)),
        max_retries=0,
        **options,
    )


def check_provider(provider: str, name: str) -> None:
    """Raise if no model is named.

    Raises:
        UserError: None is.
    """
    if not name:
        raise UserError(f"--model {provider}: names no model", mend=f"Write --model {provider}:NAME.")


def open_provider(settings: Settings, provider: str, name: str) -> Handle:
    """A model of any provider that langchain knows, by `provider:name`.

    Raises:
        UserError: The provider's package is missing, or it refuses its settings (no key, say).
    """
    check_allowed(f"{provider}:{name}")
    check_provider(provider, name)
    from langchain.chat_models import init_chat_model

    options: dict[str, Any] = {"max_retries": 0, "timeout": settings.model_timeout}
    if settings.temperature is not None:
        options["temperature"] = settings.temperature
    try:
        model = init_chat_model(name, model_provider=provider, **options)
    except ImportError:
        package = PROVIDERS.get(provider, f"langchain-{provider.replace('_', '-')}")
        raise UserError(
            f"the model provider '{provider}' needs a package that is not installed", mend=f"pip install {package}"
        ) from None
    except Exception as error:
        # Every provider has its own exception for a missing key or an unknown setting.
        raise UserError(
            f"the model provider '{provider}' refuses its settings: {redact(' '.join(str(error).split()))[:300]}",
            mend="Usually its key is missing from the environment; see the provider's page in langchain's docs.",
        ) from error
    profile = getattr(model, "profile", None) or {}
    return Handle(
        model=model,
        name=f"{provider}:{name}",
        tools=profile.get("tool_calling", True),
        kind="endpoint",
        context_tokens=profile.get("max_input_tokens"),
    )


def ensure_model_error(error: BaseException, handle: Handle) -> ModelError:
    """For clients that are not ours (`open_provider`): their exception as a ModelError."""
    return model_error(error, name=handle.name)
