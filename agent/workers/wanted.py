"""What a task gives literally of the code it asks for: a function's signature, a name in KFP, a constant.

A small model that has to copy a signature with types often copies a wrong one; what is written down is given.
"""

from __future__ import annotations

import ast
import re

from pydantic import BaseModel

from ...tools.syntax import parse_python
from ..planner.paths import role_of_path
from .described import described
from .job import Job
from .typed import Known, known_in, returned, with_types

SIGNATURE = re.compile(r"`(?P<name>[a-z_]\w*)(?P<rest>\([^`]*)`")
NAMED_TUPLE = re.compile(r"^(?:typing\.)?NamedTuple\((?P<fields>[^()]*)\)$")
NAMES_FILE = re.compile(r"[\w-]+(?:/[\w-]+)+\.\w+|\b[\w-]+\.(?:py|md|ya?ml|toml|json)\b")
REFERS = re.compile(r"[\d., ]+$|requirements?\b|refs?\b|depends\b|named `|called `", re.I)
ARTIFACT = re.compile(r"(\w+): (?:dsl\.)?(Input|Output)\[(?:dsl\.)?((?:[Ll]ist\[)?\w+)\]")
FORMATS = (
    (
        re.compile(r"\bJSON[ -]?Lines?\b|\bJSONL\b|\bNDJSON\b", re.I),
        "JSON Lines are read with json.loads(line) for each line, and written with json.dumps(record) and a newline.",
    ),
    (
        re.compile(r"\bCSV\b"),
        "A CSV is read with csv.DictReader, which gives texts: int(row[…]) and float(row[…]) make numbers of them.",
    ),
)
"""How the files are read and written that a task speaks of."""
DECIMALS = re.compile(r"\b(?:with|to|has|have|and)\s+(?:exactly\s+)?(?P<count>\w+)\s+decimals?\b", re.I)
COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "1": 1, "2": 2, "3": 3, "4": 4}
SPEAKS_JSON = re.compile(r"\bJSON\b|\bJSONL\b|\bNDJSON\b", re.I)
CONSTANT = re.compile(r"`([A-Z][A-Z0-9_]+ = [^`]+)`")
KINDS = {"component": "component", "step": "component", "pipeline": "pipeline"}
"""What a function is called that a task asks for -> what it is in KFP."""
FROM_KFP = (
    *("Artifact", "Dataset", "Model", "Metrics", "ClassificationMetrics", "SlicedClassificationMetrics"),
    *("HTML", "Markdown", "Input", "Output", "InputPath", "OutputPath", "PipelineTaskFinalStatus"),
)
FROM_TYPING = ["NamedTuple", "List", "Dict", "Optional", "Union", "Any"]
BUILT_IN = ["str", "int", "float", "bool", "list", "dict", "None", "dsl", "typing"]
WIDTH = 110


class Wanted(BaseModel):
    """A component or pipeline that is to be made, as the task gives it.

    Attributes:
        name: The function.
        kind: What it is.
        head: `def …:` with all its parameters and their types, ready to stand in a file.
        ir_name: The name in KFP, if the task says one.
        imports: Import lines that the types need.
        said: What the task says of it besides, for its docstring; one sentence an item.
        at: Where in the task's text it is given.
    """

    name: str
    kind: str
    head: str
    ir_name: str = ""
    imports: list[str] = []
    said: list[str] = []
    at: int = 0

    @property
    def inputs(self) -> list[str]:
        """Its input artifacts."""
        return [name for name, way, _ in ARTIFACT.findall(self.head) if way == "Input"]

    @property
    def outputs(self) -> list[str]:
        """Its output artifacts."""
        return [name for name, way, _ in ARTIFACT.findall(self.head) if way == "Output"]


def text_of(job: Job) -> str:
    """A task's title and details."""
    return "\n".join([job.task.title, *(line.strip() for line in job.feature.task(job.task.id).details)])


