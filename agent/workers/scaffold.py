"""The part of a component's test that its signature fixes: artifacts made, `python_func` called, output read."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from ...tools.syntax import parse_python

ARTIFACT = re.compile(r"^(?:\w+\.)*(Input|Output)\[(?:\w+\.)*(\w+)\]$")
LISTED = re.compile(r"^(?:\w+\.)*Input\[(?:\w+\.)*[Ll]ist\[((?:\w+\.)*\w+)\]\]$")
ROWS = ("csv.writer", "csv.DictWriter")
AS_FILES = ("Dataset", "Artifact", "Model", "HTML", "Markdown")


class Signature:
    """A component's parameters, sorted by what a test has to do for them.

    Attributes:
        inputs: Input artifact -> its type.
        outputs: Output artifact -> its type.
        parameters: Plain parameters.
        plain: Whether all artifacts are files that a test can write and read as text.
        defaults: Parameter -> its default as source text.
        returns: The annotation of what it returns; empty without one.
        fields: If it returns a named tuple: its fields, with their types.
        takes: What the step is given: parameter or input artifact -> its type.
        lists: Inputs that are lists of artifacts.
        columns: Names the body looks up in brackets (`row["status"]`), in order.
        reads: Input -> those it looks up while that file is open.
        json: Whether it reads JSON.
        lines: Whether it reads JSON Lines, one object in each.
        writes_lines: Whether what it writes are JSON Lines.
        writes_rows: Whether what it writes are rows of a table, each with its line end.
    """

    def __init__(self, node: ast.FunctionDef) -> None:
        self.name = node.name
        self.columns = columns_of(node)
        self.json = any(isinstance(item, ast.Name) and item.id == "json" for item in ast.walk(node))
        self.lines = self.json and reads_lines(node)
        self.writes_lines = self.json and writes_lines(node)
        self.writes_rows = any(name in ROWS or name.endswith(".to_csv") for name in called_in(node))
        self.lists: list[str] = []
        self.inputs: dict[str, str] = {}
        self.outputs: dict[str, str] = {}
        self.parameters: list[str] = []
        self.takes: dict[str, str] = {}
        self.plain = True
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            text = ast.unparse(argument.annotation) if argument.annotation else ""
            several = LISTED.match(text)
            found = ARTIFACT.match(f"Input[{several.group(1)}]" if several else text)
            if found:
                self.lists += [argument.arg] if several else []
                (self.inputs if found.group(1) == "Input" else self.outputs)[argument.arg] = found.group(2)
                self.plain &= found.group(2) in AS_FILES or (found.group(2), found.group(1)) == ("Metrics", "Output")
            elif re.search(r"(Input|Output)(Path)?\b", text):
                self.plain = False
            else:
                self.parameters.append(argument.arg)
                self.takes[argument.arg] = text
        self.reads = {name: read for name in self.inputs if (read := read_from(node, name))}
        self.defaults = defaults_of(node)
        returns = ast.unparse(node.returns) if node.returns else "None"
        self.returns = "" if returns in ("None", "dsl.ContainerSpec") else returns
        self.fields = fields_of(node.returns)
        self.takes |= {name: f"List[{kind}]" if name in self.lists else kind for name, kind in self.inputs.items()}

    @property
    def gives(self) -> dict[str, str]:
        """What a pipeline gets of the step: output -> its type."""
        if not self.returns:
            return dict(self.outputs)
        return {**self.outputs, **(self.fields or {"Output": self.returns.rpartition(".")[2]})}


def fields_of(returns: ast.expr | None) -> dict[str, str]:
    """The fields of `NamedTuple("Outputs", [("rows", int)])`; empty for any other annotation."""
    if not isinstance(returns, ast.Call) or ast.unparse(returns.func).rpartition(".")[2] != "NamedTuple":
        return {}
    pairs = returns.args[1].elts if len(returns.args) > 1 and isinstance(returns.args[1], ast.List) else []
    found = [pair.elts for pair in pairs if isinstance(pair, ast.Tuple) and len(pair.elts) == 2]
    named = [(name.value, kind) for name, kind in found if isinstance(name, ast.Constant)]
    return {str(name): ast.unparse(kind).rpartition(".")[2] for name, kind in named}


def read_from(node: ast.FunctionDef, name: str) -> list[str]:
    """The string keys a function reads while the file of an artifact is open, or in a list of its rows afterwards."""
    found: list[str] = []
    kept: set[str] = set()
    for item in ast.walk(node):
        opened = [part.context_expr for part in item.items] if isinstance(item, ast.With) else []
        paths = [ast.unparse(part) for call in opened for part in ast.walk(call) if isinstance(part, ast.Attribute)]
        if f"{name}.path" in paths:
            found += columns_of(item)
            kept |= {
                target.id
                for part in ast.walk(item)
                if isinstance(part, ast.Assign) and isinstance(part.value, ast.Call | ast.ListComp)
                for target in part.targets
                if isinstance(target, ast.Name)
            }
    for loop in [item for item in ast.walk(node) if isinstance(item, ast.For) and ast.unparse(item.iter) in kept]:
        found += columns_of(loop)
    return list(dict.fromkeys(found))


def reads_lines(node: ast.FunctionDef) -> bool:
    """Whether a function reads JSON from each line of a file."""
    loops = [item for item in ast.walk(node) if isinstance(item, ast.For | ast.comprehension)]
    names = {item.target.id for item in loops if isinstance(item.target, ast.Name)}
    calls = [item for item in ast.walk(node) if isinstance(item, ast.Call) and ast.unparse(item.func) == "json.loads"]
    return any(name.id in names for call in calls for name in ast.walk(call) if isinstance(name, ast.Name))


def called_in(node: ast.AST) -> set[str]:
    """What is called, as it stands there: `csv.writer`, `json.dumps`."""
    return {ast.unparse(item.func) for item in ast.walk(node) if isinstance(item, ast.Call)}


def writes_lines(node: ast.FunctionDef) -> bool:
    """Whether a function writes JSON and ends each record with a line end."""
    called = called_in(node)
    texts = {item.value for item in ast.walk(node) if isinstance(item, ast.Constant) and isinstance(item.value, str)}
    return "json.dumps" in called and "json.dump" not in called and "\n" in texts


def columns_of(node: ast.AST) -> list[str]:
    """The string keys a function reads with `name["key"]`: for rows of a table, its columns."""
    reads = [
        item
        for item in ast.walk(node)
        if isinstance(item, ast.Subscript)
        and isinstance(item.ctx, ast.Load)
        and isinstance(item.value, ast.Name)
        and isinstance(item.slice, ast.Constant)
        and isinstance(item.slice.value, str)
    ]
    reads.sort(key=lambda item: (item.lineno, item.col_offset))
    return list(dict.fromkeys(str(item.slice.value) for item in reads if isinstance(item.slice, ast.Constant)))


def defaults_of(node: ast.FunctionDef) -> dict[str, str]:
    """Parameters that have a default, with its source text."""
    positional = [*node.args.posonlyargs, *node.args.args]
    late = positional[len(positional) - len(node.args.defaults) :]
    found = {argument.arg: ast.unparse(value) for argument, value in zip(late, node.args.defaults, strict=True)}
    for argument, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        if value is not None:
            found[argument.arg] = ast.unparse(value)
    return found


def components_of(source: str) -> list[Signature]:
    """All components of a module."""
    try:
        body = parse_python(source).body
    except (SyntaxError, ValueError):
        return []
    return [Signature(node) for node in body if isinstance(node, ast.FunctionDef) and decorated(node, "component")]


def as_step(signature: Signature, module: str) -> str:
    """How a pipeline imports and calls the component, and what it gets from it."""
    passed = [f"{name}=<artifact>" for name in signature.inputs]
    passed += [f"{name}={signature.defaults.get(name, '<value>')}" for name in signature.parameters]
    gives = [f'step.outputs["{name}"]' for name in signature.gives]
    if signature.returns and not signature.outputs and not signature.fields:
        gives = ["step.output"]
    got = f"  # gives {', '.join(gives)}" if gives else ""
    return f"from {module} import {signature.name}\nstep = {signature.name}({', '.join(passed)}){got}"


def find_component(source: str, name: str) -> Signature | None:
    """The component of that name in a module; None if there is none, or the module does not parse."""
    return next((signature for signature in components_of(source) if signature.name == name), None)


def run_helper(signature: Signature, headers: Mapping[str, list[str]] | None = None, called: str = "run") -> str:
    """A test helper that calls the component in a folder of its own; empty when the signature does not fix it.

    Each input artifact is a text, in the order of the signature; a list of artifacts is a list of texts. The helper
    gives what there is of output texts, logged metrics and the returned value: one of them alone, several as a tuple.
    Plain parameters go through by name. It needs no fixture, so a test is one line. JSON Lines go in and come out as
    lists of dicts: the order of their keys says nothing.

    Args:
        signature: The component.
        headers: Input -> columns of the table that it gets, where they are known.
        called: The name of the helper.
    """
    if not signature.plain or not signature.inputs or not (signature.outputs or signature.returns):
        return ""
    single = len(signature.inputs) == 1
    texts = {name: f"{name}_texts" if name in signature.lists else f"{name}_text" for name in signature.inputs}
    if single and not signature.lists:
        texts = dict.fromkeys(signature.inputs, "records" if signature.lines else "text")
    head = [*texts.values()] + (["**parameters"] if signature.parameters else [])
    lines = [
        f"def {called}({', '.join(head)}):",
        *told_of(signature, texts, headers or {}),
        "    with TemporaryDirectory() as folder:",
    ]
    for name, kind in [*signature.inputs.items(), *signature.outputs.items()]:
        if name in signature.lists:
            made = f'dsl.{kind}(name="{name}", uri=f"{{folder}}/{name}-{{number}}")'
            lines.append(f"        {name} = [{made} for number in range(len({texts[name]}))]")
        else:
            lines.append(f'        {name} = dsl.{kind}(name="{name}", uri=f"{{folder}}/{name}.csv")')
    for name, text in texts.items():
        if name in signature.lists:
            lines.append(f"        for item, text in zip({name}, {text}):")
            lines.append("            Path(item.path).write_text(text)")
        elif text == "records":
            lines.append(f'        Path({name}.path).write_text("".join(json.dumps(item) + "\\n" for item in records))')
        else:
            lines.append(f"        Path({name}.path).write_text({text})")
    passed = [f"{name}={name}" for name in [*signature.inputs, *signature.outputs]]
    passed += ["**parameters"] if signature.parameters else []
    keep = "returned = " if signature.returns else ""
    lines.append(f"        {keep}{signature.name}.python_func({', '.join(passed)})")
    lines.append(f"        return {', '.join(gives(signature))}")
    return "\n".join(lines) + "\n"


def helper_names(components: Sequence[Signature], taken: bool = False) -> dict[str, str]:
    """Component under test -> what the helper is called that calls it.

    Args:
        components: Those that a file tests.
        taken: Whether the file has a `run` already.
    """
    alone = len(components) == 1 and not taken
    return {component.name: "run" if alone else f"run_{component.name}" for component in components}


def gives(signature: Signature) -> list[str]:
    """What the helper returns, as expressions: texts of files, what was logged, what the component returned."""
    text = "Path({}.path).read_text()"
    form = f"[json.loads(line) for line in {text}.splitlines()]" if gives_records(signature) else text
    parts = [f"{name}.metadata" if kind == "Metrics" else form.format(name) for name, kind in signature.outputs.items()]
    return [*parts, *(["returned"] if signature.returns else [])]


def gives_records(signature: Signature) -> bool:
    """Whether the helper reads the one file that the component writes as JSON Lines."""
    return signature.writes_lines and sum(kind != "Metrics" for kind in signature.outputs.values()) == 1


def gives_rows(signature: Signature) -> bool:
    """Whether the helper gives the text of one table and nothing else."""
    texts = [name for name, kind in signature.outputs.items() if kind != "Metrics"]
    return signature.writes_rows and bool(texts) and len(gives(signature)) == 1


def told_of(signature: Signature, texts: dict[str, str], headers: Mapping[str, list[str]]) -> list[str]:
    """The helper's docstring: what the texts are, and what it gives if that is more than one thing."""
    parts = []
    if len(texts) == 1 and not signature.lists and signature.columns and not signature.json:
        sample = ",".join(whole_header(signature.columns, headers.get(next(iter(texts)), [])))
        parts.append(f"Runs {signature.name} on a CSV text; its first line is the header, such as {sample}.")
    elif len(texts) == 1 and not signature.lists and signature.columns and signature.lines:
        sample = ", ".join(signature.columns)
        what = " and gives the dicts that it writes" if gives_records(signature) and len(gives(signature)) == 1 else ""
        parts.append(f"Runs {signature.name} on a list of dicts with {sample}{what}.")
    else:
        for name, columns in signature.reads.items():
            if name in texts and signature.json:
                form = "JSON Lines, each an object" if signature.lines else "JSON"
                parts.append(f"{texts[name]}: {form} with the keys {', '.join(columns)}.")
            elif name in texts:
                header = ",".join(whole_header(columns, headers.get(name, [])))
                parts.append(f"{texts[name]}: CSV, its first line is the header {header}.")
    if len(gives(signature)) > 1:
        form = "dicts" if gives_records(signature) else "text"
        kinds = [
            f"{name} as a dict" if kind == "Metrics" else f"{form} of {name}"
            for name, kind in signature.outputs.items()
        ]
        named = re.findall(r"[\[ ]\(['\"](\w+)['\"],", signature.returns) or [signature.returns]
        kinds += [f"what it returned ({', '.join(named)})"] if signature.returns else []
        parts.append(f"Returns a tuple: {', '.join(kinds)}.")
    elif list(signature.outputs.values()) == ["Metrics"]:
        parts.append("Returns the logged metrics as a dict.")
    if not parts:
        return []
    return [f'    """{parts[0]}"""'] if len(parts) == 1 else ['    """' + "\n    ".join(parts), '    """']


