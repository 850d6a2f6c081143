"""The draft worker, for small models: no tool calls, one whole file an answer, a fresh draft after each refusal."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from ...tools.files import Workspace
from ..documents.refs import is_file_path
from ..errors import KfpilotError, ModelError, ToolFailure
from ..events import ModelCalled
from ..models.handle import Handle, whole_answer
from ..planner.models import Role
from ..planner.paths import may_write, role_of_path, writable_for
from ..verifier.models import Fault, HandBack
from .answers import file_from, is_whole, without_echo
from .compiled_outline import compiled_outlines
from .draft_request import SCAFFOLD, columns_read, columns_written, draft_prompt, one_example, opening_of, short
from .extend import Extension, body_given, going_on, joined, more_tests
from .handing import hand_on, handing_files
from .job import Feedback, Job, Session
from .mend import mend_python
from .mending import making, take_out
from .opened import outputs_opened
from .packet import Packet, gather, task_files_for, writes_of
from .pages import facts_of
from .redraw import (
    Redraw,
    clause_heads,
    failed_tests,
    missing_names,
    names_of_tests,
    numbers_left_out,
    one_function,
    plan_redraw,
    task_head,
    whole_tests,
)
from .refusals import copies, strange_columns, unread_json
from .shadowed import artifacts_kept
from .skeleton import components_for, pipelines_for, skeleton, wanted_in
from .templates import render
from .told import heads_told
from .wanted import artifacts_of, text_of
from .wiring import known_components, wired

TEMPERATURES = (0.2, 0.5, 0.7, 0.9)
"""Of the first drafts, then the last: a near miss is told what was wrong, and only later something else is tried."""
MAX_TOKENS = 1200
MAX_HINTS = 3
MAX_REDRAWS = 2
"""In a row; then a whole new draft, for the name of a test may be what is wrong."""
MAX_STRANGE = 3
"""Drafts that are refused for columns which are not known."""
PENDING = '\n    raise NotImplementedError("to be drawn again")\n'
"""Stands for a test whose new body could not be read, so that it fails and no test is lost."""
COMPILES = "def compile_tasks("

RULES: dict[str, list[str]] = {
    "code": [
        "Every import that a component needs stands inside its function body.",
        "Read and write artifacts as files through .path.",
    ],
    "tests": [
        "Write two or three small tests, each with its own input rows, and assert the exact text or value.",
        "Columns, names and values come from the task.",
    ],
    "docs": [
        "Mention only files, functions, parameters and columns shown above.",
        "A parameter without a default has - in the column Default.",
        "Be short: at most 40 lines.",
    ],
    "infra": ["Use only paths that exist in the repository."],
}

COMPILED_RULES = [
    "A pipeline is compiled, not run: look only at what the helpers above give.",
    "A task's `dependentTasks` lists every task that it waits for, so test it with `in`.",
    "Names and values come from the task.",
]


class TooLong(ToolFailure):
    """The request is longer than the model's context."""


class DraftWorker:
    """See `Worker`. Every attempt starts from the base: a small model repeats the mistake it is shown."""

    kind = "draft"
    fresh_tree = True

    def __init__(self, handle: Handle, attempts: int) -> None:
        self.handle, self.attempts = handle, attempts

    def open(self, job: Job) -> Session:
        return DraftSession(self.handle, job)


