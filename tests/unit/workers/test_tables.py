"""Which columns a table has, by what is said and written."""

from collections.abc import Callable

import pytest
from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.pages import functions, header_of
from kfpilot.agent.workers.scaffold import find_component
from kfpilot.agent.workers.tables import (
    columns_of_inputs,
    columns_told,
    columns_wanted,
    headers_for,
    missing_columns,
    rows_read,
    wrong_columns,
)

COMPONENT = """from kfp import dsl


@dsl.component(packages_to_install=["pandas", "numpy"])
def {name}({taken}: dsl.Input[dsl.Dataset], {given}: dsl.Output[dsl.Dataset]):
    {told}
    import csv

    with open({taken}.path) as file:
        rows = csv.DictReader(file)
        {body}
"""
AGAIN = "csv.DictWriter(open({}.path, 'w'), fieldnames=rows.fieldnames).writerows(rows)"
WEIGH = """from kfp import dsl


@dsl.component
def weigh(parcels: dsl.Input[dsl.Dataset], heavy: dsl.Output[dsl.Dataset]):
    import csv

    with open(parcels.path) as file:
        print([row["kilos"] for row in csv.DictReader(file)])
"""


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("log: CSV with the columns star, night, band and error.", [["star", "night", "band", "error"]]),
        ("CSV with the columns star and night, sorted", [["star", "night"]]),
        ("A line of the log: `star`, `night` and `error`, the error in magnitudes", [["star", "night", "error"]]),
        ("under the header star,night,error", [["star", "night", "error"]]),
        (
            "the keys are star, lots (the number, or so), sown and sprouted (both added up)",
            [["star", "lots", "sown", "sprouted"]],
        ),
        ("with the columns ticket, material, net, where net is gross minus tare", [["ticket", "material", "net"]]),
        ("with the columns star, night, sorted by star", [["star", "night"]]),
        ("the columns star, night or band", [["star", "night", "band"]]),
        ("the header alone, and that is all", []),
        ("with the column `star`", []),
        ("one and two", []),
    ],
)
def test_lists_of_columns_are_read_from_prose(text: str, columns: list[list[str]]) -> None:
    assert columns_told(text) == columns


def test_the_columns_of_an_input_are_those_that_are_told_of_it(job_of: Callable[[str], Job]) -> None:
    # The docstring of read_parcels says: CSV with the columns id and kilos.
    weigh = find_component(WEIGH, "weigh")
    assert headers_for(job_of("T002"), weigh) == {"parcels": ["id", "kilos"]}


def test_where_two_tables_have_the_column_none_is_certain(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    reader = job.worktree / "flows/read_parcels.py"
    reader.write_text(reader.read_text().replace('"id,kilos\\n"', "HEADER"))
    (job.worktree / "flows/other.py").write_text(
        "from kfp import dsl\n\n\n@dsl.component\ndef other(n: int):\n    '''With the columns depot and kilos.'''\n"
    )
    assert headers_for(job, find_component(WEIGH, "weigh")) == {}
    # What is written to it counts more than what is told.
    reader.write_text(reader.read_text().replace("HEADER", '",".join(["id", "day", "kilos"])'))
    assert headers_for(job, find_component(WEIGH, "weigh")) == {"parcels": ["id", "kilos"]}


def test_a_component_that_names_several_columns_needs_no_more(job_of: Callable[[str], Job]) -> None:
    two = find_component(WEIGH.replace('row["kilos"]', 'row["kilos"] + row["id"]'), "weigh")
    assert headers_for(job_of("T002"), two) == {}


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        ("csv.writer(f).writerow(['a', 'b'])", ["a", "b"]),
        ("head = ('a', 'b'); csv.DictWriter(f, fieldnames=head)", ["a", "b"]),
        ("csv.DictWriter(f, ['a', 'b'])", ["a", "b"]),
        ("f.write(','.join(['a', 'b']))", ["a", "b"]),
        ("f.write('a,b\\n')", ["a", "b"]),
        ("for kind in ('hot', 'cold'): print(kind)", []),
        ("f.write('Well, well\\n')", []),
        ("csv.writer(f).writerow([a, 'b'])", []),
        ("print('-'.join(['a', 'b']))", []),
        ("head = ['a', 'b']; head.append(x); csv.DictWriter(f, head)", []),
        ("head = ['a', 'b']; head += [x]; csv.DictWriter(f, head)", []),
    ],
)
def test_a_header_is_what_is_written_first(body: str, columns: list[str]) -> None:
    (node,) = functions(COMPONENT.format(name="keep", taken="rows", given="kept", told="", body=body))
    assert header_of(node) == columns


def add(job: Job, **parts: str) -> None:
    """A component in a module of its own."""
    told = parts.pop("told", "")
    (job.worktree / f"flows/{parts['name']}.py").write_text(COMPONENT.format(told=repr(told) if told else "", **parts))


