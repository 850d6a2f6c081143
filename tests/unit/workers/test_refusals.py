"""What of a draft is refused before it is run."""

from collections.abc import Callable

import pytest
from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.refusals import strange_columns

WEIGH = "Create the component `weigh(parcels, heavy, limit: float = 3.0)` in flows/weigh.py: "
DRAFT = """from kfp import dsl


@dsl.component
def weigh(parcels: dsl.Input[dsl.Dataset], heavy: dsl.Output[dsl.Dataset], limit: float = 3.0):
    \"\"\"With the columns that have a net_kilos.\"\"\"
    import csv

    {}
"""


def found(job: Job, said: str, body: str) -> str:
    job.task = job.task.model_copy(update={"title": WEIGH + said, "files": ["flows/weigh.py"]})
    job.feature.task(job.task.id).title = WEIGH + said
    return strange_columns(job, "flows/weigh.py", DRAFT.format(body))


@pytest.mark.parametrize("said", ["with their columns", "untouched", "in order, under the old header"])
def test_rows_that_keep_their_columns_have_to_use_them(job_of: Callable[[str], Job], said: str) -> None:
    task = f"it reads the CSV `parcels` and writes the heavy ones, {said}, to `heavy`"
    lost = found(job_of("T001"), task, "csv.writer(file).writerow(['kilos'])")
    assert lost.startswith("the rows keep their columns: csv.DictWriter(")
    assert not found(job_of("T001"), task, "csv.DictWriter(file, reader.fieldnames).writerows(rows)")
    assert not found(job_of("T001"), "it counts", "pass")


def test_a_column_that_the_task_speaks_of_has_to_be_used(job_of: Callable[[str], Job]) -> None:
    task = "Rows with a `net_kilos` above `limit` go from the CSV `parcels` to `heavy`"
    unused = found(job_of("T001"), task, "rows = [row for row in csv.reader(file) if float(row[1]) > limit]")
    assert unused == 'the task speaks of `net_kilos`, and weigh never uses it: row["net_kilos"]'
    assert not found(job_of("T001"), task, 'rows = [row for row in csv.DictReader(file) if row["net_kilos"] > limit]')


@pytest.mark.parametrize(
    "said",
    [
        "it reads the CSV `parcels` with the columns `parcel_id`, `net_kilos` and `sent_on`",
        "of `parcel_id` and `net_kilos` it says nothing",
        "writes `heavy` as `CSV`, see the component `read_parcels` in flows/read_parcels.py",
    ],
)
def test_names_that_are_only_listed_need_not_be_used(job_of: Callable[[str], Job], said: str) -> None:
    assert not found(job_of("T001"), said, "csv.writer(heavy)")


GRADED = """with open(parcels.path) as source:
        reader = csv.DictReader(source)
        rows = list(reader)
        columns = reader.fieldnames
    for row in rows:
        row["grade"] = "A" if row["net_kilos"] else "B"
        row["net_kilos"] = "0"
    with open(heavy.path, "w") as target:
        writer = csv.DictWriter(target, fieldnames={})
        writer.writerows(rows)
    heavy.metadata["rows"] = len(rows)"""


def test_a_new_column_has_to_be_among_the_fields(job_of: Callable[[str], Job]) -> None:
    task = "it reads the CSV `parcels` and writes to `heavy` the same rows with a last column `grade`"
    told = found(job_of("T001"), task, GRADED.format("columns"))
    assert told == (
        'weigh puts `grade` into its rows and writes them without it: fieldnames=[*reader.fieldnames, "grade"]'
    )
    assert not found(job_of("T001"), task, GRADED.format('[*columns, "grade"]'))
    assert not found(job_of("T001"), task, GRADED.format('columns + ["grade"]'))