def wanted_functions(job: Job) -> list[Wanted]:
    """The components and pipelines whose whole signature the task gives, in its order.

    A signature whose types are neither given nor certain fixes too little and is left out.
    """
    text = text_of(job)
    known = known_in(job.worktree) if SIGNATURE.search(text) else Known()
    found: dict[str, Wanted] = {}
    for match in SIGNATURE.finditer(text):
        kinds = [KINDS[kind.lower()] for kind in re.findall(rf"\b({'|'.join(KINDS)})\b", text[: match.start()], re.I)]
        kinds = kinds or usual_kind(job)
        inner, after = in_brackets(match["rest"])
        returns = re.fullmatch(r"\s*(?:(?:->|→)\s*(.+?))?\s*:?\s*", after)
        if not kinds or not returns:
            continue
        said = text[match.end() :]
        gives = returns.group(1) or (returned(said) if kinds[-1] == "component" else "")
        inner = with_types(inner, kinds[-1], said, known, bool(gives))
        head = head_of(match["name"], inner, gives)
        if head:
            named = re.match(r"[\s,(]*(?:is )?(?:named|called) `([\w-]+)`", text[match.end() :])
            found.setdefault(
                match["name"],
                Wanted(
                    name=match["name"],
                    kind=kinds[-1],
                    head=head,
                    ir_name=named.group(1) if named else "",
                    imports=imports_for(head),
                    said=sentences(text[match.end() :]),
                    at=match.start(),
                ),
            )
    for item in described(text) if not found else []:
        if head := head_of(item.name, item.arguments, returned(text[item.end :])):
            found[item.name] = Wanted(
                name=item.name,
                kind="component",
                head=head,
                imports=imports_for(head),
                said=sentences(text[item.end :]),
                at=text.find(f"`{item.name}`"),
            )
    return list(found.values())


def usual_kind(job: Job) -> list[str]:
    """What a task adds to a module that has components alone, or pipelines alone; empty where that is not certain.

    Of a new module the others of its folder tell.
    """
    kinds = set()
    for path in job.task.files:
        file = job.worktree / path
        if path.endswith(".py") and role_of_path(path) == "code":
            for module in [file] if file.is_file() else sorted(file.parent.glob("*.py")):
                source = module.read_text(encoding="utf-8", errors="replace")
                kinds |= {
                    kind for kind in ("component", "pipeline") if re.search(rf"^@(?:dsl\.)?{kind}\b", source, re.M)
                }
    return list(kinds) if len(kinds) == 1 else []


