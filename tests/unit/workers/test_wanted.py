"""Signatures and constants that a task gives literally."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.skeleton import code_start
from kfpilot.agent.workers.wanted import artifacts_of, constants, home_of, wanted_functions

SORT = (
    "Create component `sort_parcels(parcels: Input[Dataset], heavy: Output[Dataset], limit: float = 30.0) -> "
    "NamedTuple(count: int, share: float)` in `flows/sorting.py`. Heavy ones first; ties by `id` (text; not number). "
    "`ValueError` unless `limit > 0`. Mentioned in `docs/sorting.md` too.\n_Requirements: 1.1, 2.3_"
)


def with_title(job_of: Callable[[str], Job], title: str, files: list[str]) -> Job:
    job = job_of("T001")
    return replace(job, task=job.task.model_copy(update={"title": title, "files": files}))


def test_a_component_begins_with_the_signature_and_the_words_of_its_task(job_of: Callable[[str], Job]) -> None:
    job = with_title(job_of, SORT, ["flows/sorting.py"])
    start = code_start(job, "flows/sorting.py")
    assert start == (
        "from typing import NamedTuple\n\n"
        "from kfp import dsl\n"
        "from kfp.dsl import Dataset, Input, Output\n\n\n"
        '@dsl.component(base_image="python:3.11")\n'
        "def sort_parcels(\n"
        "    parcels: Input[Dataset],\n"
        "    heavy: Output[Dataset],\n"
        "    limit: float = 30.0,\n"
        ') -> NamedTuple("Outputs", [("count", int), ("share", float)]):\n'
        '    """Heavy ones first.\n'
        "    Ties by `id` (text; not number).\n"
        "    `ValueError` unless `limit > 0`.\n"
        '    """\n'
        "    from collections import namedtuple\n\n"
        '    outputs = namedtuple("Outputs", ["count", "share"])\n'
    )
    compile(start + "    return outputs(count=1, share=0.5)\n", "sorting.py", "exec")


def test_a_pipeline_begins_with_its_name_its_steps_and_the_constants(job_of: Callable[[str], Job]) -> None:
    title = (
        'Create pipeline `night(depot: str, mode: str = "a, b") -> None` named `night-run` in `flows/night.py`: runs '
        "`read_parcels` for each depot. `DEPOTS = 3`. Same block as flows/parcel_flow.py"
    )
    job = with_title(job_of, title, ["flows/night.py", "flows/parcel_flow.py"])
    start = code_start(job, "flows/night.py")
    assert start == (
        "from kfp import dsl\n\nfrom flows.read_parcels import read_parcels\n\nDEPOTS = 3\n\n\n"
        '@dsl.pipeline(name="night-run")\n'
        "def night(depot: str, mode: str = 'a, b') -> None:\n"
        '    """Runs `read_parcels` for each depot."""\n'
    )
    assert constants(job) == ["DEPOTS = 3"]


def test_the_base_image_is_written_as_its_neighbours_write_it(job_of: Callable[[str], Job]) -> None:
    job = with_title(job_of, SORT, ["flows/sorting.py"])
    (job.worktree / "flows/__init__.py").write_text('IMAGE = "registry.example.com/parcels:1"\n')
    reader = job.worktree / "flows/read_parcels.py"
    text = reader.read_text().replace('base_image="python:3.11"', "base_image=IMAGE")
    reader.write_text(text.replace("from kfp import dsl\n", "from kfp import dsl\n\nfrom flows import IMAGE\n"))
    start = code_start(job, "flows/sorting.py")
    assert "\n\nfrom flows import IMAGE\n\n\n@dsl.component(base_image=IMAGE)\ndef sort_parcels(" in start


