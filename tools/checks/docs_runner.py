"""Runs the examples of a page. Started as a script by the project's interpreter, so it imports only what Python has.

Reads one job as JSON from its input and writes a line of JSON for each block: outcome, line, what was said.
"""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
import traceback
from typing import Any, TextIO

LIMIT = 600
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


class Runner(doctest.DocTestRunner):
    """Remembers the first thing that went wrong."""

    first: tuple[str, int, str] | None = None

    def report_start(self, out: Any, test: Any, example: Any) -> None:
        """Say nothing."""

    def report_success(self, out: Any, test: Any, example: Any, got: str) -> None:
        """Say nothing."""

    def report_failure(self, out: Any, test: Any, example: Any, got: str) -> None:
        """The answer is not the one of the page."""
        said = f"{example.source.strip()} gives {got.strip() or 'nothing'}, and not {example.want.strip() or 'nothing'}"
        self.first = self.first or ("mismatch", test.lineno + example.lineno, said)

    def report_unexpected_exception(self, out: Any, test: Any, example: Any, exc_info: Any) -> None:
        """It could not be run."""
        said = f"{example.source.strip()} raises {exc_info[0].__name__}: {exc_info[1]}"
        self.first = self.first or ("failed", test.lineno + example.lineno, said)


def run_doctest(text: str, line: int, names: dict[str, Any], page: str) -> tuple[str, int, str]:
    """The examples of a block with `>>>`."""
    try:
        test = doctest.DocTestParser().get_doctest(text, names, page, page, line)
    except ValueError as error:
        return "failed", line, str(error)
    runner = Runner(verbose=False, optionflags=FLAGS)
    # The names must live on, for the next block of the page.
    runner.run(test, out=lambda text: None, clear_globs=False)
    names.update(test.globs)
    return runner.first or ("passed", line, "")


def run_python(text: str, line: int, names: dict[str, Any], page: str) -> tuple[str, int, str]:
    """A block of Python, with the names of those before it."""
    try:
        exec(compile("\n" * (line - 1) + text, page, "exec"), names)
    except SystemExit as error:
        return ("passed", line, "") if not error.code else ("failed", line, f"it ends with exit code {error.code}")
    except BaseException as error:  # Whatever an example raises is its result.
        places = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == page]
        at = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
        return "failed", at or (places[-1] if places else line) or line, f"{type(error).__name__}: {error}"
    return "passed", line, ""


def run_shell(text: str, line: int) -> tuple[str, int, str]:
    """A block of shell; the first command that fails ends it."""
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", text],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if not done.returncode:
        return "passed", line, ""
    said = (done.stderr or done.stdout).strip()[-LIMIT:]
    return "failed", line, f"exit code {done.returncode}: {said}"


def main() -> None:
    """All blocks of the job; a marked one that fails is the last."""
    job = json.load(sys.stdin)
    # The folder of this script has nothing to do with the project.
    sys.path.pop(0)
    # Whatever an example prints must not stand between the answers.
    with open(job["answer"], "w", encoding="utf-8") as answer:  # noqa: PTH123
        work(job, answer)


def work(job: dict[str, Any], answer: TextIO) -> None:
    """Each block in its turn."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in job["blocks"]:
        text, line = block["text"], block["line"]
        if block["kind"] == "shell":
            outcome, at, said = run_shell(text, line)
        elif block["kind"] == "doctest":
            outcome, at, said = run_doctest(text, line, names, job["page"])
        else:
            outcome, at, said = run_python(text, line, names, job["page"])
        answer.write(json.dumps({"outcome": outcome, "line": at, "said": said[:LIMIT]}) + "\n")
        answer.flush()
        if outcome == "failed" and block["marked"]:
            return


if __name__ == "__main__":
    main()
