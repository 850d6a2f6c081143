"""A picture of a run: what the terminal showed at its end, drawn from the run's journal.

python benchmarks/run_picture.py REPOSITORY/.kfpilot/runs/RUN docs/run.svg
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from kfpilot.agent.events import read_journal
from kfpilot.agent.reports.live import LiveDisplay, print_summary
from kfpilot.agent.reports.summarise import summarise
from rich.console import Console
from rich.terminal_theme import MONOKAI

WIDTH = 104


def picture(record: Path) -> str:
    """The last state of the live table and the summary of a run, as SVG.

    Args:
        record: The run's folder, `.kfpilot/runs/<run>`.
    """
    console = Console(width=WIDTH, record=True, force_terminal=True, file=io.StringIO(), highlight=False)
    events = list(read_journal(record / "journal.jsonl"))
    display = LiveDisplay(console, clock=lambda: events[-1].at)
    for event in events:
        display(event)
    if display.last_error:
        raise display.last_error
    console.print("[green]$[/] kfpilot run 001")
    console.print(display.render())
    print_summary(summarise(record / "journal.jsonl"), console)
    svg = console.export_svg(title="kfpilot", theme=MONOKAI, unique_id="run")
    # The font would come from somebody's server; whoever has no such font sees his own monospace.
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.S)


def main(arguments: list[str]) -> int:
    """Draw the picture into a file."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    Path(arguments[1]).write_text(picture(Path(arguments[0])), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
