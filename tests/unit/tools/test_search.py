"""Searching: which files count, what a pattern finds, what a module offers."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest
from kfpilot.tools import search
from kfpilot.tools.errors import ToolFailure


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in {
        "pipelines/train.py": "import os\n\n\ndef train(rate):\n    return rate\n",
        "pipelines/sub/eval.py": "def evaluate():\n    return Train\n",
        "tests/test_train.py": "def test_train():\n    assert train\n",
        "docs/index.md": "# Train\n",
        "README.md": "text\r\ntrain it\r\n",
        "out/ignored.py": "train = 1\n",
        ".venv/lib.py": "train = 1\n",
        ".kfpilot/runs/x.json": "train\n",
        "ü ber.txt": "train\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())
    (root / ".gitignore").write_text("out/\n.venv/\n")
    (root / "data.bin").write_bytes(b"train\0")
    (root / "link.py").symlink_to("pipelines/train.py")
    return root


@pytest.fixture
def repository(root: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def found(matches: list[search.Match]) -> list[tuple[str, int]]:
    return [(match.path, match.line) for match in matches]


class TestFiles:
    def test_what_git_ignores_is_left_out(self, repository: Path) -> None:
        assert search.files(repository) == [
            ".gitignore", "README.md", "data.bin", "docs/index.md", "pipelines/sub/eval.py", "pipelines/train.py",
            "tests/test_train.py", "ü ber.txt",
        ]  # fmt: skip

    def test_without_a_repository_the_usual_folders_are_left_out(self, root: Path) -> None:
        names = search.files(root)

        assert "pipelines/train.py" in names
        assert not any(name.startswith((".venv", ".kfpilot", "link")) for name in names)

    def test_a_tracked_file_that_was_deleted_is_not_listed(self, repository: Path) -> None:
        subprocess.run(["git", "add", "docs"], cwd=repository, check=True)
        (repository / "docs/index.md").unlink()

        assert "docs/index.md" not in search.files(repository)

    @pytest.mark.parametrize(
        ("glob", "names"),
        [
            ("*.md", ["README.md", "docs/index.md"]),
            ("/*.md", ["README.md"]),
            ("pipelines", ["pipelines/sub/eval.py", "pipelines/train.py"]),
            ("pipelines/", ["pipelines/sub/eval.py", "pipelines/train.py"]),
            ("./pipelines/*.py", ["pipelines/train.py"]),
            ("pipelines/**/*.py", ["pipelines/sub/eval.py", "pipelines/train.py"]),
            ("none/**", []),
        ],
    )
    def test_globs_mean_what_they_mean_in_gitignore(self, repository: Path, glob: str, names: list[str]) -> None:
        assert search.files(repository, glob) == names

    def test_a_missing_folder_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(ToolFailure, match="does not exist"):
            search.files(tmp_path / "none")


class TestGrep:
    def test_lines_of_text_files_that_match(self, repository: Path) -> None:
        assert found(search.grep(repository, r"\btrain\b")) == [
            ("README.md", 2),
            ("pipelines/train.py", 4),
            ("tests/test_train.py", 2),
            ("ü ber.txt", 1),
        ]

    def test_case_and_glob(self, repository: Path) -> None:
        assert found(search.grep(repository, "train$", glob="*.md")) == []
        assert found(search.grep(repository, "train$", glob="*.md", ignore_case=True)) == [("docs/index.md", 1)]

    def test_context_reads_like_grep(self, repository: Path) -> None:
        (match,) = search.grep(repository, "def train", context=1)

        assert (
            str(match)
            == "pipelines/train.py-3-\npipelines/train.py:4:def train(rate):\npipelines/train.py-5-    return rate"
        )

    def test_windows_line_ends_do_not_show(self, repository: Path) -> None:
        assert search.grep(repository, "it$")[0].text == "train it"

    def test_the_limit_holds(self, repository: Path) -> None:
        (repository / "many.txt").write_text("train\n" * 500)

        assert len(search.grep(repository, "train", limit=7)) == 7

    def test_a_very_long_line_is_cut(self, repository: Path) -> None:
        (repository / "min.js").write_text("needle" + "x" * 10_000)

        assert len(search.grep(repository, "needle")[0].text) < 500

    @pytest.mark.parametrize(
        ("pattern", "said"), [("train(", r"train\\\("), ("a\nb", "line by line"), (r"a\nb", "line by line")]
    )
    def test_a_wrong_pattern_is_told_how_to_mend_it(self, repository: Path, pattern: str, said: str) -> None:
        with pytest.raises(ToolFailure, match=said):
            search.grep(repository, pattern)


class TestSignatures:
    def test_what_a_module_offers(self, tmp_path: Path) -> None:
        file = tmp_path / "m.py"
        file.write_text('''"""Training.

