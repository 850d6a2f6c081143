"""Files within bounds: what gets through, what does not, and what the messages tell a model to do."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.files import LIMIT, Workspace

CODE = """\
from kfp import dsl


@dsl.component
def add(a: int, b: int) -> int:
    return a + b


@dsl.component
def twice(a: int) -> int:
    total = a
    return total + a
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "pipelines").mkdir(parents=True)
    (root / "tests/golden").mkdir(parents=True)
    (root / "pipelines/a.py").write_text(CODE)
    (root / "tests/test_a.py").write_text("def test_a():\n    assert True\n")
    (tmp_path / "outside.txt").write_text("outside")
    return root


@pytest.fixture
def space(root: Path) -> Workspace:
    return Workspace(root=root, writable=["**"])


@pytest.fixture
def tester(root: Path) -> Workspace:
    return Workspace(
        root=root, writable=["tests/**", "*_test.py"], also=["conftest.py"], forbidden=["tests/golden/**"], role="tests"
    )


def failure(call: object, *arguments: object, **named: object) -> str:
    assert callable(call)
    with pytest.raises(ToolFailure) as caught:
        call(*arguments, **named)
    return str(caught.value)


class TestBounds:
    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("../outside.txt", "contains '..'"),
            ("pipelines/../../outside.txt", "contains '..'"),
            ("pipelines/../pipelines/a.py", "contains '..'"),
            ("/etc/passwd", "absolute path"),
            ("~/x", "absolute path"),
            ("", "is no path"),
            ("  ", "is no path"),
            ("a\0b", "is no path"),
            (".", "the project's folder itself"),
            (".git/config", "inside .git"),
            (".GIT/config", "inside .GIT"),
            ("sub/.git/hooks/pre-commit", "inside .git"),
            (".git", "inside .git"),
            (".kfpilot/runs/1/journal.jsonl", "inside .kfpilot"),
            ("..\\outside.txt", "contains '..'"),
        ],
    )
    def test_no_tool_leaves_the_project(self, root: Path, space: Workspace, path: str, said: str) -> None:
        before = sorted(root.parent.rglob("*"))

        assert said in failure(space.read, path)
        assert said in failure(space.write, path, "x")
        assert said in failure(space.edit, path, "outside", "x")
        assert not space.may_write(path)
        assert sorted(root.parent.rglob("*")) == before
        assert (root.parent / "outside.txt").read_text() == "outside"

    def test_an_absolute_path_into_the_project_is_told_the_right_one(self, root: Path, space: Workspace) -> None:
        assert "Use pipelines/a.py" in failure(space.read, str(root / "pipelines/a.py"))

    def test_links_are_not_followed(self, root: Path, space: Workspace) -> None:
        (root / "file").symlink_to(root.parent / "outside.txt")
        (root / "folder").symlink_to(root.parent)
        (root / "inner").symlink_to("pipelines")
        (root / "dangling").symlink_to(root.parent / "new.txt")

        for path, link in [
            ("file", "file"),
            ("folder/outside.txt", "folder"),
            ("folder/new.txt", "folder"),
            ("inner/a.py", "inner"),
            ("dangling", "dangling"),
        ]:
            assert f"{link} is a symbolic link" in failure(space.read, path)
            assert f"{link} is a symbolic link" in failure(space.write, path, "x")
        assert (root.parent / "outside.txt").read_text() == "outside"
        assert not (root.parent / "new.txt").exists()
        assert set(space.list()) == {"pipelines/a.py", "tests/test_a.py"}

    def test_a_hard_link_is_cut_before_it_is_written(self, root: Path, space: Workspace) -> None:
        os.link(root.parent / "outside.txt", root / "inside.txt")

        space.write("inside.txt", "changed")

        assert (root.parent / "outside.txt").read_text() == "outside"
        assert (root / "inside.txt").read_text() == "changed"

    def test_a_project_behind_a_link_works(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(root)

        Workspace(root=tmp_path / "link", writable=["**"]).write("new.txt", "x")

        assert (root / "new.txt").read_text() == "x"

    def test_a_pipe_does_not_hang_it(self, root: Path, space: Workspace) -> None:
        os.mkfifo(root / "pipe")

        assert "not a regular file" in failure(space.read, "pipe")
        assert "not a regular file" in failure(space.write, "pipe", "x")


class TestRoles:
    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            ("tests/test_b.py", True),
            ("./tests/test_b.py", True),
            ("tests/deep/er/test_b.py", True),
            ("pipelines/a_test.py", True),
            ("conftest.py", True),
            ("pipelines/conftest.py", False),
            ("pipelines/a.py", False),
            ("src/tests/test_b.py", False),
            ("tests/golden/a.json", False),
        ],
    )
    def test_a_role_writes_only_its_paths(self, root: Path, tester: Workspace, path: str, allowed: bool) -> None:
        assert tester.may_write(path) is allowed
        if allowed:
            tester.write(path, "x = 1\n")
            assert (root / path).read_text() == "x = 1\n"
        else:
            said = failure(tester.write, path, "x = 1\n")
            assert f"{path} was not written: the tests role may write only: conftest.py, tests/**, *_test.py" in said
            assert "never tests/golden/**" in said
            assert not (root / path).exists() or (root / path).read_text() == CODE

    def test_an_edit_is_bounded_too(self, root: Path, tester: Workspace) -> None:
        assert "the tests role may write only" in failure(tester.edit, "pipelines/a.py", "a + b", "a - b")
        assert (root / "pipelines/a.py").read_text() == CODE

    def test_what_is_forbidden_wins_over_what_is_named(self, root: Path) -> None:
        space = Workspace(root=root, writable=["**"], also=["tests/test_a.py"], forbidden=["tests/**"], role="code")

        assert not space.may_write("tests/test_a.py")
        assert space.may_write("pipelines/a.py")

    def test_a_role_without_paths_writes_nothing(self, root: Path) -> None:
        assert "may write only: nothing" in failure(Workspace(root=root).write, "x.py", "x")

    def test_everything_may_be_read(self, tester: Workspace) -> None:
        assert tester.read("pipelines/a.py") == CODE


