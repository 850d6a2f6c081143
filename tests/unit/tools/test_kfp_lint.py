"""The KFP lint: what it must find, with the line and the mend, and what it must leave alone."""

from __future__ import annotations

import textwrap

import pytest
from kfpilot.tools.kfp_lint import module_findings, problems

HEAD = """\
import json
import typing
import pandas as pd
from typing import NamedTuple
from kfp import dsl
from kfp.dsl import Input, Output, Dataset, component
from shop.types import Ledger
import shop
LIMIT = 3
PACKAGES = ["pandas==2.2.0"]
IMAGE = "python:3.12"
class Pair(NamedTuple):
    a: int
    b: int
def helper(x: int) -> int:
    return x + 1
@dsl.component(base_image="python:3.11")
def step(n: int) -> int:
    return n
"""
FIRST = HEAD.count("\n") + 1


def lint(text: str) -> list[str]:
    return problems(HEAD + textwrap.dedent(text).lstrip("\n"))


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        (
            "@dsl.component\ndef c() -> str:\n    return json.dumps({})\n",
            2,
            ["K01", "`json`", "Put `import json` inside"],
        ),
        ("@component\ndef c():\n    pd.DataFrame()\n", 2, ["K01", "`pd`", "`import pandas as pd`"]),
        ("@dsl.component()\ndef c() -> int:\n    return helper(1)\n", 2, ["K01", "additional_funcs=[helper]"]),
        ("@dsl.component\ndef c() -> int:\n    return LIMIT\n", 2, ["K01", "make it a parameter"]),
        ("@dsl.component\ndef c(n: int = LIMIT) -> int:\n    return n\n", 1, ["K01", "signature", "value itself"]),
        ("@dsl.component\ndef c() -> typing.NamedTuple('O', [('a', int)]):\n    return (1,)\n", 1, ["K01", "`typing`"]),
        ("@dsl.component\ndef c() -> Pair:\n    return (1, 2)\n", 1, ["K01", "`Pair`"]),
        ("@dsl.component\ndef c() -> int:\n    return [math.pi for _ in '1'][0]\n", 2, ["K01", "`math`", "nowhere"]),
        ("@dsl.component\ndef c() -> int:\n    def inner():\n        return LIMIT\n    return inner()\n", 3, ["K01"]),
        ("@dsl.component\ndef c() -> int:\n    return step(n=1)\n", 2, ["K17", "`step`"]),
        ("@dsl.component\ndef c():\n    from .near import x\n", 2, ["K01", "relative import"]),
        (
            "def make():\n    size = 3\n    @dsl.component\n    def c() -> int:\n        return size\n    return c\n",
            4,
            ["K01", "`size`"],
        ),
        ("@dsl.component\ndef c():\n    import pandas\n", 2, ["K02", "`pandas`", "'pandas==<version>'"]),
        (
            "@dsl.component(base_image=IMAGE)\ndef c():\n    from sklearn.svm import SVC\n",
            2,
            ["K02", "'scikit-learn=="],
        ),
        (
            "@dsl.component(packages_to_install=PACKAGES)\ndef c():\n    import numpy\n    import sklearn\n",
            3,
            ["K02", "`sklearn`", "pandas==2.2.0"],
        ),
        (
            "@dsl.component(packages_to_install=[])\ndef c():\n    from shop.core import f\n",
            2,
            ["K02", "this project's own"],
        ),
        (
            "@dsl.component\ndef c() -> NamedTuple('O', [('a', int)]):\n"
            "    from typing import NamedTuple\n    return NamedTuple('O', [('a', 1)])\n",
            3,
            ["K16", "the type of a named tuple", "`return outputs(name=value, …)`"],
        ),
        ("@dsl.component\ndef c() -> NamedTuple('O', [('a', int)]):\n    return {'a': 1}\n", 2, ["K16", "a mapping"]),
        ("@dsl.pipeline\ndef p(n: int):\n    if n > 3:\n        step(n=n)\n", 2, ["K06", "`n > 3`", "dsl.If"]),
        (
            "@dsl.pipeline\ndef p():\n    t = step(n=1)\n    while t.output < 3:\n        step(n=2)\n",
            3,
            ["K06", "while"],
        ),
        ("@dsl.pipeline\ndef p(m: str):\n    step(n=1 if m == 'x' else 2)\n", 2, ["K06"]),
        ("@dsl.pipeline\ndef p(m: str):\n    if m is None:\n        step(n=1)\n", 2, ["K06"]),
        ("@dsl.pipeline\ndef p(m: str):\n    if not m:\n        step(n=1)\n", 2, ["K06"]),
        (
            "@dsl.pipeline\ndef p(a: int, b: int):\n    with dsl.If(a == 1 and b == 2):\n        step(n=1)\n",
            2,
            ["K06", "no effect", "Nest"],
        ),
        ("@dsl.pipeline\ndef p(a: int):\n    with dsl.If(0 < a < 9):\n        step(n=1)\n", 2, ["K06", "no effect"]),
        ("@dsl.pipeline\ndef p(xs: list):\n    for x in xs:\n        step(n=x)\n", 2, ["K07", "ParallelFor"]),
        ("@dsl.pipeline\ndef p(k: int):\n    for i in range(k):\n        step(n=i)\n", 2, ["K07"]),
        ("@dsl.pipeline\ndef p():\n    t = step(n=1)\n    r = [step(n=x) for x in t.outputs['o']]\n", 3, ["K07"]),
        (
            "@dsl.pipeline\ndef p(n: int):\n    t = step(n=n)\n    t.inputs['n'] = 3\n",
            3,
            ["K21", "`t.inputs['n'] = …`", "remove this line"],
        ),
        (
            "@dsl.pipeline\ndef p(n: int, where: str):\n    t = step(n=n)\n    t.outputs['rows'].path = where\n",
            3,
            ["K21", "`t.outputs['rows'].path = …`", "`t.outputs['rows']` is a placeholder", "Remove this line"],
        ),
        (
            "@dsl.pipeline\ndef p(n: int):\n    t = step(n=n)\n    rows = t.output\n    rows.metadata['n'] = n\n",
            4,
            ["K21", "`rows.metadata['n'] = …` is lost"],
        ),
        ("op = dsl.ContainerOp(name='x', image='y')\n", 0, ["K09", "container_component"]),
        ("from kfp.components import create_component_from_func\n", 0, ["K09", "@dsl.component"]),
    ],
)
def test_what_goes_wrong_at_run_time_is_found(text: str, offset: int, says: list[str]) -> None:
    found = lint(text)

    assert len(found) == 1, found
    assert found[0].startswith(f"line {FIRST + offset}: ")
    for part in says:
        assert part in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "@dsl.component\ndef c() -> str:\n    import json\n    return json.dumps(dsl.PIPELINE_JOB_ID_PLACEHOLDER)\n",
        "@dsl.component\ndef c(d: Output[Dataset]) -> NamedTuple('O', [('a', int)]):\n    return Optional and (1,)\n",
        "@dsl.component\ndef c(d: Input[Ledger], e: Output[shop.Book]):\n    isinstance(d, Ledger) and shop.x\n",
        "@dsl.component\ndef c() -> Ledger:\n    return None\n",
        "@dsl.component(additional_funcs=[helper])\ndef c() -> int:\n    return helper(1)\n",
        "@dsl.component(additional_funcs=list_of_them())\ndef c() -> int:\n    return helper(1)\n",
        "@dsl.component(target_image='registry/x:1')\ndef c() -> int:\n    import pandas\n    return LIMIT\n",
        "@dsl.component(**settings)\ndef c() -> int:\n    return LIMIT\n",
        "@dsl.component\ndef c(n: int) -> int:\n    global LIMIT\n    LIMIT = n\n    return LIMIT\n",
        "@dsl.component\ndef c(n: int) -> int:\n    return c.__name__ and __name__ and n\n",
        "@dsl.component\ndef c(n: int) -> int:\n    x: Pair = n\n    return x\n",
        "@dsl.component\ndef c() -> int:\n    try:\n        return LIMIT\n    except NameError:\n        return 1\n",
        "@dsl.component(embedded_artifact_path='x')\ndef c():\n    import mine\n    __KFP_EMBEDDED_ASSET_DIR\n",
        "@dsl.component(base_image='registry/with-pandas:1')\ndef c():\n    import pandas\n",
        "@dsl.component(base_image=image())\ndef c():\n    import pandas\n",
        "@dsl.component(packages_to_install=['pandas>=2,<3'])\ndef c():\n    import pandas, numpy\n",
        "@dsl.component(packages_to_install=['some-sdk'])\ndef c():\n    import whatever\n",
        "@dsl.component(packages_to_install=['pandas[parquet]'])\ndef c():\n    import pyarrow\n",
        "@dsl.component(packages_to_install=PACKAGES + extra())\ndef c():\n    import pyarrow\n",
        "@dsl.component\ndef c():\n    try:\n        import numpy\n    except ImportError:\n        numpy = None\n",
        "@dsl.component\ndef c():\n    import subprocess\n    subprocess.run(['pip', 'install', 'x'])\n    import x\n",
        "@dsl.component\ndef c():\n    import json, kfp, xml.etree, setuptools, distutils\n",
        "def plain() -> int:\n    return LIMIT + helper(1)\n",
        "@dsl.container_component\ndef c():\n    return dsl.ContainerSpec(image=IMAGE)\n",
        "@dsl.pipeline\ndef p(n: int):\n    with dsl.If(n > 3):\n        step(n=n)\n",
        "@dsl.pipeline\ndef p(n: int):\n    if LIMIT > 2 and IMAGE:\n        step(n=n)\n",
        "@dsl.pipeline\ndef p(n: int):\n    n = 3\n    if n > 2:\n        step(n=n)\n",
        "@dsl.pipeline\ndef p(n: int):\n    t = step(n=n)\n    if t:\n        step(n=t.output).after(t)\n",
        "@dsl.pipeline\ndef p(k: list):\n  for x in [1]:\n    s(n=x)\n  with dsl.ParallelFor(k) as i:\n    s(n=i)\n",
        "@dsl.pipeline\ndef p(n: int):\n    def pick(n):\n        return 1 if n else 2\n    step(n=pick(3))\n",
        "@dsl.component\ndef c(n: int) -> int:\n    return 1 if n > 3 and n else 2\n",
        "@dsl.pipeline\ndef p(n: int):\n    t = step(n=n)\n    out = t.outputs['o']\n    step(n=out)\n",
        "try:\n    from kfp.components import create_component_from_func\nexcept ImportError:\n    pass\n",
        "with dsl.Condition(1 == 1):\n    pass\n",
        "def broken(:\n",
    ],
)
def test_what_is_right_or_unknown_is_left_alone(text: str) -> None:
    assert lint(text) == []


