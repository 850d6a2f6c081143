"""What a component's signature fixes."""

import subprocess
import sys

from kfpilot.agent.workers.pages import facts_of, page_head
from kfpilot.agent.workers.scaffold import as_step, components_of, find_component, run_helper

SOURCE = '''from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output


@dsl.component(base_image="python:3.11")
def keep(rows: Input[Dataset], kept: dsl.Output[dsl.Dataset], low: float = -40.0, *, name: str):
    """Keeps rows."""


@dsl.component
def measure(rows: Input[Dataset], metrics: Output[Metrics]):
    """Measures."""


@dsl.component
def add(a: int, b: int = 2) -> int:
    """Adds."""
    return a + b


def plain(rows):
    return rows


@dsl.pipeline(name="p")
def report(day: str, low: float = 1.5):
    """Reports."""
    step = keep(rows=day, name="x")
    add(a=plain(1))
'''


def test_a_signature_is_sorted_into_artifacts_and_parameters():
    keep = find_component(SOURCE, "keep")
    assert (keep.inputs, keep.outputs) == ({"rows": "Dataset"}, {"kept": "Dataset"})
    assert keep.parameters == ["low", "name"]
    assert keep.defaults == {"low": "-40.0"}


def test_only_components_are_found():
    assert [signature.name for signature in components_of(SOURCE)] == ["keep", "measure", "add"]
    assert find_component(SOURCE, "plain") is None
    assert components_of("def (") == []


def test_the_helper_calls_the_component_and_reads_its_output(tmp_path):
    """The helper is run for real, against a function of the component's form."""
    helper = run_helper(find_component(SOURCE, "keep"))
    (tmp_path / "t.py").write_text(
        "from pathlib import Path\nfrom tempfile import TemporaryDirectory\n"
        "class dsl:\n"
        "    class Dataset:\n"
        "        def __init__(self, name, uri): self.path = uri\n"
        "class keep:\n"
        "    def python_func(rows, kept, low=0, name=''): open(kept.path, 'w').write(open(rows.path).read() + name)\n"
        f"{helper}\n"
        "assert run('a,b\\n', name='n') == 'a,b\\nn'\n"
    )
    assert subprocess.run([sys.executable, str(tmp_path / "t.py")]).returncode == 0


def test_no_helper_where_the_signature_does_not_fix_one():
    sliced = SOURCE.replace("Output[Metrics]", "Output[ClassificationMetrics]")
    assert run_helper(find_component(sliced, "measure")) == ""
    assert run_helper(find_component(SOURCE, "add")) == ""


MERGE = """@dsl.component
def merge(
    parts: Input[List[Dataset]], limits: Input[Dataset], merged: Output[Dataset], metrics: Output[Metrics]
) -> NamedTuple("Outputs", [("rows", int), ("late", bool)]):
    with open(limits.path) as source:
        limit = [row["limit"] for row in csv.DictReader(source)]
    with open(merged.path, "w") as target:
        for part in parts:
            target.write(open(part.path).read())
    metrics.log_metric("parts", len(parts))
    return (len(limit), True)
"""


def test_the_helper_gives_lists_metrics_and_what_is_returned(tmp_path):
    helper = run_helper(find_component(MERGE, "merge"))
    assert "limits_text: CSV, its first line is the header limit." in helper
    assert "Returns a tuple: text of merged, metrics as a dict, what it returned (rows, late)." in helper
    (tmp_path / "t.py").write_text(
        "import csv\nfrom pathlib import Path\nfrom tempfile import TemporaryDirectory\n"
        "from typing import List, NamedTuple\n"
        "from kfp import dsl\nfrom kfp.dsl import Dataset, Input, Metrics, Output\n"
        f"{MERGE}\n{helper}\n"
        "assert run(['a', 'b'], 'limit\\n3\\n') == ('ab', {'parts': 2}, (1, True))\n"
    )
    assert subprocess.run([sys.executable, str(tmp_path / "t.py")]).returncode == 0


def test_a_step_shows_its_import_its_call_and_what_it_gives():
    step = as_step(find_component(SOURCE, "keep"), "jobs.keep")
    assert step.splitlines() == [
        "from jobs.keep import keep",
        'step = keep(rows=<artifact>, low=-40.0, name=<value>)  # gives step.outputs["kept"]',
    ]
    assert as_step(find_component(SOURCE, "add"), "jobs.add").endswith("# gives step.output")


def test_a_step_gives_the_fields_of_its_named_tuple() -> None:
    source = '@dsl.component\ndef both(page: Output[HTML]) -> NamedTuple("O", [("rows", int), ("late", bool)]): ...\n'
    gives = 'step.outputs["page"], step.outputs["rows"], step.outputs["late"]'
    assert as_step(find_component(source, "both"), "jobs.both").endswith(f"# gives {gives}")


