"""Renders the files under prompts/."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import jinja2

from ..marks import fence, one_line


@functools.cache
def environment() -> jinja2.Environment:
    """Templates fail on a name that is not given: a hole in a prompt is a bug."""
    folder = resources.files("kfpilot.prompts")
    loader = jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8"))
    found = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, keep_trailing_newline=False, autoescape=False
    )
    found.filters["fence"] = fence
    found.filters["line"] = one_line
    return found


def render(name: str, **values: Any) -> str:
    """A template with its values; trailing white space of the whole text is cut."""
    return environment().get_template(name).render(**values).strip()
