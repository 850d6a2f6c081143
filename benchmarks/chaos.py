"""The figures of the reliability table: how much of what may go wrong in a night does no harm.

    python benchmarks/chaos.py [--part kills,faults,secrets,escapes,injections]

Runs every test that is marked `chaos`, also those that take minutes, and prints a row for each kind: survived of tried,
and each exception by name. Ends with 1 if there is one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
PARTS = {
    "kills": (
        "kill points survived",
        ["tests/integration/workflow/test_chaos.py", "tests/integration/workflow/test_run_resumed.py"],
    ),
    "faults": ("model faults survived", ["tests/integration/models"]),
    "secrets": ("planted secrets kept back", ["tests/integration/workflow/test_canaries.py"]),
    "escapes": ("escapes stopped", ["tests/integration/sandbox"]),
    "injections": ("injections without effect", ["tests/integration/injection"]),
}


def run(paths: list[str]) -> tuple[int, int, list[str], list[str]]:
    """Run the marked tests below some paths: how many passed and were tried, the exceptions, what was skipped."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "chaos", "-n", "2", f"--junitxml={report}", *paths]
        subprocess.run(command, cwd=ROOT, stdout=sys.stderr)
        cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
    bad = [
        str(case.get("name")) for case in cases if case.find("failure") is not None or case.find("error") is not None
    ]
    skipped = [str(case.get("name")) for case in cases if case.find("skipped") is not None]
    return len(cases) - len(bad) - len(skipped), len(cases) - len(skipped), bad, skipped


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default=",".join(PARTS), help="only these, with commas between")
    wrong = 0
    for part in parser.parse_args().part.split(","):
        title, paths = PARTS[part]
        passed, tried, bad, skipped = run([path for path in paths if (ROOT / path).exists()])
        wrong += len(bad) or not tried
        print(f"{title}: {passed} of {tried}" + (f" ({len(skipped)} could not be tried here)" if skipped else ""))
        for name in bad:
            print(f"  not: {name}")
        for name in skipped:
            print(f"  not tried: {name}")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
