"""Reads the log of a local run: which steps ran, what failed, and whose fault it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from .kfp_local_plan import Step

Blame = Literal["code", "values", "raised", "machine", "runner", "unclear"]
"""`code`: wrong whatever the arguments. `values`: Python gave up on these arguments. `raised`: the component itself
refused, with `raise`, `assert` or an exit. `machine`: a file, the network, a variable that is not there. `runner`:
kfp's local runner differs from a cluster. `unclear`: raised inside a library."""

ANSI = re.compile(r"\x1b\[[0-9;]*m")
SILENT = re.compile(r"^.*(?:Condition evaluation failed|Could not resolve).*$", re.M)
STATUS = re.compile(r"Task '([^']+)' finished with status (SUCCESS|FAILURE)")
FRAME = re.compile(r'^File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)$')
ENDING = re.compile(r"^(?P<type>(?:\w+\.)*[A-Za-z_]\w*)(?::\s?(?P<message>.*))?$", re.S)
ALWAYS_WRONG = {"NameError", "UnboundLocalError", "NotImplementedError", "IndentationError", "SyntaxError"}
MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
GONE_OR_NEW = {"distutils", "imp", "asyncore", "asynchat", "smtpd", "tomllib", "zoneinfo", "graphlib", "cgi", "pipes"}
"""Modules of the standard library that not every version of Python has."""
FROM_VALUES = {
    "TypeError", "AttributeError", "KeyError", "IndexError", "ZeroDivisionError", "ValueError", "LookupError",
    "UnicodeDecodeError", "UnicodeEncodeError", "OverflowError", "RecursionError", "StopIteration", "ArithmeticError",
}  # fmt: skip
OUTSIDE = re.compile(
    r"OSError|IOError|FileNotFound|FileExists|NotADirectory|IsADirectory|Permission|Connection|Connect|Timeout|TimedOut"
    r"|URLError|HTTPError|gaierror|herror|SSL|Socket|Network|Credential|ConfigException|EndpointConnection|Proxy|MaxRetry"
    r"|BrokenPipe|MemoryError|TransportError|RefreshError|NoSuchBucket|S3|GCS|DNS",
)
EXECUTOR_SAYS = re.compile(r"returned value of type|Expected \d+ return values|Unable to serialize unknown type")
OWN_FILE = "ephemeral_component.py"


class Failure(BaseModel):
    """What made a run fail.

    Attributes:
        task: The step, as named in the compiled form; empty when it was none.
        blame: Whose fault it is.
        error: Type and message of the exception.
        where: Function, line in it and source, such as `load: rows[9]`.
    """

    model_config = ConfigDict(extra="forbid")

    task: str = ""
    blame: Blame = "unclear"
    error: str = ""
    where: str = ""

    def __str__(self) -> str:
        place = f"step {self.task}: " if self.task else ""
        return f"{place}{self.error}{f' (in {self.where})' if self.where else ''}"


class Frame(BaseModel):
    """One call of a traceback."""

    file: str
    line: int
    function: str
    source: str = ""


def task_states(log: str) -> dict[str, str]:
    """Step -> SUCCESS or FAILURE; of a step that ran several times the worst."""
    found: dict[str, str] = {}
    for name, state in STATUS.findall(ANSI.sub("", log)):
        if found.get(name) != "FAILURE":
            found[name] = state
    return found


def silent_failures(log: str) -> list[str]:
    """What kfp's local runner could not work out and went on without."""
    lines = (" ".join(line.split()) for line in SILENT.findall(ANSI.sub("", log)))
    return list(dict.fromkeys(re.sub(r"^.*? - WARNING - ", "", line) for line in lines))


def traceback_of(log: str) -> tuple[list[Frame], str, str]:
    """The last traceback of a log: its calls, the type of the error, its message."""
    text = ANSI.sub("", log)
    start = text.rfind("Traceback (most recent call last):")
    if start < 0:
        return [], "", ""
    frames: list[Frame] = []
    lines = text[start:].splitlines()[1:]
    indent = len(text[:start]) - len(text[:start].rstrip(" "))
    for number, raw in enumerate(lines):
        line = raw[indent:] if raw[:indent].isspace() or not indent else raw.lstrip()
        stripped = line.strip()
        frame = FRAME.match(stripped)
        if frame:
            frames.append(Frame(file=frame["file"], line=int(frame["line"]), function=frame["function"]))
        elif line.startswith(" ") and frames and not frames[-1].source and not set(stripped) <= set("^~"):
            frames[-1].source = stripped
        elif stripped and not line.startswith(" ") and frames:
            ending = ENDING.match(stripped)
            if ending:
                more = [item.strip() for item in lines[number + 1 : number + 4] if item.strip()]
                message = ending["message"] or ""
                return frames, ending["type"].rpartition(".")[2], message or (more[0] if more and not message else "")
    return frames, "", ""


def failure_of(log: str, steps: Sequence[Step], python: str, arguments_have_lists: bool = False) -> Failure:
    """Why a run failed.

    Args:
        log: What it printed.
        steps: The components of the pipeline.
        python: Version of the interpreter that ran them, such as 3.11.
        arguments_have_lists: A list or dict goes in: kfp's local runner turns whole numbers in it into floats.
    """
    task = next((name for name, state in task_states(log).items() if state == "FAILURE"), "")
    step = next((item for item in steps if item.name == task), None)
    frames, kind, message = traceback_of(log)
    own = [frame for frame in frames if frame.file.endswith(OWN_FILE) and frame.function != "<module>"]
    last = frames[-1] if frames else None
    found = Failure(task=task, error=f"{kind}: {message}".rstrip(": ") or "it ended with an exit code that is not 0")
    if own:
        found.where = f"{own[-1].function}: {own[-1].source}" if own[-1].source else own[-1].function
    if not task:
        found.blame = "runner"
    elif not kind or last is None:
        found.blame = "raised"
    else:
        found.blame = blame(kind, message, last, step, python, arguments_have_lists)
    return found


def blame(kind: str, message: str, last: Frame, step: Step | None, python: str, lists: bool) -> Blame:
    """Whose fault an exception is.

    Args:
        kind: Its type.
        message: What it says.
        last: The call that raised it.
        step: The component.
        python: Version of the interpreter.
        lists: Whole numbers may have become floats.
    """
    own = last.file.endswith(OWN_FILE)
    explicit = last.source.startswith(("raise ", "raise(", "assert ", "assert(", "sys.exit", "exit(", "quit("))
    missing = MISSING_MODULE.search(message)
    if kind in ("ModuleNotFoundError", "ImportError") and own:
        if missing and step is not None and step.plain:
            other_python = bool(step.python) and step.python != python
            name = missing.group(1).partition(".")[0]
            return "machine" if other_python and name in GONE_OR_NEW else "code"
        return "machine"
    if kind in ALWAYS_WRONG and own:
        return "code"
    if EXECUTOR_SAYS.search(message) and "/kfp/dsl/" in last.file:
        return "runner" if "float" in message and lists else "code"
    environment = kind == "KeyError" and (last.file.endswith(("os.py", "<frozen os>")) or "environ" in last.source)
    if environment or OUTSIDE.search(kind):
        return "machine"
    if own and explicit:
        return "raised"
    if own and kind in FROM_VALUES:
        return "runner" if "float" in message and lists else "values"
    if kind in ("SystemExit", "AssertionError") or own:
        return "raised"
    return "unclear"
