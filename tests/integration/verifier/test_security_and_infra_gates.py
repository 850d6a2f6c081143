"""The gates security, infra and docs_run on a real repository, through `verify`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench
from kfpilot.agent.verifier.context import GateContext
from kfpilot.agent.verifier.models import GateResult, Verdict
from kfpilot.agent.verifier.verify import verify
from kfpilot.tools import git

TOKEN = "gh" + "p_" + "wWPw5k4aXcaT4fNP" + "0UcnZwJUVFk6LO0pINUx"
PASSWORD = "Zx9" + "kQ2m" + "Lw7"
CODE = "- [ ] T001 Create `double(price)` in shop/double.py"
TESTS = "- [ ] T001 Test `single` in tests/test_more.py"
DOCS = "- [ ] T001 Describe the prices in docs/prices.md"
INFRA = "- [ ] T001 Add the manifest deploy/settings.yaml"
MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: prices\ndata:\n  LOW: '1'\n"

Judge = Callable[..., Verdict]


@pytest.fixture
def judge(make_repository: Callable[..., Path], tmp_path: Path) -> Iterator[Judge]:
    """Make changes in a worktree of a small repository and let the gates judge them."""
    benches: list[Bench] = []

    def make(
        task: str,
        changes: Mapping[str, str | None],
        *gates: str,
        files: Mapping[str, str] | None = None,
        **more: object,
    ) -> Verdict:
        root = make_repository(task, files)
        repo = git.open_repo(root)
        worktree = git.add_worktree(repo, tmp_path / "worktree", git.head(repo))
        feature = load_feature(worktree / "specs/001-prices", worktree)
        benches.append(Bench(root, Settings(python=Path(sys.executable), **more)))  # type: ignore[arg-type]
        for path, content in changes.items():
            file = worktree / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink() if content is None else file.write_text(content, encoding="utf-8")
        planned = build_plan(feature).tasks[0].model_copy(update={"gates": list(gates) or ["scope"]})
        ctx = GateContext(
            task=planned, feature=feature, worktree=worktree, base=git.head(repo), bench=benches[-1]
        )  # fmt: skip
        return verify(ctx, all_gates=True)

    yield make
    for bench in benches:
        bench.close()


def gate(verdict: Verdict, name: str) -> GateResult:
    return next(done for done in verdict.gates if done.gate == name)


@pytest.mark.parametrize(
    ("task", "path", "text"),
    [
        (CODE, "shop/double.py", f'TOKEN = "{TOKEN}"\n'),
        (TESTS, "tests/test_more.py", f'def test_a():\n    assert "{TOKEN}"\n'),
        (DOCS, "docs/prices.md", f"# Prices\n\n    export TOKEN={TOKEN}\n"),
        (INFRA, "deploy/settings.yaml", MANIFEST + f"  TOKEN: {TOKEN}\n"),
        (INFRA, ".env", "LOW=1\n"),
    ],
    ids=["code", "tests", "docs", "infra", "env"],
)
def test_no_task_of_any_role_is_verified_with_a_secret(judge: Judge, task: str, path: str, text: str) -> None:
    verdict = judge(task, {path: text})
    assert not verdict.passed
    security = gate(verdict, "security")
    assert security.failures and security.failures[0].startswith(f"{path}:")
    assert TOKEN not in verdict.model_dump_json()


def test_attributes_of_git_hide_no_line(judge: Judge) -> None:
    hidden = {".gitattributes": "*.py -diff\n*.yaml binary\n", "shop/double.py": f'TOKEN = "{TOKEN}"\n'}
    assert gate(judge(CODE, hidden), "security").failures[0].startswith("shop/double.py:1: SEC01")


def test_a_risky_call_of_the_task_is_refused_and_an_old_one_is_not(judge: Judge) -> None:
    old = "def single(price):\n    return eval(price)\n"
    verdict = judge(CODE, {"shop/old.py": old + "\n\ndef more(x):\n    return exec(x)\n"}, files={"shop/old.py": old})
    assert [line.partition(" ")[0] for line in gate(verdict, "security").failures] == ["shop/old.py:6:"]
    assert "B102" in verdict.feedback()


def test_a_password_that_moves_to_another_file_is_not_this_tasks(judge: Judge) -> None:
    text = f'password = "{PASSWORD}"\n'
    verdict = judge(CODE, {"shop/a.py": None, "shop/b.py": text}, files={"shop/a.py": text})
    assert gate(verdict, "security").passed


def test_a_new_list_of_packages_is_pinned(judge: Judge) -> None:
    verdict = judge(INFRA, {"requirements.txt": "kfp\n"})
    assert "DEP01" in gate(verdict, "security").failures[0]
    old = judge(INFRA, {"requirements.txt": "kfp\npandas\n"}, files={"requirements.txt": "kfp\n"})
    assert gate(old, "security").passed


def test_a_good_manifest_passes_and_a_bad_one_is_named(judge: Judge) -> None:
    good = judge(INFRA, {"deploy/settings.yaml": MANIFEST}, "config", "infra")
    assert good.passed, good.feedback()
    assert gate(good, "infra").counts == {"yaml": 1}


def test_whoever_changes_a_manifest_is_judged_by_infra(judge: Judge) -> None:
    verdict = judge(CODE, {"shop/component.yaml": MANIFEST.replace("'1'", "1")})
    (failure,) = gate(verdict, "infra").failures
    assert failure.startswith("shop/component.yaml:6: M01 ConfigMap prices: data.LOW")


def test_what_was_wrong_before_is_told_and_not_failed(judge: Judge) -> None:
    old = MANIFEST.replace("'1'", "1")
    verdict = judge(INFRA, {"deploy/settings.yaml": old + "  HIGH: '2'\n"}, files={"deploy/settings.yaml": old})
    infra = gate(verdict, "infra")
    assert infra.passed
    assert "was so before" in infra.warnings[0]


def test_a_second_fault_of_the_same_kind_is_the_tasks(judge: Judge) -> None:
    head = "groups:\n- name: a\n  rules:\n  - {alert: A, expr: 'up ='}\n"
    more = "  - {alert: B, expr: 'up ='}\n"
    verdict = judge(INFRA, {"rules.yaml": head + more}, files={"rules.yaml": head})
    infra = gate(verdict, "infra")
    assert [line.partition(":")[2].partition(":")[0] for line in infra.failures] == ["5"]
    assert len(infra.warnings) == 1


def test_broken_yaml_is_said_once(judge: Judge) -> None:
    verdict = judge(INFRA, {"deploy/settings.yaml": "a: [\n"})
    assert [done.gate for done in verdict.gates if not done.passed] == ["config"]


def test_kubernetes_of_the_users_version(judge: Judge) -> None:
    text = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\n"
    verdict = judge(INFRA, {"deploy/settings.yaml": text}, kubernetes_version="1.30")
    assert "Kubernetes 1.30" in gate(verdict, "infra").failures[0]


PAGE = (
    "# Prices\n\n<!-- kfpilot: run -->\n```python\nfrom shop.price import single\nassert single(2) == {answer}\n```\n"
)


@pytest.mark.parametrize(("answer", "passed"), [(2, True), (3, False)])
def test_marked_examples_of_changed_pages_run(judge: Judge, answer: int, passed: bool) -> None:
    code = "def single(price):\n    return price\n"
    verdict = judge(DOCS, {"docs/prices.md": PAGE.format(answer=answer)}, "docs", files={"shop/price.py": code})
    done = gate(verdict, "docs_run")
    assert done.passed is passed, verdict.feedback()
    assert done.counts == {"run": 1}
    if not passed:
        assert done.failures[0].startswith("docs/prices.md:6: the example fails: AssertionError")


def test_pages_without_examples_need_no_run(judge: Judge) -> None:
    verdict = judge(DOCS, {"docs/prices.md": "# Prices\n\n```python\nprint(1)\n```\n"}, "docs")
    assert "docs_run" not in [done.gate for done in verdict.gates]
    assert verdict.passed, verdict.feedback()


def test_doctests_must_say_what_the_code_gives(judge: Judge) -> None:
    text = "# Prices\n\n```python\n>>> 1 + 1\n3\n```\n\n```python\n>>> client.list_runs()\n[]\n```\n"
    done = gate(judge(DOCS, {"docs/prices.md": text}, "docs"), "docs_run")
    assert [line.partition(" ")[0] for line in done.failures] == ["docs/prices.md:4:"]
    assert "could not be run" in done.warnings[0]
