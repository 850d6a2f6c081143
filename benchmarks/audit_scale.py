"""How `kfpilot audit` grows with 10, 100 and 1,000 components: a task, a module and a test for each.

    python benchmarks/audit_scale.py [--sizes 10,100,1000] [--repeat 3]

Every component has a ticked task for its module, one for its function and one for its test file. Prints seconds for
reading alone (--no-run) and for compiling and testing everything as well, and how each grows from size to size. Reading
is the best of the repeats; what is run is run once. Ends with 1 if reading 1,000 components takes more than 30 s.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 30.0
COMPONENT = '''"""Step {number}."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def step_{number}(count: int = {number}) -> int:
    """Adds."""
    return count + {number}
'''
TEST = """from steps.step_{number} import step_{number}


def test_step_{number}():
    assert step_{number}.python_func(1) == {number} + 1
"""


def make(root: Path, size: int) -> Path:
    """A committed repository of that many components."""
    (root / "steps").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "specs/001-steps").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    (root / "steps/__init__.py").touch()
    lines = ["# Tasks", ""]
    for number in range(1, size + 1):
        (root / f"steps/step_{number}.py").write_text(COMPONENT.format(number=number))
        (root / f"tests/test_step_{number}.py").write_text(TEST.format(number=number))
        lines += [
            f"- [x] T{3 * number:04} Create the component in steps/step_{number}.py",
            f"- [x] T{3 * number + 1:04} Implement `step_{number}()` in steps/step_{number}.py",
            f"- [x] T{3 * number + 2:04} Write tests in tests/test_step_{number}.py",
        ]
    (root / "specs/001-steps/tasks.md").write_text("\n".join(lines) + "\n")
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "start"]):
        identity = ["-c", "user.name=A User", "-c", "user.email=user@example.invalid"]
        subprocess.run(["git", *identity, *command], cwd=root, check=True)
    return root


def measure(root: Path, *, run: bool) -> float:
    """Seconds of one audit; every tick must come out as verified."""
    from kfpilot.agent.audit.audit import audit
    from kfpilot.agent.settings import Settings

    begun = time.perf_counter()
    result = audit(root, [], lambda _: Settings(), run=run)[0]
    seconds = time.perf_counter() - begun
    if result.totals.verified != result.totals.ticked:
        raise SystemExit(f"{result.totals}: {result.notes}")
    return seconds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10,100,1000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--no-run", action="store_true", help="only read")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    print("| components | ticks | read only | ratio | with runs | ratio |\n|---:|---:|---:|---:|---:|---:|")
    before: tuple[float, float] | None = None
    slow = False
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            root = make(Path(folder) / "repo", size)
            read = min(measure(root, run=False) for _ in range(options.repeat))
            ran = float("nan") if options.no_run else measure(root, run=True)
        ratios = [f"{now / then:.1f}" for now, then in zip((read, ran), before, strict=True)] if before else ["", ""]
        print(f"| {size:,} | {3 * size:,} | {read:.2f} s | {ratios[0]} | {ran:.1f} s | {ratios[1]} |", flush=True)
        before = (read, ran)
        slow = slow or (size <= 1000 and read > LIMIT)
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
