"""The tools a worker's model can call: to look, to write and to finish. No shell, no network, no git.

A tool's error is a sentence for the model; whatever it says, only the verifier decides.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

from ...tools import search as searching
from ...tools.files import Workspace
from ..verifier.models import Fault

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

LONGEST = 16_000


def or_nothing(value: Any) -> Any:
    """An optional argument as it is meant: some models fill in an empty text or the word for nothing."""
    return None if not value or (isinstance(value, str) and value.strip().lower() in ("", "null", "none")) else value


MaybeFault = Annotated[Fault | None, BeforeValidator(or_nothing)]


def cut(text: str, limit: int = LONGEST) -> str:
    """Text of at most `limit` characters; says how much is missing."""
    return text if len(text) <= limit else f"{text[:limit]}\n… ({len(text) - limit} more characters; ask for a part)"


def tools_for(space: Workspace, root: Path) -> list[BaseTool]:
    """The tools, bound to one role's workspace.

    The set and its schemas are the same for every role, so that the prompt's start stays the same and can be cached;
    what a role may write is the workspace's to refuse.
    """
    from langchain_core.tools import tool

    @tool
    def read_file(
        path: Annotated[str, "path from the repository's root"],
        start: Annotated[int | None, "first line, from 1"] = None,
        end: Annotated[int | None, "last line"] = None,
    ) -> str:
        """Read a file, or lines start to end of it. Not needed for what the request shows in full."""
        return cut(space.read(path, start, end))

    @tool
    def outline(path: Annotated[str, "a Python file, or a folder for its list of files"]) -> str:
        """Signatures, decorators and docstrings of a Python module, or the files under a folder."""
        if (root / path).is_dir():
            return "\n".join(space.list(f"{path.strip('/')}/**" if path.strip("/.") else "**")) or "no file there"
        space.read(path)
        return cut(searching.signatures(root / path, told="all"))

    @tool
    def search(
        pattern: Annotated[str, "regular expression"],
        glob: Annotated[str | None, "only files like this, e.g. *.py"] = None,
    ) -> str:
        """Search the repository's files; gives path:line: text."""
        hits = searching.grep(root, pattern, glob=glob, limit=60)
        return "\n".join(f"{hit.path}:{hit.line}: {hit.text}" for hit in hits) or "no match"

    @tool
    def write_file(
        path: Annotated[str, "path from the repository's root"], content: Annotated[str, "the complete new content"]
    ) -> str:
        """Create a file or replace all of it."""
        return space.write(path, content if content.endswith("\n") or not content else content + "\n")

    @tool
    def edit_file(
        path: Annotated[str, "path from the repository's root"],
        old: Annotated[str, "text that stands in the file exactly once"],
        new: Annotated[str, "what takes its place"],
    ) -> str:
        """Replace one exact piece of a file. Several edits of a file run in the order given."""
        return space.edit(path, old, new)

    @tool
    def delete_file(path: Annotated[str, "path from the repository's root"]) -> str:
        """Delete a file."""
        return space.delete(path)

    @tool
    def finish(
        summary: Annotated[str, "what was done, in one or two sentences"],
        code_is_wrong: Annotated[MaybeFault, "for tests that are right by the documents and fail on the code"] = None,
    ) -> str:
        """Say that the work is complete. The verifier then judges the files; its findings come back if it refuses."""
        return "handed to the verifier"

    return [read_file, outline, search, write_file, edit_file, delete_file, finish]
