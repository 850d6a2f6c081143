"""Which columns a table has, by what components write and by what docstrings and documents say of it.

A small model that knows one column of a table makes up others, and then a different order each time; one that has to
write all of them gets its rows wrong. Two are enough for a test: what a row is about, and what is looked at.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from itertools import takewhile

from .job import Job
from .pages import field_names, functions, header_of, meanings_of, names_in, settled, written_columns
from .scaffold import Signature, called_in, columns_of, decorated
from .sources import code_sources

PLAIN = r"`?\w+`?(?:,\s*`?\w+`?(?=\s*(?:[,.;:)]|$|and\b|or\b)))*(?:,?\s+(?:and|or)\s+`?\w+`?)?"
NO_NAMES = {"of", "the", "a", "an", "alone", "in", "where", "is", "are", "that", "as", "which", "for", "to", "with"}
"""What may follow the word "columns" and is none."""
TICKED = r"`\w+`(?:,\s*`\w+`)*,?\s+and\s+`\w+`"
TOLD = re.compile(rf"\b(?:columns|fields|keys|header)\b:?\s+(?:are\s+)?(?P<names>{PLAIN})|{TICKED}", re.I)
COPIES = ("dict", "copy", "deepcopy", "update", "asdict", "DataFrame", "read_csv", "read_json", "groupby", "zip")
"""Calls that may put values under names which do not stand there."""
ASIDE = re.compile(r"\s*\([^()]*\)")


def headers_for(job: Job, signature: Signature) -> dict[str, list[str]]:
    """Input of a component that reads one column of it -> its first column and that one, where they are certain.

    Args:
        job: The task; its repository and documents are looked at.
        signature: The component.
    """
    one = {name: columns for name, columns in signature.reads.items() if len(columns) == 1}
    if not one and len(signature.inputs) == 1 and len(signature.columns) == 1:
        one = dict.fromkeys(signature.inputs, signature.columns)
    if not one or signature.json:
        return {}
    written: dict[str, list[list[str]]] = {}
    told = [columns for note in entities(job) for columns in columns_told(note)]
    for _, source in code_sources(job.worktree):
        for node in functions(source):
            outputs = list(Signature(node).outputs)
            columns = written_columns(node) if decorated(node, "component") else []
            if len(outputs) == 1 and columns:
                written.setdefault(outputs[0], []).append(columns)
            told += columns_told(ast.get_docstring(node) or "")
    found: dict[str, list[str]] = {}
    for name, read in one.items():
        certain = only(written.get(name, []), read) or only(told, read)
        found |= {name: list(dict.fromkeys([certain[0], *read]))} if certain else {}
    return found


def columns_of_inputs(job: Job, names: Iterable[str]) -> dict[str, list[str]]:
    """Input artifact -> the columns of the table in it, where each component that has such an output says the same.

    Args:
        job: The task; the components of its repository are looked at.
        names: The inputs; an output of that name is taken for where one comes from.
    """
    makers: dict[str, list[ast.FunctionDef]] = {}
    for _, source in code_sources(job.worktree):
        for node in functions(source):
            for name in Signature(node).outputs if decorated(node, "component") else []:
                makers.setdefault(name, []).append(node)
    return {name: columns for name in names if (columns := columns_made(name, makers))}


def columns_made(name: str, makers: Mapping[str, list[ast.FunctionDef]], seen: tuple[str, ...] = ()) -> list[str]:
    """The columns that all makers of an artifact give it; empty where one of them does not say, or says otherwise."""
    if name in seen:
        return []
    found = [columns_given(node, name, makers, (*seen, name)) for node in makers.get(name, [])]
    return found[0] if found and all(found) and len({frozenset(columns) for columns in found}) == 1 else []


def columns_given(
    node: ast.FunctionDef, name: str, makers: Mapping[str, list[ast.FunctionDef]], seen: tuple[str, ...]
) -> list[str]:
    """The columns of a component's output: as told, as written, or those of its one input if it writes them again."""
    meanings, signature = meanings_of(node), Signature(node)
    told = columns_told(meanings.get(name, ""))
    if len(told) == 1:
        return told[0]
    wanted = columns_wanted(ast.get_docstring(node) or "", signature.inputs, signature.outputs)
    if name in wanted:
        return wanted[name]
    if len(signature.outputs) > 1:
        return []
    if written := header_of(node):
        return written
    if len(signature.inputs) == 1 and passes_header(node):
        taken = next(iter(signature.inputs))
        told = columns_told(meanings.get(taken, ""))
        return told[0] if len(told) == 1 else columns_made(taken, makers, seen)
    return []


