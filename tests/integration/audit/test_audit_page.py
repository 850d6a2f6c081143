"""The transcript of docs/audit.md is what the commands print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")


def test_the_transcript_is_real(tmp_path: Path) -> None:
    found = re.search(r"<!-- run first -->\n```bash\n(.*?)^```$", PAGE, re.M | re.S)
    console = re.search(r"^```console\n(.*?)^```$", PAGE, re.M | re.S)
    assert found and console
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    subprocess.run(["bash", "-euo", "pipefail", "-c", found[1]], cwd=tmp_path, check=True, env=env)
    steps = [step.partition("\n") for step in re.split(r"(?m)^\$ ", console[1]) if step]
    assert len(steps) == 3
    for command, _, output in steps:
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path / "shop", env=env, capture_output=True, text=True)
        assert done.stdout == output, command
