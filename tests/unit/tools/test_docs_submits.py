"""Runs that a page starts with KFP's client are given inputs that the pipeline has, and all that it needs."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from kfpilot.tools.text_checks import markdown_problems

MODULE = """\
from kfp import compiler, dsl
from kfp.dsl import Dataset, Output


@dsl.pipeline(name="daily")
def daily(day: str, limit: int = 3) -> None:
    pass


@dsl.component
def make(rows: int, out: Output[Dataset]) -> None:
    pass


if __name__ == "__main__":
    compiler.Compiler().compile(daily, "build/daily.yaml")
    compiler.Compiler().compile(pipeline_func=daily, package_path=__file__.replace(".py", ".yaml"))
"""
COMPILED = """\
root:
  inputDefinitions:
    parameters:
      since: {parameterType: STRING}
      top: {parameterType: NUMBER_INTEGER, defaultValue: 3.0}
      note: {parameterType: STRING, isOptional: true}
---
platforms: {}
"""
NO_INPUT = "line 6: `daily` has no input `dya`; it has `day`, `limit`."
NEEDED = "needs the input `day`, which has no default; give it in `arguments`."


def said(root: Path, code: str, *, first: str = "from shop.daily import daily", shell: str = "") -> list[str]:
    (root / "shop").mkdir(exist_ok=True)
    (root / "shop" / "__init__.py").touch()
    (root / "shop" / "daily.py").write_text(MODULE)
    (root / "weekly.yaml").write_text(COMPILED)
    page = f"# Page\n\n```python\n{first}\n\n{textwrap.dedent(code).strip()}\n```\n\n```bash\n{shell}\n```\n"
    (root / "page.md").write_text(page)
    return markdown_problems(root, "page.md")


def test_a_key_that_is_no_input_is_found(tmp_path: Path) -> None:
    code = 'client.create_run_from_pipeline_func(daily, arguments={"day": "x", "dya": "2026-01-01"})'
    assert said(tmp_path, code) == [NO_INPUT]


def test_an_input_that_is_missing_is_found(tmp_path: Path) -> None:
    code = 'client.create_run_from_pipeline_func(daily, arguments={"limit": 2})'
    assert said(tmp_path, code) == [f"line 6: `daily` {NEEDED}"]
    assert said(tmp_path, "client.create_run_from_pipeline_func(daily)") == [f"line 6: `daily` {NEEDED}"]


@pytest.mark.parametrize(
    ("first", "function"),
    [
        ("from shop import daily", "daily.daily"),
        ("import shop.daily", "shop.daily.daily"),
        ("import shop.daily as d", "d.daily"),
        ("from shop.daily import daily as run_me", "run_me"),
    ],
)
def test_a_pipeline_is_known_however_it_is_imported(tmp_path: Path, first: str, function: str) -> None:
    code = f'client.create_run_from_pipeline_func({function}, {{"day": "x", "dya": 1}})'
    assert said(tmp_path, code, first=first) == [NO_INPUT]


def test_a_pipeline_of_the_page_itself_is_known(tmp_path: Path) -> None:
    code = """
        @dsl.pipeline
        def own(day: str):
            pass
        client.create_run_from_pipeline_func(own, arguments={"days": "x"})
    """
    assert said(tmp_path, code, first="from kfp import dsl") == [
        "line 9: `own` has no input `days`; it has `day`. Near: `day`.",
        f"line 9: `own` {NEEDED}",
    ]


@pytest.mark.parametrize(
    "package", ['"build/daily.yaml"', '"./build/daily.yaml"', '"shop/daily.yaml"', 'Path("build") / "x"', "name"]
)
def test_a_package_is_known_by_the_code_that_compiles_it(tmp_path: Path, package: str) -> None:
    code = f'client.create_run_from_pipeline_package({package}, arguments={{"day": "x", "dya": 1}})'
    assert said(tmp_path, code) == ([NO_INPUT] if package.endswith('.yaml"') else [])


def test_a_package_is_known_by_the_page_that_compiles_it(tmp_path: Path) -> None:
    code = 'Compiler().compile(daily, PLACE); c.run_pipeline("e", "j", PLACE, {"day": "x", "dya": 1})'
    assert said(tmp_path, f'PLACE = "p.yaml"\n{code}') == [NO_INPUT.replace("line 6", "line 7")]
    run = 'client.create_run_from_pipeline_package("out.yaml", arguments={"day": "x", "dya": 1})'
    shell = "kfp dsl compile --py shop/daily.py \\\n    --output out.yaml"
    assert said(tmp_path, run, shell=shell) == [NO_INPUT]
    assert said(tmp_path, run) == []


def test_a_compiled_package_of_the_repository_says_its_inputs_itself(tmp_path: Path) -> None:
    code = 'client.create_run_from_pipeline_package("weekly.yaml", arguments={"topp": 3})'
    assert said(tmp_path, code) == [
        "line 6: `weekly.yaml` has no input `topp`; it has `since`, `top`, `note`. Near: `top`.",
        "line 6: `weekly.yaml` needs the input `since`, which has no default; give it in `arguments`.",
    ]


def test_outputs_of_a_component_are_no_inputs(tmp_path: Path) -> None:
    code = 'client.create_run_from_pipeline_func(make, arguments={"rows": 1, "out": 2})'
    assert said(tmp_path, code, first="from shop.daily import make") == [
        "line 6: `make` has no input `out`; it has `rows`."
    ]


@pytest.mark.parametrize(
    "code",
    [
        'client.create_run_from_pipeline_func(daily, arguments={"day": "x", "limit": 1})',
        'client.create_run_from_pipeline_func(daily, arguments={**common, "limit": 1})',
        "client.create_run_from_pipeline_func(daily, arguments=given)",
        'given = {}\ngiven["day"] = "x"\nclient.create_run_from_pipeline_func(daily, arguments=given)',
        "client.create_run_from_pipeline_func(daily, **settings)",
        "client.create_run_from_pipeline_func(daily, ...)",
        'client.create_run_from_pipeline_func(make_pipeline("a"), arguments={"nonsense": 1})',
        'client.create_run_from_pipeline_func(other, arguments={"nonsense": 1})',
        'client.create_run_from_pipeline_package("else.yaml", arguments={"nonsense": 1})',
        'client.run_pipeline("e", "j", pipeline_id="abc", params={"nonsense": 1})',
        'given = dict(day="x")\nclient.create_run_from_pipeline_func(daily, arguments=given)',
    ],
)
def test_what_is_right_or_cannot_be_told_is_let_through(tmp_path: Path, code: str) -> None:
    assert said(tmp_path, code) == []


def test_of_two_pipelines_in_one_package_only_what_both_lack_is_told(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(
        "from kfp import compiler, dsl\n@dsl.pipeline\ndef other(dya: int):\n    pass\n"
        "compiler.Compiler().compile(other, 'build/daily.yaml')\n"
    )
    code = 'client.create_run_from_pipeline_package("build/daily.yaml", arguments={"dya": 1, "more": 2})'
    (only,) = said(tmp_path, code)
    assert only.startswith("line 6: `other` has no input `more`")
