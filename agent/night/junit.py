"""The night as JUnit XML: a suite for each feature, a case for each task. CI services show it as they show tests."""

from __future__ import annotations

import time
from xml.etree import ElementTree

from ..reports.junit import TAGS, as_text, case_of, clean, count_cases
from .models import Item, Night

GOOD = ("verified", "done")


def junit_xml(night: Night) -> str:
    """The XML text."""
    root = ElementTree.Element("testsuites", name=f"kfpilot nightly {night.id}", time=f"{night.used.seconds:.3f}")
    totals = dict.fromkeys(("tests", *TAGS), 0)
    for item in night.items:
        suite = suite_of(item)
        for key in totals:
            totals[key] += int(suite.get(key, "0"))
        root.append(suite)
    for key, value in totals.items():
        root.set(key, str(value))
    return as_text(root)


def suite_of(item: Item) -> ElementTree.Element:
    """A feature. One that has no task to show has one case for itself, so that it is not lost."""
    suite = ElementTree.Element("testsuite", name=clean(item.entry.name), time=f"{item.used.seconds:.3f}")
    if item.started:
        suite.set("timestamp", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(item.started)))
    tasks = item.report.tasks if item.report else []
    for task in tasks:
        suite.append(case_of(item.entry.name, task))
    told = item.state not in GOOD and not any(task.state == "failed" for task in tasks)
    if not tasks or told:
        suite.append(whole_case(item))
    count_cases(suite)
    return suite


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
