"""The texts that drafting says to a model: blocks of templates, filled in."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

from ..marks import mark_for, one_line
from .survey import Survey


def block(template: str, name: str, /, **values: Any) -> str:
    """A block of a template in `prompts/`, as one message."""
    import jinja2

    from ... import prompts

    # For a model, not for a browser: escaping would change what the repository and the user say.
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["one_line"] = one_line
    made = environment.from_string((resources.files(prompts) / template).read_text(encoding="utf-8"))
    text = "".join(made.blocks[name](made.new_context(values)))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def repository_of(template: str, found: Survey) -> str:
    """What the repository says, between marks that nothing in it can close."""
    bare = block(template, "repository", found=found, code="")
    return block(template, "repository", found=found, code=mark_for(bare))
