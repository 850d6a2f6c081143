"""Which files the checks of infrastructure look at; what this project ships passes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.tools.infra_checks import RULES, infra_report, kind_of

ROOT = Path(__file__).parents[3]


def test_the_version_of_kubernetes_is_the_users(tmp_path: Path) -> None:
    text = "apiVersion: resource.k8s.io/v1\nkind: ResourceClaim\nmetadata: {name: a}\nspec: {}\n"
    text += "---\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n"
    (tmp_path / "a.yaml").write_text(text)
    newest = infra_report(tmp_path, ["a.yaml"]).findings
    # Of 1.25 on, policy/v1beta1 is gone; schemas of older versions are not carried.
    assert [item.rule for item in newest] == ["M02"]
    assert "Kubernetes 1.30" in infra_report(tmp_path, ["a.yaml"], kubernetes_version="v1.30").findings[0].message


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (".github/workflows/a.yaml", "workflow"),
        ("action.yml", "action"),
        (".github/dependabot.yml", "dependabot"),
        (".gitlab-ci.yml", "gitlab"),
        ("k/kustomization.yaml", "kustomization"),
        ("Dockerfile.dev", "dockerfile"),
        ("docker/train.Dockerfile", "dockerfile"),
        ("Dockerfile.j2", None),
        ("docs/dockerfile.md", None),
        ("a/b.yml", "yaml"),
        ("a.json", None),
        ("grafana/a.json", "dashboard"),
        ("a.py", None),
    ],
)
def test_the_kind_follows_from_the_name(path: str, kind: str | None) -> None:
    assert kind_of(path) == kind


def test_what_this_project_ships_passes() -> None:
    """The recipes and the example are copied by people and models, so they must pass what is asked of others."""
    paths = [
        path.relative_to(ROOT).as_posix()
        for folder in ("prompts/cookbook", "examples", ".github")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and kind_of(path.relative_to(ROOT).as_posix())
    ]
    assert len(paths) >= 2
    report = infra_report(ROOT, paths)
    assert [str(item) for item in report.findings] == []


def test_every_rule_says_what_it_leads_to() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.summary and rule.why for rule in RULES)
