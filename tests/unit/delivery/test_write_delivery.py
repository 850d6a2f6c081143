"""The folder of a delivery and its pages."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import pytest
from kfpilot.agent.delivery.models import DeliveredTask, Delivery, Need, Package, Parameter, Step
from kfpilot.agent.delivery.write import pages, write_delivery
from kfpilot.agent.errors import UserError
from kfpilot.tools.ir_diff import IrChange
from markdown_it import MarkdownIt

TEXT = "pipelineInfo: {name: daily}\n"


def package(**more: object) -> Package:
    values: dict[str, object] = {
        "pipeline": "daily",
        "source": "shop/daily.py:7",
        "state": "changed",
        "file": "packages/daily.yaml",
        "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
        "previous": "previous/daily.yaml",
        "parameters": [
            Parameter(name="day", type="STRING", required=True),
            Parameter(name="count", type="NUMBER_INTEGER", required=False, default=3),
        ],
        "steps": [Step(path="load", image="python:3.11", caching=True, memory_limit="1Gi")],
        "needs": [Need(kind="Secret", name="keys", keys=["token"])],
        **more,
    }
    return Package.model_validate(values)


def delivery(**more: object) -> Delivery:
    values: dict[str, object] = {
        "feature": "001-prices",
        "version": "v1.4",
        "run": "20300102-030405-abcd",
        "branch": "kfpilot/001-prices",
        "base": "a" * 40,
        "head": "b" * 40,
        "ready": True,
        "readiness": "Ready for review.",
        "tasks": [DeliveredTask(id="T001", title="Double prices", commit="c" * 40, role="code", story="US1")],
        "packages": [package()],
        "changes": [
            IrChange(
                kind="added", what="input", where="shop/daily.py:7 daily", name="day", breaking=True,
                message="there is a new input day (STRING), without a default",
            ),
            IrChange(
                kind="added", what="task", where="shop/daily.py:7 daily", name="save",
                message="there is a new task save",
            ),
        ],
        **more,
    }  # fmt: skip
    return Delivery.model_validate(values)


def section(text: str, heading: str) -> str:
    after = text.partition(f"## {heading}\n")[2]
    assert after, f"no heading {heading!r}"
    return after.partition("\n## ")[0].strip()


def test_everything_is_written_and_the_sums_are_right(tmp_path: Path) -> None:
    made = delivery()

    files = write_delivery(tmp_path / "out", made, {"packages/daily.yaml": TEXT, "previous/daily.yaml": "{}\n"})

    assert files == [
        "SHA256SUMS", "changelog.md", "delivery.json", "deploy.py", "packages/daily.yaml", "previous/daily.yaml",
        "release-notes.md", "rollback.md", "runbook.md",
    ]  # fmt: skip
    sums = dict(reversed(line.split("  ")) for line in (tmp_path / "out/SHA256SUMS").read_text().splitlines())
    assert sorted(sums) == files[1:]
    for name, known in sums.items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == known
    assert Delivery.model_validate(json.loads((tmp_path / "out/delivery.json").read_text())) == made


def test_a_later_delivery_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_delivery(out, delivery(), {"packages/daily.yaml": TEXT})
    write_delivery(out, delivery(packages=[]), {})

    assert not (out / "packages").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("there", ["file", "folder"])
def test_what_is_no_delivery_is_left_alone(tmp_path: Path, there: str) -> None:
    out = tmp_path / "out"
    kept = out if there == "file" else out / "mine.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")

    with pytest.raises(UserError, match=r"no delivery|no folder"):
        write_delivery(out, delivery(), {})

    assert kept.read_text() == "mine"


def test_the_notes_tell_what_breaks_and_what_is_missing() -> None:
    notes = pages(delivery(missing=["T002 Test it: the tests fail"], issues=["coverage fell"]))["release-notes.md"]

    assert section(notes, "What is in it") == "- Double prices (T001, US1, `cccccccccc`)"
    assert section(notes, "Breaking changes") == (
        "- **`shop/daily.py:7 daily`**: There is a new input day (STRING), without a default."
    )
    assert section(notes, "Other changes of the compiled pipelines") == (
        "- `shop/daily.py:7 daily`: There is a new task save."
    )
    assert section(notes, "Not delivered") == "- T002 Test it: the tests fail"
    assert section(notes, "Known issues") == "- coverage fell"


def test_where_nothing_breaks_or_is_missing_the_notes_say_so() -> None:
    notes = pages(delivery(changes=[]))["release-notes.md"]

    assert section(notes, "Breaking changes").startswith("None was found")
    assert section(notes, "Not delivered") == "Every task of the feature is in it."
    assert section(notes, "Known issues") == "None was seen."


def test_what_did_not_compile_is_a_known_issue_and_not_silence() -> None:
    notes = pages(delivery(ready=False, problems=["shop/bad.py: cannot be imported"]))["release-notes.md"]

    assert section(notes, "Known issues") == "- Not compiled, so in no package: shop/bad.py: cannot be imported"


def test_the_changelog_sorts_by_the_kinds_of_keep_a_changelog() -> None:
    tasks = [DeliveredTask(id="T002", title="Describe it", commit="d" * 40, role="docs")]
    new = package(pipeline="weekly", state="new", previous=None)
    gone = IrChange(kind="removed", what="output", where="x", name="y", breaking=True, message="the output y is gone")
    made = delivery(tasks=tasks, packages=[package(), new])
    made.changes.append(gone)

    text = pages(made)["changelog.md"]

    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("### "):
            found[line[4:]] = []
        elif line.startswith("- "):
            found[list(found)[-1]].append(line)
    assert found == {
        "Added": ["- Pipeline `weekly` (2 inputs).", "- `shop/daily.py:7 daily`: There is a new task save."],
        "Changed": [
            "- **Breaking**: `shop/daily.py:7 daily`: There is a new input day (STRING), without a default.",
            "- Describe it.",
        ],
        "Removed": ["- **Breaking**: `x`: The output y is gone."],
    }


def test_the_runbook_has_inputs_needs_and_an_example_of_arguments() -> None:
    book = pages(delivery())["runbook.md"]

    assert "- daily: Secret `keys` with `token`" in book
    assert "- daily: the image `python:3.11` can be pulled" in book
    assert "| `day` | STRING | **must be given** |" in book
    assert "| `count` | NUMBER_INTEGER | `3` |" in book
    example = book.partition("```json\n")[2].partition("```")[0]
    assert json.loads(example) == {"daily": {"day": "CHANGE-ME", "count": 3}}
    assert "daily/load has no CPU limit" in book
    assert "`load` are cached" in book


def test_the_way_back_differs_for_what_is_new() -> None:
    back = pages(delivery(packages=[package(), package(pipeline="weekly", state="new", previous=None)]))["rollback.md"]

    assert "| daily | `previous/daily.yaml` |" in back
    assert "| weekly | nothing, it is new: disable its schedules |" in back
    assert "kfpilot undo 20300102-030405-abcd" in back
    assert "git branch -D kfpilot/001-prices" in back
    assert "git branch -D" not in pages(delivery(landed=True))["rollback.md"]


def test_without_a_package_the_pages_say_that_there_is_nothing_to_upload() -> None:
    made = pages(delivery(packages=[], changes=[]))

    assert "nothing to upload" in made["runbook.md"]
    assert "deploy.py" not in made["runbook.md"] + made["rollback.md"]


def test_foreign_text_breaks_no_table_and_starts_no_html() -> None:
    evil = "a|b\n<script>x</script>\n# Heading"
    tasks = [DeliveredTask(id="T001", title=evil, commit="c" * 40, role="docs")]
    made = pages(delivery(tasks=tasks, missing=[evil], readiness=evil, packages=[package(pipeline=evil)]))

    for name, text in made.items():
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        kinds = {item.type for token in tokens for item in [token, *(token.children or [])]}
        assert not {"html_block", "html_inline"} & kinds, name
        headings = [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]
        assert "Heading" not in headings, name