def test_every_finding_is_given_once_in_order_of_lines() -> None:
    text = "@dsl.component\ndef c() -> int:\n    import numpy\n    a = LIMIT\n    return LIMIT + helper(a) + LIMIT\n"

    found = lint(text)

    assert [item.split(": ")[1] for item in found] == ["K02", "K01", "K01"]
    assert [item.split(": ")[0] for item in found] == [f"line {FIRST + n}" for n in (2, 3, 4)]


def test_names_are_followed_through_aliases_and_stars() -> None:
    body = "@{0}\ndef c() -> str:\n    return json.dumps(1)\n"
    for start, decorator in [
        ("import kfp.dsl as d", "d.component"),
        ("import kfp", "kfp.dsl.component()"),
        ("from kfp.dsl import *", "component"),
        ("from kfp.dsl import component as op", "op"),
        ("from kfp.v2 import dsl", "dsl.component"),
    ]:
        found = problems(f"import json\n{start}\n{body.format(decorator)}")
        assert len(found) == 1 and "`json`" in found[0], start
    assert problems(f"import json\nfrom mine import component\n{body.format('component')}") == []


def test_an_alias_of_kfps_own_names_does_not_exist_in_the_step() -> None:
    found = problems("import kfp.dsl as d\n@d.component\ndef c(x: d.Output[d.Dataset]):\n    pass\n")

    assert len(found) == 1 and "line 3: K01" in found[0] and "`d`" in found[0]


def test_deprecated_names_are_told_and_are_no_error() -> None:
    text = (
        "from kfp import dsl\n@dsl.pipeline\ndef p(n: int):\n  with dsl.Condition(n == 1):\n    s().set_gpu_limit(1)\n"
    )

    assert problems(text) == []
    found = [item for item in module_findings("p.py", text) if item.rule == "K09"]
    assert [(item.line, item.severity) for item in found] == [(4, "warning"), (5, "warning")]
    assert "dsl.If" in found[0].message
