"""Files and modules of a project that shell text refers to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from .project_names import Project, near
from .script_options import options_of, unknown_options

PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?$")
PLACEHOLDER = re.compile(r"[<>{}*$?|]|\.\.\.|…|path/to|your[_-]|\bmy[_-]", re.IGNORECASE)
SEPARATORS = {"&&", "||", ";", "|", "&"}


def command_problems(project: Project, text: str, *, folder: Path | None = None) -> Iterator[tuple[int, str]]:
    """Python files and modules that commands run and the project does not have, as (line offset, message).

    Text that changes the folder or makes files itself is left alone.

    Args:
        project: The project the commands run in.
        text: Lines of shell.
        folder: Another folder that they may be meant for.
    """
    if re.search(r"(^|[\s;&])(cd|pushd|git clone|cookiecutter|cp|mv|curl|wget|touch|cat)\s", text):
        return
    places = [project.root, folder or project.root]
    for offset, line in enumerate(text.splitlines()):
        line = re.sub(r"^\s*[$>]\s+", "", line)
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        for kind, name in references(words):
            if PLACEHOLDER.search(name):
                continue
            if kind == "module":
                if name.partition(".")[0] in project.tops and project.module(name) is None:
                    yield offset, f"`python -m {name}`: {project.missing(name) or 'there is no such module.'}"
            elif not name.startswith(("/", "~")) and not any((place / name).exists() for place in places):
                files = [path.relative_to(project.root).as_posix() for path in project.python_files]
                yield offset, f"there is no file `{name}`.{near(name, files)}"
            else:
                file = next((place / name for place in places if (place / name).is_file()), None)
                if file is None or "pytest" in words:
                    continue
                for option in unknown_options(file, after(words, name)):
                    yield offset, f"`{name}` has no option `{option}`.{near(option, options_of(file) or ())}"


def after(words: list[str], name: str) -> list[str]:
    """The words of a command that come after a name, up to the next command."""
    following = words[words.index(name) + 1 :]
    ends = next((at for at, item in enumerate(following) if item in {*SEPARATORS, "--"}), len(following))
    return following[:ends]


def references(words: list[str]) -> Iterator[tuple[str, str]]:
    """What a command line runs: ("module", dotted name) or ("file", path)."""
    for start, word in enumerate(words):
        following = words[start + 1 :]
        ends = next((at for at, item in enumerate(following) if item in SEPARATORS), len(following))
        arguments = following[:ends]
        if PYTHON.match(word) and arguments:
            while arguments and re.fullmatch(r"-[BEIOPsSuvq]+", arguments[0]):
                arguments = arguments[1:]
            if len(arguments) > 1 and arguments[0] == "-m":
                yield "module", arguments[1]
            elif arguments and arguments[0].endswith(".py"):
                yield "file", arguments[0]
        elif word == "pytest":
            values = [item.partition("::")[0] for item in arguments if not item.startswith("-")]
            yield from (("file", item) for item in values if item.endswith(".py"))
        elif word == "--py" and arguments:
            yield "file", arguments[0]
