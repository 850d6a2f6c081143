"""Code blocks of Markdown that are data or shell: whether they parse."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from .infra_programs import shell_problem

Found = Iterator[tuple[int, str]]

GAPS = re.compile(r"\.\.\.|…|<[A-Za-z][\w .|-]*>|\{\{|\{%|\[[A-Z_ -]+\]")
"""What stands for something that a reader fills in; such a block is no whole text."""
SCRIPTS = {"bash", "sh", "shell", "zsh"}
SESSIONS = {"console", "shell-session", "shellsession", "sh-session"}
PROMPT = re.compile(r"^\s*(?:\([\w.-]+\)\s*)?[$%]\s+")


def block_problems(language: str, text: str, cwd: Path) -> Found:
    """Why a block is not what it is called, as (line offset, message).

    Args:
        language: What stands after the fence, in small letters.
        text: The block.
        cwd: Any folder; bash is started in it (`bash -n`, which runs nothing).
    """
    if GAPS.search(text):
        return
    if language == "json":
        yield from json_problems(text)
    elif language == "toml":
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            place = re.search(r"\(at line (\d+)", str(error))
            yield (
                int(place[1]) - 1 if place else 0,
                f"the TOML block does not parse: {str(error).partition(' (at ')[0]}.",
            )
    elif language in SCRIPTS | SESSIONS:
        script = commands(text) if language in SESSIONS or prompts(text) else text
        problem = shell_problem(script, cwd) if script.strip() else None
        if problem:
            yield problem[0] - 1, f"bash cannot parse the block: {problem[1]}."


def json_problems(text: str) -> Found:
    """JSON that does not parse: neither as a whole, nor as part of an object or a list, nor line by line."""
    if re.search(r"^\s*(//|#|/\*)", text, re.M):
        return  # With comments it is for people.
    first = None
    for whole in (text, "{" + text.strip().rstrip(",") + "}", "[" + text.strip().rstrip(",") + "]"):
        try:
            json.loads(whole)
            return
        except json.JSONDecodeError as error:
            first = first or error
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        for line in lines:
            json.loads(line)
    except json.JSONDecodeError:
        if first:
            yield first.lineno - 1, f"the JSON block does not parse: {first.msg}."


def prompts(text: str) -> bool:
    """Whether a block shows a session: its first line has a prompt."""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and bool(PROMPT.match(lines[0]))


def commands(text: str) -> str:
    """The commands of a session, each on its line; what the programs answered is left out."""
    result, goes_on = [], False
    for line in text.splitlines():
        prompt = PROMPT.match(line)
        if prompt:
            line = line[prompt.end() :]
        elif goes_on:
            line = re.sub(r"^\s*>\s?", "", line)
        else:
            line = ""
        goes_on = line.rstrip().endswith(("\\", "|", "&&"))
        result.append(line)
    return "\n".join(result) + "\n"
