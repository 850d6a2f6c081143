"""How the body of a component begins that reads one table."""

import ast
from collections.abc import Callable

import pytest
from kfpilot.agent.workers.begun import body_start, group_key, written_as
from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.wanted import Wanted, wanted_functions

WEIGH = "Create the component `weigh(parcels, heavy)` in flows/weigh.py: "


def start(job: Job, title: str) -> str:
    planned = job.task.model_copy(update={"title": title})
    job.feature.task(job.task.id).title = title
    job.task = planned
    (wanted,) = wanted_functions(job)
    text = body_start(job, wanted)
    ast.parse(f"def f():\n{text}    return\n")
    return text


def test_all_rows_of_a_csv_are_there_before_anything_is_done(job_of: Callable[[str], Job]) -> None:
    title = WEIGH + "it reads the CSV `parcels` and writes to `heavy`"
    assert start(job_of("T001"), title) == (
        '    import csv\n\n    with open(parcels.path, newline="") as source:\n'
        "        reader = csv.DictReader(source)\n        rows = list(reader)\n"
    )


def test_rows_are_in_groups_where_the_task_wants_one_result_for_each(job_of: Callable[[str], Job]) -> None:
    title = WEIGH + "per id of the CSV `parcels` it writes the sum of kilos to `heavy`"
    assert start(job_of("T001"), title).endswith(
        '    groups = {}\n    for row in rows:\n        groups.setdefault(row["id"], []).append(row)\n'
    )


@pytest.mark.parametrize(
    "said",
    [
        "skips rows with empty kilos",
        "parcels without `kilos` are dropped",
        "parcels with an empty kilos are left out, the others stay",
        "ignores every parcel without any kilos",
        "skips lines whose `kilos` is blank",
        "parcels whose kilos are missing are ignored",
    ],
)
def test_rows_that_do_not_count_are_gone(job_of: Callable[[str], Job], said: str) -> None:
    title = f"{WEIGH}it reads the CSV `parcels`, {said}, and writes to `heavy`"
    assert start(job_of("T001"), title).endswith('    rows = [row for row in rows if row["kilos"]]\n')


@pytest.mark.parametrize("said", ["marks as unknown where kilos is empty", "drops rows with empty depot"])
def test_rows_stay_where_nothing_says_which_go(job_of: Callable[[str], Job], said: str) -> None:
    assert "for row" not in start(job_of("T001"), f"{WEIGH}it reads the CSV `parcels`, {said}, and writes to `heavy`")


def test_rows_of_which_the_first_and_last_count_are_in_order(job_of: Callable[[str], Job]) -> None:
    job = job_of("T001")
    path = job.worktree / "flows/read_parcels.py"
    path.write_text(path.read_text().replace("columns id and kilos", "columns depot, day and kilos"))
    path.write_text(path.read_text().replace("id,kilos", "depot,day,kilos"))
    said = "it reads the CSV `parcels` and writes to `heavy` per depot the kilos of its earliest and of its latest day"
    lines = start(job, f"{WEIGH}{said}").splitlines()
    assert lines[-4:-2] == ['    rows.sort(key=lambda row: row["day"])', "    groups = {}"]
    assert "sort" not in start(job, f"{WEIGH}it reads the CSV `parcels` and writes those of the latest day to `heavy`")


@pytest.mark.parametrize("said", ["with their columns", "untouched", "in order, under the old header"])
def test_what_only_filters_follows_the_recipe(job_of: Callable[[str], Job], said: str) -> None:
    job = job_of("T001")
    assert start(job, f"{WEIGH}it reads the CSV `parcels` and writes the heavy ones, {said}, to `heavy`") == ""


def test_json_lines_are_records(job_of: Callable[[str], Job]) -> None:
    title = WEIGH + "it reads the JSON Lines `parcels` and writes a CSV to `heavy`"
    assert "records = [json.loads(line) for line in source if line.strip()]" in start(job_of("T001"), title)


@pytest.mark.parametrize(
    "title",
    [
        WEIGH + "it reads `parcels`, Parquet, and writes the CSV `heavy`",
        WEIGH + "it reads the file `parcels` and writes to `heavy`",
        "Create the component `weigh(parcels, depots, heavy)` in flows/weigh.py: it reads the CSV `parcels`, reads the "
        "CSV `depots` and writes to `heavy`",
        "Create the component `weigh(kilos: int) -> int` in flows/weigh.py: counts a CSV",
    ],
    ids=["another form", "no form", "two inputs", "none"],
)
def test_nothing_is_begun_where_the_form_or_the_input_is_unsure(job_of: Callable[[str], Job], title: str) -> None:
    assert start(job_of("T001"), title) == ""


@pytest.mark.parametrize(
    ("text", "columns", "key"),
    [
        ("one row per hive with its first and last weight and the number of rows", ["hive", "day"], "hive"),
        ("Each `star` has its mean", ["star", "night"], "star"),
        ("total kilos grouped by depot", ["depot"], "depot"),
        ("It groups the lines by `dish` and writes the mean", ["dish"], "dish"),
        ("each hive is marked light or ok", ["hive"], ""),
        ("the mean per hive and day, and the sum per day", ["hive", "day"], ""),
        ("the mean of every row", ["hive"], ""),
        ("one row per pool, sorted by pool, with the means", [], "pool"),
        ("writes `sums` with the columns depot and kilos, the sum for each depot", [], "depot"),
        ("one row per pool with the means", [], ""),
    ],
)
def test_the_rows_are_grouped_by_the_one_column_there_is_a_result_for(text: str, columns: list[str], key: str) -> None:
    assert group_key(text, columns, ["sums"]) == key


def test_what_the_repository_writes_says_the_form(job_of: Callable[[str], Job]) -> None:
    job = job_of("T001")
    assert written_as(job, "parcels") == []  # by hand: it may be anything
    module = "import csv\nfrom kfp import dsl\n\n\n@dsl.component\ndef keep(kept: dsl.Output[dsl.Dataset]):\n    {}\n"
    (job.worktree / "flows/keep.py").write_text(module.format("csv.writer(open(kept.path, 'w')).writerow([1])"))
    assert written_as(job, "kept") == ["csv"]
    lines = "    print(*[json.dumps(x) + '\\n' for x in []], file=kept)"
    (job.worktree / "flows/more.py").write_text(module.replace("keep(", "more(").format(lines.strip()))
    assert written_as(job, "kept") == ["csv", "lines"]


def test_only_a_component_is_begun(job_of: Callable[[str], Job]) -> None:
    head = "def weigh(parcels: dsl.Input[dsl.Dataset], heavy: dsl.Output[dsl.Dataset]):"
    job = job_of("T001")
    job.feature.task("T001").details = ["reads the CSV `parcels`"]
    assert body_start(job, Wanted(name="weigh", kind="component", head=head))
    assert not body_start(job, Wanted(name="weigh", kind="pipeline", head=head))
    model = head.replace("Input[dsl.Dataset", "Input[dsl.Model")
    assert not body_start(job, Wanted(name="weigh", kind="component", head=model))
