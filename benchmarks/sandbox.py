"""What the sandbox costs: the same work without one, in our own, and in bubblewrap.

    python benchmarks/sandbox.py [--repeat 5]

Prints milliseconds, and how many times as long it takes as without a sandbox: for the start of a program, for pytest on
the example, and for a check of a pipeline by the long-lived child. The best of the repeats counts, which take turns, so
that what else the machine does disturbs all alike. Ends with 1 if a gate takes more than 1.25 times as long.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from kfpilot.tools import processes
from kfpilot.tools.kfp_check import KfpChecker
from kfpilot.tools.pytest_run import run_pytest
from kfpilot.tools.sandbox import Mechanism, Reach, Sandbox, obstacle

EXAMPLE = Path(__file__).parents[1] / "examples" / "daily-summary"
PYTHON = Path(sys.executable)
PIPELINE = "pipelines/daily_summary.py"
LIMIT = 1.25


def start(root: Path, sandbox: Sandbox) -> None:
    """A program that does nothing."""
    reach = Reach(python=PYTHON, write=[root])
    done = processes.run(["/bin/true"], cwd=root, env=processes.clean_env(), reach=reach, sandbox=sandbox)
    assert done.exit_code == 0, done.stderr


def tests(root: Path, sandbox: Sandbox) -> None:
    """The tests of the example."""
    run = run_pytest(PYTHON, root, sandbox=sandbox)
    assert run.tests and not run.broken, run.output


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    modes: list[Mechanism] = ["off"]
    for name in ("landlock", "bubblewrap"):
        if reason := obstacle(name):
            print(f"{name}: not here, {reason}")
        else:
            modes.append(name)
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "example"
        shutil.copytree(EXAMPLE, root)
        (root / "tests").mkdir(exist_ok=True)
        (root / "tests/test_start.py").write_text("def test_start():\n    import kfp\n    assert kfp\n")
        boxes = {mode: Sandbox(mode=mode) for mode in modes}
        checkers = {
            mode: stack.enter_context(KfpChecker(sandbox=box, places=[root.resolve()])) for mode, box in boxes.items()
        }

        def check(mode: Mechanism) -> None:
            (module,) = checkers[mode].check(root, [PIPELINE])
            assert not module.error, module.error

        work: dict[str, Callable[[Mechanism], None]] = {
            "start": lambda mode: start(root, boxes[mode]),
            "pytest": lambda mode: tests(root, boxes[mode]),
            "kfp check": check,
        }
        for mode in modes:
            check(mode)  # the children have imported kfp before the clock starts
        best: dict[tuple[str, str], float] = {}
        for _ in range(repeat):
            for title, act in work.items():
                for mode in modes:
                    began = time.perf_counter()
                    act(mode)
                    took = (time.perf_counter() - began) * 1000
                    best[title, mode] = min(took, best.get((title, mode), took))
    slow = False
    print(f"{'':10}" + "".join(f"{mode:>22}" for mode in modes) + f"   ({os.cpu_count()} cores)")
    for title in work:
        ratios = {mode: best[title, mode] / best[title, "off"] for mode in modes}
        cells = "".join(f"{best[title, mode]:12.1f} ms {ratios[mode]:5.2f} x" for mode in modes)
        print(f"{title:10}{cells}")
        slow |= title != "start" and max(ratios.values()) > LIMIT
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
