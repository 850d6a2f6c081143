"""How the time of `kfpilot lint` grows with the number of components.

    python benchmarks/lint_scale.py [--sizes 10,100,1000] [--repeat 3] [--compile]

Generates projects in which each component has a file of its own and ten of them make a pipeline, looks at them in one
process, and prints the best of the repeats: seconds on the clock, seconds of the processor, milliseconds of the
processor a component, and how many times as long as the size before. With `--compile` the modules are compiled as
well, in a child whose seconds count on the clock only. Ends with 1 if the source of 1,000 components takes the
processor longer than the limit, or if the time grows faster than the number of components.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kfpilot.tools.kfp_check import KfpChecker, KfpModule
from kfpilot.tools.kfp_lint import LintReport, lint

LIMIT = 10.0
GROWTH = 1.5
"""How much more than proportional the time may grow."""
EACH = 10
COMPONENT = '''"""Step {number}."""

from kfp import dsl


@dsl.component(base_image="python:3.12", packages_to_install=["pandas==2.2.2"])
def step_{number:04}(rows: dsl.Input[dsl.Dataset], kept: dsl.Output[dsl.Dataset], column: str, limit: int = 10) -> int:
    """Keep the rows in which a column is below a limit.

    Args:
        rows: All rows.
        kept: The rows that are kept.
        column: The name of the column.
        limit: The limit.
    """
    import pandas as pd

    frame = pd.read_csv(rows.path)
    frame = frame[frame[column] < limit * {number}]
    frame.to_csv(kept.path, index=False)
    return len(frame)
'''


def project(root: Path, size: int) -> None:
    """A project of that many components; one in each hundred has a mistake."""
    steps = root / "steps"
    steps.mkdir()
    (steps / "__init__.py").touch()
    for number in range(size):
        text = COMPONENT.format(number=number)
        if number % 100 == 7:
            text = text.replace("    import pandas as pd\n\n", "").replace("from kfp", "import pandas as pd\nfrom kfp")
        (steps / f"step_{number:04}.py").write_text(text, encoding="utf-8")
    for first in range(0, size, EACH):
        numbers = range(first, min(first + EACH, size))
        lines = ['"""A pipeline."""', "", "from kfp import dsl", ""]
        lines += [f"from steps.step_{number:04} import step_{number:04}" for number in numbers]
        lines += ["", "", "@dsl.pipeline", f"def daily_{first:04}(address: str, column: str):"]
        lines += [
            "    source = dsl.importer(artifact_uri=address, artifact_class=dsl.Dataset)",
            "    rows = source.output",
        ]
        for number in numbers:
            lines.append(f"    task_{number:04} = step_{number:04}(rows=rows, column=column)")
            lines.append(f'    rows = task_{number:04}.outputs["kept"]')
        (root / f"daily_{first:04}.py").write_text("\n".join(lines) + "\n", encoding="utf-8")


def best(work: Callable[[], LintReport], repeat: int) -> tuple[float, float, LintReport]:
    """The best times of several, on the clock and of the processor, and the last report."""
    clock, processor = [], []
    for _ in range(repeat):
        start = time.perf_counter(), time.process_time()
        report = work()
        clock.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    return min(clock), min(processor), report


def measure(size: int, repeat: int, checker: KfpChecker | None) -> tuple[float, float, LintReport]:
    """The times for one project."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        project(root, size)

        def compile_modules(names: list[str]) -> list[KfpModule]:
            assert checker is not None
            return checker.check(root, names, timeout=1800, ir=True)

        return best(lambda: lint(root, compile_modules=compile_modules if checker else None), repeat)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="10,100,1000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    missed = False
    before: tuple[int, float] | None = None
    print("components  files  seconds  processor  ms/component  times as long  found")
    with contextlib.ExitStack() as stack:
        checker = stack.enter_context(KfpChecker()) if options.compile else None
        if checker:
            checker.start()
        for size in (int(part) for part in options.sizes.split(",")):
            clock, processor, report = measure(size, options.repeat, checker)
            took = clock if options.compile else processor
            ratio = took / before[1] if before else None
            growth = f"{ratio:.1f}" if ratio else ""
            files, found = len(report.files), len(report.findings)
            print(
                f"{size:>10}  {files:>5}  {clock:>7.2f}  {processor:>9.2f}  {1000 * took / size:>12.2f}  "
                f"{growth:>13}  {found:>5}"
            )
            missed |= not options.compile and size >= 1000 and took > LIMIT
            missed |= bool(before and ratio and ratio > GROWTH * size / before[0])
            before = (size, took)
    print("MISSED" if missed else "kept")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
