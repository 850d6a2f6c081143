"""The server: tools, prompts and resources of one repository.

Tools answer within a few seconds, but for `verify`; a run works in a process of its own and outlives the server.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp_types import Resource, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field

from ..assistants.commands import read_command
from ..assistants.known import COMMANDS
from ..documents import leading_feature, unquoted
from ..errors import EXIT_OK, KfpilotError, ToolFailure
from ..planner.models import ExecutionPlan
from ..reports.status import Status
from ..workflow import background, background_runs
from ..workflow.children import run_json
from ..workflow.place import Request
from . import resources, runs, strict
from .models import CommandResult, RunReport, RunStatus, Verification

QUICK = 60.0
"""Seconds that lint, audit and undo may take; usually they take one or two."""

MOST_WAIT = 5.0

INSTRUCTIONS = """kfpilot carries out the open tasks of a Kubeflow Pipelines feature (spec.md, plan.md, tasks.md), runs
each result through its gates, and ticks only what passed. It does the work: do not implement tasks, edit tasks.md or
tick boxes yourself. start_run returns at once; the run goes on by itself. Ask run_status with wait_seconds until the
state is neither starting nor running, then show report. Hand on the user's words verbatim."""

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
Feature = Annotated[
    str | None, Field(max_length=200, description="A feature's folder name or number; only needed if there are several")
]
Words = Annotated[
    str,
    Field(max_length=60_000, description="The user's own words, verbatim; may select tasks, may begin with a feature"),
]
Ids = Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.#-]*$", max_length=60)]], Field(max_length=500)]
RunId = Annotated[
    str | None,
    Field(max_length=200, description="A run's id or its beginning, or a feature; the latest run if left out"),
]


class Options(BaseModel):
    """How the server was started."""

    model_config = ConfigDict(extra="forbid")

    root: Path
    overrides: dict[str, Any] = Field(default={}, description="Settings of its runs, from the command line")
    commands: dict[str, list[str]] = Field(default={}, description="The commands that this kfpilot has; their options")


class Server(MCPServer[Any]):
    """Lists the documents and reports that are there now."""

    root = Path()

    async def list_resources(self) -> list[Resource]:
        """Every document and the latest reports."""
        found = await anyio.to_thread.run_sync(resources.entries, self.root)
        return [Resource(**entry.model_dump()) for entry in found]

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None) -> Any:
        """Call a tool, if it has these arguments: a misspelt one, passed over, would start more than was asked for.

        Raises:
            ToolError: It has not, or cannot do it.
        """
        tool = self._tool_manager.get_tool(name)
        problem = strict.problem_of(tool, arguments) if tool else ""
        if problem:
            raise ToolError(problem)
        return await super().call_tool(name, arguments, context)


def build_server(options: Options) -> MCPServer[Any]:
    """The server of a repository, with every tool that this kfpilot has a command for."""
    server = Server("kfpilot", instructions=INSTRUCTIONS, version=version("kfpilot"), log_level="WARNING")
    server.root = options.root
    add_reading(server, options)
    add_runs(server, options)
    add_commands(server, options)
    for tool in server._tool_manager.list_tools():
        strict.close(tool)
    add_prompts(server)
    add_resources(server, options.root)
    return server


def told(function: Callable[..., Any], error_type: type[Exception] = ToolError) -> Callable[..., Any]:
    """The function with our errors as the protocol's: the message reaches the assistant, a stack trace does not."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def waiting(*arguments: Any, **named: Any) -> Any:
            try:
                return await function(*arguments, **named)
            except (KfpilotError, ToolFailure) as error:
                raise error_type(str(error)) from error

        return waiting

    @functools.wraps(function)
    def direct(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except (KfpilotError, ToolFailure) as error:
            raise error_type(str(error)) from error

    return direct


def request_of(root: Path, feature: str | None, words: str, tasks: list[str], stories: list[str]) -> Request:
    """What a run or a plan is asked for; the words may begin with the feature."""
    feature, words = runs.bounded(feature), unquoted(words)
    if feature is None:
        feature, words = leading_feature(root, words)
    return Request(feature=feature, words=words, tasks=tasks, stories=stories)


def add_reading(server: MCPServer[Any], options: Options) -> None:
    """Tools that read only."""
    root = options.root

    def list_features() -> Status:
        """List the features of the repository: open and ticked tasks, the latest run of each, and how to go on."""
        return background_runs.full_status(root)

    def plan_feature(feature: Feature = None, words: Words = "", tasks: Ids = [], stories: Ids = []) -> ExecutionPlan:  # noqa: B006
        """Show what a run would do: waves of tasks with role, files, gates; what is left out; warnings. No model."""
        from ..workflow.checkout import find_feature, open_checkout
        from ..workflow.selecting import planned

        request = request_of(root, feature, words, tasks, stories)
        documents = find_feature(open_checkout(root), request.feature)
        return planned(documents, request)

    def report(run: RunId = None) -> RunReport:
        """The report of a run: what is verified, what is not and why, tests, acceptance, readiness, how to merge."""
        return runs.report_of(root, run)

    for function in (list_features, plan_feature, report):
        server.tool(annotations=READS)(told(function))


def add_runs(server: MCPServer[Any], options: Options) -> None:
    """Tools for runs."""
    root = options.root
    starting = anyio.Lock()

    async def start_run(
        feature: Feature = None,
        words: Words = "",
        tasks: Ids = [],  # noqa: B006
        stories: Ids = [],  # noqa: B006
        resume: Annotated[bool, Field(description="Go on with the feature's run that broke off")] = False,
    ) -> RunStatus:
        """Start a run of a feature's open tasks, or go on with one; returns at once. The checkout is not written."""
        request = request_of(root, feature, words, tasks, stories)
        async with starting:
            start = functools.partial(background.start, root, request, options.overrides, resume=resume)
            job = await anyio.to_thread.run_sync(start)
        return await anyio.to_thread.run_sync(runs.status, root, job.run)

    async def run_status(
        ctx: Context[Any, Any],
        run: RunId = None,
        wait_seconds: Annotated[float, Field(ge=0, le=MOST_WAIT, description="Wait for news, at most so long")] = 0,
    ) -> RunStatus:
        """Where a run stands: its state, its tasks, what can be done next."""
        deadline = anyio.current_time() + wait_seconds
        first = now = await anyio.to_thread.run_sync(runs.status, root, run)
        while now.state in ("starting", "running") and anyio.current_time() < deadline:
            await anyio.sleep(min(0.5, max(0.0, deadline - anyio.current_time())))
            now = await anyio.to_thread.run_sync(runs.status, root, now.run)
            if (now.state, [task.state for task in now.tasks]) != (first.state, [task.state for task in first.tasks]):
                break
        await ctx.report_progress(now.verified, len(now.tasks) or None, f"{now.verified} of {len(now.tasks)} verified")
        return now

    def cancel_run(run: RunId = None) -> RunStatus:
        """Stop a run that start_run started. What is verified stays on its branch; resume goes on with the rest."""
        job = background.cancel(root, run)
        now = runs.status(root, job.run)
        return now.model_copy(update={"next": "It is stopping. Ask run_status until the state is no longer running."})

    server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False))(told(start_run))
    server.tool(annotations=READS)(told(run_status))
    server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True))(
        told(cancel_run)
    )