def test_facts_name_parameters_defaults_and_steps():
    facts = facts_of("from jobs.keep import keep, add\n" + SOURCE)
    assert "The parameters of `add`: `a` (int, no default), `b` (int, default 2)." in facts
    assert "The parameters of `report`: `day` (str, no default), `low` (float, default 1.5)." in facts
    assert "The steps of `report`, in order: `keep`, `add`." in facts


def test_a_page_begins_with_what_the_code_says():
    source = "from jobs.keep import keep, add\n" + SOURCE.replace(
        '"""Reports."""', '"""Reports.\n\n    Args:\n        day: The day.\n    """'
    )
    head = page_head(source, "report", "jobs/report.py")
    assert head.startswith("# Report\n\nThe pipeline `report` is in `jobs/report.py`. Reports.\n")
    assert "| `day` | str | - | The day. |\n| `low` | float | `1.5` |  |" in head
    assert head.endswith("## Steps\n\n1. `keep`")
    assert page_head(source, "plain", "jobs/report.py") == ""


def test_the_columns_a_component_writes_are_a_fact():
    source = '@dsl.component\ndef table(rows: dsl.Input[dsl.Dataset]):\n    write(["customer", "total"])\n'
    assert facts_of(source) == ["The columns that `table` writes: `customer`, `total`."]


READ = """@dsl.component
def pick(rows: Input[Dataset], kept: Output[Dataset]):
    import csv
    with open(rows.path) as source:
        wanted = [row for row in csv.DictReader(source) if row["state"] == "on"]
"""


def test_the_helper_tells_the_whole_header_where_it_is_known():
    pick = find_component(READ, "pick")
    assert "is the header, such as state." in run_helper(pick)
    assert "is the header, such as id,state,day." in run_helper(pick, {"rows": ["id", "state", "day"]})
    assert "is the header, such as state." in run_helper(pick, {"rows": ["id", "day"]})


def test_the_helper_tells_of_json_lines():
    whole = READ.replace("csv.DictReader(source)", "json.load(source)").replace("import csv", "import json")
    assert find_component(whole, "pick").lines is False
    loop = """@dsl.component
def pick(rows: Input[Dataset], kept: Output[Dataset]):
    import json
    with open(rows.path) as source:
        for line in source:
            row = json.loads(line)
            print(row["state"])
"""
    assert find_component(loop, "pick").lines is True
    helper = run_helper(find_component(loop, "pick"))
    assert "def run(records):" in helper and "Runs pick on a list of dicts with state." in helper


def test_json_lines_go_in_and_come_out_as_dicts(tmp_path):
    """The helper is run for real, against a function of the component's form."""
    source = """@dsl.component
def pick(rows: Input[Dataset], kept: Output[Dataset]):
    import json
    with open(rows.path) as source, open(kept.path, "w") as target:
        for line in source:
            row = json.loads(line)
            if row["state"] == "on":
                target.write(json.dumps({"id": 1, **row}) + "\\n")
"""
    helper = run_helper(find_component(source, "pick"))
    assert "on a list of dicts with state and gives the dicts that it writes." in helper
    (tmp_path / "t.py").write_text(
        "import json\nfrom pathlib import Path\nfrom tempfile import TemporaryDirectory\n"
        "class dsl:\n    class Dataset:\n        def __init__(self, name, uri):\n            self.path = uri\n"
        + source.replace("@dsl.component\n", "").replace(": Input[Dataset]", "").replace(": Output[Dataset]", "")
        + "pick.python_func = pick\n"
        + helper
        + "assert run([{'state': 'on'}, {'state': 'off'}]) == [{'state': 'on', 'id': 1}]\nassert run([]) == []\n"
    )
    subprocess.run([sys.executable, str(tmp_path / "t.py")], check=True)


def test_the_helper_says_that_metrics_are_a_dict_and_gives_what_is_returned(tmp_path):
    metrics = find_component(READ.replace("Output[Dataset]", "Output[Metrics]"), "pick")
    assert "Returns the logged metrics as a dict." in run_helper(metrics)
    counted = READ.replace(", kept: Output[Dataset]):", ") -> int:") + "        return len(wanted)\n"
    helper = run_helper(find_component(counted, "pick"))
    assert helper.rstrip().endswith("returned = pick.python_func(rows=rows)\n        return returned")


def test_what_is_looked_up_in_kept_rows_is_read_from_the_input_they_come_from() -> None:
    source = """@dsl.component
def keep(rows: dsl.Input[dsl.Dataset], limits: dsl.Input[dsl.Dataset], kept: dsl.Output[dsl.Dataset]):
    with open(rows.path) as source:
        found = list(csv.DictReader(source))
    with open(limits.path) as source:
        most = [line["most"] for line in csv.DictReader(source)]
    with open(kept.path, "w") as target:
        for row in found:
            print(row["error"], file=target)
"""
    signature = find_component(source, "keep")
    assert signature is not None
    assert signature.reads == {"rows": ["error"], "limits": ["most"]}
