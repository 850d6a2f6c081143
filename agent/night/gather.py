"""Makes one night of several: `python -m kfpilot.agent.night.gather MD HTML XML JSON PART...`, all of them files."""

from __future__ import annotations

import sys
from pathlib import Path

from .models import Item, Night
from .night import exit_code_of


def gathered(nights: list[Night]) -> Night:
    """One night that holds the features of all; of a feature that is in several, the last outcome counts."""
    items: dict[str, Item] = {}
    for night in nights:
        for item in night.items:
            items[item.entry.name] = item
    first = nights[0]
    whole = first.model_copy(
        update={
            "items": list(items.values()),
            "started": min(night.started for night in nights),
            "ended": max((night.ended or night.started) for night in nights),
            "state": next((night.state for night in nights if night.state != "finished"), "finished"),
            "message": next((night.message for night in nights if night.message), ""),
        }
    )
    whole.exit_code = exit_code_of(whole)
    return whole


def main(arguments: list[str]) -> int:
    """Read the parts, write the four files."""
    from .junit import junit_xml
    from .page import page
    from .summary import markdown

    targets, parts = [Path(name) for name in arguments[:4]], [Path(name) for name in arguments[4:]]
    night = gathered([Night.model_validate_json(part.read_text(encoding="utf-8")) for part in parts])
    texts = (markdown(night), page(night), junit_xml(night), night.model_dump_json(indent=2) + "\n")
    for target, text in zip(targets, texts, strict=True):
        target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