class TestRead:
    def test_some_lines_with_their_numbers(self, space: Workspace) -> None:
        assert space.read("pipelines/a.py", 5, 6) == "def add(a: int, b: int) -> int:\n    return a + b\n"
        assert space.read("pipelines/a.py", 9, 10, numbered=True) == (
            " 9\t@dsl.component\n10\tdef twice(a: int) -> int:\n"
        )
        assert space.read("pipelines/a.py", 12, 99) == "    return total + a\n"

    def test_lines_that_are_not_there(self, space: Workspace) -> None:
        assert "has 12 lines; lines 40 to 60 do not exist" in failure(space.read, "pipelines/a.py", 40, 60)
        assert "start not after end" in failure(space.read, "pipelines/a.py", 8, 3)

    def test_an_empty_file_is_empty(self, root: Path, space: Workspace) -> None:
        (root / "empty").touch()

        assert space.read("empty") == ""
        assert space.read("empty", numbered=True) == ""

    def test_a_missing_file_is_told_the_near_ones(self, space: Workspace) -> None:
        assert "Did you mean pipelines/a.py?" in failure(space.read, "a.py")
        assert "Did you mean tests/test_a.py?" in failure(space.read, "test/test_a.py")
        assert "List the files" in failure(space.read, "quite/else.yaml")

    def test_what_is_no_text(self, root: Path, space: Workspace) -> None:
        (root / "b.bin").write_bytes(b"a\0b")
        (root / "latin.txt").write_bytes(b"caf\xe9")
        (root / "large.txt").write_bytes(b"x" * (LIMIT + 1))

        assert "is a binary file" in failure(space.read, "b.bin")
        assert "is not UTF-8 text (byte 3)" in failure(space.read, "latin.txt")
        assert f"too large ({LIMIT + 1} bytes" in failure(space.read, "large.txt")
        assert "is a folder" in failure(space.read, "pipelines")
        assert "is a binary file" in failure(space.write, "b.bin", "x")
        assert (root / "b.bin").read_bytes() == b"a\0b"


class TestWrite:
    def test_a_new_file_with_its_folders(self, root: Path, space: Workspace) -> None:
        assert space.write("docs/über uns/seite 1.md", "# Ü\nx\n") == "created docs/über uns/seite 1.md (2 lines)"

        assert (root / "docs/über uns/seite 1.md").read_bytes() == "# Ü\nx\n".encode()
        assert space.read("docs/über uns/seite 1.md") == "# Ü\nx\n"
        assert "docs/über uns/seite 1.md" in space.list()

    def test_it_says_what_it_did(self, space: Workspace) -> None:
        assert space.write("pipelines/a.py", "x = 1\n") == "wrote pipelines/a.py (1 line)"
        assert "unchanged" in space.write("pipelines/a.py", "x = 1\n")

    def test_an_old_file_keeps_its_line_ends_mark_and_mode(self, root: Path, space: Workspace) -> None:
        file = root / "run.cmd"
        file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
        file.chmod(0o750)

        space.write("run.cmd", space.read("run.cmd").replace("\r\n", "\n") + "three\n")

        assert file.read_bytes() == b"\xef\xbb\xbfone\r\ntwo\r\nthree\r\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o750

    def test_a_new_file_gets_the_usual_mode(self, root: Path, space: Workspace) -> None:
        old = os.umask(0o027)
        try:
            space.write("x.py", "")
        finally:
            os.umask(old)

        assert stat.S_IMODE((root / "x.py").stat().st_mode) == 0o640

    def test_nothing_else_is_left_in_the_folder(self, root: Path, space: Workspace) -> None:
        space.write("pipelines/b.py", "")
        space.edit("pipelines/a.py", "total = a", "total = 2 * a")

        assert sorted(path.name for path in (root / "pipelines").iterdir()) == ["a.py", "b.py"]

    def test_what_cannot_be_written(self, root: Path, space: Workspace) -> None:
        assert "pipelines/a.py is a file, not a folder" in failure(space.write, "pipelines/a.py/b.py", "x")
        assert "is a folder" in failure(space.write, "pipelines", "x")
        assert "too much" in failure(space.write, "x.txt", "x" * (LIMIT + 1))
        assert "NUL" in failure(space.write, "x.txt", "a\0b")
        assert "not valid Unicode" in failure(space.write, "x.txt", "\ud800")
        assert not (root / "x.txt").exists()


