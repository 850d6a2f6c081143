"""What the project's code leaves behind must not lead kfpilot itself, outside of the sandbox, into a trap."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from kfpilot.tools import beneath, git
from kfpilot.tools.docs_run import run_page
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.files import Workspace
from kfpilot.tools.kfp_check import KfpChecker
from kfpilot.tools.kfp_local import LocalRunner
from kfpilot.tools.mutation_run import MutationRunner
from kfpilot.tools.pytest_run import run_pytest
from kfpilot.tools.sandbox import Sandbox
from kfpilot.tools.strange_files import text_of

from .conftest import SECRET, Machine

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

PYTHON = Path(sys.executable)

EVIL = """
    import os, socket
    from pathlib import Path
    def attempt(act):
        try:
            return act()
        except OSError:
            return None
    found = [
        attempt(lambda: Path('{home}/.ssh/id_rsa').read_text()),
        attempt(lambda: Path('{outside}/escaped').write_text('x')),
        attempt(lambda: socket.create_connection(('127.0.0.1', {port}), 2).recv(50)),
        os.environ.get('OPENAI_API_KEY'),
    ]
    Path('{worktree}/told').write_text('ran ' + repr([item for item in found if item]))
"""
"""Reads a key, writes a file and calls a server, and leaves a note of what has worked."""


def evil(machine: Machine, indent: str = "") -> str:
    text = EVIL.format(home=machine.home, outside=machine.outside, port=machine.port, worktree=machine.worktree)
    return "\n".join(indent + line.removeprefix("    ") for line in text.splitlines())


def told(machine: Machine) -> str:
    return text_of(machine.worktree / "told")


def test_a_test_of_the_project(machine: Machine) -> None:
    (machine.worktree / "test_it.py").write_text("def test_it():\n" + evil(machine, "    "))
    run = run_pytest(PYTHON, machine.worktree)
    assert run.counts["passed"] == 1, run.output
    assert told(machine) == "ran []"
    assert machine.reached == []


def test_a_module_with_a_pipeline_and_a_daemon(machine: Machine) -> None:
    daemon = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(1)\n"
        f"        open({str(machine.worktree / 'late')!r}, 'w')\n    os._exit(0)\n"
    )
    (machine.worktree / "pipe.py").write_text(daemon + evil(machine))
    (machine.worktree / "slow.py").write_text("import time\ntime.sleep(1.5)\n")
    with KfpChecker() as checker:
        (module,) = checker.check(machine.worktree, ["pipe.py"], [machine.worktree])
        assert module.ok
        assert told(machine) == "ran []"
        assert checker.check(machine.worktree, ["slow.py"], [machine.worktree])[0].ok
    assert not (machine.worktree / "late").exists(), "the daemon outlived its check"
    assert machine.reached == []


def test_a_component_on_this_machine(machine: Machine, tmp_path: Path) -> None:
    body = evil(machine, "    ").replace(f"{machine.worktree}/told", "/tmp/told")
    (machine.worktree / "part.py").write_text(
        f"from kfp import dsl\n\n@dsl.component\ndef part() -> str:\n{body}\n    return Path('/tmp/told').read_text()\n"
    )
    with KfpChecker() as checker:
        (module,) = checker.check(machine.worktree, ["part.py"], [machine.worktree], ir=True)
        run = LocalRunner(checker, tmp_path / "envs").run(module.objects[0].ir, {}, component=True)
    assert run.outputs == {"Output": "ran []"}, run.log
    assert run.offline
    assert machine.reached == []


def test_a_component_that_puts_a_link_where_its_log_was(machine: Machine, tmp_path: Path) -> None:
    (machine.worktree / "part.py").write_text(
        "from kfp import dsl\n\n@dsl.component\ndef part() -> str:\n    import os\n"
        f"    os.remove('../log')\n    os.symlink({str(machine.home / '.ssh/id_rsa')!r}, '../log')\n    return 'done'\n"
    )
    with KfpChecker() as checker:
        (module,) = checker.check(machine.worktree, ["part.py"], [machine.worktree], ir=True)
        run = LocalRunner(checker, tmp_path / "envs").run(module.objects[0].ir, {}, component=True)
    assert SECRET not in run.model_dump_json()


def test_the_tests_of_mutants(machine: Machine) -> None:
    (machine.worktree / "thing.py").write_text("X = 1\n")
    body = evil(machine, "    ").replace(str(machine.worktree), "/tmp")
    (machine.worktree / "test_it.py").write_text(
        f"def test_it():\n{body}\n    assert Path('/tmp/told').read_text() == 'ran []'\n"
    )
    with (
        MutationRunner() as runner,
        runner.open(machine.worktree, [machine.worktree], ["test_it.py"], [], []) as session,
    ):
        assert session.run(seconds=30).green
    assert machine.reached == []


def test_an_example_of_a_page(machine: Machine) -> None:
    mark = "<!-- kfpilot: run -->\n"
    body = evil(machine).replace(str(machine.worktree), "/tmp")
    text = f"{mark}```python{body}\nassert Path('/tmp/told').read_text() == 'ran []'\n```\n"
    text += f"{mark}```bash\n! cat {machine.home}/.ssh/id_rsa && ! touch {machine.outside}/escaped\n```\n"
    (machine.worktree / "page.md").write_text(text)
    results = run_page(PYTHON, machine.worktree, "page.md", source_roots=lambda tree: [tree])
    assert [item.outcome for item in results] == ["passed", "passed"], results
    assert machine.reached == []


def test_a_page_does_not_see_what_a_link_of_the_project_leads_to(machine: Machine) -> None:
    (machine.worktree / "keys").symlink_to(machine.home / ".ssh")
    (machine.worktree / "key").symlink_to(machine.home / ".ssh/id_rsa")
    (machine.worktree / "page.md").write_text("<!-- kfpilot: run -->\n```bash\n! cat key && ! cat keys/id_rsa\n```\n")
    (result,) = run_page(PYTHON, machine.worktree, "page.md", source_roots=lambda tree: [tree])
    assert result.outcome == "passed", result.said


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_test_that_leaves_something_else_where_its_result_is_read(machine: Machine, kind: str) -> None:
    act = f"os.symlink({str(machine.home / '.ssh/id_rsa')!r}, path)" if kind == "link" else "os.mkfifo(path)"
    (machine.worktree / "test_it.py").write_text(
        f"import os\n\ndef test_it():\n    path = os.environ['KFPILOT_PYTEST_RESULT']\n    os.remove(path)\n    {act}\n"
        "    os._exit(0)\n"
    )
    run = run_pytest(PYTHON, machine.worktree, timeout=20)
    assert run.exit_code != 0
    assert SECRET not in run.model_dump_json()


@pytest.mark.parametrize("tracked", [False, True])
def test_an_interpreter_that_a_repository_brings_along(machine: Machine, tracked: bool) -> None:
    import subprocess

    from kfpilot.tools.python_project import find_python

    program = machine.repo / ".venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat {machine.home}/.netrc > {machine.outside}/escaped\nexit 0\n")
    program.chmod(0o755)
    if tracked:
        subprocess.run(["git", "add", "-f", ".venv"], cwd=machine.repo, check=True)
        assert find_python(machine.repo, None) == PYTHON
        with pytest.raises(ToolFailure, match="a file of the repository itself"):
            find_python(machine.repo, Path(".venv/bin/python"))
    find_python(machine.repo, None)
    assert not (machine.outside / "escaped").exists()


def test_source_roots_of_a_repository_open_no_folder(machine: Machine) -> None:
    (machine.worktree / "pipe.py").write_text(evil(machine))
    with KfpChecker() as checker:
        (module,) = checker.check(machine.worktree, ["pipe.py"], [machine.home, machine.worktree])
    assert module.ok, module.failures()
    assert told(machine) == "ran []"


def test_a_lint_of_the_checkout_changes_nothing_in_it(machine: Machine) -> None:
    (machine.worktree / "pipe.py").write_text(evil(machine))
    with KfpChecker(writes=False) as checker:
        (module,) = checker.check(machine.worktree, ["pipe.py"], [machine.worktree])
    assert "Read-only file system" in module.error
    assert not (machine.worktree / "told").exists()


@pytest.mark.parametrize("act", ["read", "write", "delete"])
def test_a_folder_that_becomes_a_link_between_check_and_use(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    space = Workspace(root=machine.worktree, writable=["src/**"])
    (machine.worktree / "src").mkdir()
    (machine.worktree / "src/notes.txt").write_text("mine\n")
    locate = Workspace._locate

    def then_swap(self: Workspace, path: str) -> tuple[str, Path]:
        found = locate(self, path)
        (machine.worktree / "src").rename(machine.worktree / "was")
        (machine.worktree / "src").symlink_to(machine.home)
        return found

    monkeypatch.setattr(Workspace, "_locate", then_swap)
    with pytest.raises(ToolFailure):
        if act == "read":
            space.read("src/notes.txt")
        elif act == "write":
            space.write("src/notes.txt", "changed\n")
        else:
            space.delete("src/notes.txt")
    assert (machine.home / "notes.txt").read_text() == f"{SECRET}\n"


def test_a_file_that_becomes_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    aim = tmp_path / "aim"
    aim.write_text("keep\n")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/file").symlink_to(aim)
    with pytest.raises(OSError):
        beneath.read(tmp_path / "root", "file", 100)
    with pytest.raises(OSError):
        beneath.replace(tmp_path / "root", "file", b"new\n")
    assert aim.read_text() == "keep\n"


@pytest.mark.parametrize("committed", [False, True], ids=["new", "committed-before"])
def test_a_repository_inside_the_worktree_runs_nothing_of_its_own(machine: Machine, committed: bool) -> None:
    """Git asks an inner repository for its state, by that repository's configuration."""
    worktree, note = machine.worktree, machine.outside / "escaped"
    done = machine.run(
        f"""
        import subprocess
        def git(*words): subprocess.run(['git', '-c', 'user.name=x', '-c', 'user.email=x@example.invalid', *words],
                                        cwd='inner', check=True)
        import os; os.mkdir('inner')
        git('init', '-q'); open('inner/f', 'w').write('1'); git('add', 'f'); git('commit', '-q', '-m', 'x')
        git('config', 'filter.evil.clean', 'touch {note}; cat'); git('config', 'core.fsmonitor', 'touch {note}; true')
        open('inner/.gitattributes', 'w').write('* filter=evil'); open('inner/f', 'w').write('22')
        """
    )
    assert done.exit_code == 0, done.stderr
    base = git.head(git.open_repo(machine.repo))
    if committed:
        # As if an earlier commit had such a pointer, as one with a submodule has.
        import subprocess

        subprocess.run(["git", "-c", "core.fsmonitor=false", "add", "inner"], cwd=worktree, check=True)
        os.utime(worktree / "inner/f", (1, 1))
    assert "inner/f" in git.changed_files(worktree, base) or committed
    git.diff(worktree, base)
    git.commit_all(worktree, "feat: x", "", {})
    git.changed_files(worktree, base)
    git.restore(worktree, base)
    assert not note.exists()


