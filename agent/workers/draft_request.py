"""What the draft worker asks: the request, the beginning of the answer, and what an earlier draft was refused for."""

from __future__ import annotations

from ..planner.models import Role
from ..planner.paths import role_of_path
from .job import Job
from .packet import Packet, language_of
from .pages import facts_of
from .tables import columns_of_inputs
from .templates import render
from .wanted import Wanted

SCAFFOLD = "python_func("
TEST_KINDS = ("python_func", "Compiler()")


def columns_written(job: Job, packet: Packet) -> list[str]:
    """The columns of what the components write that the request shows and the task does not change."""
    own = packet.task.files
    shown = [file.path for file in packet.files if file.path.endswith(".py") and file.text and file.path not in own]
    sources = [(job.worktree / path).read_text(encoding="utf-8", errors="replace") for path in shown]
    return [fact for source in sources for fact in facts_of(source) if fact.startswith("The columns")]


def columns_read(job: Job, made: list[Wanted]) -> list[str]:
    """The columns of the tables that the wanted components get, where the repository says them."""
    inputs = [name for wanted in made for name in wanted.inputs]
    found = columns_of_inputs(job, inputs) if inputs else {}
    return [f"The columns of `{name}`: {', '.join(f'`{column}`' for column in found[name])}." for name in found]


def one_example(packet: Packet, role: Role, number: int, start: str) -> Packet:
    """A small model copies its example, its data too: the project's own test first, the cookbook's every other time."""
    if role != "tests" or not packet.recipes:
        return packet
    if SCAFFOLD in start and number % 2:
        plain = [file for file in packet.files if role_of_path(file.path) != "tests" or file.path in packet.task.files]
        return packet.model_copy(update={"recipes": [], "files": plain})
    own = [
        file
        for file in packet.files
        if role_of_path(file.path) == "tests" and file.text and file.path not in packet.task.files
    ]
    # A test of a component is no example for a test of a pipeline, nor the other way round.
    recipe = packet.recipes[0].text
    alike = all((word in file.text) == (word in recipe) for file in own for word in TEST_KINDS)
    if own and alike and number % 2:
        return packet.model_copy(update={"recipes": []})
    return packet.model_copy(update={"files": [file for file in packet.files if file not in own]})


def draft_prompt(packet: Packet, target: str, rules: list[str], hints: list[str]) -> str:
    """The request, what changes least first, so that a repeated request is read from the cache."""
    values = {name: getattr(packet, name) for name in type(packet).model_fields}
    return render("draft.md", target=target, rules=rules, hints=hints, **values)


def opening_of(target: str, start: str) -> str:
    """The start of the answer: a fence, except for Markdown, then the start of the file."""
    if target.endswith(".md"):
        return start
    return f"```{language_of(target)}\n{start}"


def short(failure: str, limit: int = 240) -> str:
    """A failure in one line: of a test its name and what pytest marks as the error, else all of it."""
    lines = failure.splitlines()
    errors = [line[1:].strip() for line in lines if line.startswith("E ") and line[1:].strip()]
    name = lines[0].split(" ")[0].rsplit("::", 1)[-1] if lines else ""
    wrong = [line[2:] for line in errors if line.startswith("- ")]
    right = [line[2:] for line in errors if line.startswith("+ ")]
    if wrong or right:
        # pytest's diff of `assert written == expected`: minus is the expectation, plus is what there was.
        text = f"{name}: expected {' / '.join(wrong) or 'less'}, but there was {' / '.join(right) or 'less'}"
    else:
        text = " ".join((f"{name}: {' '.join(errors[:4])}" if errors else failure).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