def test_columns_come_through_components_that_write_what_they_read(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    add(job, name="sift", taken="parcels", given="sifted", body=AGAIN.format("sifted"))
    add(job, name="wash", taken="sifted", given="washed", body=AGAIN.format("washed"))
    # What read_parcels writes as its first line: id,kilos.
    assert columns_of_inputs(job, ["washed", "sifted", "unknown"]) == {
        "washed": ["id", "kilos"],
        "sifted": ["id", "kilos"],
    }
    # More columns than it has read.
    for body in ("fieldnames=[*rows.fieldnames, 'state'])", "fieldnames=rows.fieldnames + ['state'])"):
        add(job, name="fourth", taken="parcels", given="d", body=f"csv.DictWriter(file, {body}")
        assert columns_of_inputs(job, ["d"]) == {}
    add(job, name="fourth", taken="parcels", given="d", body="head = rows.fieldnames; csv.DictWriter(file, head)")
    assert columns_of_inputs(job, ["d"]) == {"d": ["id", "kilos"]}
    told = "Logs.\n\nArgs:\n    log: CSV with the columns star, night and error.\n    cut: The night's lines.\n"
    add(job, name="cut", taken="log", given="cut", told=told, body=AGAIN.format("cut"))
    assert columns_of_inputs(job, ["cut"]) == {"cut": ["star", "night", "error"]}


def test_makers_that_disagree_or_are_silent_make_no_column_certain(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    add(job, name="other", taken="rows", given="parcels", body="csv.writer(f).writerow(['id', 'day'])")
    assert columns_of_inputs(job, ["parcels"]) == {}
    add(job, name="other", taken="rows", given="parcels", body="print(file.read())")
    assert columns_of_inputs(job, ["parcels"]) == {}
    # The text of a task as a docstring.
    told = "Output is the CSV `c` with the columns id, net, where net is less."
    add(job, name="third", taken="b", given="c", told=told, body=AGAIN.format("c"))
    assert columns_of_inputs(job, ["c"]) == {"c": ["id", "net"]}
    # In a circle.
    add(job, name="other", taken="a", given="b", body=AGAIN.format("b"))
    add(job, name="another", taken="b", given="a", body=AGAIN.format("a"))
    assert columns_of_inputs(job, ["a"]) == {}


def test_a_column_that_no_maker_writes_is_told(job_of: Callable[[str], Job]) -> None:
    job = job_of("T002")
    body = (
        "print([row['kilos'] + other['x'] for row in rows], {}['y']); [line['depot'] for line in csv.DictReader(file)]"
    )
    draft = COMPONENT.format(name="weigh", taken="parcels", given="heavy", told="", body=body)
    assert rows_read(functions(draft)[0]) == {"parcels": ["kilos", "depot"]}
    assert wrong_columns(job, draft) == ["weigh looks up `depot` in the rows of `parcels`, whose columns are id, kilos"]
    assert wrong_columns(job, draft.replace("'depot'", "'id'")) == wrong_columns(job, "def (") == []


KEPT = """@dsl.component
def weigh(parcels: dsl.Input[dsl.Dataset], heavy: dsl.Output[dsl.Dataset]):
    with open(parcels.path) as source:
        reader = csv.DictReader(source)
        rows = list(reader)
    groups = {}
    for row in rows:
        groups.setdefault(row["depot"], []).append(row)
    sums = [{"sum": sum(float(row["kilos"]) for row in found), "n": 1} for found in groups.values()]
    most = max(groups.items(), key=lambda pair: pair[1][0]["day"])
    for found in sums:
        print(found["sum"], most["x"])
"""


def test_columns_are_looked_up_in_rows_that_were_kept_and_grouped() -> None:
    assert rows_read(functions(KEPT)[0]) == {"parcels": ["depot", "kilos", "day"]}


ASKED = "From `parcels` (keys: id, kilos) it makes a record a depot in `heavy`; the keys are depot, parcels and kilos"


def test_the_columns_that_a_task_wants_are_those_told_after_the_output() -> None:
    assert columns_wanted(ASKED, ["parcels"], ["heavy"]) == {"heavy": ["depot", "parcels", "kilos"]}
    assert columns_wanted(ASKED.replace("`heavy`", "heavy"), ["parcels"], ["heavy"]) == {}
    assert columns_wanted(f"{ASKED} or the fields are x and y", ["parcels"], ["heavy"]) == {}
    assert columns_wanted(ASKED, [], []) == {}


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ("print({'parcels': 1, 'kilos': 2}, rows[0]['depot'])", "depot"),
        ("print({'kilos': 2})", "depot and no parcels"),
        ("print({'depot': 'd', 'parcels': 1, 'kilos': 2})", ""),
        ("record = {'parcels': 1}; record['depot'] = 'd'; record['kilos'] = 2", ""),
        ("csv.writer(f).writerow(['depot', 'parcels', 'kilos'])", ""),
        ("print({'parcels': 1, **rows[0]})", ""),
        ("print(dict(rows[0], parcels=1), {'kilos': 2})", ""),
        ("print(rows)", ""),
    ],
)
def test_a_column_that_a_draft_never_writes_is_told(body: str, missing: str) -> None:
    draft = COMPONENT.format(name="weigh", taken="parcels", given="heavy", told="", body=body)
    said = [f"`heavy` is to have depot, parcels, kilos, and weigh writes no {missing}"] if missing else []
    assert missing_columns(ASKED, draft) == said


TWO = """from kfp import dsl


@dsl.component
def weigh(parcels: dsl.Input[dsl.Dataset], limits: dsl.Input[dsl.Dataset], heavy: dsl.Output[dsl.Dataset]):
    import csv

    with open(parcels.path) as file, open(heavy.path, "w") as target:
        for row in csv.DictReader(file):
            row["tons"] = float(row["kilos"]) / 1000
            print(row["tons"], file=target)
    {limits}
"""


def test_columns_that_a_component_makes_or_that_may_be_those_of_another_input_are_not_looked_up() -> None:
    inner = "with open(limits.path) as limited:\n        print([row['limit'] for row in csv.DictReader(limited)])"
    (apart,) = functions(TWO.format(limits=inner))
    assert rows_read(apart) == {"parcels": ["kilos"], "limits": ["limit"]}
    together = TWO.replace("as target:", "as target, open(limits.path) as limited:").format(limits="pass")
    assert rows_read(functions(together)[0]) == {}
