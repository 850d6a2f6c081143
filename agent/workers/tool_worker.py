"""The tool worker: one langchain agent per role and task, for models that call tools reliably."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from ...tools.files import Workspace
from ..errors import KfpilotError, ToolFailure
from ..marks import mark_for
from ..models.handle import Handle
from ..planner.models import Role
from ..planner.paths import writable_for
from ..verifier.models import Fault, HandBack
from .compiled_outline import compiled_outlines
from .job import Feedback, Job, Session
from .packet import gather, task_files_for
from .skeleton import pipelines_for
from .templates import render

MAX_CALLS = 24
"""Model calls in one attempt; a task that needs more is stuck."""


class ToolWorker:
    """See `Worker`. Keeps the conversation between attempts, so that a repair costs only the findings."""

    kind = "tool"
    fresh_tree = False

    def __init__(self, handle: Handle, attempts: int) -> None:
        self.handle, self.attempts = handle, attempts

    def open(self, job: Job) -> Session:
        return ToolSession(self.handle, job)


class ToolSession:
    """One task: a conversation per role that the task needs."""

    def __init__(self, handle: Handle, job: Job) -> None:
        self.job = job
        # Tests that were handed back are as they shall be: only the code is worked at.
        roles: list[Role] = ["code"] if job.handed else [job.task.role, *job.task.also]
        self.talks = [Talk(handle, job, role) for role in roles]
        self.fault: Fault | None = None

    def attempt(self, number: int, feedback: Feedback | None) -> str:
        """Let each role work; after a refusal only the roles whose paths the findings name (all if none)."""
        self.fault = None
        talks = self.talks
        if feedback and len(talks) > 1:
            text = "\n".join(feedback.failures) or feedback.text
            talks = [talk for talk in talks if any(path in text for path in talk.paths)] or talks
        said = " ".join(filter(None, (talk.go(number, feedback) for talk in talks)))
        self.fault = next((talk.fault for talk in talks if talk.fault and talk.role == "tests"), None)
        return said


class Talk:
    """The conversation of one role about one task."""

    def __init__(self, handle: Handle, job: Job, role: Role) -> None:
        self.handle, self.job, self.role = handle, job, role
        self.messages: list[Any] = []
        self.fault: Fault | None = None
        self.paths = task_files_for(job.task, role)
        paths = writable_for(job.task, role)
        self.space = Workspace(root=job.worktree, writable=paths.writable, forbidden=paths.forbidden, role=role)

    def first_request(self, *, brief: bool = False) -> str:
        """The task with all it needs; brief with what it cannot do without."""
        packet = gather(self.job, self.role, recipes=0, around=0, brief=True) if brief else gather(self.job, self.role)
        if brief:
            packet = packet.model_copy(update={"tree": ""})
        elif self.role == "tests":
            packet.files += compiled_outlines(self.job, pipelines_for(self.job), full=True)
        values = {name: getattr(packet, name) for name in type(packet).model_fields}
        # The start of the request is the same for all tasks of a run, and so is the code in its marks.
        marks = {"project_mark": mark_for(packet.project, packet.tree), "mark": mark_for(packet)}
        handed = handed_text(self.job, self.job.handed) if self.job.handed else ""
        return render("task.md", role_text=render(f"role_{self.role}.md"), handed=handed, **values, **marks)

    def go(self, number: int, feedback: Feedback | None) -> str:
        """One attempt: the model works until it calls `finish`."""
        from langchain.agents import create_agent
        from langchain.agents.middleware import AgentMiddleware, ModelCallLimitMiddleware
        from langchain.agents.middleware.model_call_limit import ModelCallLimitExceededError
        from langchain_core.messages import AIMessage, HumanMessage

        from .loops import Loops
        from .middleware import Endings, Meter, retrying
        from .shrink import Shrink
        from .toolbox import or_nothing, tools_for

        if feedback and feedback.fresh:
            # What was said so far led to the same failure twice: without it another way is more likely.
            self.messages = []
        if not self.messages:
            self.messages = [HumanMessage(self.first_request())]
        if feedback:
            changed = bool(self.space.touched)
            self.messages.append(HumanMessage(feedback_text(self.job, feedback, changed=changed)))
            if feedback.restored:
                self.space.touched.clear()
        # Its type parameters cannot be inferred inside the list.
        limit: AgentMiddleware[Any, Any, Any] = ModelCallLimitMiddleware(run_limit=MAX_CALLS, exit_behavior="error")
        agent = create_agent(
            self.handle.model,
            tools=tools_for(self.space, self.job.worktree),
            system_prompt=render("system.md"),
            middleware=[
                retrying(),
                limit,
                Meter(self.job.emit, self.job.task.id),
                Endings(),
                Loops(),
                Shrink(self.handle.context_tokens, lambda: self.first_request(brief=True)),
            ],
        )
        try:
            # One at a time: the calls of an answer run in the order the model gave them.
            config = {"max_concurrency": 1, "recursion_limit": 10 * MAX_CALLS}
            state = alone(agent.invoke, {"messages": self.messages}, config)
        except ModelCallLimitExceededError:
            self.messages = []
            raise ToolFailure(f"no result within {MAX_CALLS} model calls; the next attempt starts anew") from None
        except (ToolFailure, KfpilotError):
            self.messages = []
            raise
        self.messages = state["messages"]
        answer = next(message for message in reversed(self.messages) if isinstance(message, AIMessage))
        calls = [call["args"] for call in answer.tool_calls if call["name"] == "finish"]
        told = or_nothing(calls[-1].get("code_is_wrong")) if calls else None
        # The tool has taken these arguments, so they are of its form.
        self.fault = Fault.model_validate(told) if told else None
        return str(calls[-1].get("summary", "")) if calls else ""


def alone(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call a graph as if no other were running: it would take over the run's checkpointer, and each message of each
    step, with all that files and tools said, would be kept in the run's record."""
    from langchain_core.runnables.config import var_child_runnable_config

    context = copy_context()
    context.run(var_child_runnable_config.set, None)
    return context.run(call, *arguments)


def handed_text(job: Job, handed: HandBack) -> str:
    """What the code role is asked when tests find fault with the code."""
    mark = mark_for(handed.fault.text, handed.failing, *handed.demands)
    return render("handed_back.md", task=job.task, handed=handed, fault=handed.fault, mark=mark)


def feedback_text(job: Job, feedback: Feedback, *, changed: bool) -> str:
    """The verifier's findings as the next message.

    Args:
        job: The task.
        feedback: What the verifier said.
        changed: The role has changed something since the files were as its first request shows them.
    """
    return render(
        "feedback.md",
        task=job.task,
        attempt=feedback.attempt,
        of=feedback.of,
        feedback=feedback.text,
        mark=mark_for(feedback.text),
        restored=feedback.restored,
        fresh=feedback.fresh,
        changed=changed,
    )
