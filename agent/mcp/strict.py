"""Arguments of tools are taken as they are meant: what a tool does not have is refused and not passed over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..reports.words import bare, one_line

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

MOST = 5
"""Problems told of one call."""


def close(tool: Tool) -> None:
    """Say in the tool's schema that there are no other arguments than those in it."""
    tool.parameters["additionalProperties"] = False


def problem_of(tool: Tool, arguments: dict[str, Any]) -> str:
    """What is wrong with the arguments of a call, in one line; empty if nothing is."""
    known = list(tool.parameters.get("properties", {}))
    strange = [bare(one_line(str(name), 60)) for name in arguments if name not in known]
    if strange:
        has = f"it has {', '.join(known)}" if known else "it has none"
        return f"no argument {', '.join(strange[:MOST])}; {has}"
    try:
        tool.fn_metadata.validate_arguments(arguments)
    except ValidationError as error:
        return "; ".join(said(error.errors(include_url=False, include_context=False)))
    return ""


def said(errors: Iterable[Any]) -> list[str]:
    """Each problem with its place; of a value that may be of several kinds, one line each."""
    lines = (f"argument {'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors)
    return [bare(one_line(line, 300)) for line in lines][:MOST]