def add_commands(server: MCPServer[Any], options: Options) -> None:
    """Tools that are a command in a child process; a command that this kfpilot lacks is no tool."""
    root = options.root

    async def verify(ctx: Context[Any, Any], tasks: Ids = [], feature: Feature = None) -> Verification:  # noqa: B006
        """Run the gates of tasks (all ticked ones if none is named) on the files as they are now. May take minutes."""
        named = runs.bounded(feature)

        async def tell(progress: float, message: str) -> None:
            await ctx.report_progress(progress, None, message)

        arguments = ["verify", *(["--feature", named] if named else []), "--", *tasks]
        code, result, _ = await run_json(root, arguments, tell=tell)
        return Verification.model_validate(slim(result, passed=code == EXIT_OK))

    async def lint(paths: Annotated[list[str], Field(max_length=500)] = []) -> CommandResult:  # noqa: B006
        """Check pipelines and components for what goes wrong at run time. All of the repository if no path is given."""
        return await quick(root, ["lint", "--", *runs.bounded_paths(root, paths)])

    async def audit(feature: Feature = None) -> CommandResult:
        """Compare the ticks in tasks.md with what the repository shows. Reads only: runs no tests, asks no model."""
        named = runs.bounded(feature)
        read_only = ["--no-run"] if "--no-run" in options.commands["audit"] else []
        return await quick(root, ["audit", *read_only, *(["--feature", named] if named else [])])

    async def undo(
        target: Annotated[str | None, Field(max_length=200, pattern=r"^[A-Za-z0-9][\w.#-]*$")] = None,
        feature: Feature = None,
        with_dependents: bool = False,
        dry_run: Annotated[bool, Field(description="Only say what would be done")] = True,
    ) -> CommandResult:
        """Take a task (T003) or a run back by commits on top. Says what it would do unless dry_run is false."""
        named = runs.bounded(feature)
        flags = [
            *(["--feature", named] if named else []),
            *(["--with-dependents"] if with_dependents else []),
            *(["--dry-run"] if dry_run else []),
        ]
        return await quick(root, ["undo", *flags, "--", *([target] if target else [])])

    for function, notes in (
        (verify, READS),
        (lint, READS),
        (audit, READS),
        (undo, ToolAnnotations(read_only_hint=False, destructive_hint=True)),
    ):
        if function.__name__ in options.commands:
            server.tool(annotations=notes)(told(function))


async def quick(root: Path, arguments: list[str]) -> CommandResult:
    """A command that takes seconds."""
    code, result, message = await run_json(root, arguments, timeout=QUICK)
    return CommandResult(ok=code == EXIT_OK, exit_code=code, result=result, message=message)


def slim(result: Any, *, passed: bool) -> dict[str, Any]:
    """What `kfpilot verify --json` prints, without what an assistant has no use for."""
    keys = ("gate", "passed", "summary", "failures", "warnings", "not_verified")
    tasks = [
        {
            "task": task["task"],
            "passed": task["passed"],
            "gates": [{key: gate[key] for key in keys} for gate in task["gates"]],
        }
        for task in result["tasks"]
    ]
    return {"feature": result["feature"], "passed": passed, "tasks": tasks}


def add_prompts(server: MCPServer[Any]) -> None:
    """The same texts as the command files; assistants show them as slash commands."""
    for name in COMMANDS:
        command = read_command(name)
        server.prompt(name=name, description=command.description)(with_words(command.text))


def with_words(text: Callable[[str], str]) -> Callable[[str], str]:
    """A function whose one argument the protocol can show."""

    def render(words: str = "") -> str:
        return text(words)

    return render


def add_resources(server: MCPServer[Any], root: Path) -> None:
    """Documents and reports by their address."""

    def document(feature: str, name: str) -> str:
        return resources.document(root, feature, name)

    def report(run: str, form: str) -> str:
        return resources.report_text(root, run, form)

    server.resource(
        "kfpilot://features/{feature}/{name}", description="A document of a feature", mime_type="text/markdown"
    )(told(document, ResourceNotFoundError))
    server.resource(
        "kfpilot://runs/{run}/{form}", description="A run's report.md or report.json", mime_type="text/markdown"
    )(told(report, ResourceNotFoundError))
