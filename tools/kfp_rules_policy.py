"""K10 to K13: credentials, resources, retries and caching, as far as the source shows them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .kfp_names import walk
from .kfp_rules_decisions import single_assignments
from .kfp_rules_impure import impure, network
from .kfp_source import Definition, Problem, Source, at, own_nodes, short
from .secret_values import judge_password

CREDENTIAL = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|pwd|secret_?key|client_secret|api_?key|access_key(?:_id)?|private_key|"
    r"(?:api|auth|access|bearer|refresh|oauth|github|gh|gitlab|slack|hf|huggingface|wandb|secret|login|jwt)_token)$"
    r"|^token$|^credentials?$",
    re.I,
)
UNITS = {
    "": 1.0, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([A-Za-z]{0,2})")


@dataclass
class Task:
    """One call of a component in a pipeline.

    Attributes:
        call: The call of the component.
        component: The component, if it stands in this module.
        methods: What is called on the task, by name of the method: the calls in order.
    """

    call: ast.Call
    component: Definition | None
    methods: dict[str, list[ast.Call]] = field(default_factory=dict)


def problems(source: Source, policies: frozenset[str] = frozenset()) -> Iterator[Problem]:
    """What is wrong with how tasks are set up."""
    for item in source.definitions:
        yield from credentials(item, source)
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set_env_variable":
            yield from environment(node)
    impurities: dict[str, str] = {}
    nets: dict[str, str] = {}
    for item in source.components.values():
        if item.kind == "component":
            impurities[item.name] = impure(item.node)
            nets[item.name] = network(item.node)
    cache_unknown = re.search(r"enable_caching\s*=\s*False|KFP_DISABLE_EXECUTION_CACHING|cache_disabled", source.text)
    for item in source.pipelines:
        tasks, loose = tasks_of(item, source)
        for task in tasks:
            yield from over_limit(task)
            if "limits" in policies:
                yield from without_limits(task, loose)
            name = task.component.name if task.component else ""
            if nets.get(name) and "retries" in policies and "set_retry" not in {*task.methods, *loose}:
                yield at(task.call, "K12", retry_message(name, nets[name]))
            if impurities.get(name) and not cache_unknown and "set_caching_options" not in {*task.methods, *loose}:
                yield at(task.call, "K13", caching_message(name, impurities[name]))


def retry_message(component: str, what: str) -> str:
    """The words of K12."""
    return (
        f"the task of `{component}` reaches the network ({what}) and is not retried: one lost connection fails the "
        "whole run. Call .set_retry(num_retries=2, backoff_duration='30s') on it."
    )


def caching_message(component: str, what: str) -> str:
    """The words of K13."""
    return (
        f"the task of `{component}` is cached, but its result depends on {what}: a later run with the same inputs "
        "takes the old result and the step does not run. Call .set_caching_options(False) on it, or pass that value as "
        "a parameter."
    )


def tasks_of(item: Definition, source: Source) -> tuple[list[Task], set[str]]:
    """The tasks that a pipeline makes from components of its module, and methods called on what nobody can tell."""
    nodes = list(own_nodes(item.node))
    tasks: dict[int, Task] = {}
    counts: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            counts[node.id] = counts.get(node.id, 0) + 1
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in source.components:
            tasks[id(node)] = Task(node, source.components[node.func.id])
    named = {name: value for name, value in single_assignments(nodes) if counts.get(name) == 1}
    loose: set[str] = set()
    for node in nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        base = start_of(node.func.value)
        if isinstance(base, ast.Name) and base.id in named:
            base = start_of(named[base.id])
        task = tasks.get(id(base))
        if task is not None:
            task.methods.setdefault(node.func.attr, []).append(node)
        elif node.func.attr.startswith("set_"):
            loose.add(node.func.attr)
    for node in nodes:  # a task that is handed to a helper may be set up there
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Attribute) and node.func.attr == "after"):
            if source.names.resolve(node.func).startswith("kfp."):
                continue
            for value in [*node.args, *(word.value for word in node.keywords)]:
                given = named.get(value.id) if isinstance(value, ast.Name) else value
                if given is not None and id(start_of(given)) in tasks:
                    loose |= {"set_retry", "set_caching_options", "set_cpu_limit", "set_memory_limit"}
    return list(tasks.values()), loose


def start_of(node: ast.expr) -> ast.expr:
    """The call at the beginning of a chain of methods: `step(n=1)` of `step(n=1).set_retry(2).after(x)`."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return node


# --- K10 ------------------------------------------------------------------------------------------------------------