def test_each_artifact_of_a_component_is_told_with_its_path(job_of: Callable[[str], Job]) -> None:
    title = (
        "Create component `join(parts: Input[List[Dataset]], low: dsl.Input[dsl.Model], out: Output[Dataset], "
        "seen: Output[Metrics], n: int)` in flows/join.py"
    )
    (wanted,) = wanted_functions(with_title(job_of, title, ["flows/join.py"]))
    assert artifacts_of(wanted) == [
        "Read each item of `parts` with open(item.path), `low` with open(low.path).",
        'Write `out` with open(out.path, "w"), `seen` with seen.log_metric(key, value).',
    ]
    assert "json.loads(line) for each line" in artifacts_of(wanted, "it reads the JSON Lines file `low`")[-1]
    assert "csv.DictReader, which gives texts" in artifacts_of(wanted, "it reads the CSV `low`")[-1]
    assert len(artifacts_of(wanted, "it reads `low`")) == len(artifacts_of(wanted)) == 2


@pytest.mark.parametrize(
    "given",
    [
        "the component `keep(stock, heavy, limit=30.0)`",
        "the component `keep(parcels: Parcels)`",
        "the component `keep(parcels: Input[Dataset]`",
        "the component `keep(parcels: for)`",
        "the function `keep(parcels: Input[Dataset])`",
    ],
)
def test_what_does_not_fix_a_signature_gives_none(job_of: Callable[[str], Job], given: str) -> None:
    assert wanted_functions(with_title(job_of, f"Create {given} in flows/keep.py", ["flows/keep.py"])) == []


def test_a_function_stands_in_the_file_of_its_name_or_the_next_one_named(job_of: Callable[[str], Job]) -> None:
    title = (
        "Like flows/a.py, create component `weigh(n: int) -> int` in flows/b.py and add it to flows/c.py, and "
        "component `add(n: int) -> int` in flows/add.py"
    )
    files = ["flows/a.py", "flows/b.py", "flows/c.py", "flows/add.py"]
    job = with_title(job_of, title, files)
    assert [home_of(job, wanted, files) for wanted in wanted_functions(job)] == ["flows/b.py", "flows/add.py"]


def test_a_signature_without_types_gets_those_that_the_task_fixes(job_of: Callable[[str], Job]) -> None:
    title = (
        "Create the component `keep(parcels, heavy, limit=30.0)` in flows/keep.py: it reads the CSV `parcels` and "
        "writes to `heavy` those above `limit` (FR-001; depends on T001)"
    )
    (wanted,) = wanted_functions(with_title(job_of, title, ["flows/keep.py"]))
    assert wanted.head == (
        "def keep(parcels: dsl.Input[dsl.Dataset], heavy: dsl.Output[dsl.Dataset], limit: float = 30.0):"
    )
    assert wanted.said == ["reads the CSV `parcels` and writes to `heavy` those above `limit`"]


def test_what_is_added_to_a_module_of_components_is_one(job_of: Callable[[str], Job]) -> None:
    title = "In flows/read_parcels.py, implement `heavy_ones(parcels, heavy)`. A parcel goes to `heavy` above 30 kilos"
    (wanted,) = wanted_functions(with_title(job_of, title, ["flows/read_parcels.py"]))
    assert (wanted.kind, wanted.head) == (
        "component",
        "def heavy_ones(parcels: dsl.Input[dsl.Dataset], heavy: dsl.Output[dsl.Dataset]):",
    )
    both = with_title(job_of, title, ["flows/read_parcels.py", "flows/parcel_flow.py"])
    assert wanted_functions(both) == []


def test_a_new_module_holds_what_the_others_of_its_folder_hold(job_of: Callable[[str], Job]) -> None:
    job = job_of("T001")
    title = "Implement `track(parcels, heavy)` in {}/track.py. Reads the CSV `parcels` and writes the CSV `heavy`"
    (job.worktree / "steps").mkdir()
    source = (
        "from kfp import dsl\n\n\n@dsl.component\ndef weigh(parcels: dsl.Input[dsl.Dataset]) -> int:\n    return 1\n"
    )
    (job.worktree / "steps/weigh.py").write_text(source)
    found = {}
    for folder in ("steps", "flows", "new"):
        task = job.task.model_copy(update={"title": title.format(folder), "files": [f"{folder}/track.py"]})
        found[folder] = [(wanted.kind, wanted.inputs) for wanted in wanted_functions(replace(job, task=task))]
    # In flows there are components and pipelines.
    assert found == {"steps": [("component", ["parcels"])], "flows": [], "new": []}
