"""Phases of tasks.md: which heading a task belongs to, and what the heading says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from .lines import Document, Heading
from .models import Phase
from .refs import find_stories

_PHASE = re.compile(r"(?:\bPhase|フェーズ|阶段|階段|\bGiai đoạn)\s*(\d+(?:\.\d+)?)|第\s*(\d+)\s*(?:阶段|階段)", re.I)
_NUMBERED = re.compile(r"^\W*(\d+(?:\.\d+)?)[.)]?\s")
_SIGNS = re.compile(r"[\U0001F000-\U0001FAFF\u2600-\u27BF\u2B00-\u2BFF\u231A-\u23FF\uFE0F\u200D]+")
_FIELD = re.compile(
    r"^\s*(?:[-*+]\s+)?\*\*(Goal|Ziel|目標|目标|Mục tiêu|Independent Test|Unabhängiger Test|独立テスト|独立测试"
    r"|Kiểm thử độc lập|Checkpoint|Kontrollpunkt|チェックポイント|检查点|Điểm kiểm tra)"
    r"[^*:：]*[:：]?\*\*\s*[:：]?\s*(.*)$",
    re.I,
)
_FIELD_KIND = {
    "goal": "goal",
    "ziel": "goal",
    "目標": "goal",
    "目标": "goal",
    "mục tiêu": "goal",
    "checkpoint": "checkpoint",
    "kontrollpunkt": "checkpoint",
    "チェックポイント": "checkpoint",
    "检查点": "checkpoint",
    "điểm kiểm tra": "checkpoint",
}
Kind = Literal["setup", "foundational", "story", "polish", "convergence", "other"]
_KINDS: tuple[tuple[Kind, str], ...] = (
    ("convergence", r"convergence|konvergenz|収束|收敛"),
    ("foundational", r"foundation|blocking prerequisite|grundlag|fundament|基盤|基础|基礎|nền tảng"),
    ("polish", r"polish|cross-cutting|feinschliff|abschluss|仕上げ|ポリッシュ|打磨|完善|hoàn thiện"),
    ("setup", r"\bset-?up\b|einrichtung|セットアップ|設置|设置|初始化|thiết lập|cài đặt"),
)


def phase_heading(stack: Sequence[Heading]) -> Heading | None:
    """Of the headings above a task (outermost first), the one that is its phase."""
    for heading in reversed(stack):
        if _PHASE.search(heading.title):
            return heading
    # No "Phase N": the section below the document's title.
    below = [heading for heading in stack if heading.level >= 2]
    return below[0] if below else None


def is_phase(heading: Heading) -> bool:
    """Whether the heading says of itself that it is a phase."""
    return heading.level >= 2 and _PHASE.search(heading.title) is not None


def make_phase(heading: Heading) -> Phase:
    """The phase of a heading; emoji stay out of its title."""
    title = clean_title(heading.title)
    match = _PHASE.search(heading.title) or _NUMBERED.match(heading.title)
    number = float(next(group for group in match.groups() if group)[:12]) if match else None
    stories = find_stories(title)
    kind: Kind = "story" if stories else "other"
    # A story may be called "Setup wizard": its own words decide only if no story is named.
    for name, words in _KINDS:
        if re.search(words, title, re.I) and (not stories or name == "convergence"):
            kind = name
            break
    return Phase(line=heading.line, title=title, number=number, kind=kind, stories=stories)


def clean_title(title: str) -> str:
    """A heading without emoji, bold marks and double blanks."""
    return re.sub(r"\s{2,}", " ", _SIGNS.sub(" ", title).replace("**", "")).strip(" \t-–—")


def read_fields(document: Document, phases: Sequence[Phase], ends: dict[int, int], taken: set[int]) -> None:
    """Fills goal, independent test and checkpoint of the phases.

    Args:
        document: The file.
        phases: The phases to fill.
        ends: The last line of each phase, by the line of its heading.
        taken: Lines that belong to tasks.
    """
    for phase in phases:
        name = ""
        for line in document.lines[phase.line : ends[phase.line]]:
            match = None if line.hidden or line.number in taken else _FIELD.match(line.text)
            if match:
                name = _FIELD_KIND.get(match[1].lower(), "independent_test")
                if getattr(phase, name):
                    name = ""
                else:
                    setattr(phase, name, match[2].strip())
            elif line.blank or line.hidden or line.number in taken or re.match(r"\s*(?:#|[-*+]\s|\*\*|---)", line.text):
                name = ""
            elif name:
                setattr(phase, name, f"{getattr(phase, name)} {line.text.strip()}".strip())