class DraftSession:
    """One task: remembers only why earlier drafts were refused."""

    def __init__(self, handle: Handle, job: Job) -> None:
        self.handle, self.job = handle, job
        self.fault: Fault | None = None
        self.hints: list[str] = []
        self.last: dict[str, str] = {}
        self.copied: set[str] = set()
        self.passed: dict[str, str] = {}
        self.redraws = self.keeps = self.wholes = self.again = self.strange = 0
        self.since = time.monotonic()
        self.cut = False

    @property
    def prefills(self) -> bool:
        """Whether the model goes on with an answer that was begun for it."""
        return self.handle.kind == "embedded"

    def attempt(self, number: int, feedback: Feedback | None) -> str:
        """Draft each file that the task names."""
        self.since = time.monotonic()
        if self.job.handed:
            return self.mend_code(self.job.handed, number, feedback)
        if feedback:
            said = [short(line, 320) for line in feedback.failures[:1]]
            for path, text in self.last.items():
                said += numbers_left_out(text, failed_tests(feedback.failures[:1], path))
            self.again = self.again + 1 if self.hints and said == self.hints[-len(said) :] else 0
            self.hints += said
            self.hints = list(dict.fromkeys(self.hints))[-MAX_HINTS:]
        written = []
        kept = self.kept(feedback)
        for role in [self.job.task.role, *self.job.task.also]:
            for target in self.targets(role):
                if role != "tests" and target in kept:
                    self.space(role).write(target, self.last[target])
                elif not (role == "tests" and self.redraw(target, number, feedback)):
                    self.redraws = 0
                    self.draft(role, target, number)
                self.last[target] = (self.job.worktree / target).read_text(encoding="utf-8", errors="replace")
                written.append(target)
            if role == "code":
                hand_on(self.job, self.space(role), written)
        if not written:
            raise ToolFailure("the task names no file that this role writes; a small model needs the path in the task")
        return f"drafted {', '.join(written)}"

    def mend_code(self, handed: HandBack, number: int, feedback: Feedback | None) -> str:
        """Draw the function again that the task's tests have found fault with, as the task says that made it."""
        session = DraftSession(self.handle, making(self.job, handed))
        tried = feedback.failures[:1] if feedback and number > handed.attempt + 1 else []
        session.hints = list(dict.fromkeys([short(handed.fault.does, 400), *(short(line, 320) for line in tried)]))
        path = take_out(self.job.worktree, handed)
        session.draft("code", path, number)
        return f"drafted {path} again"

    def kept(self, feedback: Feedback | None) -> set[str]:
        """The files that an earlier draft made and that stay while only its tests are drawn again."""
        tests = [path for path in self.targets("tests") if path in self.last] if "tests" in self.job.task.also else []
        only_tests = feedback and any(failed_tests(feedback.failures, path) for path in tests)
        # In a row; then the code anew, for it may be what is wrong.
        self.keeps = self.keeps + 1 if only_tests and self.prefills and self.keeps < MAX_REDRAWS else 0
        return set(self.last) if self.keeps else set()

    def targets(self, role: Role) -> list[str]:
        """The files to write: not those the task only refers to, no folders and no files of other roles."""
        named = task_files_for(self.job.task, role)
        files = [path for path in named if "." in Path(path).name or is_file_path(path)]  # a Makefile, but no folder
        meant = set(writes_of(self.job, role)) - set(handing_files(self.job) if role == "code" else [])
        files = [path for path in files if path in meant] or files
        allowed = writable_for(self.job.task, role)
        mine = [path for path in files if role_of_path(path) == role] or [p for p in files if may_write(allowed, p)]
        return [path for path in mine if not (self.job.worktree / path).is_dir()]

    def draft(self, role: Role, target: str, number: int) -> None:
        """One answer, one file."""
        start = skeleton(self.job, role, target, body=body_given(number))
        packet = self.packet(role, number, start, target)
        if (role == "docs" and number % 2 and start.strip() != "#") or self.again % 2:
            # With its beginning given a page needs no example, and can copy nothing from one. What is refused for the
            # same thing twice may come from the example.
            packet = packet.model_copy(update={"recipes": []})
        rules = COMPILED_RULES if role == "tests" and COMPILES in start else RULES[role]
        rules = [*rules, *self.facts(role, target, packet)]
        prompt = draft_prompt(packet, target, rules, self.hints)
        extended = going_on(self.job, role, target, number) if self.prefills else None
        opening = opening_of(target, extended.head if extended else start)
        try:
            answer = self.ask(prompt, opening, target, number, stop=self.stop(role, target, extended))
        except TooLong:
            # Once more with the task and its own files alone.
            own = [file for file in packet.files if file.path in packet.task.files]
            packet = packet.model_copy(update={"recipes": [], "files": own, "tree": ""})
            answer = self.ask(draft_prompt(packet, target, RULES[role], self.hints[-1:]), opening, target, number)
        content = file_from(answer, target)
        if self.cut and not is_whole(answer, target):
            content = whole_tests(content, opening) if content and role == "tests" else None
        if self.cut and not content:
            raise ToolFailure(
                f"the answer for {target} was cut off by its length limit ({MAX_TOKENS} tokens): write a shorter file"
            )
        if content and extended:
            content = joined(extended, content)
        if content is None:
            raise ToolFailure(f"the answer holds no content for {target}")
        if not target.endswith(".md"):
            content = without_echo(content, rules)
        self.check(role, target, content, packet)
        self.write(role, target, content)

    def check(self, role: Role, target: str, content: str, packet: Packet) -> None:
        """Look for what need not be run to be seen to be wrong.

        Raises:
            ToolFailure: It is. What is copied is drafted without an example from then on; columns are refused only a
                few times, for an output of the same name may be another table.
        """
        if role == "code":
            why = unread_json(self.job, content)
            strange = strange_columns(self.job, target, content) if self.strange < MAX_STRANGE else ""
            self.strange += bool(strange)
            why = why or strange
        elif why := copies(self.job, role, target, content, packet):
            self.copied.add(target)
        if why:
            raise ToolFailure(why)

    def packet(self, role: Role, number: int, start: str, target: str) -> Packet:
        """What the request shows; of what was copied once there is no example again, if the file has a beginning."""
        packet = one_example(gather(self.job, role, recipes=1, around=4, brief=True), role, number, start)
        if target in self.copied and start:
            packet = packet.model_copy(update={"recipes": []})
        if role == "tests":
            packet.files += compiled_outlines(self.job, pipelines_for(self.job))
        return packet

    def stop(self, role: Role, target: str, extended: Extension | None) -> list[str] | None:
        """What ends an answer before its fence does: a component is one function, what comes after it was not asked."""
        if extended and extended.stop:
            return extended.stop
        wanted = wanted_in(self.job, target) if role == "code" else []
        return ["\n```\n", "\n@", "\ndef "] if [item.kind for item in wanted] == ["component"] else None

    def redraw(self, target: str, number: int, feedback: Feedback | None) -> bool:
        """Draw single tests: one a scenario, later those that failed; False when a whole draft is due."""
        if not self.prefills:
            return False
        start = skeleton(self.job, "tests", target)
        # The same request every time: its head says what a test is about, and the rows of an example would be copied.
        packet = self.packet("tests", 1, start, target)
        plan = self.tests_to_draw(target, number, feedback, start, packet)
        if plan is None:
            return False
        self.redraws += 1
        rules = COMPILED_RULES if COMPILES in plan.kept else RULES["tests"]
        prompt = draft_prompt(packet, target, [*rules, *self.facts("tests", target, packet)], self.hints)
        text = plan.kept
        for name, head in plan.heads.items():
            opening = opening_of(target, f"{text}\n\n{head}\n")
            answer = self.ask(prompt, opening, target, number, stop=["\n\n\n", "\n```", "\ndef "])
            function = None if self.cut else one_function(f"{head}\n{answer[len(opening) :]}", name)
            text = f"{text}\n\n{function or head + PENDING}"
        self.check("tests", target, text, packet)
        self.write("tests", target, text)
        return True

    def tests_to_draw(
        self, target: str, number: int, feedback: Feedback | None, start: str, packet: Packet
    ) -> Redraw | None:
        """What of a test file stays and which tests are drawn one by one; None when a whole draft is due."""
        task, last = self.job.task, self.last.get(target, "")
        extended = more_tests(self.job, target)
        begun = (extended.head if extended and not extended.tail else start).removesuffix("def test_").rstrip() + "\n"
        if number == 1 and SCAFFOLD in start and (heads := self.scenarios(target, packet)):
            return Redraw(kept=begun, heads=heads)
        if number == 1 and pipelines_for(self.job) and "compile" in begun:
            stem = Path(target).stem.removeprefix("test_").removesuffix("_test")
            return Redraw(kept=begun, heads=task_head(task.title, stem))
        failed = failed_tests(feedback.failures, target) if feedback else set()
        plan = plan_redraw(last, failed) if failed else None
        if plan and names_of_tests(plan.kept):
            self.passed[target] = plan.kept
        elif not self.redraws:
            plan = None  # none passed: a whole new draft
        if plan and self.redraws and names_of_tests(plan.kept) and not self.asked_for(target, set(plan.heads)):
            # Tests of its own making that failed twice; the gates say whether those that passed are enough.
            return Redraw(kept=plan.kept, heads={})
        if feedback and self.redraws <= MAX_REDRAWS:
            plan = plan or missing_names(last, feedback.failures, task.title)
            if plan:
                return plan
        # Something else: by turns a test for each part of what the task says beside those that passed, and the whole.
        self.wholes += 1
        kept = self.passed.get(target, begun)
        heads = clause_heads(task.title, "tmp_path" if COMPILES in begun else "") if task.role == "tests" else {}
        heads = {name: head for name, head in heads.items() if name not in names_of_tests(kept)}
        if self.wholes % 2 and heads and (SCAFFOLD in begun or COMPILES in begun):
            self.redraws = 0
            return Redraw(kept=kept, heads=heads)
        return None

    def scenarios(self, target: str, packet: Packet) -> dict[str, str]:
        """A test to draw for each scenario that a file of tests is about."""
        stories = self.job.feature.spec.stories if self.job.feature.spec else []
        under = [component.name for component in components_for(self.job, target)]
        return heads_told(text_of(self.job), stories, packet.story, under)

    def asked_for(self, target: str, names: set[str]) -> bool:
        """Whether some of these tests are for a scenario or a part of the task, and none that a whole draft made up."""
        heads = {*self.scenarios(target, self.packet("tests", 1, "", target)), *clause_heads(self.job.task.title)}
        stem = Path(target).stem.removeprefix("test_").removesuffix("_test")
        return bool(names & {*heads, *task_head(self.job.task.title, stem)})

    def write(self, role: Role, target: str, content: str) -> None:
        """Put a drafted file into the worktree, mended where a tool can."""
        if role == "code" and target.endswith(".py"):
            content = artifacts_kept(outputs_opened(wired(content, known_components(self.job.worktree))))
        self.space(role).write(target, content)
        if target.endswith(".py"):
            mend_python(self.job.worktree, target, components_for(self.job, target) if role == "tests" else [])

    def space(self, role: Role) -> Workspace:
        """What the role may write."""
        paths = writable_for(self.job.task, role)
        return Workspace(root=self.job.worktree, writable=paths.writable, forbidden=paths.forbidden, role=role)

    def facts(self, role: Role, target: str, packet: Packet) -> list[str]:
        """What the files in question say, for rules that only this task has."""
        if role == "docs":
            shown = [file.path for file in packet.files if file.path.endswith(".py")]
            sources = [(self.job.worktree / path).read_text(encoding="utf-8", errors="replace") for path in shown]
            return [fact for source in sources for fact in facts_of(source)]
        facts: list[str] = []
        if role == "tests":
            errors = dict.fromkeys(re.findall(r"\b[A-Z]\w+(?:Error|Exception)\b", text_of(self.job)))
            facts += [f"One test is: with pytest.raises({error})." for error in errors]
        if role == "code":
            made = wanted_in(self.job, target)
            facts += [fact for wanted in made for fact in artifacts_of(wanted, text_of(self.job))]
            read = columns_read(self.job, made)
            said = {fact.partition(": ")[2] for fact in read}
            written = columns_written(self.job, packet)
            facts += [*read, *(fact for fact in written if fact.partition(": ")[2] not in said)]
        if (self.job.worktree / target).is_file():
            return [*facts, "Keep every line that is there; add what the task asks."]
        return facts

    def ask(self, prompt: str, opening: str, target: str, number: int, stop: list[str] | None = None) -> str:
        """The model's answer with its opening in front."""
        from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

        from ..models.failures import model_error
        from ..models.usage import finish_of, refusal_of, usage_of

        prefill = self.prefills
        messages: list[Any] = [SystemMessage(render("draft_system.md"))]
        messages.append(HumanMessage(prompt if prefill or not opening else f"{prompt}\nStart like this:\n{opening}"))
        if prefill and opening:
            messages.append(AIMessage(opening))
        settings: dict[str, Any] = {
            "temperature": TEMPERATURES[min(number, len(TEMPERATURES)) - 1],
            "max_tokens": MAX_TOKENS,
        }
        if prefill:
            settings |= {
                "seed": 1000 * number + 7,
                "top_p": 0.95,
                "stop": stop or (None if target.endswith(".md") else ["\n```\n"]),
            }
        started = time.monotonic()
        overhead, self.since = started - self.since, started
        try:
            message = self.handle.model.bind(**settings).invoke(messages)
        except (KfpilotError, ToolFailure) as error:
            if isinstance(error, ModelError) and error.overflow:
                raise TooLong(f"the request for {target} is longer than the model's context") from error
            raise
        except Exception as error:
            if model_error(error).overflow:
                raise TooLong(f"the request for {target} is longer than the model's context") from error
            raise model_error(error, name=self.handle.name) from error
        usage = usage_of(message)
        self.job.emit(
            ModelCalled(
                task=self.job.task.id,
                prompt_tokens=usage.prompt,
                cached_tokens=usage.cached,
                completion_tokens=usage.completion,
                seconds=round(time.monotonic() - started, 3),
                overhead_seconds=round(overhead, 3),
            )
        )
        self.since = time.monotonic()
        if why := refusal_of(message):
            raise ToolFailure(f"the model refuses to answer: {why}")
        self.cut = finish_of(message) in ("length", "max_tokens", "MAX_TOKENS")
        return whole_answer(opening, str(message.text)) if prefill and opening else str(message.text)