def whole_header(read: list[str], written: list[str]) -> list[str]:
    """The columns of a table: those that are written to it, if the ones that are read are among them."""
    return written if set(read) <= set(written) else read


def compile_helper(pipeline: str, whole: bool = False) -> str:
    """A test helper that compiles a pipeline and returns its tasks as the compiled YAML has them.

    Args:
        pipeline: Its function.
        whole: Another helper returns all of the YAML: parameters, and what is in conditions and loops.
    """
    if whole:
        return f"""def compile_spec(tmp_path):
    package = tmp_path / "{pipeline}.yaml"
    compiler.Compiler().compile(pipeline_func={pipeline}, package_path=str(package))
    return next(yaml.safe_load_all(package.read_text()))


def compile_tasks(tmp_path):
    return compile_spec(tmp_path)["root"]["dag"]["tasks"]
"""
    return f"""def compile_tasks(tmp_path):
    package = tmp_path / "{pipeline}.yaml"
    compiler.Compiler().compile(pipeline_func={pipeline}, package_path=str(package))
    return next(yaml.safe_load_all(package.read_text()))["root"]["dag"]["tasks"]
"""


def decorated(node: ast.FunctionDef, *names: str) -> bool:
    """Whether a function has one of these decorators, as `@name`, `@dsl.name`, with or without arguments."""
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")) in names:
            return True
    return False
