"""Infrastructure files: each is looked at by the checker made for its kind, all files of a kind at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from . import infra_programs, search
from .findings import Finding, Rule, in_order
from .infra_kubernetes import KUSTOMIZATIONS, kustomization_findings, manifest_findings, patches_of
from .infra_prometheus import (
    dashboard_findings,
    dashboard_of,
    embedded_findings,
    is_rule_file,
    rule_findings,
)
from .infra_schemas import SCHEMAS, actionlint_findings, schema_findings
from .text_checks import yaml_text_problems
from .yaml_lines import documents

RULES = (
    Rule(id="W01", name="ci-schema", summary="A workflow, action or other CI file does not fit its schema.",
         why="The service refuses the file, so nothing of it runs."),
    Rule(id="W02", name="actionlint", summary="actionlint finds an error in a GitHub workflow.",
         why="The workflow fails when it starts, or does something else than it says."),
    Rule(id="M01", name="manifest-schema", summary="A manifest does not fit the schema of its kind.",
         why="The API server refuses the object, or drops the field."),
    Rule(id="M02", name="manifest-kind", summary="Kubernetes has no such kind in this API version.",
         why="`kubectl apply` ends with: no matches for kind."),
    Rule(id="M03", name="selector", summary="The selector of a workload does not match its own pods.",
         why="The API server refuses the object."),
    Rule(id="M04", name="kustomization-files", summary="A kustomization names a file that is not there.",
         why="`kustomize build` ends with an error."),
    Rule(id="D01", name="dockerfile", summary="hadolint finds an error in a Dockerfile.",
         why="The image cannot be built, or is not what it looks like."),
    Rule(id="D02", name="copied-file", summary="A Dockerfile copies a file that the repository does not have.",
         severity="warning", why="The build fails, if nothing makes the file before."),
    Rule(id="P01", name="promql", summary="The expression of a rule is not PromQL.",
         why="Prometheus refuses the whole rule file, so no alert of it works."),
    Rule(id="P02", name="prometheus-rule", summary="A Prometheus rule lacks a part, or a part of it is malformed.",
         why="Prometheus refuses the whole rule file."),
    Rule(id="P03", name="dashboard-query", summary="A query of a dashboard is not PromQL.",
         why="The panel shows an error."),
    Rule(id="P04", name="dashboard-panels", summary="A dashboard has no panels.", why="Grafana shows an empty page."),
    Rule(id="Y01", name="yaml", summary="yamllint finds an error in a YAML file.",
         why="Readers of the file disagree on what it says, or cannot read it."),
    Rule(id="S01", name="shell", summary="bash cannot parse a shell script.", why="The script ends where it begins."),
)  # fmt: skip

YAML = (".yaml", ".yml")
DASHBOARD_FOLDERS = {"dashboards", "grafana", "monitoring", "observability"}


class InfraReport(BaseModel):
    """What was found in some files, and how many were looked at."""

    model_config = ConfigDict(extra="forbid")

    findings: list[Finding] = []
    not_verified: list[str] = []
    checked: dict[str, int] = Field(default={}, description="Kind -> number of files")


def kind_of(path: str) -> str | None:
    """What kind of infrastructure file a path is, by its name alone; None if it is none.

    Returns:
        workflow, action, dependabot, gitlab, kustomization, dockerfile, shell, yaml or dashboard.
    """
    pure = PurePosixPath(path)
    name = pure.name
    if re.fullmatch(r"\.github/workflows/[^/]+\.ya?ml", path):
        return "workflow"
    if name in ("action.yml", "action.yaml"):
        return "action"
    if path in (".github/dependabot.yml", ".github/dependabot.yaml"):
        return "dependabot"
    if name in (".gitlab-ci.yml", ".gitlab-ci.yaml"):
        return "gitlab"
    if name in KUSTOMIZATIONS:
        return "kustomization"
    if re.fullmatch(r"(?:.+\.)?(?:Dockerfile|Containerfile)|(?:Dockerfile|Containerfile)\.[\w-]+", name):
        return None if name.endswith((".j2", ".tmpl", ".md", ".template", ".dockerignore")) else "dockerfile"
    if pure.suffix in (".sh", ".bash"):
        return "shell"
    if pure.suffix in YAML:
        return "yaml"
    if pure.suffix == ".json" and (DASHBOARD_FOLDERS & set(pure.parts[:-1]) or "dashboard" in name.lower()):
        return "dashboard"
    return None


def infra_files(paths: Iterable[str]) -> list[str]:
    """Those of some paths that are looked at here."""
    return [path for path in paths if kind_of(path)]


def helm_template(root: Path, path: str) -> bool:
    """Whether a file is a template of a Helm chart."""
    return any(
        parent.name == "templates" and (parent.parent / "Chart.yaml").is_file() for parent in (root / path).parents
    )


def infra_report(root: Path, paths: Sequence[str], *, kubernetes_version: str | None = None) -> InfraReport:
    """Look at infrastructure files.

    Args:
        root: The repository.
        paths: Existing files, relative to it; those of other kinds are left out.
        kubernetes_version: The version of the cluster, such as "1.31"; the newest known one if it is not given.

    Raises:
        ToolFailure: A checker could not do its work.
    """
    kinds: dict[str, list[str]] = {}
    helm = []
    for path in paths:
        kind = kind_of(path)
        if kind and helm_template(root, path):
            helm.append(path)
        elif kind:
            kinds.setdefault(kind, []).append(path)
    report = InfraReport(checked={kind: len(items) for kind, items in sorted(kinds.items())})
    if helm:
        report.not_verified.append(f"Helm templates are not rendered: {', '.join(helm[:5])}")
    for kind in SCHEMAS:
        report.findings += schema_findings(root, kind, sound(root, kinds.get(kind, [])))
    for found, unseen in (
        actionlint_findings(root, kinds.get("workflow", [])),
        infra_programs.dockerfile_findings(root, kinds.get("dockerfile", [])),
        infra_programs.shell_findings(root, kinds.get("shell", [])),
    ):
        report.findings += found
        report.not_verified += unseen
    for path in kinds.get("dockerfile", []):
        report.findings += infra_programs.copied_findings(root, path)
    for path in kinds.get("dashboard", []):
        report.findings += json_dashboard(root, path)
    yaml_report(root, kinds, report, kubernetes_version)
    report.findings = in_order(report.findings)
    report.not_verified = list(dict.fromkeys(report.not_verified))
    return report


def sound(root: Path, paths: Sequence[str]) -> list[str]:
    """The files that parse; what does not parse is said once, by whoever checks plain YAML."""
    return [
        path for path in paths if not yaml_text_problems((root / path).read_text(encoding="utf-8", errors="replace"))
    ]


def json_dashboard(root: Path, path: str) -> list[Finding]:
    """What is wrong with a dashboard file."""
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    try:
        dashboard = dashboard_of(json.loads(text))
    except json.JSONDecodeError:
        return []  # Said by the check of JSON.
    return dashboard_findings(path, dashboard, text=text) if dashboard else []


def yaml_report(root: Path, kinds: dict[str, list[str]], report: InfraReport, version: str | None) -> None:
    """Manifests, kustomizations, rules and plain YAML, added to the report."""
    for path in kinds.get("kustomization", []):
        report.findings += kustomization_findings(root, path)
    all_yaml = [path for kind, items in kinds.items() if kind in ("yaml", "kustomization", *SCHEMAS) for path in items]
    plain = [path for path in all_yaml if not template_text(root, path)]
    report.not_verified += [f"{path}: a template, not looked at before it is filled in"
                            for path in all_yaml if path not in plain]  # fmt: skip
    if plain and not infra_programs.yamllint_installed():
        report.not_verified.append("YAML: yamllint is not installed")
    else:
        report.findings += infra_programs.yaml_findings(root, plain)
    candidates = [path for path in kinds.get("yaml", []) if path in plain]
    patches: set[str] | None = None
    for path in candidates:
        found = documents((root / path).read_text(encoding="utf-8", errors="replace"))
        for document in found:
            if is_rule_file(document):
                report.findings += rule_findings(path, document)
            report.findings += embedded_findings(path, document)
        if not any(isinstance(item.data, dict) and item.data.get("kind") for item in found):
            continue
        if patches is None:
            patches = patches_of(root, [name for name in search.files(root) if kind_of(name) == "kustomization"])
        if path in patches:
            report.not_verified.append(f"{path}: a patch of a kustomization, no whole object")
            continue
        problems, unknown = manifest_findings(root, path, version)
        report.findings += problems
        report.not_verified += unknown


def template_text(root: Path, path: str) -> bool:
    """Whether a YAML file is to be filled in by Jinja or Go templates first; the `${{` of workflows is none."""
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    if re.search(r"^\s*(\{\{-?|\{%)", text, re.M):
        return True
    # Values such as `name: {{ name }}` are no YAML; in quotes, or in a text of Prometheus, the braces mean nothing.
    return bool(re.search(r"^[^#\n'\"|>]*:\s+\{\{", text, re.M))