class TestEdit:
    def test_the_one_place_is_replaced(self, root: Path, space: Workspace) -> None:
        assert space.edit("pipelines/a.py", "return a + b", "return b + a") == "edited pipelines/a.py at line 6"
        assert (root / "pipelines/a.py").read_text() == CODE.replace("a + b", "b + a")

    def test_text_can_be_deleted(self, root: Path, space: Workspace) -> None:
        space.edit("pipelines/a.py", "    total = a\n", "")

        assert (root / "pipelines/a.py").read_text() == CODE.replace("    total = a\n", "")

    def test_several_places_are_counted_and_named(self, root: Path, space: Workspace) -> None:
        said = failure(space.edit, "pipelines/a.py", "@dsl.component", "@dsl.component()")

        assert said == (
            "The old text occurs 2 times in pipelines/a.py (lines 4, 9). Add surrounding lines to make it unique."
        )
        assert (root / "pipelines/a.py").read_text() == CODE

    def test_the_nearest_lines_are_shown_as_they_are(self, root: Path, space: Workspace) -> None:
        said = failure(space.edit, "pipelines/a.py", "    total = b\n    return total + b", "x")

        assert (
            "not found in pipelines/a.py. The nearest lines are:\n11\t    total = a\n12\t    return total + a" in said
        )
        assert (root / "pipelines/a.py").read_text() == CODE

    def test_wrong_indentation_is_called_by_its_name(self, space: Workspace) -> None:
        said = failure(space.edit, "pipelines/a.py", "total = a\n  return total + a\n", "x")

        assert "lines 11-12 differ from it only in whitespace" in said
        assert "11\t    total = a\n12\t    return total + a" in said

    def test_nothing_alike_says_read_it_first(self, root: Path, space: Workspace) -> None:
        (root / "empty").touch()

        assert "no lines are like it. Read pipelines/a.py" in failure(space.edit, "pipelines/a.py", "§§§§ ¶¶¶¶", "x")
        assert "the file is empty" in failure(space.edit, "empty", "x", "y")

    def test_empty_and_equal_texts_are_refused(self, space: Workspace) -> None:
        assert "old text is empty" in failure(space.edit, "pipelines/a.py", "", "x")
        assert "would change nothing" in failure(space.edit, "pipelines/a.py", "total", "total")
        assert "does not exist" in failure(space.edit, "pipelines/none.py", "a", "b")

    def test_line_ends_of_the_file_stay(self, root: Path, space: Workspace) -> None:
        (root / "w.py").write_bytes(b"a = 1\r\nb = 2\r\nc = 3\r\n")

        space.edit("w.py", "a = 1\nb = 2\n", "a = 1\nx = 9\n")
        space.edit("w.py", "c = 3", "c = 3\nd = 4")

        assert (root / "w.py").read_bytes() == b"a = 1\r\nx = 9\r\nc = 3\r\nd = 4\r\n"

    def test_a_file_with_both_line_ends_changes_only_where_it_is_edited(self, root: Path, space: Workspace) -> None:
        (root / "m.py").write_bytes(b"a\nb\nc\nd\r\ne\r\nf\n")

        space.edit("m.py", "d\ne\n", "D\nE\n")
        space.edit("m.py", "b\nc\n", "B\nC\n")

        assert (root / "m.py").read_bytes() == b"a\nB\nC\nD\r\nE\r\nf\n"

    def test_the_mode_and_the_missing_last_line_end_stay(self, root: Path, space: Workspace) -> None:
        (root / "run.sh").write_bytes(b"#!/bin/sh\nexit 1")
        (root / "run.sh").chmod(0o755)

        space.edit("run.sh", "exit 1", "exit 0")

        assert (root / "run.sh").read_bytes() == b"#!/bin/sh\nexit 0"
        assert os.access(root / "run.sh", os.X_OK)

    def test_a_long_file_is_answered_quickly_enough(self, root: Path, space: Workspace) -> None:
        (root / "long.py").write_text("".join(f"value_{n} = compute({n}, {n} + 1)\n" for n in range(5000)))

        said = failure(space.edit, "long.py", "value_4321 = compute(4321, 4321 - 1)\n", "x")

        assert "4322\tvalue_4321 = compute(4321, 4321 + 1)" in said
