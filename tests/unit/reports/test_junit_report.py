"""report.xml: what a CI service shows of a run."""

from __future__ import annotations

from xml.etree import ElementTree

from kfpilot.agent import events as ev
from kfpilot.agent.reports.junit import junit_xml
from kfpilot.agent.reports.models import Report, TaskReport
from kfpilot.agent.reports.summarise import summarise


def cases(text: str) -> dict[str, str]:
    """Name of a case -> passed, or the tag that says otherwise."""
    suite = ElementTree.fromstring(text)[0]
    return {case.get("name", ""): case[0].tag if len(case) else "passed" for case in suite}


def test_verified_passes_failed_fails_the_rest_is_skipped(mixed):
    text = junit_xml(summarise(mixed.path))
    root = ElementTree.fromstring(text)

    assert {name.split()[0]: outcome for name, outcome in cases(text).items()} == {
        "T001": "passed",
        "T002": "failure",
        "T003": "skipped",
    }
    for element in (root, root[0]):
        assert [element.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["3", "1", "0", "1"]
    assert root[0].get("name") == "001-late-orders"
    failure = root[0].find("testcase/failure")
    assert failure is not None and failure.get("message") and failure.text


def test_a_run_that_broke_off_does_not_look_like_one_that_passed(recorder):
    recorder.start()
    recorder.add(ev.RunFinished(outcome="error", exit_code=4, branch="b", message="the endpoint is gone"))

    text = junit_xml(summarise(recorder.path))

    assert cases(text) == {"the run": "error"}
    assert "the endpoint is gone" in text


def test_a_failed_final_check_is_a_failure():
    report = Report(run="r", feature="f", state="partly", tasks=[TaskReport(id="T1", state="verified")])
    report.readiness.reasons = ["the final check failed"]

    assert cases(junit_xml(report)) == {"T1": "passed", "the run": "failure"}


def test_what_xml_cannot_hold_is_left_out():
    task = TaskReport(id="T1", title="a\x1b[31m\ud800<b>", state="failed", why="\x00 & ]]>")

    case = ElementTree.fromstring(junit_xml(Report(run="r", feature="f\x07", state="partly", tasks=[task])))[0][0]

    assert case.get("name") == "T1 a[31m<b>"
    assert case[0].get("message", "").strip() == "& ]]>"
