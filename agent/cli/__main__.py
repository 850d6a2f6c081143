"""The console script, and `python -m kfpilot.agent.cli`."""

from __future__ import annotations

import gc
import sys

STOPPED = 130
PATIENCE = 50_000
"""New objects before the collector of garbage looks through them: while modules are loaded, nearly all stay."""


def main() -> None:
    """Run the program. Ctrl-C while it is still being loaded ends it as quietly as later."""
    gc.set_threshold(PATIENCE)
    try:
        from .app import main as program
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    program()


if __name__ == "__main__":
    main()
