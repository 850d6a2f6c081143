"""Each check of an infrastructure file: a good sample is left alone, its bad twin is named with its line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.tools.findings import Finding
from kfpilot.tools.infra_checks import InfraReport, infra_report, kind_of

ROOT = Path(__file__).parents[3]
WORKFLOW = """\
name: Tests
on:
  push:
    branches: [main]
jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - run: echo ${{ github.sha }}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: report
  annotations:
    opens: 12:30
    since: 2026-01-01
spec:
  replicas: 2
  selector:
    matchLabels: {app: report}
  template:
    metadata:
      labels: {app: report}
    spec:
      containers:
        - name: report
          image: example.com/report:1
          env:
            - name: LIMIT
              value: "3"
          resources:
            limits: {cpu: 1, memory: 1Gi}
"""
RULE = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: pipelines
spec:
  groups:
    - name: runs
      rules:
        - alert: RunsFail
          expr: sum by (namespace) (rate(argo_workflows_count{status="Failed"}[5m])) > 0
          for: 10m
          annotations:
            summary: "{{ $labels.namespace }}: {{ $value }} runs fail"
        - record: runs:p90
          expr: histogram_quantile(0.9, sum by (le) (rate(run_seconds_bucket[5m])))
"""
PLAIN_RULES = """\
groups:
  - name: runs
    rules:
      - alert: Down
        expr: up == 0
"""
DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY main.py .
USER 1000
CMD ["python", "main.py"]
"""
KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deploy.yaml
  - https://example.com/more.yaml
  - github.com/kubeflow/pipelines//manifests/kustomize/env/dev?ref=2.4.0
patches:
  - path: patch.yaml
configMapGenerator:
  - name: settings
    files: [settings.json=data/settings.json]
"""


def dashboard(expression: str, **panel: Any) -> str:
    source = {"type": "prometheus", "uid": "${source}"}
    panels = [{"title": "Runs", "datasource": source, "targets": [{"expr": expression}], **panel}]
    return json.dumps({"title": "Runs", "schemaVersion": 39, "panels": panels}, indent=2)


Look = Callable[[dict[str, str]], InfraReport]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def write(files: dict[str, str]) -> InfraReport:
        for path, text in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return infra_report(tmp_path, [path for path in files if kind_of(path)])

    return write


def errors(report: InfraReport) -> list[Finding]:
    return [item for item in report.findings if item.severity == "error"]


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


