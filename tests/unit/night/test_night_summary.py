"""The morning summary in its forms."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from kfpilot.agent.night.gather import gathered
from kfpilot.agent.night.junit import junit_xml
from kfpilot.agent.night.models import Entry, Item, Landed, Night
from kfpilot.agent.night.night import exit_code_of
from kfpilot.agent.night.notify import plain_body, slack_body
from kfpilot.agent.night.page import page
from kfpilot.agent.night.persons import needs_person
from kfpilot.agent.night.submit import six_fields
from kfpilot.agent.night.summary import markdown
from kfpilot.agent.reports.models import Report, TaskReport

NASTY = '<script>alert(1)</script> "quoted" & \x1b[31m\x00 | <!channel>'


def item(name: str, state: Any, **more: Any) -> Item:
    entry = Entry(name=name, root=Path("/r"), feature=name, directory=f"specs/{name}", priority=1, open_tasks=3)
    return Item(entry=entry, state=state, **more)


def report(*tasks: TaskReport, **more: Any) -> Report:
    return Report(run="20260101-010101-abcd", branch="kfpilot/x", tasks=list(tasks), state="partly", **more)


def night(*items: Item, **more: Any) -> Night:
    said = {"state": "finished", "started": 1_000_000.0, "ended": 1_000_900.0, **more}
    return Night(id="20260101-220000-aaaa", home=Path("/r"), items=list(items), **said)


FAILED = TaskReport(id="T002", title=NASTY, state="failed", why=NASTY, attempts=3)
GOOD = TaskReport(id="T001", title="Do it", state="verified", commit="a" * 40)
BAD = item("a<b>", "partly", report=report(GOOD, FAILED), started=1_000_100.0, ended=1_000_400.0)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for key, value in attrs if key == "href"]


def test_the_page_runs_and_loads_nothing() -> None:
    bad = BAD.model_copy(update={"landed": Landed(mode="pull-request", url="javascript:alert(1)"), "person": NASTY})
    text = page(night(bad))
    seen = Tags()
    seen.feed(text)
    assert not {"script", "img", "link", "iframe"} & set(seen.tags)
    assert all(link.startswith("#") for link in seen.links)
    assert "&lt;script&gt;" in text
    assert "\x1b" not in text and "\x00" not in text
    assert "default-src 'none'" in text


def test_the_page_links_to_the_pull_request() -> None:
    done = item("x", "verified", landed=Landed(mode="pull-request", url="https://github.com/o/n/pull/7"))
    assert '<a href="https://github.com/o/n/pull/7"' in page(night(done))


def test_the_timeline_shows_when_a_feature_was_worked() -> None:
    assert "left:11.11%;width:33.33%" in page(night(BAD))


def test_junit_has_a_case_for_each_task_and_none_is_lost() -> None:
    whole = night(BAD, item("b", "skipped", why="1 open point"), item("c", "error", why="broken"), item("d", "done"))
    root = ElementTree.fromstring(junit_xml(whole))
    cases = {(case.get("classname"), case.get("name", "")[:4]): case for case in root.iter("testcase")}
    assert cases["a<b>", "T001"].find("failure") is None
    assert cases["a<b>", "T002"].find("failure") is not None
    assert cases["b", "the "].find("skipped") is not None
    assert cases["c", "the "].find("error") is not None
    assert ("d", "the ") in cases
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("5", "1", "1", "1")


def test_markdown_keeps_foreign_text_in_its_cell() -> None:
    text = markdown(night(BAD))
    assert "<script" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| T002")]
    assert row.replace("\\|", "").count("|") == 4


def test_what_needs_a_person_names_the_task_and_the_reason() -> None:
    failed = TaskReport(id="T002", state="failed", why="NameError: prise")
    assert needs_person(item("x", "partly", report=report(GOOD, failed))) == "look at T002: NameError: prise"
    assert "gate: proceed" in needs_person(item("x", "skipped", why="2 open points"))
    assert needs_person(item("x", "budget", why="12 of 10 calls")) == ""
    stuck = item("x", "verified", landed=Landed(mode="push", branch="kfpilot/x", problem="rejected"))
    assert "kfpilot/x" in needs_person(stuck) and "rejected" in needs_person(stuck)


@pytest.mark.parametrize(
    ("items", "more", "code"),
    [
        ([item("a", "verified"), item("b", "done")], {}, 0),
        ([item("a", "verified"), item("b", "skipped")], {}, 1),
        ([item("a", "partly", exit_code=1)], {}, 1),
        ([item("a", "budget"), item("b", "partly")], {}, 3),
        ([item("a", "verified"), item("b", "pending")], {"state": "budget"}, 3),
        ([item("a", "error", exit_code=4), item("b", "done")], {}, 4),
        ([item("a", "error", exit_code=4), item("b", "verified", exit_code=0)], {}, 1),
        ([item("a", "interrupted")], {"state": "interrupted"}, 130),
        ([], {}, 0),
    ],
)
def test_the_exit_code_says_how_the_night_went(items: list[Item], more: dict[str, Any], code: int) -> None:
    assert exit_code_of(night(*items, **more)) == code


def test_slack_gets_no_command_from_a_task() -> None:
    text = slack_body(night(BAD.model_copy(update={"person": NASTY})))["text"]
    assert "<!channel>" not in text and "a&lt;b&gt;" in text
    assert plain_body(night(BAD))["features"][0]["state"] == "partly"


def test_parts_of_a_night_become_one() -> None:
    parts = [night(item("a", "verified"), started=5.0), night(item("b", "partly"), started=3.0, ended=9.0)]
    whole = gathered(parts)
    assert [part.entry.name for part in whole.items] == ["a", "b"]
    assert (whole.started, whole.exit_code) == (3.0, 1)


def test_five_fields_of_a_crontab_get_a_second() -> None:
    assert six_fields("0 22 * * *") == "0 0 22 * * *"
    assert six_fields("30 0 22 * * 1-5") == "30 0 22 * * 1-5"
    with pytest.raises(Exception, match="not the times"):
        six_fields("tonight")
