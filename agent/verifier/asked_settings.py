"""Settings that a task asks for in so many words, such as `concurrencyPolicy: Forbid`, and that no file has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

PIECE = re.compile(r"`([^`\n]+)`")
PAIR = re.compile(r"[A-Za-z][\w.-]*(?:: [A-Za-z][\w.-]*(?=: ))*: [^\s{].*")
SCHEDULE = re.compile(r"[\d*/,-]+(?: [\d*/,A-Za-z-]+){4}")
MAKES = re.compile(r"^\W*(?:add|create|write|define)\b", re.I)
NOT_MEANT = re.compile(
    r"(?:\b(?:not?|never|without|instead of|rather than|from|unlike|old|or|like|such as|e\.g\.|for example)|"
    r"\b(?:replac|remov|delet|drop|renam|chang)\w*)[\s,:]+(?:the\s+|an?\s+)?$",
    re.I,
)
EITHER = re.compile(r"\s*(?:,?\s*or\b|/)", re.I)


def asked_settings(title: str) -> list[str]:
    """The settings and schedules that a task which makes configuration gives literally.

    Args:
        title: The task's text, such as "Add `deploy/x.yaml`: schedule `0 2 * * *`, `concurrencyPolicy: Forbid`".

    Returns:
        Here `0 2 * * *` and `concurrencyPolicy: Forbid`; empty for any other task, and without what is only an example,
        one of several, or to be taken away.
    """
    if not MAKES.search(title):
        return []
    found = []
    for match in PIECE.finditer(title):
        piece = match[1].strip()
        if NOT_MEANT.search(title[: match.start()]) or EITHER.match(title[match.end() :]):
            continue
        if PAIR.fullmatch(piece) or SCHEDULE.fullmatch(piece):
            found.append(piece)
    return list(dict.fromkeys(found))


def has_setting(setting: str, texts: Iterable[str]) -> bool:
    """Whether one of some YAML files has a setting, nested or in a text of its own; or holds a schedule."""
    texts = list(texts)
    if SCHEDULE.fullmatch(setting):
        return any(re.search(rf"(?<![\d*/,-]){re.escape(setting)}(?![\d*/,-])", text) for text in texts)
    *keys, told = setting.split(": ")
    if any(plain(line) == plain(setting) for text in texts for line in text.splitlines()):
        return True
    return any(has_value(node, keys, told) for text in texts for node in nodes_of(text))


def plain(line: str) -> str:
    """A line without quotes, comment and dash."""
    return re.sub(r"[\"'\s]", "", re.sub(r"\s#.*", "", line).strip().removeprefix("- "))


def nodes_of(text: str) -> Iterator[dict[Any, Any]]:
    """Every mapping of a YAML file."""
    try:
        waiting: list[Any] = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def has_value(node: Any, keys: list[str], told: str) -> bool:
    """Whether a value stands under some nested keys, alone or in a list."""
    for key in keys:
        if not isinstance(node, dict):
            return False
        # YAML reads the key `on` as true.
        names = {"on" if name is True else str(name): value for name, value in node.items()}
        if key not in names:
            return False
        node = names[key]
    try:
        wanted = yaml.safe_load(told)
    except yaml.YAMLError:
        wanted = told
    return any(value == wanted or str(value) == told for value in [node, *(node if isinstance(node, list) else [])])