Long story.
"""
from __future__ import annotations
import os, sys
from typing import NamedTuple
from kfp import dsl
from .helpers import clean as tidy

RATE: float = 0.1
NAMES = ["a", "b"]


@dsl.component(base_image="python:3.11", packages_to_install=["pandas"])
def train(data: dsl.Input[dsl.Dataset], *, rate: float = RATE, **rest: int) -> Named("O", [("x", int)]):
    """Train it.

    More.
    """
    secret = 1
    return secret


class Model(Base, metaclass=Meta):
    """A model."""

    size: int = 3

    @property
    async def name(self) -> str: return "x"


class Empty: pass


try:
    import pandas
except ImportError:
    pandas = None


if __name__ == "__main__":
    hidden = 1
''')

        assert (
            search.signatures(file)
            == '''"""Training."""
from kfp import dsl
from .helpers import clean as tidy
RATE: float = 0.1
NAMES = ['a', 'b']
@dsl.component(base_image='python:3.11', packages_to_install=['pandas'])
def train(data: dsl.Input[dsl.Dataset], *, rate: float=RATE, **rest: int) -> Named('O', [('x', int)]): """Train it."""
class Model(Base, metaclass=Meta):
    """A model."""
    size: int = 3
    @property
    async def name(self) -> str: ...
class Empty: ...
import pandas'''
        )

    def test_attributes_that_a_class_sets_are_shown(self, tmp_path: Path) -> None:
        file = tmp_path / "m.py"
        file.write_text(
            "@dataclass\nclass Row:\n    id: int\n    tags: list[str] = field(default_factory=list)\n\n\n"
            "class Table:\n"
            "    def __init__(self, path: str, limit: int = 3):\n"
            "        self.path = path\n"
            "        if limit:\n"
            "            self.rows: list[Row] = []\n"
            "        self.first, self.last = 1, 2\n"
            "        self.limit = limit or 7\n"
            "        self.text = '\\n'.join(str(item) for item in self.rows)\n"
            "        self._hidden = 1\n"
            "        path.name = local = 3\n"
            "        self.rows = self.rows\n\n"
            "    def other(self):\n"
            "        self.late = 1\n",
            encoding="utf-8",
        )

        text = search.signatures(file)

        assert "    id: int\n    tags: list[str] = field(default_factory=list)\n" in text
        assert text.split("class Table:\n")[1] == (
            "    def __init__(self, path: str, limit: int=3): ...\n"
            "        # sets path, rows: list[Row], first, last, limit = limit or 7, text\n"
            "    def other(self): ..."
        )
        ast.parse(text)

    def test_many_attributes_are_cut(self, tmp_path: Path) -> None:
        lines = "".join(f"        self.attribute_{number} = {number}\n" for number in range(50))
        (tmp_path / "m.py").write_text(f"class A:\n    def __init__(self):\n{lines}")

        last = search.signatures(tmp_path / "m.py").splitlines()[-1]

        assert last.startswith("        # sets attribute_0 = 0, attribute_1 = 1, ")
        assert last.endswith(", …") and len(last) < 190

    def test_the_outline_is_python_itself(self, tmp_path: Path) -> None:
        for module in (Path(search.__file__), Path(ast.__file__), Path(subprocess.__file__)):
            ast.parse(search.signatures(module))

    def test_a_module_that_does_not_parse_shows_what_it_can(self, tmp_path: Path) -> None:
        file = tmp_path / "m.py"
        file.write_text(
            "RATE = 1\n@dsl.component\ndef train(\n    a: int,\n) -> int:\n    return a +\nclass B:\n    def m(self):\n"
        )

        text = search.signatures(file)

        assert text.startswith("# does not parse: line 6: invalid syntax")
        assert "RATE = 1\n@dsl.component\ndef train( a: int, ) -> int:\nclass B:\n    def m(self):" in text

    @pytest.mark.parametrize(
        "data", [b"", b"\xef\xbb\xbfx = 1\r\n", b"a\0b", b"\xff\xfe", b"(" * 5000, b"x = " + b"-" * 9000 + b"1"]
    )
    def test_no_content_breaks_it(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "m.py").write_bytes(data)

        assert isinstance(search.signatures(tmp_path / "m.py"), str)

    def test_long_constants_are_cut(self, tmp_path: Path) -> None:
        (tmp_path / "m.py").write_text(f"TABLE = {list(range(1000))}\n")

        text = search.signatures(tmp_path / "m.py")

        assert text.startswith("TABLE = ...  # [0, 1, 2")
        assert len(text) < 200

    def test_a_docstring_full_of_quotes_stays_python(self, tmp_path: Path) -> None:
        (tmp_path / "m.py").write_text("def f():\n    r'''Match \\d and say \"x\"'''\n".replace("\\'", "'"))

        assert ast.get_docstring(ast.parse(search.signatures(tmp_path / "m.py")).body[0]) == 'Match \\d and say "x"'

    def test_components_may_be_told_with_all_they_say_of_themselves(self, tmp_path: Path) -> None:
        text = "Count rows.\n\n    Args:\n        table: CSV with the column id.\n    "
        source = f'@dsl.component\ndef count(table):\n    """{text}"""\n\n\ndef plain():\n    """{text}"""\n'
        (tmp_path / "m.py").write_text(source, encoding="utf-8")
        count, plain = ast.parse(search.signatures(tmp_path / "m.py", told="steps")).body
        assert ast.get_docstring(count) == "Count rows.\n\nArgs:\n    table: CSV with the column id."
        assert ast.get_docstring(plain) == "Count rows."
        assert "column id" not in search.signatures(tmp_path / "m.py")

    def test_all_docstrings_may_be_told_on_lines_of_their_own(self, tmp_path: Path) -> None:
        (tmp_path / "m.py").write_text(
            '''"""Steps.