TWINS = [
    pytest.param(".github/workflows/a.yml", WORKFLOW, ("minutes: 10", "minutes: many"), ["W01"], 8, "timeout-minutes",
                 id="workflow-type"),
    pytest.param(".github/workflows/a.yml", WORKFLOW, ("branches", "brnches"), ["W01"], 4, "brnches",
                 id="workflow-event-key"),
    pytest.param(".github/workflows/a.yml", WORKFLOW, ("run: echo ${{ github.sha }}", "run: [echo]"), ["W01"], 13,
                 "steps[1].run", id="workflow-run"),
    pytest.param("deploy.yaml", DEPLOYMENT, ("replicas: 2", 'replicas: "2"'), ["M01"], 9, "take the quotes away",
                 id="manifest-type"),
    pytest.param("deploy.yaml", DEPLOYMENT, ('value: "3"', "value: 3"), ["M01"], 21, "put it in quotes",
                 id="manifest-env-number"),
    pytest.param("deploy.yaml", DEPLOYMENT, ("image:", "imagee:"), ["M01"], 17, "`image`", id="manifest-field"),
    pytest.param("deploy.yaml", DEPLOYMENT, ("kind: Deployment", "kind: Deploymnt"), ["M02"], 2, "no kind Deploymnt",
                 id="manifest-kind"),
    pytest.param("deploy.yaml", DEPLOYMENT, ("apps/v1", "extensions/v1beta1"), ["M02"], 2, "extensions/v1beta1",
                 id="manifest-removed-version"),
    pytest.param("deploy.yaml", DEPLOYMENT, ("labels: {app: report}", "labels: {app: other}"), ["M03"], 11,
                 "selector wants the label app", id="manifest-selector"),
    pytest.param("rules/a.yaml", RULE, ("[5m])) > 0", "[5m]) > 0"), ["P01"], 10, "RunsFail", id="promql-parenthesis"),
    pytest.param("rules/a.yaml", RULE, ("histogram_quantile", "histgram_quantile"), ["P01"], 15,
                 "`histogram_quantile`", id="promql-function"),
    pytest.param("rules/a.yaml", RULE, ("_bucket[5m]", "_bucket"), ["P01"], 15, "runs:p90", id="promql-no-range"),
    pytest.param("rules/a.yaml", RULE, ("for: 10m", "for: 10 minutes"), ["P02"], 11, "no duration", id="rule-duration"),
    pytest.param("rules/a.yaml", RULE, ("{{ $value }}", "{{ $value }"), ["P02"], 13, "annotations.summary",
                 id="rule-braces"),
    pytest.param("rules/a.yaml", RULE, ("- record: runs:p90\n          expr:", "- record: runs:p90\n          exp:"),
                 ["P02"], 14, "`expr` is missing", id="rule-without-expr"),
    pytest.param("rules.yml", PLAIN_RULES, ("up == 0", "up = 0"), ["P01"], 5, "Down", id="plain-rules"),
    pytest.param("a.Dockerfile", DOCKERFILE, ("WORKDIR /app", "WORKDIR app"), ["D01"], 2, "WORKDIR", id="dockerfile"),
    pytest.param("values.yaml", "low: 1\nhigh: 2\n", ("high", "low"), ["Y01"], 2, "duplication", id="yaml-twice"),
    pytest.param("run.sh", "if true; then\n  echo a\nfi\n", ("fi\n", ""), ["S01"], 3, "bash cannot parse", id="shell"),
    pytest.param("dashboards/a.json", dashboard("sum(rate(runs[$__rate_interval]))"), ("sum(", "sum(("), ["P03"], 13,
                 "panel Runs", id="dashboard-query"),
    pytest.param("dashboards/a.json", dashboard("up"), ('"targets"', '"aims"'), [], 0, "", id="panel-without-query"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "good", "change", "rules", "line", "words"), TWINS)
def test_good_is_left_alone_and_its_bad_twin_is_named(
    look: Look, path: str, good: str, change: tuple[str, str], rules: list[str], line: int, words: str
) -> None:
    around = {"main.py": "", "patch.yaml": ""}
    assert errors(look({**around, path: good})) == []
    found = errors(look({**around, path: changed(good, *change)}))
    assert [item.rule for item in found] == rules
    for item in found:
        assert (item.path, item.line) == (path, line)
        assert words in item.message


def test_a_kustomization_names_only_what_is_there(look: Look) -> None:
    files = {"k/kustomization.yaml": KUSTOMIZATION, "k/deploy.yaml": DEPLOYMENT, "k/data/settings.json": "{}"}
    patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: report}\nspec: {replicas: 3}\n"
    report = look({**files, "k/patch.yaml": patch})
    assert errors(report) == []
    assert any("k/patch.yaml" in line and "patch" in line for line in report.not_verified)
    broken = changed(KUSTOMIZATION, "deploy.yaml", "depoy.yaml")
    broken = changed(broken, "data/settings.json", "data/none.json")
    found = errors(look({"k/kustomization.yaml": broken}))
    assert [(item.rule, item.line) for item in found] == [("M04", 4), ("M04", 11)]
    assert "`deploy.yaml`" in found[0].message


def test_a_folder_in_a_kustomization_needs_one_of_its_own(look: Look) -> None:
    text = "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nresources: [base]\n"
    assert [item.rule for item in errors(look({"kustomization.yaml": text, "base/a.yaml": "a: 1\n"}))] == ["M04"]
    assert errors(look({"base/kustomization.yaml": "resources: [a.yaml]\n", "kustomization.yaml": text})) == []


