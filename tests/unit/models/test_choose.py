"""Which model is taken for which settings; nothing real is opened."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.errors import ModelError, UserError
from kfpilot.agent.models import embedded, endpoint
from kfpilot.agent.models.choose import kind_of, open_model
from kfpilot.agent.models.handle import whole_answer
from kfpilot.agent.settings import Settings
from langchain_core.messages import HumanMessage

NAMES = ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL", "KFPILOT_API_KEY", "KFPILOT_MODEL", "KFPILOT_BASE_URL")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, "KFPILOT_FORBID_MODELS", "KFPILOT_MODEL_FILE", "KFPILOT_RECORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("model", "env", "expected"),
    [
        ("auto", {}, ("embedded", "")),
        ("auto", {"OPENAI_API_KEY": "k"}, ("endpoint", "")),
        ("auto", {"OPENAI_BASE_URL": "http://x/v1", "OPENAI_MODEL": "big"}, ("endpoint", "big")),
        ("embedded", {"OPENAI_API_KEY": "k"}, ("embedded", "")),
        ("replay:a/b.jsonl", {}, ("replay", "a/b.jsonl")),
        ("openai:gpt-5", {}, ("endpoint", "gpt-5")),
        ("anthropic:claude", {}, ("anthropic", "claude")),
        ("some-model", {"OPENAI_MODEL": "big"}, ("endpoint", "some-model")),
        ("qwen2.5-coder:7b", {}, ("endpoint", "qwen2.5-coder:7b")),
        ("org/model:free", {}, ("endpoint", "org/model:free")),
    ],
)
def test_kind(model: str, env: dict[str, str], expected: tuple[str, str]) -> None:
    assert kind_of(Settings(model=model), env) == expected


def test_base_url_alone_means_an_endpoint() -> None:
    assert kind_of(Settings(base_url="http://localhost:1/v1"), {}) == ("endpoint", "")


def test_embedded_without_runtime_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "xllamacpp" else real(name))
    with pytest.raises(UserError, match=r"pip install 'kfpilot\[local\]'") as caught, open_model(Settings(), env={}):
        pass
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("model", ["embedded", "some-model", "anthropic:claude"])
def test_the_switch_forbids_real_models(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFPILOT_FORBID_MODELS", "1")
    settings = Settings(model=model, base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ModelError, match="KFPILOT_FORBID_MODELS"), open_model(settings, env={}):
        pass


def test_the_switch_also_stops_a_model_that_is_open_already(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_model(Settings(model="m", base_url="http://127.0.0.1:9/v1"), env={}) as handle:
        monkeypatch.setenv("KFPILOT_FORBID_MODELS", "1")
        with pytest.raises(ModelError, match="KFPILOT_FORBID_MODELS"):
            handle.model.invoke("x")


def test_endpoint_handle() -> None:
    with open_model(Settings(model="m", base_url="http://127.0.0.1:9/v1/", temperature=0.3), env={}) as handle:
        model: Any = handle.model
        assert (handle.kind, handle.name, handle.tools, handle.context_tokens) == ("endpoint", "m", True, None)
        assert model.max_retries == 0 and model.use_responses_api is False and model.temperature == 0.3
        assert model.openai_api_base == "http://127.0.0.1:9/v1"


def test_openai_itself_needs_a_key_and_may_use_its_responses() -> None:
    with pytest.raises(UserError, match="OPENAI_API_KEY"), open_model(Settings(model="gpt-5"), env={}):
        pass
    with open_model(Settings(model="gpt-5"), env={"OPENAI_API_KEY": "sk-test-test"}) as handle:
        model: Any = handle.model
        assert model.use_responses_api is None and str(model.root_client.base_url) == "https://api.openai.com/v1/"


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://x/v1", "http://", "http://x:99999/v1"])
def test_a_bad_url_is_the_users_error(url: str) -> None:
    with pytest.raises(UserError, match="not the URL of an endpoint"):
        endpoint.find_endpoint(Settings(base_url=url), {})


def test_a_url_of_the_method_is_understood() -> None:
    found = endpoint.find_endpoint(Settings(base_url="http://x/v1/chat/completions"), {"OPENAI_API_KEY": "abc"})
    assert found.url == "http://x/v1" and found.key.get_secret_value() == "abc"


def test_a_missing_provider_package_is_named() -> None:
    if importlib.util.find_spec("langchain_anthropic"):
        pytest.skip("the package is installed here")
    with (
        pytest.raises(UserError, match="pip install langchain-anthropic"),
        open_model(Settings(model="anthropic:claude"), env={}),
    ):
        pass


def test_replay_is_opened_and_recorded(tmp_path: Path) -> None:
    request = {"messages": [{"role": "user", "content": "hello"}]}
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({"request": request, "message": {"role": "assistant", "content": "hi"}}) + "\n")
    settings = Settings(model=f"replay:{path}", record=tmp_path / "again.jsonl")
    with open_model(settings, env={}) as handle:
        assert (handle.kind, handle.tools) == ("replay", False)
        assert handle.model.invoke([HumanMessage("hello")]).content == "hi"
    assert json.loads((tmp_path / "again.jsonl").read_text())["message"]["content"] == "hi"


def test_replay_without_a_file_is_the_users_error(tmp_path: Path) -> None:
    for model in ("replay:", f"replay:{tmp_path}/none"):
        with pytest.raises(UserError), open_model(Settings(model=model), env={}):
            pass


def test_cpus_are_at_least_one() -> None:
    assert embedded.available_cpus() >= 1


@pytest.mark.parametrize("said", ["def f(", "x): ..."])
def test_an_answer_that_was_begun_is_made_whole(said: str) -> None:
    assert whole_answer("def f(", said).startswith("def f(")
    assert whole_answer("def f(", said).count("def f(") == 1
