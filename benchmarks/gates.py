"""How long the gates of each task of the example take: the recorded run, with every gate for real.

    python benchmarks/gates.py

Prints the seconds of each gate by task. The first task that compiles pays for starting the long-lived checkers; what
counts is the warm time of the others. Ends with 1 if a warm task takes more than 15 s.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "tests/e2e/records/daily_summary.jsonl"
LIMIT = 15.0
AUTHOR = ("-c", "user.name=A User", "-c", "user.email=user@example.invalid")


def replay(folder: Path) -> Path:
    """Run the example with the recorded answers; returns the run's record."""
    root = folder / "daily-summary"
    shutil.copytree(ROOT / "examples/daily-summary", root, ignore=shutil.ignore_patterns("__pycache__", ".kfpilot"))
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *AUTHOR, *words], cwd=root, check=True)
    env = os.environ | {"KFPILOT_CACHE_DIR": str(folder / "cache")}
    command = [str(Path(sys.executable).parent / "kfpilot"), "run", "--model", f"replay:{RECORD}", "--plain"]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    (record,) = (root / ".kfpilot/runs").iterdir()
    return record


def main() -> int:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        record = replay(Path(folder))
        tasks = {path.stem: json.loads(path.read_text()) for path in sorted((record / "evidence").glob("T*.json"))}
        report = json.loads((record / "report.json").read_text())
    slowest = 0.0
    cold = True
    for name, evidence in tasks.items():
        seconds = {gate["gate"]: gate["seconds"] for gate in evidence["gates"]}
        total = sum(seconds.values())
        starts = cold and "kfp" in seconds
        cold = cold and not starts
        if not starts:
            slowest = max(slowest, total)
        parts = "  ".join(f"{gate} {value:.1f}" for gate, value in seconds.items() if value >= 0.05)
        print(f"{name} {total:5.1f} s{' cold' if starts else '     '}  {parts}")
    print(f"slowest warm task {slowest:.1f} s of {LIMIT:.0f} s ({slowest / LIMIT:.2f} of the limit)")
    print(f"the whole run {report['seconds']:.0f} s" if "seconds" in report else "")
    return int(slowest > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
