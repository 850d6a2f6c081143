"""Each way to make tests pass that are none is named; the honest change beside it is not."""

from __future__ import annotations

import sys

import pytest
from kfpilot.tools.findings import Finding
from kfpilot.tools.tampering import shadowed, tampering

CODE, TEST, CONFTEST, SETTINGS = "shop/price.py", "tests/test_price.py", "tests/conftest.py", "pyproject.toml"


def judge(path: str, after: str, before: str | None = None) -> list[Finding]:
    return tampering({path: before}, {path: after}, lambda name: name.startswith("tests/"))


CASES = [
    # path, rule, severity, tampered, its clean twin
    (CODE, "T01", "error", "import os\n\n\ndef f():\n    os._exit(0)\n", "import os\n\n\ndef f():\n    os.getcwd()\n"),
    (
        CODE,
        "T01",
        "error",
        "from os import _exit as leave\n\nleave(0)\n",
        "from os import getcwd as leave\n\nleave()\n",
    ),
    (CODE, "T01", "error", 'import os\n\ngetattr(os, "_exit")(0)\n', 'import os\n\ngetattr(os, "getcwd")()\n'),
    (
        CODE,
        "T01",
        "error",
        "import sys\n\nsys.exit(0)\n",
        'import sys\n\nif __name__ == "__main__":\n    sys.exit(0)\n',
    ),
    (CODE, "T01", "error", "raise SystemExit\n", "def main():\n    raise SystemExit\n"),
    (
        TEST,
        "T01",
        "error",
        "import os, signal\n\n\ndef test_a():\n    os.kill(os.getpid(), signal.SIGKILL)\n",
        "import os, signal\n\n\ndef test_a(child):\n    os.kill(child.pid, signal.SIGKILL)\n",
    ),
    (
        TEST,
        "T01",
        "error",
        'import pytest\n\npytest.exit("done", returncode=0)\n',
        "import pytest\n\npytest.mark.slow\n",
    ),
    (
        TEST,
        "T02",
        "error",
        "import pytest\n\npytest.raises = lambda *a: None\n",
        "import pytest\n\npytest.shared_folder = 'x'\n",
    ),
    (
        CODE,
        "T02",
        "error",
        "import _pytest.python as p\n\np.Function.runtest = lambda self: None\n",
        "import shop.cart as p\n\np.Function.runtest = lambda self: None\n",
    ),
    (
        CODE,
        "T02",
        "error",
        "import unittest\n\nunittest.TestCase.assertEqual = lambda *a: None\n",
        "class Case:\n    pass\n\n\nCase.equal = lambda *a: None\n",
    ),
    (
        CODE,
        "T02",
        "error",
        "import builtins\n\nbuiltins.AssertionError = ValueError\n",
        "import builtins\n\nERROR = builtins.ValueError\n",
    ),
    (
        TEST,
        "T02",
        "error",
        "def test_a(monkeypatch):\n    monkeypatch.setattr('_pytest.runner.check_interactive_exception', None)\n",
        "def test_a(monkeypatch):\n    monkeypatch.setattr('shop.price.TAX', 0)\n",
    ),
    (
        TEST,
        "T02",
        "error",
        "import sys\nfrom unittest.mock import patch\n\n\ndef test_a():\n"
        "    with patch.dict(sys.modules, {'pytest': None}):\n        pass\n",
        "import sys\nfrom unittest.mock import patch\n\n\ndef test_a():\n"
        "    with patch.dict(sys.modules, {'boto3': None}):\n        pass\n",
    ),
    (
        TEST,
        "T02",
        "error",
        "def test_a(request):\n    request.session.testsfailed = 0\n",
        "def test_a(request):\n    request.config.stash = 0\n",
    ),
    (
        TEST,
        "T02",
        "error",
        "def test_a(request):\n    request.config.pluginmanager.unregister(name='x')\n",
        "def test_a(request):\n    request.addfinalizer(print)\n",
    ),
    (
        CODE,
        "T03",
        "error",
        "import os\n\n\ndef f():\n    return 4 if os.environ.get('PYTEST_CURRENT_TEST') else 0\n",
        "import os\n\n\ndef f():\n    return 4 if os.environ.get('SHOP_REGION') else 0\n",
    ),
    (
        CODE,
        "T03",
        "error",
        "import sys\n\nTESTED = 'pytest' in sys.modules\n",
        "import sys\n\nFAST = 'numpy' in sys.modules\n",
    ),
    (
        CODE,
        "T03",
        "error",
        "import inspect\n\nTESTED = any('pytest' in frame.filename for frame in inspect.stack())\n",
        "import inspect\n\nDEEP = any('shop' in frame.filename for frame in inspect.stack())\n",
    ),
    (
        CODE,
        "T04",
        "error",
        "class Price:\n    def __eq__(self, other):\n        return True\n",
        "class Price:\n    def __eq__(self, other):\n        return self.value == other.value\n",
    ),
    (
        CODE,
        "T04",
        "error",
        "class Price:\n    __ne__ = lambda self, other: False\n",
        "class Price:\n    __ne__ = lambda self, other: not self == other\n",
    ),
    ("sitecustomize.py", "T05", "error", "import os\n", None),
    ("weights.pth", "T05", "error", "import os; os.environ['X'] = '1'\n", "\x80\x02binary weights\n"),
    (
        CODE,
        "T06",
        "error",
        "def pytest_runtest_makereport(item, call):\n    call.excinfo = None\n",
        "def runtest_report(item, call):\n    call.excinfo = None\n",
    ),
    (
        CONFTEST,
        "T06",
        "error",
        "from tests.helpers import pytest_collection_modifyitems\n",
        "from tests.helpers import make_orders\n",
    ),
    (
        CONFTEST,
        "T06",
        "error",
        "globals()['pytest_runtest_call'] = print\n",
        "globals()['orders'] = print\n",
    ),
    (CONFTEST, "T07", "warning", "pytest_plugins = ['quiet']\n", "plugins = ['quiet']\n"),
    (
        SETTINGS,
        "T07",
        "error",
        '[tool.pytest.ini_options]\naddopts = "-p no:python"\n',
        '[tool.pytest.ini_options]\naddopts = "-p no:cacheprovider -q"\n',
    ),
    (
        "pytest.ini",
        "T07",
        "warning",
        "[pytest]\naddopts = -p quiet\n",
        "[pytest]\naddopts = -q\n",
    ),
    (
        SETTINGS,
        "T07",
        "warning",
        '[project.entry-points.pytest11]\nquiet = "shop.quiet"\n',
        '[project.scripts]\nquiet = "shop.quiet:main"\n',
    ),
    (
        CONFTEST,
        "T08",
        "error",
        "import os\n\nos.environ['PYTHONOPTIMIZE'] = '1'\n",
        "import os\n\nos.environ['TZ'] = 'UTC'\n",
    ),
    (TEST, "T08", "warning", '"""PYTEST_DONT_REWRITE"""\n', '"""Tests of the price."""\n'),
    (
        "pytest.ini",
        "T08",
        "warning",
        "[pytest]\naddopts = --assert=plain\n",
        "[pytest]\naddopts = --strict-markers\n",
    ),
    (
        CODE,
        "T09",
        "error",
        "import sys\n\nsys.modules['_kfpilot_pytest_record'].recorder.write('phase')\n",
        "import sys\n\nsys.modules['shop.record'].recorder.write('phase')\n",
    ),
    (CODE, "T11", "warning", "def f():  # pragma: no cover\n    return 1\n", "def f():  # pragmatic\n    return 1\n"),
]


