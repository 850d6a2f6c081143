"""Tells a webhook, or a Slack channel, how the night went. The addresses are secrets: from the environment only."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .models import Night
from .summary import WORDS, figures, in_short

WEBHOOK, SLACK = "KFPILOT_WEBHOOK_URL", "KFPILOT_SLACK_WEBHOOK_URL"
TIMEOUT = 20.0


def notify(night: Night, env: Mapping[str, str] = os.environ) -> list[str]:
    """Post the summary where the environment says.

    Returns:
        What went wrong, without the addresses.
    """
    problems = []
    for name, body in ((WEBHOOK, plain_body), (SLACK, slack_body)):
        url = env.get(name, "").strip()
        if url:
            problem = post(url, body(night))
            problems += [f"{name}: {problem}"] if problem else []
    return problems


def post(url: str, body: dict[str, Any]) -> str:
    """Post JSON; returns the problem, empty if there is none."""
    if urlsplit(url).scheme not in ("http", "https"):
        return "is no http(s) address"
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json", "User-Agent": "kfpilot"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):
            return ""
    except urllib.error.HTTPError as error:
        return f"answered {error.code}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return f"cannot be reached ({type(reason).__name__})"


def plain_body(night: Night) -> dict[str, Any]:
    """What a webhook gets: the figures, not the whole reports."""
    return {
        "night": night.id,
        "state": night.state,
        "exit_code": night.exit_code,
        "summary": in_short(night),
        "features": [
            {
                "name": item.entry.name,
                "state": item.state,
                "verified": figures(item)[0],
                "tasks": figures(item)[1],
                "branch": item.branch,
                "url": item.landed.url if item.landed else "",
                "needs_a_person": item.person,
            }
            for item in night.items
        ],
    }


def slack_body(night: Night) -> dict[str, Any]:
    """A message of Slack's incoming webhooks."""
    lines = [f"*Night {escaped(night.id)}*: {escaped(in_short(night))}"]
    for item in night.items:
        done, total = figures(item)
        name, url = escaped(item.entry.name), item.landed.url if item.landed else ""
        lines.append(f"• {f'<{escaped(url)}|{name}>' if url else name}: {WORDS[item.state]}, {done} of {total}")
        if item.person:
            lines.append(f"    needs a person: {escaped(item.person[:300])}")
    return {"text": "\n".join(lines)[:39_000]}


def escaped(text: str) -> str:
    """Text that makes no link and calls nobody in Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
