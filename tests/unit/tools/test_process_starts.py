"""Who starts processes: a new place must say how it keeps the project's code in the sandbox."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = [path for part in ("agent", "tools") for path in (ROOT / part).rglob("*.py")]

IN_THE_SANDBOX = {
    "agent/cli/doctor.py", "tools/docs_run.py", "tools/kfp_local.py", "tools/pytest_run.py", "tools/python_project.py",
}  # fmt: skip
"""Calls of `run` that must say how far the process reaches."""

OUTSIDE = {
    "agent/cli/demo.py": "git, on a fresh copy of the example",
    "agent/cli/doctor.py": "git --version",
    "agent/night/kfp_parts.py": "kfpilot itself, in the image of its own component",
    "agent/models/embedded.py": "our own llama.cpp child",
    "agent/models/sources.py": "pip, for the weights",
    "agent/verifier/static_gates.py": "ruff, which reads",
    "agent/workers/mend.py": "ruff, which reads and writes one file",
    "tools/component_envs.py": "venv, pip and uv, which run nothing of the project's",
    "tools/detached.py": "kfpilot itself, for a run in the background; ps",
    "tools/git_command.py": "git",
    "tools/infra_programs.py": "bash -n, which reads",
    "tools/markdown_checks.py": "git check-ignore",
    "tools/processes.py": "this is where it happens",
    "tools/programs.py": "checkers, which read",
    "tools/sandbox.py": "this is where it happens",
}


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]


def starts(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    return name in {
        "subprocess.run", "subprocess.Popen", "subprocess.check_output", "subprocess.call", "subprocess.check_call",
        "os.system", "os.popen", "os.execvp", "os.spawnv", "processes.run",
    }  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_start_of_a_process_is_known(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name.startswith(("tools/checks/", "tools/confine/")):
        return  # these run inside
    for call in filter(starts, calls(path)):
        reaches = any(keyword.arg == "reach" for keyword in call.keywords)
        assert reaches or name in OUTSIDE, f"{name}:{call.lineno} starts a process outside of the sandbox"
        assert not reaches or name in IN_THE_SANDBOX


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_is_looked_for_in_the_folder_of_the_project(path: Path) -> None:
    """`python -m ruff` in a worktree runs the worktree's own ruff.py, with all rights; -P keeps it from that."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.List) and [ast.unparse(item) for item in node.elts[:2]] == ["sys.executable", "'-m'"]:
            pytest.fail(f"{path.name}:{node.lineno}: say -P before -m")