def credentials(item: Definition, source: Source) -> Iterator[Problem]:
    """Parameters that are credentials by their name."""
    what = "pipeline" if item.kind == "pipeline" else "component"
    for parameter in item.parameters:
        note = parameter.annotation
        text = note is None or ast.unparse(note).strip("'\"") in ("str", "Optional[str]", "str | None", "String")
        if not text or source.output_kind(parameter) or not CREDENTIAL.search(parameter.arg):
            continue
        if names_a_secret(parameter.arg, item):
            continue
        default = item.defaults.get(parameter.arg)
        value = default.value if isinstance(default, ast.Constant) else None
        written = isinstance(value, str) and bool(value) and judge_password(value) != "none"
        more = " Its default is written out here for everybody who reads the code." if written else ""
        yield at(
            parameter,
            "K10",
            f"`{parameter.arg}` of {what} `{item.name}` is a credential passed as a parameter: KFP shows and keeps it "
            f"in the clear, in the UI and the database.{more} Keep it in a Secret and read it from the environment "
            "(kubernetes.use_secret_as_env).",
        )


def names_a_secret(name: str, item: Definition) -> bool:
    """Whether a parameter is the name of a Secret, not what is in it."""
    for node in walk(item.node):
        if (
            isinstance(node, ast.keyword)
            and node.arg == "secret_name"
            and any(isinstance(part, ast.Name) and part.id == name for part in walk(node.value))
        ):
            return True
    return False


def environment(call: ast.Call) -> Iterator[Problem]:
    """Constants of the environment that are credentials."""
    given = dict(zip(("name", "value"), call.args, strict=False)) | {word.arg: word.value for word in call.keywords}
    name, value = given.get("name"), given.get("value")
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)) or not CREDENTIAL.search(name.value):
        return
    if isinstance(value, ast.Constant) and isinstance(value.value, str) and not filled_in(value.value):
        yield at(call, "K10", environment_message(name.value))


def environment_message(name: str) -> str:
    """The words of K10 for the environment."""
    return (
        f"the variable `{name}` is a credential written into the pipeline: it stands in the clear in the compiled "
        "file, the database and the UI. Keep it in a Secret and use kubernetes.use_secret_as_env."
    )


def filled_in(value: str) -> bool:
    """Whether a value is empty, a reference, a placeholder or a path."""
    return not value or "{{" in value or "$" in value or value.startswith("/") or judge_password(value) == "none"


# --- K11 ------------------------------------------------------------------------------------------------------------


def quantity(text: str) -> float | None:
    """A quantity of Kubernetes as a number; None if it is none."""
    match = QUANTITY.fullmatch(text.strip())
    return float(match[1]) * UNITS[match[2]] if match and match[2] in UNITS else None


def over_limit(task: Task) -> Iterator[Problem]:
    """Requests above the limit, where both are written out."""
    for what in ("cpu", "memory"):
        both = []
        for kind in ("request", "limit"):
            calls = task.methods.get(f"set_{what}_{kind}", [])
            value = next(
                (item for call in calls[-1:] for item in [*call.args, *(w.value for w in call.keywords)]), None
            )
            both.append(str(value.value) if isinstance(value, ast.Constant) else "")
        request, limit = (quantity(text) for text in both)
        if request is not None and limit is not None and request > limit:
            place = max((*task.methods[f"set_{what}_request"], *task.methods[f"set_{what}_limit"]), key=end_of)
            yield at(place, "K11", limit_message(short(task.call.func), what, both[0], both[1]))


def end_of(node: ast.Call) -> tuple[int, int]:
    """Where a call ends."""
    return node.end_lineno or 0, node.end_col_offset or 0


def limit_message(task: str, what: str, request: str, limit: str) -> str:
    """The words of K11."""
    return (
        f"the task of `{task}` requests {what} {request} and is limited to {limit}: Kubernetes refuses a pod that asks "
        "for more than its limit. Raise the limit, or request less."
    )


def without_limits(task: Task, loose: set[str]) -> Iterator[Problem]:
    """Tasks without limits, for teams that ask for them."""
    have = {*task.methods, *loose}
    missing = [what for what in ("cpu", "memory") if f"set_{what}_limit" not in have]
    if missing:
        yield at(task.call, "K11", no_limit_message(short(task.call.func), missing), "warning")


def no_limit_message(task: str, missing: list[str]) -> str:
    """The words of K11 for the policy."""
    calls = " and ".join(f".set_{what}_limit(...)" for what in missing)
    return (
        f"the task of `{task}` has no limit of {' and '.join(missing)}: it can take all of its node, and the cluster "
        f"cannot plan for it. Call {calls} on it."
    )
