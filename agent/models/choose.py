"""Which model a run works with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from ..settings import Settings
from . import embedded, endpoint
from .forbid import check_allowed
from .handle import Handle
from .weights import Progress


def kind_of(settings: Settings, env: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """What the settings ask for, as (kind, name): nothing is opened.

    The kind is `embedded`, `replay` (the name is the file), `endpoint` (the name may be empty: ask it), or a
    provider's prefix.
    """
    wanted = settings.model.strip()
    if wanted in ("", "auto"):
        if endpoint.is_configured(settings, env):
            return "endpoint", env.get("OPENAI_MODEL", "").strip()
        return "embedded", ""
    if wanted == "embedded":
        return "embedded", ""
    prefix, colon, name = wanted.partition(":")
    if colon and prefix == "replay":
        return "replay", name
    if colon and prefix == "openai":
        return "endpoint", name
    if colon and prefix in endpoint.PROVIDERS:
        return prefix, name
    # Names with a colon of their own (`qwen2.5-coder:7b`) are an endpoint's.
    return "endpoint", wanted


def check_configured(settings: Settings, env: Mapping[str, str] = os.environ) -> None:
    """Raise if the model surely cannot be opened as the settings stand; nobody is asked and nothing is loaded.

    Raises:
        UserError: What is asked for cannot be: mends the configuration.
        ModelError: No real model may be asked.
    """
    kind, name = kind_of(settings, env)
    if kind == "replay":
        check_record(name)
        return
    if kind == "endpoint":
        # As when it is opened: a wrong URL is told as such, whatever may be asked.
        endpoint.find_endpoint(settings, env)
    check_allowed(name or kind)
    if kind == "embedded":
        embedded.check_installed()
    elif kind != "endpoint":
        endpoint.check_provider(kind, name)


def check_record(name: str) -> Path:
    """The file of a record that is to be replayed.

    Raises:
        UserError: There is none.
    """
    if not name:
        raise UserError("--model replay: names no file", mend="Write --model replay:FILE.")
    path = Path(name).expanduser()
    if not path.is_file():
        raise UserError(
            "there is no such record", where=path, mend="Give the path of a file that KFPILOT_RECORD wrote."
        )
    return path


@contextmanager
def open_model(
    settings: Settings,
    *,
    progress: Progress | None = None,
    log: Path | None = None,
    env: Mapping[str, str] = os.environ,
) -> Iterator[Handle]:
    """The model that the settings ask for, for as long as the context lasts.

    Args:
        settings: `model`, `base_url`, `model_file`, `temperature`, `model_timeout`, `record`, `cache_dir` matter here.
        progress: Told about a download of the weights.
        log: Where the embedded model's server logs; default in the cache directory.
        env: The environment.

    Raises:
        UserError: What is asked for cannot be: mends the configuration.
        ModelError: It can, but does not work.
    """
    handle = _open(settings, progress, log, env)
    try:
        if settings.record:
            from .recording import Recorder

            handle.model.callbacks = [Recorder(settings.record)]
        yield handle
    finally:
        handle.close()


def _open(settings: Settings, progress: Progress | None, log: Path | None, env: Mapping[str, str]) -> Handle:
    kind, name = kind_of(settings, env)
    if kind == "embedded":
        return embedded.open_embedded(settings, progress=progress, log=log)
    if kind == "replay":
        return _open_replay(name)
    if kind == "endpoint":
        return endpoint.open_endpoint(settings, name or None, env)
    return endpoint.open_provider(settings, kind, name)


def _open_replay(name: str) -> Handle:
    path = check_record(name)
    from .replay import ReplayModel

    model = ReplayModel(path)
    return Handle(model=model, name=f"replay {path.name}", tools=model.recorded_tools, kind="replay")