def passes_header(node: ast.FunctionDef) -> bool:
    """Whether a component writes the header again that it has read, and nothing beside it."""
    assigned = settled(node)
    given = [value for call in ast.walk(node) if isinstance(call, ast.Call) for value in field_names(call)]
    meant = [assigned.get(ast.unparse(value), value) for value in given]
    return bool(meant) and all(isinstance(value, ast.Attribute) and value.attr == "fieldnames" for value in meant)


def fields_missed(job: Job, content: str) -> list[str]:
    """What components of a draft put into their rows and then write with the header that they have read.

    `csv` refuses such a row, whatever the input is, unless it has that column.
    """
    missed = []
    for node in [node for node in functions(content) if decorated(node, "component") and passes_header(node)]:
        known = columns_of_inputs(job, Signature(node).inputs)
        there = {*columns_of(node), *(column for columns in known.values() for column in columns)}
        rows = {
            loop.target.id for loop in ast.walk(node) if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name)
        }
        put = [
            str(item.slice.value)
            for item in ast.walk(node)
            if isinstance(item, ast.Subscript)
            and isinstance(item.ctx, ast.Store)
            and isinstance(item.slice, ast.Constant)
            if isinstance(item.value, ast.Name) and item.value.id in rows
        ]
        for name in [name for name in dict.fromkeys(put) if name not in there]:
            how = f'fieldnames=[*reader.fieldnames, "{name}"]'
            missed.append(f"{node.name} puts `{name}` into its rows and writes them without it: {how}")
    return missed


def wrong_columns(job: Job, content: str) -> list[str]:
    """What components of a draft look up in the rows of their inputs though it is no column there."""
    nodes = [node for node in functions(content) if decorated(node, "component")]
    read = {node.name: rows_read(node) for node in nodes}
    known = columns_of_inputs(job, dict.fromkeys(name for found in read.values() for name in found))
    return [
        f"{component} looks up `{column}` in the rows of `{name}`, whose columns are {', '.join(known[name])}"
        for component, found in read.items()
        for name, columns in found.items()
        for column in columns
        if name in known and column not in known[name]
    ]


def rows_read(node: ast.FunctionDef) -> dict[str, list[str]]:
    """Input artifact -> the columns that are looked up in its rows, for tables that are read with csv.DictReader.

    Where two inputs are open at once it is not certain whose rows they are; what the component puts into rows itself is
    no column of the input.
    """
    found: dict[str, list[str]] = {}
    own = {
        str(item.slice.value)
        for item in ast.walk(node)
        if isinstance(item, ast.Subscript) and isinstance(item.ctx, ast.Store) and isinstance(item.slice, ast.Constant)
    }
    for block in [item for item in ast.walk(node) if isinstance(item, ast.With)]:
        opened = [name for name in Signature(node).inputs if re.search(rf"\b{name}\.path\b", ast.unparse(block))]
        if len(opened) != 1:
            continue
        readers = {
            target.id
            for item in ast.walk(block)
            if isinstance(item, ast.Assign) and reads_table(item.value)
            for target in item.targets
            if isinstance(target, ast.Name)
        }
        loops = [item for item in ast.walk(block) if isinstance(item, ast.For | ast.comprehension)]
        rows = {
            loop.target.id
            for loop in loops
            if isinstance(loop.target, ast.Name) and (reads_table(loop.iter) or ast.unparse(loop.iter) in readers)
        }
        looked = looked_up(block, rows)
        kept = {
            target.id
            for item in ast.walk(block)
            if isinstance(item, ast.Assign) and ast.unparse(item.value) in {f"list({reader})" for reader in readers}
            for target in item.targets
            if isinstance(target, ast.Name)
        }
        if kept and len(Signature(node).inputs) == 1:
            # What was kept as a list is gone through when the file is closed, in groups perhaps.
            looked += looked_up_later(node)
        columns = [column for _, _, column in sorted(looked) if column not in own]
        found[opened[0]] = list(dict.fromkeys([*found.get(opened[0], []), *columns]))
    return found


