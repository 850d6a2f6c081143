"""K06, K07, K09 and K21: Python decisions and loops over values of a later run; names of KFP v1; writing to a task."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from .kfp_names import Names, guarded_lines
from .kfp_source import Function, Problem, Source, at, own_nodes, parameters_of

GONE = {
    "kfp.dsl.ContainerOp": "write a @dsl.container_component that returns dsl.ContainerSpec",
    "kfp.dsl.ResourceOp": "create the resource from a component",
    "kfp.dsl.VolumeOp": "use kubernetes.CreatePVC and kubernetes.mount_pvc of kfp-kubernetes",
    "kfp.dsl.VolumeSnapshotOp": "create the snapshot from a component",
    "kfp.dsl.PipelineVolume": "use kubernetes.CreatePVC and kubernetes.mount_pvc of kfp-kubernetes",
    "kfp.dsl.PipelineParam": "annotate pipeline parameters with int, float, str, bool, list or dict",
    "kfp.dsl.PipelineConf": "set what is needed on each task",
    "kfp.dsl.get_pipeline_conf": "set what is needed on each task",
    "kfp.dsl.Sidecar": "KFP v2 has no sidecars",
    "kfp.dsl.InitContainer": "KFP v2 has no init containers",
    "kfp.dsl.RUN_ID_PLACEHOLDER": "use dsl.PIPELINE_JOB_ID_PLACEHOLDER",
    "kfp.dsl.EXECUTION_ID_PLACEHOLDER": "use dsl.PIPELINE_TASK_ID_PLACEHOLDER",
    "kfp.components.create_component_from_func": "decorate the function with @dsl.component",
    "kfp.components.func_to_container_op": "decorate the function with @dsl.component",
    "kfp.components.func_to_component_text": "decorate the function with @dsl.component and compile it",
    "kfp.components.InputPath": "use dsl.InputPath or dsl.Input[dsl.Dataset]",
    "kfp.components.OutputPath": "use dsl.OutputPath or dsl.Output[dsl.Dataset]",
    "kfp.components.InputTextFile": "use dsl.InputPath",
    "kfp.components.OutputTextFile": "use dsl.OutputPath",
    "kfp.components.InputBinaryFile": "use dsl.InputPath",
    "kfp.components.OutputBinaryFile": "use dsl.OutputPath",
    "kfp.onprem": "use kfp-kubernetes (`from kfp import kubernetes`)",
    "kfp.gcp": "use kfp-kubernetes (`from kfp import kubernetes`)",
    "kfp.aws": "use kfp-kubernetes (`from kfp import kubernetes`)",
    "kfp.azure": "use kfp-kubernetes (`from kfp import kubernetes`)",
}
"""Names of KFP v1 that version 2 does not have, and what stands in their place."""

OLD = {
    "kfp.dsl.Condition": "dsl.If",
    "kfp.v2": "kfp",
    "set_gpu_limit": "set_accelerator_type and set_accelerator_limit",
    "add_node_selector_constraint": "set_accelerator_type, or kubernetes.add_node_selector of kfp-kubernetes",
}
"""Names that still work and are deprecated."""


OF_TASKS = ("inputs", "outputs", "output")
OF_ARTIFACTS = ("path", "uri", "metadata")
"""What a component may set of an artifact that it writes, and a pipeline of none."""


def problems(source: Source) -> Iterator[Problem]:
    """Everything that is wrong in the pipelines of a module, and names of KFP v1."""
    yield from old_names(source)
    for item in source.pipelines:
        yield from Pipeline(item.node, source.names).problems()


def used_names(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every dotted name of kfp that a module imports or uses, and every method that is called."""
    quiet = guarded_lines(source.tree, {"ImportError", "ModuleNotFoundError", "AttributeError"})
    for node in source.nodes:
        if getattr(node, "lineno", 0) in quiet:
            continue
        if isinstance(node, ast.Import):
            yield from ((node, item.name) for item in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node, f"{node.module}.{item.name}") for item in node.names)
        elif isinstance(node, ast.Attribute):
            dotted = source.names.resolve(node)
            if dotted:
                yield node, dotted
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func.attr


