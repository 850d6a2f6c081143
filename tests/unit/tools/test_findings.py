import json

from kfpilot.tools.findings import Finding, Rule, in_order, sarif

RULE = Rule(id="K01", name="own-names-only", summary="A component uses a name of its module.", why="NameError.")
POLICY = Rule(id="K11", name="limits", summary="A step has no limits.", severity="warning", default=False)


def finding(line: int, rule: str = "K01") -> Finding:
    return Finding(rule=rule, path="pipelines/a.py", line=line, column=5, message="uses `os`")


def test_a_finding_reads_like_a_line_of_ruff() -> None:
    assert str(finding(3)) == "pipelines/a.py:3:5: K01 uses `os`"


def test_findings_are_sorted_by_place_and_each_is_said_once() -> None:
    assert [item.line for item in in_order([finding(9), finding(3), finding(9)])] == [3, 9]


def test_sarif_names_rules_places_and_levels() -> None:
    found = [finding(3), finding(4, "K11").model_copy(update={"severity": "warning"})]
    log = json.loads(sarif(found, [RULE, POLICY], version="1.2"))
    run = log["runs"][0]
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["K01", "K11"]
    assert [(item["ruleId"], item["ruleIndex"], item["level"]) for item in run["results"]] == [
        ("K01", 0, "error"),
        ("K11", 1, "warning"),
    ]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "pipelines/a.py"
    assert place["region"] == {"startLine": 3, "startColumn": 5}
