"""What a request says of the project: the same text for every task of a run, so that a model's cache can keep it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath

from pydantic import BaseModel

from ...tools import search
from ..documents.feature import SETTINGS
from ..documents.models import Feature

CONTEXT = ("language", "dependencies", "storage", "testing", "constraint", "convention", "style")
"""Words in the labels of a plan's technical context that tell a worker how to write; the others are for planners."""

NOTHING = re.compile(r"\[?\s*(n/?a|none|unknown|needs clarification.*)\s*\]?\s*\Z", re.I)
PASSED = r"(?:pass(?:es|ed)?|ok|compliant)"
ANSWER = re.compile(rf"(?::|—|–|-|\(|\|)\s*\**\s*(?:yes|{PASSED}|✓|✅|☑|n/?a)\b|[✓✅☑]|\.\s+\**{PASSED}\W*$", re.I)
LATER = r"to be (?:checked|reviewed|decided)(?: by [^.:;]*)?|not (?:yet )?(?:looked at|checked)(?: in this draft| yet)?"
UNANSWERED = re.compile(rf"(?::|—|–|-|\(|\|)\s*\**\s*(?:{LATER}|todo|tbd|pending)\W*$", re.I)
PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_ ]+\]")
NO_TITLE = re.compile(r"(?:requirements?|design)(?: document)?\s*\Z", re.I)
"""What Kiro writes above every document."""
MOST = 12
LONGEST = 320
TREE_LIMIT = 120
FOLDED = "(folders with their number of files; `outline` lists a folder)"
NOT_LISTED = (".specify/", ".kfpilot/", ".kiro/", ".git/", ".gitignore", ".gitattributes", "openspec/", "specs/")


class Project(BaseModel):
    """The part of the documents that every task has in common."""

    title: str = ""
    documents: str = ""
    summary: str = ""
    context: list[str] = []
    principles: list[str] = []


def project_of(feature: Feature) -> Project:
    """What the plan and the constitution say of the whole project."""
    plan = feature.plan
    principles = principles_of(feature.constitution) if feature.constitution else []
    principles += [shortened(rule) for rule in feature.steering[: 2 * MOST]]
    context = settings_of(feature.extras.get(SETTINGS))
    if plan:
        context += [
            f"{label}: {text}"
            for label, text in plan.context.items()
            if any(word in label.lower() for word in CONTEXT) and not NOTHING.match(text)
        ]
        known = {f"{label}: {text}" for label, text in plan.context.items()}
        context += [note.text for note in plan.constraints if note.text not in known and says_something(note.text)]
    folder = feature.directory.relative_to(feature.root).as_posix()
    below = [name for name in feature.extras if name.startswith(("contracts/", "specs/"))]
    files = sorted([*(path.name for path in feature.directory.glob("*.md")), *below])
    titles = [feature.spec.title if feature.spec else "", plan.title if plan else "", feature.name]
    title = next(title for title in titles if title and not NO_TITLE.match(title))
    introduction = shortened(feature.spec.introduction, 2 * LONGEST) if feature.spec else ""
    return Project(
        title=title,
        documents=f"{folder}/ ({', '.join(files)})",
        summary=" ".join(filter(None, (introduction, shortened(plan.summary, 2 * LONGEST) if plan else ""))),
        context=[shortened(line) for line in context[:MOST]],
        principles=principles,
    )


def settings_of(path: Path | None) -> list[str]:
    """What an OpenSpec repository tells of itself in its settings (`context:`): a line a paragraph."""
    import yaml

    if path is None:
        return []
    try:
        settings = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError:
        return []
    text = settings.get("context") if isinstance(settings, dict) else None
    parts = re.split(r"\n\s*\n|\n(?=\s*[-*#])", text) if isinstance(text, str) else []
    return [line for part in parts if (line := " ".join(part.split()).lstrip("-*# "))]


def says_something(text: str) -> bool:
    """False for what a plan's template says to its author, and for a checklist's answers ("…: yes", "…: pending").

    The principles themselves are told from the constitution.
    """
    return not (text.lstrip("*_ ").upper().startswith("GATE") or ANSWER.search(text) or UNANSWERED.search(text))


FOOTER = re.compile(r"^\W*version\W+\d[^|]*\|", re.I)
"""spec-kit's last line: when the constitution was ratified."""


def principles_of(path: Path) -> list[str]:
    """The principles of a constitution: each heading of the third level with its first paragraph."""
    found: list[str] = []
    heading, words = "", list[str]()
    for line in [*path.read_bytes().decode("utf-8", "replace").splitlines(), "## end"]:
        if line.startswith("#"):
            text = " ".join(words)
            if heading and text and not PLACEHOLDER.search(heading):
                found.append(shortened(f"{heading}: {text}"))
            title = re.match(r"###\s+(?:[IVXLC]+\.|\d+\.)?\s*(.+)", line)
            heading, words = (title.group(1).strip() if title else ""), []
        elif FOOTER.match(line):
            continue
        elif heading and line.strip() and not line.startswith("<!--"):
            words.append(line.strip())
    return found[:MOST]


def shortened(text: str, limit: int = LONGEST) -> str:
    """One line of at most `limit` characters, cut between words."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"


def listing(root: Path) -> list[str]:
    """The repository's files without what a worker has no business with: documents of features, records, git's own."""
    return [path for path in search.files(root) if not path.startswith(NOT_LISTED)]


def tree_of(root: Path, limit: int = TREE_LIMIT) -> str:
    """The repository's files, one a line; of a large repository its folders, as deep as there is room for."""
    files = listing(root)
    if len(files) <= limit:
        return "\n".join(files)
    for depth in (4, 3, 2, 1):
        # The same folder, or the file itself where it stands higher up.
        groups = Counter("/".join(PurePosixPath(path).parts[:depth]) for path in files)
        if len(groups) <= limit:
            break
    names = set(files)
    lines = [name if name in names else f"{name}/ ({count})" for name, count in groups.items()]
    more = [f"… and {len(lines) - limit} more"] if len(lines) > limit else []
    return "\n".join([FOLDED, *lines[:limit], *more])
