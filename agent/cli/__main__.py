"""The console script, and `python -m kfpilot.agent.cli`."""

from __future__ import annotations

import sys

STOPPED = 130


def main() -> None:
    """Run the program. Ctrl-C while it is still being loaded ends it as quietly as later."""
    try:
        from .app import main as program
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    program()


if __name__ == "__main__":
    main()