More of them.
"""
class Table:
    """Rows.

    Attributes:
        path: Where.
    """
    def read(self, month: str) -> str:
        """Read it.

        Args:
            month: As 2026-01.
        """
    def plain(self): ...
@dsl.component
def count(n: int) -> int:
    """Count."""
    return n
'''
        )

        assert search.signatures(tmp_path / "m.py", told="all") == (
            '''"""Steps.

More of them.
"""
class Table:
    """Rows.

    Attributes:
        path: Where.
    """
    def read(self, month: str) -> str:
        """Read it.

        Args:
            month: As 2026-01.
        """
    def plain(self): ...
@dsl.component
def count(n: int) -> int:
    """Count."""'''
        )

    def test_a_long_docstring_that_is_told_is_cut(self, tmp_path: Path) -> None:
        lines = "\n".join(f"    line {number}" for number in range(60))
        (tmp_path / "m.py").write_text(f'def f():\n    """First.\n\n{lines}\n    """\n')

        text = search.signatures(tmp_path / "m.py", told="all")

        assert text.splitlines()[-2:] == ["    … (32 more lines)", '    """']
        assert "    line 27" in text and "line 28" not in text
        ast.parse(text)

    @pytest.mark.parametrize("said", ['Match \\\\d and say \\"x\\"', 'Say \\"\\"\\"x\\"\\"\\"', "A\\n\\nb \\\\"])
    def test_told_docstrings_stay_python(self, tmp_path: Path, said: str) -> None:
        (tmp_path / "m.py").write_text(f'def f():\n    "{said}"\n')

        assert ast.get_docstring(ast.parse(search.signatures(tmp_path / "m.py", told="all")).body[0])

    def test_a_missing_file_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(ToolFailure, match="cannot be read"):
            search.signatures(tmp_path / "none.py")
