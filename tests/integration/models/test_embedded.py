"""The embedded model's server process: with the weights where they are, its failures always."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from kfpilot.agent.errors import ModelError
from kfpilot.agent.models import weights
from kfpilot.agent.models.choose import open_model
from kfpilot.agent.models.embedded import Server
from kfpilot.agent.models.handle import whole_answer
from kfpilot.agent.models.usage import finish_of, usage_of
from kfpilot.agent.settings import Settings
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.integration


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pid: int, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.delenv("KFPILOT_FORBID_MODELS", raising=False)
    settings = Settings(model="embedded", model_timeout=120)
    found = weights.status(settings)
    if found.state not in ("ready", "unchecked"):
        pytest.skip("the weights are not here (kfpilot model pull, or KFPILOT_MODEL_FILE)")
    return settings


@pytest.fixture
def server(settings: Settings, tmp_path: Path) -> Iterator[Server]:
    with Server(weights.ensure(settings), log=tmp_path / "log", context_tokens=2048) as running:
        yield running


def test_a_file_that_is_no_model_ends_with_the_log(tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF" + b"\0" * 100)
    server = Server(file, log=tmp_path / "log", start_timeout=60)
    with pytest.raises(ModelError) as caught:
        server.start()
    assert "broken.gguf" in str(caught.value) and str(tmp_path / "log") in caught.value.mend
    assert not server.is_running() and server.pid is None
    assert (tmp_path / "log").stat().st_size > 0


def test_a_start_that_takes_too_long_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []
    real = subprocess.Popen

    def sleeper(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        child = real([sys.executable, "-c", "import time; time.sleep(60)"], **options)  # type: ignore[call-overload]
        pids.append(child.pid)
        return child  # type: ignore[no-any-return]

    monkeypatch.setattr(subprocess, "Popen", sleeper)
    with pytest.raises(ModelError, match="did not come up in 1 s"):
        Server(tmp_path / "x.gguf", log=tmp_path / "log", start_timeout=1).start()
    assert pids and gone(pids[0])


@pytest.mark.embedded
def test_it_answers_continues_what_is_begun_and_stops(settings: Settings, tmp_path: Path) -> None:
    with open_model(settings, log=tmp_path / "log") as handle:
        assert (handle.kind, handle.tools, handle.context_tokens) == ("embedded", False, 16384)
        pid = next(int(one) for one in children() if "llama_child" in command_of(int(one)))
        system = SystemMessage("Answer in one short sentence. " * 10)
        answer = handle.model.invoke([system, HumanMessage("What is the capital of France?")], max_tokens=20)
        assert "Paris" in str(answer.content)
        again = handle.model.invoke([system, HumanMessage("And of Italy?")], max_tokens=5)
        assert finish_of(again) == "length" and usage_of(again).completion <= 5
        assert usage_of(again).cached > 30, "the shared beginning of a prompt must not be worked on again"
        begun = "The capital of Spain is"
        more = handle.model.invoke([system, HumanMessage("And of Spain?"), AIMessage(begun)], max_tokens=5)
        whole = whole_answer(begun, str(more.content))
        assert whole.count("capital") == 1 and len(whole) > len(begun)
    assert gone(pid)
    assert str(settings.model_file or "") not in str(answer.response_metadata) or not settings.model_file


def children() -> list[str]:
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


@pytest.mark.embedded
def test_strangers_are_refused(server: Server) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    request = urllib.request.Request(
        f"{server.url}/chat/completions",
        json.dumps({"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}).encode(),
        {"content-type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    assert caught.value.code == 401
    caught.value.close()
    assert server.api_key not in command_of(server.pid or 0)


@pytest.mark.embedded
@pytest.mark.parametrize("in_thread", [False, True])
def test_it_dies_with_its_parent(settings: Settings, tmp_path: Path, in_thread: bool) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys, threading
        from pathlib import Path
        from kfpilot.agent.models.embedded import Server
        server = Server(Path(sys.argv[1]), log=Path(sys.argv[2]), context_tokens=512)
        if sys.argv[3] == "True":
            thread = threading.Thread(target=server.start)
            thread.start()
            thread.join()
        else:
            server.start()
        assert server.is_running()
        print(server.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    command = [sys.executable, "-c", script, str(weights.ensure(settings)), str(tmp_path / "log"), str(in_thread)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip(), done.stderr
    assert gone(int(done.stdout))