def head_of(name: str, arguments: str, returns: str) -> str:
    """`def name(…) -> …:`; empty where it is no Python or a parameter has no type that is known."""
    tuple_of = NAMED_TUPLE.match(returns)
    if tuple_of:
        pairs = [part.partition(":") for part in tuple_of["fields"].split(",")]
        fields = ", ".join(f'("{field.strip()}", {kind.strip()})' for field, _, kind in pairs)
        returns = f'NamedTuple("Outputs", [{fields}])'
    try:
        (node,) = parse_python(f"def {name}({arguments}){f' -> {returns}' if returns else ''}: ...").body
    except (SyntaxError, ValueError):
        return ""
    if not isinstance(node, ast.FunctionDef):
        return ""
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    types = [argument.annotation for argument in every]
    known = {*FROM_KFP, *FROM_TYPING, *BUILT_IN}
    for kind in [*types, *([node.returns] if node.returns else [])]:
        if kind is None or not {item.id for item in ast.walk(kind) if isinstance(item, ast.Name)} <= known:
            return ""
    end = f") -> {returns}:" if returns else "):"
    line = f"def {name}({', '.join(texts_of(node))}{end}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"def {name}(", *(f"    {text}," for text in texts_of(node)), end])


def texts_of(node: ast.FunctionDef) -> list[str]:
    """The parameters of a function as they are written, one each."""
    arguments = ast.unparse(node.args)
    parts, depth, start = [], 0, 0
    for at, char in enumerate(arguments):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth:
            parts.append(arguments[start:at].strip())
            start = at + 1
    parts.append(arguments[start:].strip())
    return [re.sub(r"^(\*{0,2}\w+: .+?)=(?!=)", r"\1 = ", part) for part in parts if part]


def imports_for(head: str) -> list[str]:
    """The imports that the types of a signature need."""
    words = set(re.findall(r"(?<![\w.])[A-Za-z]\w*", head))
    lines = [f"from typing import {', '.join(name for name in FROM_TYPING if name in words)}"]
    lines.append(f"from kfp.dsl import {', '.join(sorted(name for name in FROM_KFP if name in words))}")
    return [line for line in lines if not line.endswith("import ")]


def artifacts_of(wanted: Wanted, text: str = "") -> list[str]:
    """How the artifacts of a component are read and written, one sentence each way.

    Args:
        wanted: The component.
        text: What its task says, of which formats there are.
    """
    reads, writes = [], []
    for name, way, kind in ARTIFACT.findall(wanted.head):
        if way == "Input":
            reads.append(
                f"each item of `{name}` with open(item.path)" if "ist[" in kind else f"`{name}` with open({name}.path)"
            )
        elif kind.endswith("Metrics"):
            writes.append(f"`{name}` with {name}.log_metric(key, value)" if kind == "Metrics" else "")
        else:
            writes.append(f'`{name}` with open({name}.path, "w")')
    told = [f"Read {', '.join(reads)}."] if reads else []
    told += [f"Write {', '.join(filter(None, writes))}."] if any(writes) else []
    told += [how for form, how in FORMATS if form.search(text)]
    counts = {COUNTS[word] for found in DECIMALS.finditer(text) if (word := found["count"].lower()) in COUNTS}
    # round() leaves 2.5 where two decimals are wanted; a metric is a number, though.
    if FORMATS[1][0].search(text) and any(way == "Output" for _, way, _ in ARTIFACT.findall(wanted.head)):
        told += [f'A number with {count} decimals is written as f"{{value:.{count}f}}".' for count in sorted(counts)]
    return told


def fields_of(wanted: Wanted) -> list[str]:
    """The names of the values that a component returns together; empty where it returns one or none."""
    returns = wanted.head.rpartition("->")[2]
    return re.findall(r'\("(\w+)", ', returns.partition("[")[2]) if returns.strip().startswith("NamedTuple(") else []


def in_brackets(text: str) -> tuple[str, str]:
    """What stands in the bracket that a text begins with, and what follows; nothing where it is not closed."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if not depth:
            return text[1:at], text[at + 1 :]
    return "", text


def without_refs(text: str) -> str:
    """What a task says, without the brackets that only cite places: (FR-001; depends on T002)."""
    return re.sub(r"\s*\([^()]*\b[A-Z]{1,4}-?\d+\b[^()]*\)", "", text)


def sentences(text: str) -> list[str]:
    """What a task says after a signature: its sentences, without those that name files and without references."""
    text = without_refs(text)
    said, start, depth, quoted = [], 0, 0, False
    for at, char in enumerate(text):
        quoted ^= char == "`"
        depth += 0 if quoted else (char in "([") - (char in ")]")
        ends = char == "\n" or (
            char in ".;:" and text[at + 1 : at + 2] in (" ", "\n", "") and not quoted and depth <= 0
        )
        if ends or at == len(text) - 1:
            said.append(" ".join(text[start : at + 1].split()).strip(" .;:-_,"))
            start, depth, quoted = at + 1, 0, False
    plain = [part for part in said if part and not NAMES_FILE.search(part) and not REFERS.match(part)]
    return [re.sub(r"^[Ii]t (?=\w+s )", "", part).replace("\\", "").replace('"""', "") for part in plain]


def constants(job: Job) -> list[str]:
    """Assignments of plain values that the task gives literally: `NUM_SHARDS = 5`."""
    found = []
    for text in CONSTANT.findall(text_of(job)):
        try:
            (node,) = parse_python(text).body
            ast.literal_eval(node.value)  # type: ignore[attr-defined]
        except (SyntaxError, ValueError, AttributeError):
            continue
        found.append(text)
    return found


def home_of(job: Job, wanted: Wanted, files: list[str]) -> str:
    """The file a function is to stand in: the one of its name, else the next one that the task names after it."""
    for path in files:
        if path.rpartition("/")[2].removesuffix(".py") == wanted.name:
            return path
    text = text_of(job)
    places = {path: text.find(path, wanted.at) for path in files if path.endswith(".py")}
    after = {path: at for path, at in places.items() if at >= 0}
    return min(after, key=lambda path: after[path]) if after else (files[0] if len(files) == 1 else "")
