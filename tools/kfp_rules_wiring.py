"""K08, K14, K15, K17 and K18: how the tasks of a pipeline are put together."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from .kfp_names import walk, words
from .kfp_rules_decisions import Pipeline, single_assignments
from .kfp_source import Definition, Function, Problem, Source, at, is_none, parameters_of, short

IMPORTER = "the address of an importer"
RAW_METHODS = {"set_display_name": "name in the UI", "set_env_variable": "variable of the environment"}
EVALUATED = words(
    "bool isinstance int float len max min sum sorted abs round hash type any all list tuple set json.dumps json.loads "
    "os.path.join os.environ.get"
)
"""Functions whose result is wrong, or that fail, when they are given a placeholder."""


class Wiring:
    """The tasks of one pipeline, their contexts and what flows between them.

    Args:
        item: The pipeline.
        source: Its module.
    """

    def __init__(self, item: Definition, source: Source) -> None:
        self.item = item
        self.source = source
        self.pipeline = Pipeline(item.node, source.names)
        self.assigned = dict(single_assignments(self.pipeline.nodes))

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Node -> the node that holds it."""
        return {child: node for node in walk(self.item.node) for child in ast.iter_child_nodes(node)}

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What holds a node, from the inside out, up to the function."""
        while node in self.parents and node is not self.item.node:
            node = self.parents[node]
            yield node

    def loops(self, node: ast.AST) -> list[ast.With]:
        """The dsl.ParallelFor blocks that a node is in the body of."""
        found, inner = [], node
        for outer in self.above(node):
            if isinstance(outer, ast.With) and inner in outer.body and self.is_loop(outer):
                found.append(outer)
            inner = outer
        return found

    def is_loop(self, block: ast.With) -> bool:
        """Whether a `with` is a dsl.ParallelFor."""
        return any(self.called(item.context_expr) == "kfp.dsl.ParallelFor" for item in block.items)

    def called(self, node: ast.AST) -> str:
        """The dotted name of what is called, or an empty text."""
        return self.source.names.resolve(node.func) if isinstance(node, ast.Call) else ""

    def component_of(self, node: ast.expr) -> Definition | None:
        """The component of this module whose task an expression is (a name, a call, a call with methods behind it)."""
        if isinstance(node, ast.Name) and node.id in self.pipeline.tasks:
            node = self.assigned.get(node.id, node)
        while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self.source.components.get(node.func.id)
        return None

    # --- K15 ---------------------------------------------------------------------------------------------------------

    def unused(self) -> Iterator[Problem]:
        """Parameters that the body never names."""
        loaded = {node.id for node in walk(self.item.node) if isinstance(node, ast.Name)}
        for parameter in self.item.parameters:
            if parameter.arg not in loaded and not parameter.arg.startswith("_") and "locals" not in loaded:
                yield at(
                    parameter,
                    "K15",
                    f"pipeline `{self.item.name}` never uses its parameter `{parameter.arg}`: whoever sets it changes "
                    "nothing. Pass it to a task, or remove it.",
                )

    # --- K08 ---------------------------------------------------------------------------------------------------------

    def texts(self) -> Iterator[Problem]:
        """Placeholders that become text where nobody fills them in."""
        for node in self.pipeline.nodes:
            for part in self.inside_text(node):
                if self.is_artifact(part):
                    yield at(
                        part,
                        "K08",
                        f"`{short(part)}` is an artifact; in `{short(node)}` it becomes the text "
                        "`{{channel:…}}`, which KFP does not fill in: the step gets that text. Pass the artifact to "
                        "an Input[...] of the component, and use its `.uri` or `.path` there.",
                    )
                    break
                where = self.raw_place(node)
                if where == IMPORTER:
                    yield at(
                        node,
                        "K08",
                        f"`{short(node)}` is the address of an importer: Vertex AI fills in `{short(part)}`, the "
                        "backend of KFP itself does not and looks for `{{channel:…}}`. Pass a parameter, or the output "
                        "of a component that builds the address.",
                        "warning",
                    )
                    break
                if where:
                    yield at(
                        node,
                        "K08",
                        f"`{short(node)}` is used as {where}, where KFP does not fill in `{short(part)}`: what arrives "
                        "is the text `{{channel:…}}`. Build the text in a component, or use a constant.",
                    )
                    break
            if isinstance(node, (ast.Dict, ast.List, ast.Tuple)) and self.is_argument(node):
                values = node.values if isinstance(node, ast.Dict) else node.elts
                for part in values:
                    if part is not None and self.is_artifact(part):
                        yield at(
                            part,
                            "K08",
                            f"`{short(part)}` is an artifact inside a {type(node).__name__.lower()} argument: KFP "
                            "wires it as a parameter, which the task does not give, and the step fails. Pass the "
                            "artifact to an Input[...] of its own.",
                        )

    def inside_text(self, node: ast.AST) -> list[ast.expr]:
        """The placeholders that an expression turns into text."""
        parts: list[ast.expr] = []
        if isinstance(node, ast.JoinedStr):
            parts = [value.value for value in node.values if isinstance(value, ast.FormattedValue)]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
            parts = list(node.right.elts) if isinstance(node.right, ast.Tuple) else [node.right]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("str", "repr"):
            parts = list(node.args)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "format"
            and isinstance(node.func.value, ast.Constant)
        ):
            parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        return [part for part in parts if self.pipeline.is_channel(part)]

    def is_artifact(self, node: ast.expr) -> bool:
        """Whether a placeholder surely stands for an artifact."""
        if isinstance(node, ast.Name):
            value = self.assigned.get(node.id)
            return value is not None and node.id in self.pipeline.channels and self.is_artifact(value)
        output = ""
        if isinstance(node, ast.Subscript):
            if not isinstance(node.slice, ast.Constant):
                return False
            output, node = str(node.slice.value), node.value
        if not isinstance(node, ast.Attribute) or not self.pipeline.is_channel(
            ast.Attribute(node.value, "output", ast.Load())
        ):
            return False
        component = self.component_of(node.value)
        return component is not None and self.source.gives_artifact(component, output)

    def is_argument(self, node: ast.AST) -> bool:
        """Whether an expression is an argument of a component of this module."""
        parent = self.parents.get(node)
        call = self.parents.get(parent) if isinstance(parent, ast.keyword) else parent
        return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in self.source.components

    def raw_place(self, node: ast.AST) -> str:
        """What a text is used as, if that is a place which KFP leaves as it is."""
        uses: list[ast.AST] = [node]
        parent = self.parents.get(node)
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
            name = parent.targets[0].id
            if self.assigned.get(name) is not node:
                return ""
            loads = [item for item in self.pipeline.nodes if isinstance(item, ast.Name) and item.id == name]
            uses = [item for item in loads if isinstance(item.ctx, ast.Load)]
        return next((place for place in map(self._raw_use, uses) if place), "")

    def _raw_use(self, node: ast.AST) -> str:
        for outer in self.above(node):
            if isinstance(outer, (ast.List, ast.Tuple, ast.Dict, ast.keyword)):
                node = outer if isinstance(outer, ast.keyword) else node
                continue
            if isinstance(outer, ast.Compare):
                holder = self.called(self.parents.get(outer, outer))
                return "a side of a condition" if holder in ("kfp.dsl.If", "kfp.dsl.Elif", "kfp.dsl.Condition") else ""
            if not isinstance(outer, ast.Call):
                return ""
            name = self.called(outer)
            keyword = node.arg if isinstance(node, ast.keyword) else ""
            if isinstance(outer.func, ast.Attribute) and outer.func.attr in RAW_METHODS:
                return f"the {RAW_METHODS[outer.func.attr]} of a task"
            if name == "kfp.dsl.importer" and (keyword == "artifact_uri" or (not keyword and node in outer.args[:1])):
                return IMPORTER
            if name == "kfp.dsl.ParallelFor":
                return "an item or the name of a dsl.ParallelFor"
            if name.startswith("kfp.kubernetes.") and not name.rpartition(".")[2][0].isupper():
                return f"an argument of kubernetes.{name.rpartition('.')[2]} (pass the parameter itself)"
            return ""
        return ""

    # --- K17 ---------------------------------------------------------------------------------------------------------

    def plain_calls(self) -> Iterator[Problem]:
        """Plain functions that compute with a placeholder."""
        for node in self.pipeline.nodes:
            if not isinstance(node, ast.Call):
                continue
            given = [
                item for item in [*node.args, *(word.value for word in node.keywords)] if self.pipeline.is_channel(item)
            ]
            if not given:
                continue
            name = ast.unparse(node.func)
            dotted = self.source.names.resolve(node.func) or name
            helper = self.source.names.functions.get(name)
            if dotted in EVALUATED and (name in EVALUATED or name not in self.source.names.functions):
                computes = True
            elif helper is not None and not helper.decorator_list:
                computes = any(computed(helper, name) for name in self.received(node, helper))
            else:
                continue
            if computes:
                yield at(
                    node,
                    "K17",
                    f"`{short(node)}` is plain Python and runs once, while the pipeline is compiled, where "
                    f"`{short(given[0])}` is only a placeholder: it fails, or gives the same for every run. Do it in a "
                    "component.",
                )

    def received(self, call: ast.Call, helper: Function) -> list[str]:
        """The parameters of a function that get a placeholder in a call."""
        names = [item.arg for item in parameters_of(helper)]
        found = [names[at] for at, item in enumerate(call.args[: len(names)]) if self.pipeline.is_channel(item)]
        return found + [
            word.arg for word in call.keywords if word.arg in names and self.pipeline.is_channel(word.value)
        ]

    # --- K14 ---------------------------------------------------------------------------------------------------------

    def cycles(self) -> Iterator[Problem]:
        """Tasks that wait for each other through .after()."""
        waits: dict[str, set[str]] = {name: set() for name in self.pipeline.tasks}
        afters: list[tuple[str, str, ast.Call]] = []
        for name, value in self.assigned.items():
            if name in waits:
                used = {node.id for node in walk(value) if isinstance(node, ast.Name)}
                waits[name] |= (used & waits.keys()) - {name}
        for node in self.pipeline.nodes:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "after"):
                continue
            base: ast.expr = node.func.value
            while isinstance(base, ast.Call) and isinstance(base.func, ast.Attribute):
                base = base.func.value
            if isinstance(base, ast.Name) and base.id in waits:
                afters += [
                    (base.id, item.id, node) for item in node.args if isinstance(item, ast.Name) and item.id in waits
                ]
        for name, other, _ in afters:
            waits[name].add(other)
        said: set[frozenset[str]] = set()
        for name, other, node in afters:
            way = path(waits, other, name)
            if way and frozenset(way) not in said:
                said.add(frozenset(way))
                ring = " -> ".join([name, *way])
                yield at(
                    node,
                    "K14",
                    f"the tasks {ring} wait for each other: the pipeline compiles and the run never gets to them. "
                    "Remove this .after() or the input that makes the ring.",
                )

    # --- K18 ---------------------------------------------------------------------------------------------------------

    def escapes(self) -> Iterator[Problem]:
        """What is made inside a dsl.ParallelFor and used outside of it."""
        made: dict[str, list[ast.With]] = {}
        items: dict[str, list[ast.With]] = {}
        for name, value in self.assigned.items():
            if name in self.pipeline.tasks:
                made[name] = self.loops(value)
        for node in self.pipeline.nodes:
            if isinstance(node, ast.With) and self.is_loop(node):
                for item in node.items:
                    if isinstance(item.optional_vars, ast.Name) and item.optional_vars.id in self.pipeline.channels:
                        items.setdefault(item.optional_vars.id, []).append(node)
        for node in self.pipeline.nodes:
            if isinstance(node, ast.Attribute) and node.attr in ("output", "outputs"):
                task = node.value.id if isinstance(node.value, ast.Name) else ""
                loops = made.get(task, [])
                around = self.loops(node)
                out = [loop for loop in loops if loop not in around]
                if out and not any(self.called(outer) == "kfp.dsl.Collected" for outer in self.above(node)):
                    yield self.escape(node, f"the output of `{task}`", out[0])
                elif loops and self.kept(node, loops):
                    yield self.escape(node, f"the output of `{task}`, kept in a list of Python's,", loops[0])
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in items:
                around = self.loops(node)
                if not any(loop in around for loop in items[node.id]):
                    yield self.escape(node, f"the loop item `{node.id}`", items[node.id][0])

    def kept(self, node: ast.AST, loops: list[ast.With]) -> bool:
        """Whether an output is appended to a list that a task outside the loop takes."""
        for outer in self.above(node):
            if not isinstance(outer, ast.Call):
                continue
            if not (isinstance(outer.func, ast.Attribute) and outer.func.attr == "append"):
                return False
            name = outer.func.value.id if isinstance(outer.func.value, ast.Name) else ""
            return any(
                isinstance(use, ast.Name) and use.id == name and loops[-1] not in self.loops(use)
                and any(isinstance(up, ast.Call) for up in self.above(use))
                for use in self.pipeline.nodes
            )  # fmt: skip
        return False

    def escape(self, node: ast.AST, what: str, loop: ast.With) -> Problem:
        """The words of K18."""
        mend = (
            "Use it inside the loop" if "item" in what else "Give dsl.Collected(...) of it, to an input that is a list"
        )
        return at(
            node,
            "K18",
            f"{what} is used outside its dsl.ParallelFor (line {loop.lineno}), where there is one for each item: the "
            f"pipeline does not compile. {mend}.",
        )


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong in how the pipelines of a module are wired."""
    for item in source.pipelines:
        wiring = Wiring(item, source)
        yield from wiring.unused()
        yield from wiring.texts()
        yield from wiring.plain_calls()
        yield from wiring.cycles()
        yield from wiring.escapes()


