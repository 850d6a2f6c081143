"""Where verified work goes: a real bare repository as the remote, a fake of GitHub's API, push options as GitLab has
them, webhooks on a server of this machine."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from .conftest import BAD_PAGE, PAGE, Village, git
from .fake_github import SLUG, FakeGitHub, serving

pytestmark = pytest.mark.integration
TOKEN = "ghs_1234567890abcdefTOKEN"
VERIFIED, PARTLY = "kfpilot:verified", "kfpilot:partly-verified"


@pytest.fixture
def bare(village: Village, tmp_path: Path) -> Path:
    village.add("001-a", spec="# Feature Specification: The price page\n")
    village.backlog({"001-a": ""})
    path = tmp_path / "remote.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(village.root), str(path))
    git(village.root, "remote", "add", "origin", str(path))
    return path


@pytest.fixture
def github(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    with serving(FakeGitHub(bare, TOKEN)) as fake:
        for name in ("GH_TOKEN", "KFPILOT_GITHUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_REPOSITORY", SLUG)
        monkeypatch.setenv("GITHUB_API_URL", fake.url)
        yield fake


PULL = ("--land", "pull-request", "--host", "github")


def tips(*places: Path, branch: str = "kfpilot/001-a") -> set[str]:
    return {git(place, "rev-parse", branch).strip() for place in places}


def test_a_branch_is_pushed(village: Village, bare: Path) -> None:
    assert village.night("--land", "push") == 0
    assert len(tips(village.root, bare)) == 1
    landed = village.latest().items[0].landed
    assert landed and landed.pushed and not landed.problem
    assert git(bare, "log", "-1", "--format=%s", "main").strip() == "start"


def test_without_asking_nothing_is_pushed(village: Village, bare: Path) -> None:
    assert village.night() == 0
    assert git(bare, "branch", "--list", "kfpilot/*") == ""


def test_work_of_others_on_the_branch_is_not_overwritten(village: Village, bare: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(bare), "other")
    git(tmp_path / "other", "checkout", "--quiet", "-b", "kfpilot/001-a")
    git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "-m", "by hand")
    git(tmp_path / "other", "push", "--quiet", "origin", "kfpilot/001-a")
    assert village.night("--land", "push") == 0
    subjects = git(bare, "log", "--format=%s", "main..kfpilot/001-a").splitlines()
    assert "by hand" in subjects and len(subjects) == 2


def test_branches_that_went_different_ways_need_a_person(village: Village, bare: Path, tmp_path: Path) -> None:
    assert village.night("--land", "push") == 0
    git(tmp_path, "clone", "--quiet", str(bare), "other")
    git(tmp_path / "other", "checkout", "--quiet", "-b", "x", "origin/main")
    git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "-m", "by hand")
    git(tmp_path / "other", "push", "--quiet", "--force", "origin", "x:kfpilot/001-a")
    assert village.night("--land", "push") == 1
    assert "different ways here and on origin" in village.latest().items[0].person
    assert git(bare, "log", "-1", "--format=%s", "kfpilot/001-a").strip() == "by hand"


def test_a_pull_request_is_opened_once_and_brought_up_to_date(village: Village, bare: Path, github: FakeGitHub) -> None:
    assert village.night(*PULL) == 0
    (pull,) = github.pulls
    assert (pull["title"], pull["base"]["ref"], pull["head"]["ref"]) == ("The price page", "main", "kfpilot/001-a")
    assert "T001" in pull["body"] and "Ready for review" in pull["body"]
    assert github.on[1] == [VERIFIED]
    assert village.latest().items[0].landed.url == pull["html_url"]  # type: ignore[union-attr]
    assert village.night(*PULL) == 0
    assert len(github.pulls) == 1
    assert github.on[1] == [VERIFIED]


def test_a_partly_verified_feature_says_so_until_it_is_whole(village: Village, bare: Path, github: FakeGitHub) -> None:
    village.add("002-b", tasks=2)
    names = [f"docs/002-b-{number}.md" for number in (1, 2)]
    good = village.answer(f"T001: Describe the price in {names[0]}", names[0], PAGE)
    bad = village.answer(f"T002: Describe the price in {names[1]}", names[1], BAD_PAGE)
    village.record("002-b").write_text("".join(json.dumps(row) + "\n" for row in (good, bad, bad)))
    village.backlog({"002-b": ""})
    assert village.night(*PULL) == 1
    assert github.on[1] == [PARTLY]
    assert github.pulls[0]["body"].startswith("> **Not all of it is verified.** look at T002")
    well = village.answer("T002: Describe the price in docs/002-b-2.md", "docs/002-b-2.md", PAGE)
    village.record("002-b").write_text(json.dumps(well) + "\n")
    assert village.night(*PULL) == 0
    assert len(github.pulls) == 1 and github.on[1] == [VERIFIED]
    assert not github.pulls[0]["body"].startswith(">")
    assert len(tips(village.root, bare, branch="kfpilot/002-b")) == 1


def test_a_night_on_another_machine_keeps_what_the_pull_request_says(
    village: Village, bare: Path, github: FakeGitHub, tmp_path: Path
) -> None:
    assert village.night(*PULL) == 0
    body = github.pulls[0]["body"]
    other = Village(tmp_path / "other", village.records, village.answer)
    git(tmp_path, "clone", "--quiet", str(bare), "other")
    assert other.night(*PULL) == 0
    assert other.states() == {"001-a": "done"}
    assert (len(github.pulls), github.pulls[0]["body"]) == (1, body)


def test_what_a_person_closed_stays_closed(village: Village, github: FakeGitHub) -> None:
    assert village.night(*PULL) == 0
    github.pulls[0]["state"] = "closed"
    assert village.night(*PULL) == 0
    assert len(github.pulls) == 1


def test_a_refusal_is_told_and_the_work_is_there(village: Village, bare: Path, github: FakeGitHub) -> None:
    github.refuse = 403
    assert village.night(*PULL) == 1
    item = village.latest().items[0]
    assert "Resource not accessible by integration" in item.person
    assert item.landed and item.landed.pushed and len(tips(village.root, bare)) == 1


def test_without_a_token_the_pull_request_is_left_to_a_person(
    village: Village, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    assert village.night(*PULL) == 1
    assert "GITHUB_TOKEN" in village.latest().items[0].person
    assert github.calls == []


def test_the_token_is_nowhere_but_in_the_environment(
    village: Village, github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder, log = tmp_path / "bin", tmp_path / "commands.log"
    folder.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    (folder / "git").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    github.refuse = 401
    assert village.night(*PULL, "--json") == 1
    said = "".join(capfd.readouterr())
    kept = [path for place in (village.root, tmp_path / "remote.git") for path in place.rglob("*") if path.is_file()]
    assert "push" in log.read_text()
    assert TOKEN not in said + log.read_text()
    assert not [path for path in kept if TOKEN.encode() in path.read_bytes()]


HOOK = """#!/bin/sh
i=0
while [ $i -lt ${GIT_PUSH_OPTION_COUNT:-0} ]; do
  eval "printf '%s\\n' \\"\\$GIT_PUSH_OPTION_$i\\"" >> options.log
  i=$((i+1))