@pytest.mark.parametrize(
    ("path", "rule", "severity", "bad", "good"), CASES, ids=[f"{c[1]}-{n}" for n, c in enumerate(CASES)]
)
def test_tampering_is_named_and_its_clean_twin_is_not(
    path: str, rule: str, severity: str, bad: str, good: str | None
) -> None:
    found = judge(path, bad)
    assert {(item.rule, item.severity) for item in found} == {(rule, severity)}, found
    assert all(item.path == path and item.message for item in found)
    if good is not None:
        assert judge(path, good) == []


@pytest.mark.parametrize("case", [case for case in CASES if case[0].endswith(".py") and case[0] != "sitecustomize.py"])
def test_what_was_there_before_is_not_held_against_a_change(case: tuple[str, str, str, str, str]) -> None:
    path, _, _, bad, _ = case
    assert judge(path, bad + "\n\nMORE = 1\n", bad) == []


def test_tests_may_do_what_code_may_not() -> None:
    anything = "class Anything:\n    def __eq__(self, other):\n        return True\n"
    assert [item.severity for item in judge(TEST, anything)] == ["warning"]
    assert judge(TEST, "import os\n\nNOW = os.environ['PYTEST_CURRENT_TEST']\n") == []


def test_a_child_that_was_forked_may_leave_at_once() -> None:
    forks = "import os\n\n\ndef f():\n    if os.fork() == 0:\n        os._exit(0)\n"
    assert [item.severity for item in judge(CODE, forks)] == ["warning"]


@pytest.mark.parametrize(
    ("top", "severity"),
    [
        ("pytest", "error"),
        ("_pytest", "error"),
        ("unittest", "error"),
        ("random", "error"),
        ("kfp", "error"),
        ("calendar", "warning"),
        ("prices", None),
        ("test", None),
    ],
)
def test_a_module_that_hides_another_is_named(top: str, severity: str | None) -> None:
    found = shadowed(f"{top}.py", top, {"kfp"}.__contains__, sys.stdlib_module_names)
    assert (found.severity if found else None) == severity
    assert found is None or (found.rule == "T10" and f"`{top}`" in found.message)