def test_a_submodule_that_the_code_has_filled_runs_nothing(machine: Machine) -> None:
    import subprocess

    worktree, note = machine.worktree, machine.outside / "escaped"
    sha = git.head(git.open_repo(machine.repo))
    subprocess.run(["git", "update-index", "--add", "--cacheinfo", f"160000,{sha},lib"], cwd=worktree, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "a submodule"], cwd=worktree, check=True)
    done = machine.run(
        f"""
        import os, subprocess
        os.makedirs('lib', exist_ok=True)
        def git(*words): subprocess.run(['git', '-c', 'user.name=x', '-c', 'user.email=x@example.invalid', *words],
                                        cwd='lib', check=True)
        git('init', '-q'); open('lib/f', 'w').write('1'); git('add', 'f'); git('commit', '-q', '-m', 'x')
        git('config', 'filter.evil.clean', 'touch {note}; cat')
        open('lib/.gitattributes', 'w').write('* filter=evil'); open('lib/f', 'w').write('22')
        """
    )
    assert done.exit_code == 0, done.stderr
    git.changed_files(worktree, sha)
    assert not note.exists()


def test_the_user_may_show_more(machine: Machine) -> None:
    from kfpilot.tools import processes
    from kfpilot.tools.sandbox import Reach

    shown = Sandbox(read=(machine.home / "notes.txt",))
    command = ["cat", str(machine.home / "notes.txt")]
    for sandbox, text in ((shown, f"{SECRET}\n"), (Sandbox(), "")):
        done = processes.run(
            command, cwd=machine.worktree, reach=Reach(write=[machine.worktree]), sandbox=sandbox,
            env=processes.clean_env(),
        )  # fmt: skip
        assert done.stdout == text


def test_a_module_with_the_name_of_a_checker(machine: Machine) -> None:
    """kfpilot's own checkers run outside of the sandbox and must not load what lies in the worktree."""
    from types import SimpleNamespace

    from kfpilot.agent.verifier.static_gates import gate_python
    from kfpilot.agent.workers.mend import mend_python

    note = machine.outside / "escaped"
    for name in ("ruff", "runpy", "ast", "sitecustomize", "usercustomize"):
        (machine.worktree / f"{name}.py").write_text(f"open({str(note)!r}, 'w').write('x')\n")
    (machine.worktree / "code.py").write_text("import os\nimport sys\nX = sys.path\n")
    ctx = SimpleNamespace(
        of=lambda *patterns: ["code.py"],
        worktree=machine.worktree,
        read=lambda path: (machine.worktree / path).read_text(),
    )
    assert gate_python(ctx).passed
    mend_python(machine.worktree, "code.py")
    assert (machine.worktree / "code.py").read_text() == "import sys\n\nX = sys.path\n"
    assert not note.exists()