def old_names(source: Source) -> Iterator[Problem]:
    """K09: names that kfp 2 does not have, and those that it will lose."""
    said = set()
    for node, dotted in used_names(source):
        name = "kfp." + dotted.removeprefix("kfp.v2.") if dotted.startswith("kfp.v2.") else dotted
        gone = next((item for item in (name, *parents(name)) if item in GONE), None)
        old = next((item for item in OLD if dotted == item or dotted.startswith(item + ".")), None)
        key = (getattr(node, "lineno", 0), gone or old)
        if key in said:
            continue
        said.add(key)
        if gone:
            how = f"`{gone}` is KFP v1 and does not exist in kfp 2: the import or the call fails at once"
            yield at(node, "K09", f"{how}. Instead: {GONE[gone]}.")
        elif old:
            yield at(node, "K09", f"`{old}` is deprecated and goes away: use {OLD[old]}.", "warning")


def parents(dotted: str) -> Iterator[str]:
    """`kfp.gcp` and `kfp` for `kfp.gcp.use_secret`."""
    while "." in dotted:
        dotted = dotted.rpartition(".")[0]
        yield dotted


class Pipeline:
    """One pipeline function and what in it stands for a value of a later run.

    A name counts only if every binding of it in the function says so; nested functions are left alone.

    Args:
        function: The function under @dsl.pipeline.
        names: The bindings of its module.
    """

    def __init__(self, function: Function, names: Names) -> None:
        self.function = function
        self.names = names
        self.nodes = list(own_nodes(function))
        parameters = {item.arg for item in parameters_of(function)}
        bound: Counter[str] = Counter(
            node.id for node in self.nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        )
        for node in self.nodes:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
                bound[node.name] += 1
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                bound.update(item.asname or item.name.partition(".")[0] for item in node.names)
        self.channels = {name for name in parameters if not bound[name]}
        self.tasks: set[str] = set()
        assigned = list(single_assignments(self.nodes))
        loops: Counter[str] = Counter()
        for node in self.nodes:
            if not isinstance(node, ast.withitem) or not isinstance(node.optional_vars, ast.Name):
                continue
            if isinstance(node.context_expr, ast.Call) and self._is(node.context_expr.func, "ParallelFor"):
                loops[node.optional_vars.id] += 1
        self.channels |= {name for name, count in loops.items() if bound[name] == count and name not in parameters}
        tasks = Counter(name for name, value in assigned if self._may_be_task(value))
        self.tasks = {name for name, count in tasks.items() if bound[name] == count and name not in parameters}
        outputs = Counter(name for name, value in assigned if self.is_channel(value))
        self.channels |= {name for name, count in outputs.items() if bound[name] == count and name not in parameters}

    def _may_be_task(self, value: ast.expr) -> bool:
        """Whether an expression may be the call of a component: those take no arguments by position."""
        while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            inner = value.func.value
            if not isinstance(inner, ast.Call):
                break
            value = inner
        if not isinstance(value, ast.Call):
            return False
        return not value.args and not (isinstance(value.func, ast.Name) and value.func.id in self.names.classes)

    def _is(self, node: ast.expr, name: str) -> bool:
        return self.names.resolve(node) == f"kfp.dsl.{name}"

    def is_channel(self, node: ast.expr) -> bool:
        """Whether an expression is a parameter, a loop item or a task output: a placeholder while compiling."""
        if isinstance(node, ast.Name):
            return node.id in self.channels
        if isinstance(node, ast.Subscript):
            node = node.value
            return isinstance(node, ast.Attribute) and node.attr == "outputs" and self._is_task(node.value)
        return isinstance(node, ast.Attribute) and node.attr == "output" and self._is_task(node.value)

    def _is_task(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self.tasks

    def decided(self, node: ast.expr) -> ast.expr | None:
        """The part of a condition that Python cannot decide while it compiles, if there is one."""
        if self.is_channel(node):
            return node
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
            if isinstance(node.ops[0], (ast.In, ast.NotIn)):
                parts = [node.left]
            return node if any(self.is_channel(part) for part in parts) else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.decided(node.operand)
        if isinstance(node, ast.BoolOp):
            return next((part for part in map(self.decided, node.values) if part is not None), None)
        return None

    def problems(self) -> list[Problem]:
        """What is wrong, the first of each line."""
        found: dict[int, Problem] = {}
        for node in self.nodes:
            for problem in self._check(node):
                found.setdefault(problem.line, problem)
        return list(found.values())

    def _check(self, node: ast.AST) -> Iterator[Problem]:
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            place = target.value if isinstance(target, ast.Subscript) else target
            if not isinstance(place, ast.Attribute):
                continue
            if place.attr in OF_TASKS and self._is_task(place.value):
                yield at(
                    target,
                    "K21",
                    f"`{ast.unparse(target)} = …` does not wire anything: what a step gets is fixed by its call. "
                    f"Pass the value by keyword where `{ast.unparse(place.value)}` is made, and remove this line.",
                )
            elif place.attr in OF_ARTIFACTS and self.is_channel(place.value):
                yield at(
                    target,
                    "K21",
                    f"`{ast.unparse(target)} = …` is lost: `{ast.unparse(place.value)}` is a placeholder while the "
                    "pipeline is compiled, and KFP itself chooses where an output is kept. Remove this line: a step "
                    "takes the output whole, and where a file must go is a parameter of the component that writes it.",
                )
        for kind, test in conditions(node):
            part = self.decided(test)
            if part is not None:
                yield at(
                    test,
                    "K06",
                    f"Python decides `{kind} {ast.unparse(test)}` once, while the pipeline is compiled, where "
                    f"`{ast.unparse(part)}` is only a placeholder: every run takes the same branch. Use "
                    "`with dsl.If(...):`, dsl.Elif, dsl.Else (join results with dsl.OneOf), or decide in a component.",
                )
        lost = None
        if isinstance(node, ast.BoolOp):
            lost = next((part for part in map(self.decided, node.values[:-1]) if part is not None), None)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            lost = self.decided(node.operand)
        elif isinstance(node, ast.Compare) and len(node.ops) > 1:
            lost = node if any(map(self.is_channel, [node.left, *node.comparators[:-1]])) else None
        if lost is not None and isinstance(node, ast.expr):
            yield at(
                node,
                "K06",
                f"in `{ast.unparse(node)}` Python uses the truth of the placeholder `{ast.unparse(lost)}` (always "
                "true) while compiling, so that part has no effect at run time. Nest one dsl.If in another, or combine "
                "the values in a component.",
            )
        loop = None
        if isinstance(node, (ast.For, ast.comprehension)):
            loop = node.iter
            inner = isinstance(loop, ast.Call) and isinstance(loop.func, ast.Name) and len(loop.args) >= 1
            if inner and loop.func.id in ("range", "enumerate", "reversed", "sorted", "list"):  # type: ignore[attr-defined]
                loop = loop.args[0]  # type: ignore[attr-defined]
        if loop is not None and self.is_channel(loop):
            yield at(
                loop,
                "K07",
                f"`{ast.unparse(loop)}` is a placeholder while the pipeline is compiled: Python cannot loop over "
                "it (TypeError). Use `with dsl.ParallelFor(...) as item:` and gather results with dsl.Collected.",
            )


def single_assignments(nodes: list[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Assignments to one plain name: (name, value)."""
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def conditions(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The expressions whose truth Python itself uses in a node."""
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield {"If": "if", "While": "while", "IfExp": "if"}[type(node).__name__], node.test
    elif isinstance(node, ast.comprehension):
        yield from (("if", test) for test in node.ifs)
    elif isinstance(node, ast.Match):
        yield "match", node.subject
