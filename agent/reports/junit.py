"""`report.xml`: a run as JUnit XML, a case for each task. CI services show it as they show tests."""

from __future__ import annotations

import time
from xml.etree import ElementTree

from .models import Report, TaskReport


def junit_xml(report: Report) -> str:
    """The XML text: one suite, named as the feature."""
    root = ElementTree.Element("testsuites", name=clean(f"kfpilot run {report.run}"), time=f"{report.seconds:.3f}")
    suite = ElementTree.SubElement(
        root, "testsuite", name=clean(report.feature or report.run), time=f"{report.seconds:.3f}"
    )
    if report.started:
        suite.set("timestamp", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(report.started)))
    for task in report.tasks:
        suite.append(case_of(report.feature, task))
    if report.state != "verified" and not any(task.state == "failed" for task in report.tasks):
        # A run that broke off, or whose final check failed, must not look like one that passed.
        suite.append(whole_case(report))
    count_cases(suite)
    for key in ("tests", *TAGS):
        root.set(key, suite.get(key, "0"))
    return as_text(root)


TAGS = {"failures": "failure", "errors": "error", "skipped": "skipped"}
"""JUnit's figure -> the element that it counts."""


def case_of(feature: str, task: TaskReport) -> ElementTree.Element:
    """A task: verified passes, failed fails, all else is skipped with its reason."""
    case = ElementTree.Element(
        "testcase",
        classname=clean(feature),
        name=clean(f"{task.id} {task.title}".strip()),
        time=f"{task.seconds:.3f}",
    )
    if task.state == "failed":
        why = task.why or "not verified"
        body = "\n".join(line for gate in task.gates if not gate.passed for line in gate.failures) or why
        ElementTree.SubElement(case, "failure", message=clean(why), type="NotVerified").text = clean(body)
    elif task.state != "verified":
        ElementTree.SubElement(case, "skipped", message=clean(task.why or task.state))
    return case


def whole_case(report: Report) -> ElementTree.Element:
    """The run itself, where no task shows its outcome."""
    case = ElementTree.Element("testcase", classname=clean(report.feature), name="the run", time="0.000")
    why = clean(report.message or "; ".join(report.readiness.reasons) or report.state)
    kind = {"error": "error", "partly": "failure"}.get(report.state, "skipped")
    ElementTree.SubElement(case, kind, message=why)
    return case


def count_cases(suite: ElementTree.Element) -> None:
    """Set a suite's figures from its cases."""
    suite.set("tests", str(len(suite)))
    for key, tag in TAGS.items():
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))


def as_text(root: ElementTree.Element) -> str:
    """The document, indented."""
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def clean(text: str) -> str:
    """Text without the characters that XML cannot hold: a model or a test may have printed them."""
    return "".join(char for char in text if char in "\t\n\r" or (char >= " " and not "\ud800" <= char <= "\udfff"
                                                                 and char not in "\ufffe\uffff"))  # fmt: skip
