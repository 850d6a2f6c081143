"""Renders the files under prompts/."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import jinja2


@functools.cache
def environment() -> jinja2.Environment:
    """Templates fail on a name that is not given: a hole in a prompt is a bug."""
    folder = resources.files("kfpilot.prompts")
    loader = jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8"))
    return jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, keep_trailing_newline=False, autoescape=False
    )


def render(name: str, **values: Any) -> str:
    """A template with its values; trailing white space of the whole text is cut."""
    return environment().get_template(name).render(**values).strip()
