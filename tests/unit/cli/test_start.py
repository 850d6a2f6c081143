"""The start of the command line stays light."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("kfp", "langchain", "langchain_core", "langgraph", "openai", "git", "rich.table", "pytest", "xllamacpp")


def test_help_imports_nothing_heavy() -> None:
    code = f"""
import sys
from kfpilot.agent.cli.app import main
try:
    main(["--help"])
except SystemExit:
    pass
print("heavy:", [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "verify" in done.stdout
    assert done.stderr.strip() == "heavy: []"
