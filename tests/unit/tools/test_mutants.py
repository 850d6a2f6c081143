"""Which small changes are made to a function, and which are not."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from kfpilot.tools.mutants import mutants_of
from kfpilot.tools.tested import find_targets


def changes(source: str, name: str = "f") -> set[str]:
    return {f"{mutant.line}: {mutant.change}" for mutant in mutants_of("x.py", source, [name])}


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("def f(a):\n    if a > 1:\n        g(a)\n", "2: changing `>` to `>=`"),
        ("def f(a):\n    return a not in g(a)\n", "2: changing `not in` to `in`"),
        ("def f(a, b):\n    return a and b\n", "2: changing `and` to `or`"),
        ("def f(a):\n    return not a\n", "2: taking `not` away from `not a`"),
        ("def f(a):\n    if a.empty:\n        g()\n", "2: turning `a.empty` into its opposite"),
        ("def f(a, b):\n    return a - b\n", "2: changing `-` to `+`"),
        ("def f(a, b):\n    a += b\n    return a\n", "2: removing `a += b`"),
        ("def f(a):\n    return a\n", "2: returning None instead of `a`"),
        ("def f(a):\n    a.write(1)\n", "2: removing `a.write(1)`"),
        ("def f(a):\n    raise ValueError('no')\n", "2: removing `raise ValueError('no')`"),
        ("def f(a):\n    a['total'] = 1\n", "2: removing `a['total'] = 1`"),
        ("def f(a):\n    return a['total']\n", "2: changing `'total'` to `'totalXX'`"),
        ("def f(a):\n    return g(3)\n", "2: changing `3` to `4`"),
        ("def f(a, status='paid'):\n    return a\n", "1: changing the default `'paid'` to `'paidXX'`"),
        ("class C:\n    def f(self):\n        return 1\n", "3: returning None instead of `1`"),
        ("def f(a):\n    return 'ä' if a == 'ö' else 'ü'\n", "2: changing `==` to `!=`"),
    ],
)
def test_what_a_test_should_notice_is_changed(source: str, change: str) -> None:
    assert change in changes(source, "C" if source.startswith("class") else "f")


@pytest.mark.parametrize(
    "source",
    [
        'def f(a):\n    """Gives 3."""\n',
        "def f(a: 'Input[3]') -> 'str': ...\n",
        "@component(base_image='python:3.11')\ndef f(a): ...\n",
        "def f(a):\n    print('done', 3)\n",
        "def f(a):\n    logging.info('rows: %s', 3)\n",
        "def f(a):\n    import csv\n",
        "def f(a):\n    x: int\n",
        "def g(a):\n    return a > 3\n",
    ],
)
def test_what_nobody_tests_is_left(source: str) -> None:
    assert changes(source) == set()


def test_modes_encodings_and_texts_of_errors_are_left() -> None:
    source = (
        "def f(path):\n    with open(path, 'w', encoding='utf-8', newline='') as out:\n        out.seek(0)\n"
        "    raise ValueError(f'bad {path}')\n"
    )
    assert changes(source) == {
        "3: removing `out.seek(0)`",
        "3: changing `0` to `1`",
        "4: removing `raise ValueError(f'bad {path}')`",
    }


def test_each_mutant_parses_and_differs_in_one_place() -> None:
    source = Path(__file__).read_text(encoding="utf-8") + (
        "\n\ndef f(a, b=(1,), *, c=True):\n    total = 0\n    for x in a:\n        if (x\n            > b[0]) or c:\n"
        "            total += x  # ä\n    return {\n        'total': total,\n        'n': len(a) - 1,\n    }\n"
    )
    made = mutants_of("x.py", source, ["f"])
    assert len(made) > 8
    assert len({mutant.source for mutant in made}) == len(made)
    for mutant in made:
        ast.parse(mutant.source)
        assert mutant.source != source
    assert len({mutant.kind for mutant in made[:6]}) >= 5, "the first ones are of different kinds"


def test_the_functions_that_tests_are_about_are_found(tmp_path: Path) -> None:
    for path, text in {
        "shop/__init__.py": "from .price import double as twice\n",
        "shop/price.py": "def rate(): ...\n\n\ndef double(price):\n    return rate() * price\n\n\nclass Cart: ...\n",
        "shop/other.py": "def unused():\n    return 1\n",
        "tests/test_a.py": (
            "import json\nimport shop.price as p\nfrom shop import twice, other\nfrom shop.other import unused\n\n\n"
            "def test_a():\n    assert twice(2) == 4\n    assert json.dumps(p.Cart()) and other.unused\n"
        ),
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    found = find_targets(tmp_path, [tmp_path], ["tests/test_a.py"])
    assert [(item.path, item.name, item.helpers) for item in found] == [
        ("shop/price.py", "double", ["rate"]),
        ("shop/price.py", "Cart", []),
        ("shop/other.py", "unused", []),
    ]


@pytest.mark.parametrize("init", ["from shop.clean import clean\n", "from .clean import clean\n"])
def test_a_function_named_as_its_module_is_the_function_that_the_package_hands_on(tmp_path: Path, init: str) -> None:
    for path, text in {
        "shop/__init__.py": init,
        "shop/clean.py": "def clean(rows):\n    return rows\n",
        "tests/test_clean.py": "from shop import clean\n\n\ndef test_a():\n    assert clean([]) == []\n",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert [(item.path, item.name) for item in find_targets(tmp_path, [tmp_path], ["tests/test_clean.py"])] == [
        ("shop/clean.py", "clean")
    ]


def test_a_change_is_told_in_one_short_line() -> None:
    source = "def f(a=2):\n    if a <= 3:\n        return a\n    raise ValueError\n"
    assert {mutant.brief for mutant in mutants_of("shop/x.py", source, ["f"])} >= {
        "shop/x.py:1: `2` → `3`",
        "shop/x.py:2: `<=` → `<`",
        "shop/x.py:3: `return a` → `return None`",
        "shop/x.py:4: `raise ValueError` → `pass`",
    }