def looked_up_later(node: ast.AST) -> list[tuple[int, int, str]]:
    """The columns that are looked up in whatever is gone through, or in an item of it, but for what is made there."""
    nodes = list(ast.walk(node))
    names = {
        item.target.id
        for item in nodes
        if isinstance(item, ast.For | ast.comprehension) and isinstance(item.target, ast.Name)
    }
    made = {
        key.value for item in nodes if isinstance(item, ast.Dict) for key in item.keys if isinstance(key, ast.Constant)
    }
    made |= {
        word.arg
        for item in nodes
        if isinstance(item, ast.Call) and ast.unparse(item.func) == "dict"
        for word in item.keywords
    }
    nested = [
        (item.lineno, item.col_offset, str(item.slice.value))
        for item in nodes
        if isinstance(item, ast.Subscript) and isinstance(item.ctx, ast.Load) and isinstance(item.value, ast.Subscript)
        if isinstance(item.slice, ast.Constant) and isinstance(item.slice.value, str)
    ]
    return [found for found in [*looked_up(node, names), *nested] if found[2] not in made]


def looked_up(node: ast.AST, rows: set[str]) -> list[tuple[int, int, str]]:
    """Where a column is looked up in one of these rows, and which."""
    return [
        (item.lineno, item.col_offset, str(item.slice.value))
        for item in ast.walk(node)
        if isinstance(item, ast.Subscript) and isinstance(item.ctx, ast.Load)
        if isinstance(item.value, ast.Name) and item.value.id in rows and isinstance(item.slice, ast.Constant)
    ]


def reads_table(node: ast.expr) -> bool:
    """Whether it makes a reader of rows."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("csv.DictReader", "DictReader")


def only(tables: list[list[str]], read: list[str]) -> list[str]:
    """The one table that has the columns that are read; empty where there is none, or more than one."""
    fitting = [columns for columns in tables if set(read) <= set(columns)]
    return fitting[0] if len({frozenset(columns) for columns in fitting}) == 1 else []


def columns_told(text: str) -> list[list[str]]:
    """The lists of two or more names in a text that are columns: `with the columns a, b and c`."""
    found = [names_told(match) for match in TOLD.finditer(ASIDE.sub("", text))]
    return [names for names in found if len(names) > 1]


def names_told(match: re.Match[str]) -> list[str]:
    """The names in a list of columns."""
    names = re.findall(r"\w+", match["names"] or match.group())
    return list(takewhile(lambda name: name not in NO_NAMES, [name for name in names if name not in ("and", "or")]))


def columns_wanted(text: str, inputs: Iterable[str], outputs: Iterable[str]) -> dict[str, list[str]]:
    """Output artifact -> the columns that a task wants in it: the one list after the last artifact that it names.

    Args:
        text: What the task says.
        inputs: The input artifacts of the component.
        outputs: Its output artifacts.
    """
    plain = ASIDE.sub("", text)
    found: dict[str, list[list[str]]] = {}
    for match in TOLD.finditer(plain):
        places = {name: plain.rfind(f"`{name}`", 0, match.start()) for name in [*inputs, *outputs]}
        last = max(places, key=lambda name: places[name], default="")
        names = names_told(match)
        if last and places[last] >= 0 and len(names) > 1:
            found.setdefault(last, []).append(names)
    return {name: lists[0] for name, lists in found.items() if name in outputs and len(lists) == 1}


def missing_columns(text: str, content: str) -> list[str]:
    """What a task wants in an output of a component and a draft never writes, though it writes other parts of it."""
    missing = []
    for node in [node for node in functions(content) if decorated(node, "component")]:
        signature = Signature(node)
        written = keys_written(node)
        for name, wanted in columns_wanted(text, signature.inputs, signature.outputs).items():
            absent = [column for column in wanted if column not in written]
            if written and absent and len(absent) < len(wanted):
                said = ", ".join(wanted)
                missing.append(f"`{name}` is to have {said}, and {node.name} writes no {' and no '.join(absent)}")
    return missing


def keys_written(node: ast.FunctionDef) -> set[str]:
    """The names under which a component puts values into records, or into a header; empty where that is not certain."""
    if any(name in COPIES or name.rpartition(".")[2] in COPIES for name in called_in(node)):
        return set()
    found = set(header_of(node))
    for item in ast.walk(node):
        found |= set(names_in(item))
        if isinstance(item, ast.Dict):
            if None in item.keys:  # {**record}
                return set()
            found |= {str(key.value) for key in item.keys if isinstance(key, ast.Constant)}
        elif isinstance(item, ast.Subscript) and isinstance(item.ctx, ast.Store):
            found |= {str(item.slice.value)} if isinstance(item.slice, ast.Constant) else set()
    return found


def entities(job: Job) -> list[str]:
    """What the specification says of the data."""
    return [note.text for note in job.feature.spec.entities] if job.feature.spec else []
