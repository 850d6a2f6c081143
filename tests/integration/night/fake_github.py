"""A fake of the part of GitHub's API that the night uses: pull requests and labels, kept in memory.

It refuses what GitHub refuses: unknown paths, calls without the token, a pull request without a base.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

SLUG = "owner/shop"


class FakeGitHub:
    """Pull requests and labels of one repository; branches are those of a bare repository."""

    def __init__(self, bare: Path, token: str) -> None:
        self.bare, self.token = bare, token
        self.pulls: list[dict[str, Any]] = []
        self.labels: dict[str, dict[str, Any]] = {}
        self.on: dict[int, list[str]] = {}
        self.calls: list[str] = []
        self.refuse: int | None = None
        self.url = ""

    def head(self, branch: str) -> str:
        return subprocess.run(["git", "rev-parse", f"refs/heads/{branch}"], cwd=self.bare, check=True,
                              capture_output=True, text=True).stdout.strip()  # fmt: skip

    def pull(self, number: int) -> dict[str, Any]:
        return next(pull for pull in self.pulls if pull["number"] == number)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if self.refuse:
            return self.refuse, {"message": "Resource not accessible by integration"}
        if path == f"/repos/{SLUG}":
            return 200, {
                "full_name": SLUG,
                "name": "shop",
                "owner": {"login": "owner"},
                "url": f"{self.url}/repos/{SLUG}",
            }
        rest = path.removeprefix(f"/repos/{SLUG}")
        if rest == "/pulls" and method == "GET":
            wanted = [pull for pull in self.pulls if pull["state"] == query["state"][0]]
            return 200, [pull for pull in wanted if f"owner:{pull['head']['ref']}" == query["head"][0]]
        if rest == "/pulls" and method == "POST":
            return self.open(body)
        found = re.fullmatch(r"/pulls/(\d+)", rest)
        if found and method == "PATCH":
            self.pull(int(found[1])).update({key: body[key] for key in ("title", "body") if key in body})
            return 200, self.pull(int(found[1]))
        found = re.fullmatch(r"/branches/(.+)", rest)
        if found:
            return 200, {"name": found[1], "commit": {"sha": self.head(found[1])}}
        return self.about_labels(method, rest, body)

    def open(self, body: Any) -> tuple[int, Any]:
        if not {"title", "head", "base"} <= set(body) or body["base"] != "main":
            return 422, {"message": "Validation Failed", "errors": [{"message": "base is invalid"}]}
        number = len(self.pulls) + 1
        page = f"https://github.com/{SLUG}/pull/{number}"
        self.pulls.append({
            "number": number, "state": "open", "title": body["title"], "body": body["body"], "html_url": page,
            "head": {"ref": body["head"], "sha": self.head(body["head"])}, "base": {"ref": body["base"]},
            "url": f"{self.url}/repos/{SLUG}/pulls/{number}", "issue_url": f"{self.url}/repos/{SLUG}/issues/{number}",
        })  # fmt: skip
        self.on[number] = []
        return 201, self.pulls[-1]

    def about_labels(self, method: str, rest: str, body: Any) -> tuple[int, Any]:
        found = re.fullmatch(r"/labels/(.+)", rest)
        if found:
            label = self.labels.get(found[1])
            return (200, label) if label else (404, {"message": "Not Found"})
        if rest == "/labels" and method == "POST":
            self.labels[body["name"]] = {"name": body["name"], "color": body["color"]}
            return 201, self.labels[body["name"]]
        found = re.fullmatch(r"/issues/(\d+)", rest)
        if found:
            number = int(found[1])
            names = [{"name": name} for name in self.on[number]]
            return 200, {"number": number, "labels": names, "url": f"{self.url}/repos/{SLUG}/issues/{number}"}
        found = re.fullmatch(r"/issues/(\d+)/labels(?:/(.+))?", rest)
        if found and method == "POST":
            names = body["labels"] if isinstance(body, dict) else body
            self.on[int(found[1])] += [name for name in names if name not in self.on[int(found[1])]]
            return 200, [{"name": name} for name in self.on[int(found[1])]]
        if found and method == "DELETE":
            self.on[int(found[1])].remove(found[2])
            return 200, []
        return 404, {"message": f"the fake knows no {method} {rest}"}


@contextmanager
def serving(fake: FakeGitHub) -> Iterator[FakeGitHub]:
    """The fake on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            from urllib.parse import unquote

            parts = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            fake.calls.append(f"{self.command} {parts.path}")
            if self.headers.get("Authorization") != f"token {fake.token}":
                status, answer = 401, {"message": "Bad credentials"}
            else:
                status, answer = fake.answer(self.command, unquote(parts.path), parse_qs(parts.query), body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
