"""Types that a signature is given without, where the task or the repository leaves no doubt."""

from pathlib import Path

import pytest
from kfpilot.agent.workers.typed import Known, known_in, returned, with_types

TEXT = (
    "in steps/clean.py: it reads the CSV `rows` and writes to `kept` those above `limit`, "
    "logs to `metrics` how many, and writes the Markdown page `page`"
)


def test_what_a_task_says_of_artifacts_and_defaults_of_parameters_is_their_type() -> None:
    assert with_types("rows, kept, metrics, limit=1.5, day='monday', strict=True", "component", TEXT, NONE) == (
        "rows: dsl.Input[dsl.Dataset], kept: dsl.Output[dsl.Dataset], metrics: dsl.Output[dsl.Metrics], "
        "limit: float=1.5, day: str='monday', strict: bool=True"
    )


NONE = Known()


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("page", "it writes to `page` a Markdown table", "dsl.Output[dsl.Markdown]"),
        ("page", "it saves to `page`, as HTML, what it found", "dsl.Output[dsl.HTML]"),
        ("model", "it trains and saves the model to `model`", "dsl.Output[dsl.Model]"),
        ("rows", "it takes the JSON Lines file `rows`", "dsl.Input[dsl.Dataset]"),
        ("rows", "it reads `rows` and writes to `rows`", ""),
        ("rows", "it counts `rows`", ""),
        ("rows", "it reads the config. `rows` is a table", ""),
        ("rows", "all the others end up in the CSV `rows`", "dsl.Output[dsl.Dataset]"),
        ("rows", "each star has one line in `rows`, under the header a,b", "dsl.Output[dsl.Dataset]"),
        ("rows", "each star in `rows` has one line", ""),
        ("rows", "it saves these as JSON Lines in `rows`, from A to Z", "dsl.Output[dsl.Dataset]"),
        ("rows", "a test goes to `rows` if it failed", "dsl.Output[dsl.Dataset]"),
    ],
)
def test_an_artifact_that_is_read_or_written_is_an_input_or_an_output(name: str, text: str, kind: str) -> None:
    assert with_types(name, "component", text, NONE) == (f"{name}: {kind}" if kind else name)


def test_one_parameter_without_a_type_leaves_all_as_they_are() -> None:
    assert with_types("rows, depth, limit=1.5", "component", TEXT, NONE) == "rows, depth, limit=1.5"
    assert (
        with_types("rows, depth", "component", TEXT, Known(plain={"depth": "int"}))
        == "rows: dsl.Input[dsl.Dataset], depth: int"
    )
    assert with_types("rows, (", "component", TEXT, NONE) == "rows, ("


def test_a_pipeline_takes_texts_for_uris_and_no_artifacts() -> None:
    assert with_types("export_uri, day", "pipeline", TEXT, Known(plain={"day": "str"})) == "export_uri: str, day: str"
    assert with_types("rows", "pipeline", TEXT, NONE) == "rows"


def test_types_that_are_given_stay() -> None:
    assert (
        with_types("rows: Input[Model], n=None", "component", TEXT, Known(plain={"n": "int"}))
        == "rows: Input[Model], n: int=None"
    )


def test_a_parameter_of_two_types_in_the_repository_has_none(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(
        "from kfp import dsl\n\n\n@dsl.component\n"
        "def one(day: str, n: int, rows: Input[Dataset], found: Output[Model]): ...\n\n\n"
        "@dsl.pipeline\ndef two(day: str, n: float): ...\n\n\ndef three(day: int, m: int): ...\n"
    )
    (tmp_path / "broken.py").write_text("def (")
    assert known_in(tmp_path) == Known(plain={"day": "str"}, outputs={"found"})


def test_what_is_read_and_written_is_said_in_many_ways() -> None:
    read, written = "dsl.Input[dsl.Dataset]", "dsl.Output[dsl.Dataset]"
    for text in (
        "Input is the CSV `rows` (day, sum), output the CSV `kept`",
        "Input: `rows`. Output: the table `kept`.",
        "`rows` is the only input and `kept` is an output; some rows stay",
        "out of `rows`, the input, it makes `kept`, and `kept` is an output",
        "from the CSV `rows`, create the CSV `kept`",
    ):
        found = with_types("rows, kept", "component", text, Known(outputs={"rows"}))
        assert found == f"rows: {read}, kept: {written}", text
    assert (
        with_types("rows, metrics", "component", "`metrics` is an output, `rows` is an input", NONE)
        == f"rows: {read}, metrics: dsl.Output[dsl.Metrics]"
    )


def test_a_file_without_its_name_is_the_one_thing_that_is_left() -> None:
    known = Known(outputs={"rows"})
    read, written = "dsl.Input[dsl.Dataset]", "dsl.Output[dsl.Dataset]"
    assert (
        with_types("rows, kept", "component", "CSV in, CSV out, only the late ones", known)
        == f"rows: {read}, kept: {written}"
    )
    assert with_types("rows, kept", "component", "CSV in, a number out", known, returns=True) == "rows, kept"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("logs them and returns how many were dropped", "int"),
        ("returns the number of rows", "int"),
        ("it returns the share as a float", "float"),
        ("returns the name of the largest as a `str`", "str"),
        ("returns nothing. Later an int is made of it", ""),
        ("gives the rows an integer", ""),
    ],
)
def test_what_is_returned_has_the_type_that_is_said(said: str, kind: str) -> None:
    assert returned(said) == kind


def test_what_another_component_writes_is_read_and_what_is_left_is_written() -> None:
    known = Known(outputs={"rows"})
    read, written = "dsl.Input[dsl.Dataset]", "dsl.Output[dsl.Dataset]"
    assert (
        with_types("rows, kept", "component", "some stay, as the CSV `kept`", known) == f"rows: {read}, kept: {written}"
    )
    assert with_types("rows, kept", "component", "they end up in `kept`", NONE) == "rows, kept"
    assert (
        with_types("rows, kept", "component", "those of `rows` end up in `kept`", NONE)
        == f"rows: {read}, kept: {written}"
    )
    assert with_types("rows, kept, lost", "component", "some stay", known) == "rows, kept, lost"
    assert with_types("rows, depth", "component", "`depth` says how many stay", known) == "rows, depth"
    assert with_types("rows, kept", "pipeline", "some stay", known) == "rows, kept"
