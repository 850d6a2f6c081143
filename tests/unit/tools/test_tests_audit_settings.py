"""What a conftest and settings do to tests is named, and harmless edits of them are not."""

from __future__ import annotations

import pytest
from kfpilot.tools.tests_audit import audit

from .audit_sample import BASE, CONFTEST, PATH, TOTAL


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (
            "@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item):\n    yield\n",
            "pytest_runtest_makereport",
        ),
        ("def pytest_collection_modifyitems(items):\n    items[:] = []\n", "pytest_collection_modifyitems"),
        ("def pytest_ignore_collect(collection_path):\n    return True\n", "pytest_ignore_collect"),
        ("def pytest_configure(config):\n    config.option.keyword = 'x'\n", "pytest_configure"),
        ("def pytest_sessionfinish(session):\n    session.exitstatus = 0\n", "pytest_sessionfinish"),
        ("collect_ignore = ['test_price.py']\n", "`collect_ignore` leaves out more ('test_price.py')"),
        ("collect_ignore_glob = []\ncollect_ignore_glob.append('test_p*')\n", "`collect_ignore_glob` leaves out more"),
        ("shop.total = lambda items: 3\n", "replaces `shop.total`"),
        ("import sys\nsys.modules['shop'] = shop\n", "replaces `sys.modules['shop']`"),
        (
            "@pytest.fixture(autouse=True)\ndef fake(monkeypatch):\n    monkeypatch.setattr(shop, 'total', sum)\n",
            "monkeypatch.setattr(shop, 'total', sum)",
        ),
        (
            "@pytest.fixture(autouse=True)\ndef fake():\n    with mock.patch('shop.total'):\n        yield\n",
            "automatic fixture `fake`",
        ),
    ],
)
def test_what_a_conftest_does_to_the_tests_is_named(more: str, what: str) -> None:
    for before in (CONFTEST, None):
        (message,) = audit({"tests/conftest.py": before}, {"tests/conftest.py": CONFTEST + more})
        assert message.startswith("tests/conftest.py: ")
        assert what in message
        assert message.endswith("restore it.")
    assert audit({"tests/conftest.py": CONFTEST + more}, {"tests/conftest.py": CONFTEST + more + "\nX = 1\n"}) == []


@pytest.mark.parametrize(
    "more",
    [
        "@pytest.fixture\ndef more(monkeypatch):\n    monkeypatch.setattr(shop, 'total', sum)\n",
        "@pytest.fixture(autouse=True)\ndef home(monkeypatch):\n    monkeypatch.setenv('HOME', '/tmp')\n",
        "def pytest_configure(config):\n    config.addinivalue_line('markers', 'slow: takes long')\n",
        "def pytest_addoption(parser):\n    parser.addoption('--slow')\n",
        "def helper():\n    return shop\n",
    ],
)
def test_a_harmless_conftest_is_not_named(more: str) -> None:
    assert audit({"tests/conftest.py": CONFTEST}, {"tests/conftest.py": CONFTEST + more}) == []
    assert audit({}, {"tests/conftest.py": CONFTEST + more}) == []


def settings(body: str) -> str:
    return f'[project]\nname = "shop"\n\n[tool.pytest.ini_options]\n{body}\n'


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('testpaths = ["tests", "more"]', 'testpaths = ["more"]', "`testpaths` no longer has tests"),
        ("", 'testpaths = ["tests/unit"]', f"`testpaths` leaves out {PATH}"),
        ("", 'python_files = ["check_*.py"]', "`python_files` no longer has test_*.py"),
        ("", 'python_functions = ["check"]', "`python_functions` no longer has test"),
        ("", 'python_classes = ["Check"]', "`python_classes` no longer has Test"),
        ("", 'norecursedirs = ["tests"]', f"`norecursedirs` now leaves out {PATH}"),
        ('addopts = "-q"', "addopts = \"-q -k 'not total'\"", "`-k not total`"),
        ("", "addopts = \"-m 'not slow'\"", "`-m not slow`"),
        ("", 'addopts = "--ignore=tests/test_price.py"', "`--ignore tests/test_price.py`"),
        (
            "",
            'addopts = ["--deselect", "tests/test_price.py::test_total"]',
            "`--deselect tests/test_price.py::test_total`",
        ),
        ("", 'addopts = "--collect-only"', "`--collect-only`"),
        ('addopts = "--doctest-modules"', 'addopts = "-q"', "has lost `--doctest-modules`"),
        ("xfail_strict = true", "", "`xfail_strict` was switched off"),
    ],
)
def test_settings_that_let_fewer_tests_run_are_named(old: str, new: str, what: str) -> None:
    (message,) = audit({"pyproject.toml": settings(old), PATH: BASE}, {"pyproject.toml": settings(new), PATH: BASE})
    assert message.startswith("pyproject.toml: ")
    assert what in message
    assert message.endswith("restore it.")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('addopts = "-q"', 'addopts = "-ra --strict-markers --cov=shop -p no:warnings"'),
        ("", 'testpaths = ["tests"]'),
        ('testpaths = ["tests/unit", "tests"]', 'testpaths = ["tests"]'),
        ('testpaths = ["tests"]', ""),
        ("", 'markers = ["slow: takes long"]\nfilterwarnings = ["error"]'),
        ("", 'norecursedirs = ["build"]'),
        ("", 'python_files = ["test_*.py", "check_*.py"]'),
        ("addopts = \"-m 'not slow'\"", ""),
        ("", "timeout = 20"),
    ],
)
def test_harmless_settings_are_not_named(old: str, new: str) -> None:
    before: dict[str, str | None] = {"pyproject.toml": settings(old), PATH: BASE}
    assert audit(before, {"pyproject.toml": settings(new), PATH: BASE}) == []


def test_every_kind_of_settings_file_is_read() -> None:
    for name, section in (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        new = f"[{section}]\naddopts =\n    -q\n    --ignore tests/test_price.py\n"
        (message,) = audit({PATH: BASE}, {PATH: BASE, name: new})
        assert message.startswith(f"{name}: `addopts` has got `--ignore tests/test_price.py`")


def test_a_new_settings_file_that_hides_the_old_one_is_compared_with_it() -> None:
    before: dict[str, str | None] = {PATH: BASE, "pyproject.toml": settings("xfail_strict = true")}
    (message,) = audit(before, {**before, "pytest.ini": "[pytest]\n"})
    assert message == "pytest.ini: `xfail_strict` was switched off; restore it."


def test_a_file_name_that_the_settings_allow_is_collected() -> None:
    config: dict[str, str | None] = {"pyproject.toml": settings('python_files = ["check_*.py"]')}
    assert audit({**config, "tests/check_a.py": TOTAL}, {**config, "tests/check_b.py": TOTAL}) == []
