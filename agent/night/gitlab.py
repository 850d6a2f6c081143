"""A merge request at GitLab by push options: no token of its own, no client."""

from __future__ import annotations

from .landing import PARTLY_LABEL, VERIFIED_LABEL, label_of
from .models import Item

OPTION_LIMIT = 30_000
"""Bytes of a description; git sends an option in one packet of at most 65 kB."""


def push_options(item: Item, title: str, body: str, base: str) -> list[str]:
    """The options that open the merge request, or bring an open one up to date.

    Args:
        item: The feature.
        title: Title of the merge request.
        body: Its description, Markdown.
        base: The branch it goes to.
    """
    label = label_of(item)
    other = PARTLY_LABEL if label == VERIFIED_LABEL else VERIFIED_LABEL
    description = [f"merge_request.description={one_option(body)}"] if body else []
    return [
        "merge_request.create",
        f"merge_request.target={base}",
        f"merge_request.title={one_option(title)}",
        *description,
        f"merge_request.label={label}",
        f"merge_request.unlabel={other}",
    ]


def one_option(text: str) -> str:
    """Text as an option: git allows no line ends in it, and GitLab reads `\\n` as one."""
    cut = text.encode()[:OPTION_LIMIT].decode("utf-8", "ignore")
    return cut.replace("\r", "").replace("\0", "").replace("\n", "\\n")
