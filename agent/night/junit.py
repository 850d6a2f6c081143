"""The night as JUnit XML: a suite for each feature, a case for each task. CI services show it as they show tests."""

from __future__ import annotations

import time
from xml.etree import ElementTree

from ..reports.models import TaskReport
from .models import Item, Night

GOOD = ("verified", "done")


def junit_xml(night: Night) -> str:
    """The XML text."""
    root = ElementTree.Element("testsuites", name=f"kfpilot nightly {night.id}", time=f"{night.used.seconds:.3f}")
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for item in night.items:
        suite = suite_of(item)
        for key in totals:
            totals[key] += int(suite.get(key, "0"))
        root.append(suite)
    for key, value in totals.items():
        root.set(key, str(value))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def suite_of(item: Item) -> ElementTree.Element:
    """A feature. One that has no task to show has one case for itself, so that it is not lost."""
    suite = ElementTree.Element("testsuite", name=clean(item.entry.name), time=f"{item.used.seconds:.3f}")
    if item.started:
        suite.set("timestamp", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(item.started)))
    tasks = item.report.tasks if item.report else []
    for task in tasks:
        suite.append(case_of(item, task))
    told = item.state not in GOOD and not any(task.state == "failed" for task in tasks)
    if not tasks or told:
        suite.append(whole_case(item))
    suite.set("tests", str(len(suite)))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    return suite


def case_of(item: Item, task: TaskReport) -> ElementTree.Element:
    """A task: verified passes, failed fails, all else is skipped with its reason."""
    case = ElementTree.Element(
        "testcase",
        classname=clean(item.entry.name),
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


def whole_case(item: Item) -> ElementTree.Element:
    """The feature itself, where no task shows its outcome."""
    case = ElementTree.Element("testcase", classname=clean(item.entry.name), name="the feature", time="0.000")
    why = clean(item.why or item.person or item.state)
    if item.state == "error":
        ElementTree.SubElement(case, "error", message=why, type="Error").text = why
    elif item.state == "partly":
        ElementTree.SubElement(case, "failure", message=why, type="NotVerified").text = why
    elif item.state not in GOOD:
        ElementTree.SubElement(case, "skipped", message=why)
    return case


def clean(text: str) -> str:
    """Text without the characters that XML cannot hold: a model or a test may have printed them."""
    return "".join(char for char in text if char in "\t\n\r" or (char >= " " and not "\ud800" <= char <= "\udfff"
                                                                 and char not in "\ufffe\uffff"))  # fmt: skip