done
"""


def test_gitlab_gets_its_merge_request_with_the_push(village: Village, bare: Path) -> None:
    git(bare, "config", "receive.advertisePushOptions", "true")
    hook = bare / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    assert village.night("--land", "pull-request", "--host", "gitlab") == 0
    said = (bare / "options.log").read_text().splitlines()
    options = dict(line.partition("=")[::2] for line in said if line.startswith("merge_request."))
    assert "merge_request.create" in options
    assert options["merge_request.target"] == "main"
    assert options["merge_request.title"] == "The price page"
    assert (options["merge_request.label"], options["merge_request.unlabel"]) == (VERIFIED, PARTLY)


def test_an_unknown_remote_is_told(village: Village) -> None:
    village.add("001-a")
    village.backlog({"001-a": ""})
    assert village.night("--land", "push", "--remote", "upstream") == 1
    assert "no remote 'upstream'" in village.latest().items[0].person


def test_a_service_that_is_not_known_is_asked_for(village: Village, bare: Path) -> None:
    assert village.night("--land", "pull-request") == 1
    assert "--host" in village.latest().items[0].person


@pytest.mark.parametrize("status", [200, 500])
def test_the_summary_is_posted(
    village: Village, bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    got: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/secret-path"
    monkeypatch.setenv("KFPILOT_WEBHOOK_URL", address)
    monkeypatch.setenv("KFPILOT_SLACK_WEBHOOK_URL", address)
    try:
        assert village.night() == 0
    finally:
        server.shutdown()
        server.server_close()
    assert got[0]["features"][0] == {
        "name": "001-a", "state": "verified", "verified": 1, "tasks": 1, "branch": "kfpilot/001-a", "url": "",
        "needs_a_person": "",
    }  # fmt: skip
    assert "1 of 1 feature verified" in got[1]["text"]
    err = capsys.readouterr().err
    assert ("answered 500" in err) == (status == 500)
    assert "secret-path" not in err