def path(edges: dict[str, set[str]], start: str, end: str) -> list[str]:
    """A way from one task to another, both included; empty if there is none."""
    trails, seen = [[start]], {start}
    for trail in trails:
        if trail[-1] == end:
            return trail
        for other in sorted(edges.get(trail[-1], set()) - seen):
            seen.add(other)
            trails.append([*trail, other])
    return []


def computed(helper: Function, name: str) -> bool:
    """Whether a function decides or calculates with one of its parameters."""
    if any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load) for node in walk(helper)
    ):
        return False

    def is_it(node: ast.expr | None) -> bool:
        return isinstance(node, ast.Name) and node.id == name

    for node in walk(helper):
        if isinstance(node, ast.Compare):
            inside = any(is_it(part) for part in [node.left, *node.comparators])
            if inside and not any(is_none(part) for part in node.comparators) and not in_condition(helper, node):
                return True
        elif isinstance(node, ast.BinOp):
            text = isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant)
            if (is_it(node.left) or is_it(node.right)) and not text:
                return True
        elif isinstance(node, (ast.If, ast.IfExp, ast.While)) and is_it(node.test):
            return True
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            # A helper that asks for the type of what it gets may well be made for placeholders.
            if called in EVALUATED - {"isinstance", "type"} and any(is_it(part) for part in node.args):
                return True
    return False


def in_condition(helper: Function, comparison: ast.Compare) -> bool:
    """Whether a comparison is the argument of a call, such as dsl.If(...): then KFP decides, not Python."""
    return any(isinstance(node, ast.Call) and comparison in node.args for node in walk(helper))
