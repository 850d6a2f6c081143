"""The requirements of an OpenSpec change: the deltas in its specs/<capability>/spec.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from .lines import read_bytes, scan
from .models import Requirement, Scenario
from .sections import Section, items, sections
from .spec import split_steps

_KIND = re.compile(r"^(ADDED|MODIFIED|REMOVED|RENAMED)\s+Requirements\b", re.I)
_REQUIREMENT = re.compile(r"^Requirement\s*[:：]\s*(.+)$", re.I)
_SCENARIO = re.compile(r"^Scenario\s*[:：]\s*(.+)$", re.I)


def read_deltas(paths: Sequence[Path]) -> list[Requirement]:
    """What the deltas add, change and take away, in the order of the files; what only gets another name is left out.

    Raises:
        UserError: A file is unreadable or not UTF-8.
    """
    return [requirement for path in paths for requirement in _read(path)]


def _read(path: Path) -> list[Requirement]:
    found: list[Requirement] = []
    for part in sections(scan(read_bytes(path), path)):
        kind = next((match[1].upper() for above in part.above if (match := _KIND.match(above.title))), "")
        named, scenario = _REQUIREMENT.match(part.title), _SCENARIO.match(part.title)
        if kind in ("", "RENAMED"):
            continue
        if named:
            gone = kind == "REMOVED"
            text = f"(to be removed) {part.text}".strip() if gone else part.text
            found.append(
                Requirement(
                    line=part.line, id=named[1].strip(), text=text, kind="REMOVED" if gone else "REQ", path=path
                )
            )
        elif scenario and found:
            found[-1].scenarios.append(_scenario(part, scenario[1].strip(), len(found[-1].scenarios) + 1))
    return found


def _scenario(part: Section, title: str, number: int) -> Scenario:
    text = "\n".join(item.text for item in items(part.lines)).replace("**", "")
    return split_steps(Scenario(line=part.line, number=number, title=title, text=text))