@pytest.mark.parametrize(
    "expression",
    [
        'topk($n, sum by ($label) (rate(${metric}_total{job=~"$job"}[$__range])))',
        "increase(runs[$__interval] offset $shift)",
        "avg_over_time(up[$__range:$step]) / $__range_s",
        'runs{namespace="[[namespace]]"}',
        'label_replace(up, "a", "$1", "b", "(.*)")',
    ],
)
def test_variables_of_a_dashboard_may_stand_for_anything(look: Look, expression: str) -> None:
    assert look({"dashboards/a.json": dashboard(expression)}).findings == []


def test_queries_for_other_databases_are_left_alone(look: Look) -> None:
    loki = {"datasource": {"type": "loki", "uid": "l"}}
    assert look({"grafana/a.json": dashboard('{app="x"} |= "error"', **loki)}).findings == []
    unknown = look({"grafana/a.json": dashboard('{app="x"} |= "error"', datasource=None)}).findings
    assert [item.severity for item in unknown] == ["warning"]


def test_a_dashboard_without_panels_shows_nothing(look: Look) -> None:
    text = json.dumps({"title": "Runs", "schemaVersion": 39, "panels": [{"type": "row", "panels": []}]})
    assert [item.rule for item in errors(look({"dashboards/a.json": text}))] == ["P04"]
    assert look({"dashboards/package.json": '{"name": "x"}'}).findings == []


def test_a_dashboard_in_a_config_map_is_looked_at(look: Look) -> None:
    inner = dashboard("sum(up")
    block = "\n".join("    " + line for line in inner.splitlines())
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\ndata:\n  runs.json: |-\n{block}\n"
    found = errors(look({"deploy/d.yaml": text}))
    assert [(item.rule, item.line) for item in found] == [("P03", 6)]
    assert "runs.json" in found[0].message


def test_rules_in_a_config_map_are_looked_at(look: Look) -> None:
    block = "".join("    " + line for line in changed(PLAIN_RULES, "up == 0", "up = 0").splitlines(keepends=True))
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\ndata:\n  runs.yaml: |\n{block}"
    assert [(item.rule, item.line) for item in errors(look({"deploy/d.yaml": text}))] == [("P01", 11)]


def test_what_is_filled_in_later_is_not_judged(look: Look) -> None:
    report = look(
        {
            "deploy.yaml": changed(DEPLOYMENT, "replicas: 2", "replicas: ${REPLICAS}"),
            "chart/Chart.yaml": "apiVersion: v2\nname: x\nversion: 0.1.0\n",
            "chart/templates/d.yaml": "kind: {{ .Values.kind }}\n",
            "job.yaml": "a: 1\n{% if x %}\nb: 2\n{% endif %}\n",
        }
    )
    assert errors(report) == []
    assert any("Helm templates" in line and "chart/templates/d.yaml" in line for line in report.not_verified)
    assert any(line.startswith("job.yaml: a template") for line in report.not_verified)


def test_kinds_of_operators_are_told_and_not_failed(look: Look) -> None:
    text = "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a}\nspec: {x: 1}\n"
    report = look({"isvc.yaml": text})
    assert report.findings == []
    assert any("InferenceService" in line for line in report.not_verified)


def test_compiled_pipelines_are_no_manifests(look: Look) -> None:
    text = "# PIPELINE DEFINITION\npipelineInfo:\n  name: p\nroot: {}\nschemaVersion: 2.1.0\n---\nplatforms: {}\n"
    assert look({"pipeline.yaml": text}).findings == []


def test_a_secret_of_the_wrong_type_is_refused_without_its_value(look: Look) -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  pin: 918273\n"
    found = errors(look({"s.yaml": text}))
    assert [item.rule for item in found] == ["M01"]
    assert "918273" not in found[0].message


def test_copied_files_that_are_nowhere_are_told(look: Look) -> None:
    report = look(
        {"Dockerfile": changed(DOCKERFILE, "main.py .", "mian.py /app/\nCOPY --from=x /a /b\nCOPY dist/*.whl .")}
    )
    assert [item.severity for item in report.findings if item.rule == "D02"] == ["warning"]
    assert errors(report) == []


