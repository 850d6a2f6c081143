"""How a file begins, as far as documents and repository fix it."""

from collections.abc import Callable
from dataclasses import replace

from kfpilot.agent.workers import skeleton
from kfpilot.agent.workers.job import Job

HEAD = "from kfp import dsl\n\nfrom flows.read_parcels import read_parcels\n"


def job_with(job_of: Callable[[str], Job], title: str) -> Job:
    job = job_of("T001")
    return replace(job, task=job.task.model_copy(update={"title": title}))


def test_a_pipeline_begins_with_the_imports_of_the_components_its_task_names(job_of: Callable[[str], Job]) -> None:
    job = job_with(job_of, "Write the pipeline `night_flow` in flows/night_flow.py: runs `read_parcels`")
    start = HEAD + '\n\n@dsl.pipeline(name="night-flow")\ndef night_flow('
    assert skeleton.code_start(job, "flows/night_flow.py") == start


def test_a_pipeline_whose_function_is_not_named_begins_with_the_imports_alone(job_of: Callable[[str], Job]) -> None:
    job = job_with(job_of, "Write a pipeline in flows/night_flow.py that runs `read_parcels`")
    assert skeleton.code_start(job, "flows/night_flow.py") == HEAD


def test_a_component_begins_with_its_decorator_and_the_image_of_its_neighbours(job_of: Callable[[str], Job]) -> None:
    job = job_with(job_of, "Write the component `weigh` in flows/weigh.py")
    start = 'from kfp import dsl\n\n\n@dsl.component(base_image="python:3.11")\ndef weigh('
    assert skeleton.code_start(job, "flows/weigh.py") == start


def test_other_modules_begin_empty(job_of: Callable[[str], Job]) -> None:
    assert skeleton.code_start(job_with(job_of, "Write the units in flows/units.py"), "flows/units.py") == ""


def test_a_test_of_a_component_knows_the_columns_that_another_writes_to_its_input(job_of: Callable[[str], Job]) -> None:
    job = job_with(job_of, "Test `weigh` in tests/test_weigh.py")
    head = "from kfp import dsl\n\n\n@dsl.component\ndef {}({}):\n    import csv\n\n    with open({}.path{}) as file:\n"
    takes = "parcels: dsl.Input[dsl.Dataset], heavy: dsl.Output[dsl.Dataset]"
    (job.worktree / "flows/weigh.py").write_text(
        head.format("weigh", takes, "parcels", "") + '        print([row["kilos"] for row in csv.DictReader(file)])\n'
    )
    (job.worktree / "flows/read_parcels.py").write_text(
        head.format("read_parcels", "depot: str, parcels: dsl.Output[dsl.Dataset]", "parcels", ', "w"')
        + '        csv.writer(file).writerow(["id", "depot", "kilos"])\n'
    )
    assert "is the header, such as id,kilos." in skeleton.tests_start(job, "tests/test_weigh.py")


def test_each_of_two_components_has_a_helper_of_its_own(job_of: Callable[[str], Job]) -> None:
    job = job_with(job_of, "Tests of `weigh` and `sort` in tests/test_scales.py")
    takes = "parcels: dsl.Input[dsl.Dataset], {}: dsl.Output[dsl.Dataset]"
    bodies = [f"@dsl.component\ndef {name}({takes.format(out)}):\n    pass\n" for name, out in SCALES.items()]
    (job.worktree / "flows/scales.py").write_text("\n\n".join(["from kfp import dsl\n", *bodies]))
    start = skeleton.tests_start(job, "tests/test_scales.py")
    assert "from flows.scales import sort, weigh\n" in start and start.endswith("\n\n\ndef test_")
    assert "def run_weigh(text):" in start and "weigh.python_func(parcels=parcels, heavy=heavy)" in start
    assert "def run_sort(text):" in start and "sort.python_func(parcels=parcels, order=order)" in start

    job.task = job.task.model_copy(update={"title": "Tests of `weigh`, `sort` and `pack` in tests/test_scales.py"})
    (job.worktree / "flows/scales.py").write_text(
        "\n\n".join(["from kfp import dsl\n", *bodies, bodies[0].replace("def weigh", "def pack")])
    )
    assert "def run" not in skeleton.tests_start(job, "tests/test_scales.py")


SCALES = {"weigh": "heavy", "sort": "order"}


def test_the_pipeline_is_the_one_of_the_file_or_the_only_one(job_of: Callable[[str], Job]) -> None:
    job = job_of("T004")
    title = "Check in tests/test_{}.py that the compiler accepts {}"

    def start(stem: str, what: str = "the pipeline") -> str:
        files = [f"tests/test_{stem}.py"]
        job.task = job.task.model_copy(update={"title": title.format(stem, what), "files": files})
        return skeleton.skeleton(job, "tests", files[0])

    # parcel_flow is the only one.
    assert "from flows.parcel_flow import parcel_flow\n" in start("review") and "def compile_tasks(" in start("review")
    assert "import parcel_flow" not in start("review", "a pipeline")
    (job.worktree / "flows/review.py").write_text("from kfp import dsl\n\n\n@dsl.pipeline\ndef yearly():\n    ...\n")
    assert "from flows.review import yearly\n" in start("review")
    assert "import yearly" not in start("other") and "import parcel_flow" not in start("other")