def test_one_dockerfile_that_ends_hadolint_hides_no_other(look: Look) -> None:
    bad = changed(DOCKERFILE, "WORKDIR /app", "WORKDIR app")
    # hadolint 2.15 breaks off at a folder of one letter.
    report = look({"main.py": "", "a.Dockerfile": "FROM x:1\nWORKDIR a\n", "b.Dockerfile": bad, "c.Dockerfile": ""})
    assert [item.path for item in errors(report)] == ["b.Dockerfile"]
    assert [line.partition(":")[0] for line in report.not_verified] == ["a.Dockerfile"]


def test_malformed_files_end_no_check(look: Look) -> None:
    lines = [f"  a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]\n" for number in range(1, 9)]
    bomb = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a0: &a0 [x, x, x]\n" + "".join(lines)
    rule = "groups: [{rules: [1, {alert: a, expr: 'x offset inf'}]}, 2]\n"
    report = look(
        {
            "bomb.yaml": bomb,
            "itself.yaml": "kind: &a [*a]\n",
            "kind.yaml": "apiVersion: 1\nkind: [a]\nspec: 3\n",
            "pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: []\nspec: 3\n",
            "rule.yaml": rule,
            "-x y/ü.yaml": "a: 1\na: 2\n",
            "kustomization.yaml": "resources: 3\n",
            "dashboards/a.json": '{"schemaVersion": 1, "panels": [1, {"targets": [1, {"expr": 3}]}, {"panels": {}}]}',
            "dashboards/b.json": "[1",
            "x.sh": "\0\n",
        }
    )
    assert {item.path for item in errors(report)} == {"pod.yaml", "-x y/ü.yaml"}
    assert [item.path for item in report.findings if item.severity == "warning"] == ["rule.yaml"]


def test_a_repository_has_its_own_rules_for_yaml(look: Look) -> None:
    rules = "extends: relaxed\nrules:\n  line-length: {max: 20, level: error, allow-non-breakable-words: false}\n"
    report = look({".yamllint": rules, "a.yaml": "text: a line that is too long\n"})
    assert [item.rule for item in errors(report)] == ["Y01"]


def test_actionlint_says_what_the_schema_cannot(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = look({".github/workflows/a.yml": WORKFLOW})
    assert "actionlint is not installed" in " ".join(report.not_verified)
    program = tmp_path / "bin" / "actionlint"
    program.parent.mkdir()
    said = [
        {"message": "undefined variable", "filepath": ".github/workflows/a.yml", "line": 13, "column": 9,
         "kind": "expression"},
        {"message": "old action", "filepath": ".github/workflows/a.yml", "line": 10, "column": 9, "kind": "action"},
    ]  # fmt: skip
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(said)}\nEND\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    report = look({".github/workflows/a.yml": WORKFLOW})
    assert [(item.rule, item.line, item.severity) for item in report.findings] == [
        ("W02", 10, "warning"),
        ("W02", 13, "error"),
    ]
    assert report.not_verified == []


def test_other_ci_files_have_schemas_too(look: Look) -> None:
    files = {
        ".github/dependabot.yml": "version: 2\nupdates:\n  - package-ecosystem: pip\n    directory: /\n",
        ".gitlab-ci.yml": "test:\n  scrpt: [pytest]\n",
        "action.yml": "name: A\ndescription: B\nruns:\n  using: composite\n",
    }
    assert {item.path for item in errors(look(files)) if item.rule == "W01"} == set(files)


def test_a_github_workflow_in_the_place_of_gitlabs_is_told_as_one(look: Look) -> None:
    (found,) = errors(look({".gitlab-ci.yml": WORKFLOW}))
    assert "this is a GitHub workflow" in found.message and "`script`" in found.message
    (found,) = errors(look({".gitlab-ci.yml": "name: Pipelines\n"}))
    assert "name: the value is not of type 'object'" in found.message


@pytest.mark.parametrize(
    ("path", "recipe"), [(".github/workflows/a.yml", "ci_workflow.yml"), (".gitlab-ci.yml", "gitlab_ci.yml")]
)
def test_the_recipes_fit_the_schema(look: Look, path: str, recipe: str) -> None:
    text = (ROOT / "prompts/cookbook" / recipe).read_text(encoding="utf-8")
    assert look({path: text}).findings == []
