"""Which role does a task: from the files it names, then from its words, then from its phase."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..documents.models import Feature, Task
from .models import ROLES, Role
from .paths import ROLE_PATHS, RolePaths, is_protected, role_of_path, writable_for

__all__ = [
    "GATES",
    "ROLE_PATHS",
    "RolePaths",
    "classify",
    "gates_for",
    "intent",
    "role_is_clear",
    "role_of_path",
    "writable_for",
    "written_files",
]

GATES: dict[Role, list[str]] = {
    "code": ["scope", "files", "security", "python", "kfp", "ir", "local", "tests"],
    "tests": ["scope", "files", "security", "python", "assertions", "tests", "mutation"],
    "docs": ["scope", "files", "security", "docs"],
    "infra": ["scope", "files", "security", "config", "infra"],
}
GATE_ORDER = (
    "scope",
    "files",
    "security",
    "python",
    "kfp",
    "ir",
    "local",
    "assertions",
    "config",
    "infra",
    "docs",
    "tests",
    "mutation",
)
"""Quick gates first; the tests take longest."""

_KIND = (
    r"(?:unit|integration|contract|e2e|end-to-end|regression|smoke|property|snapshot|golden|acceptance|pytest|failing)"
)
# "train/test split", "test data" and the like are what a data pipeline is about, not tests of it.
_TEST_NOUN = (
    r"(?<![/\w-])(?<!train )(?<!train and )tests?(?![/-])\b"
    r"(?!\s+(?:data\w*|splits?|sets?|size|samples?|rows?|period|window|fold|accuracy|metrics?|predictions?|environment))"
)
_TESTS_HEAD = re.compile(
    rf"^(?:{_TEST_NOUN}|testing\b)|{_TEST_NOUN}(?:\s+(?:cases?|suites?|coverage|modules?|files?|fixtures?|stubs?))?\s*$"
    r"|^(?:pytest|fixtures?)\b|\b(?:fixtures|conftest)\s*$|^(?:write|add)\s+tests?\b|\b\w*tests?\s+schreiben$"
    r"|测试|テスト|kiểm thử",
    re.I,
)
_TESTS_WORD = re.compile(rf"{_TEST_NOUN}|\bpytest\b|\bconftest\b|\btest coverage\b", re.I)
_DOCS = re.compile(
    r"\b(?:docs?|document(?:s|ed|ation|ing)?|readme|changelog|tutorials?|how-?to|runbook|quickstart|user guide|guide"
    r"|notebooks?|release notes|adr|dokumentation|dokumentiere\w*|anleitung)\b|文档|文件说明|ドキュメント|tài liệu",
    re.I,
)
_DOCSTRING = re.compile(r"\bdoc-?strings?\b|\btype hints?\b|\bcomments\b", re.I)
_INFRA_STRONG = re.compile(
    r"\b(?:ci|ci/cd|github actions?|gitlab ci"
    r"|dockerfiles?|docker(?:-compose)?|docker image|helm|terraform|makefile"
    r"|pre-commit|pyproject|requirements(?:\.txt| file)|grafana|prometheus|alerting rules?"
    r"|kustomize|manifests?|devcontainer)\b",
    re.I,
)
_INFRA_WORD = re.compile(
    r"\b(?:deploy(?:ment|ments|s)?|monitoring|dashboards?|alerts?|install|dependenc(?:y|ies)|dependency list"
    r"|lint(?:er|ing)|initiali[sz]e (?:the )?(?:\w+ )?(?:project|repo(?:sitory)?)|tooling"
    r"|configure (?:the )?(?:ruff|mypy|pytest|black|lint\w*))\b",
    re.I,
)
_CODE = re.compile(
    r"\b(?:implement\w*|components?|pipelines?|functions?|class(?:es)?|refactor\w*|helpers?|modules?|parameters?|wire"
    r"|handle\w*|raise|retr(?:y|ies)|cach(?:e|ing)|compute|calculate|emit|parse|validat\w+|filter|schema|model|service"
    r"|endpoint|error handling|docstrings?)\b"
    r"|实现|实装|実装|implementiere\w*|triển khai",
    re.I,
)
_ALSO_TESTS = re.compile(
    rf"\b(?:and|with|plus|including|incl\.?|mit|und)\s+(?:(?:its|the|their|some|corresponding|matching|a|\d+)\s+)?(?:{_KIND}\s+)*{_TEST_NOUN}",
    re.I,
)
# Where the object of a title ends: "Contract test | for x", "Implement x | with tests".
_HEAD_END = re.compile(
    r"\s(?:in|for|of|to|covering|cover|that|which|with|so|verif(?:y|ying)|validating|checking|proving|asserting|against|using|from|at|on"
    r"|by|via|where|when|into|inside|under|within|and|für|in der|plus)\b|[:;,(`—–→]|\.\s",
    re.I,
)
_REFERS = re.compile(
    r"(?:\b(?:for|of|against|covering|covers?|per|see|using|uses|from|based on|verif(?:y|ies|ying)|validat(?:es|ing)"
    r"|like|follow(?:s|ing)?|according to|imports?|calls?"
    r"|exercis(?:es|ing)|read(?:s|ing)?|runs?|compil(?:es?|ing)|lint(?:s|ing)?|execut(?:es?|ing)|submit(?:s|ting)?|pytest|matching|test(?:s|ing)?|except|excluding|besides|unlike"
    r"|same\b[^.;,]{0,60}\bas)\s+"
    r"(?:the\s+|a\s+|all\s+|of\s+)?(?:[\w-]+\s+)?)$",
    re.I,
)
_CHECKS = re.compile(
    r"^\W*(?:verify|check|run|validate|validation|acceptance|done when|expected|see|test with|command)\b", re.I
)
_SAID_IN = re.compile(
    r"\b(?:as|described|defined|specified|listed|documented|given|stated|those|found|declared|kept) (?:in|by)"
    r"\s+(?:the\s+)?$",
    re.I,
)
_LEAVES = re.compile(r"(?:\bnot|n't|\bnever|\bwithout)\s+(?:[\w-]+\s+){1,2}$", re.I)
"""`do not change x.py`."""
_KEEP_OUT = re.compile(
    r"(?:\bnot|n't|\bnever|\bwithout)\s+(?:chang|touch|modify|edit|alter)(?:e|ing)?\s+(?:the\s+)?(?:file\s+)?$", re.I
)
_STAYS = re.compile(
    r"\s+(?:(?:must|should|shall|to)\s+)?(?:(?:stays?|remains?|be|is)\s+)?(?:left\s+)?"
    r"(?:unchanged|untouched|unmodified|as (?:it )?is\b|not\s+(?:be\s+)?(?:changed|touched|modified))",
    re.I,
)
_MADE_FOLDER = re.compile(r"(?:^|/)(?:build|dist|out|outputs?|artifacts?|compiled|target|tmp|htmlcov)/$", re.I)
"""Where something ends up that is made by running something."""
_WRITES = re.compile(
    r"\b(?:in|to|into|at|create|add|update|extend|write|edit|modify|new|under|inside)\s+(?:the\s+|a\s+)?$", re.I
)
_UPDATES_PART = re.compile(
    r"\b(?:update|edit|modify|revise|rewrite|change|adjust|refresh)\s(?:(?!\btests?\b)[^.;:])*\bof\s+(?:the\s+)?$", re.I
)
"""`update the usage section of README.md`; but the tests of a module are elsewhere."""
_JOINS = re.compile(r"^[\s`*,;&()]*(?:and|or|und|plus|,)?[\s`*]*$", re.I)
_MUST_PASS = re.compile(
    r"^[`*)]*\s+(?:must\s+|should\s+|to\s+|will\s+)?(?:pass(?:es)?|succeeds?|(?:is|are|turns?|goes) green)\b", re.I
)


_PATH = re.compile(
    r"`?[\w./-]+\.(?:py|md|rst|ya?ml|toml|json|txt|ipynb|cfg|sh)\b`?|`?[\w.-]+/(?:[\w.-]+/)*(?=[\s`,;]|$)`?"
)


def written_files(task: Task) -> list[str]:
    """The files a task is to write, out of those it names.

    `in`, `to`, `create` before a path mean that it is written; `for`, `per`, `defined in`, `against` that it is only
    referred to, and so does "… passes" after it. Without such a word it is written.
    """
    text = "\n".join([task.title, *task.details])
    places = sorted((_find(text, path), order, path) for order, path in enumerate(task.files))
    written, last_end, last_refers = [], 0, False
    for place, _, path in places:
        if place < 0:
            refers = False
        else:
            before = text[last_end:place]
            # Two paths with nothing between but "and" share the word that stands before the first.
            if last_end and _JOINS.match(before):
                refers = last_refers
            else:
                plain = re.sub(r"[`*\"'(\[]", "", before)
                line = text[text.rfind("\n", 0, place) + 1 : place]
                refers = place > len(task.title) and bool(_CHECKS.match(line))
                refers = refers or bool(_SAID_IN.search(plain) or _LEAVES.search(plain))
                part = _WRITES.search(plain) or _UPDATES_PART.search(plain)
                refers = refers or bool(_REFERS.search(plain) and not part)
            end = place + len(path)
            refers = refers or bool(_MUST_PASS.match(text[end : end + 40]))
            last_end, last_refers = end, refers
        if not refers and not is_protected(path) and not _MADE_FOLDER.search(path):
            written.append(path)
    kept = left_alone(task)
    return [path for path in task.files if path in written and path not in kept]


def left_alone(task: Task) -> list[str]:
    """The files that a task says are to stay as they are: `do not change x.py`, `leave x.py unchanged`."""
    text = re.sub(r"[`*]", "", "\n".join([task.title, *task.details]))
    found = []
    for path in task.files:
        parts = path.split("/")
        names = "|".join(re.escape("/".join(parts[cut:])) for cut in range(len(parts)))
        for match in re.finditer(rf"(?<![\w./-])(?:{names})(?![\w/'’-]|\.\w)", text):
            if _KEEP_OUT.search(text[: match.start()]) or _STAYS.match(text[match.end() :]):
                found.append(path)
                break
    return found


def _find(text: str, path: str) -> int:
    """Where the text names the path, in full or in short; -1 where it does not."""
    parts = path.split("/")
    places = (text.find("/".join(parts[cut:])) for cut in range(len(parts)))
    return next((place for place in places if place >= 0), -1)


def head(title: str) -> str:
    """What a title is about: its words up to the first preposition, path or punctuation."""
    title = title.strip().lstrip("*_ ")
    end = _HEAD_END.search(title)
    return title[: end.start()].strip() if end and end.start() else title


def intent(title: str, details: Sequence[str] = ()) -> Role | None:
    """The role that a task's words ask for; None when they do not decide. Paths are not words."""
    title = _PATH.sub("", title)
    top = head(title)
    if _INFRA_STRONG.search(top):
        return "infra"
    if _TESTS_HEAD.search(top):
        return "tests"
    if _DOCSTRING.search(title):
        return "code"
    if _DOCS.search(top):
        return "docs"
    if re.match(r"implement|refactor|wire\b", top, re.I):
        return "code"
    if _INFRA_WORD.search(top):
        return "infra"
    if _CODE.search(top):
        return "code"
    for text in (title, " ".join(details)):
        for pattern, role in _BY_WORD:
            if pattern.search(text):
                return role
    return None


_BY_WORD: tuple[tuple[re.Pattern[str], Role], ...] = (
    (_INFRA_STRONG, "infra"),
    (_TESTS_WORD, "tests"),
    (_DOCS, "docs"),
    (_CODE, "code"),
    (_INFRA_WORD, "infra"),
)


def classify(task: Task, feature: Feature) -> list[Role]:
    """The roles a task needs; the first is primary.

    Files decide, because they are what a role may write. Words decide where no file is named, and tell a task that
    tests a module from one that writes it. A task whose words say nothing follows its phase, else it is code.
    """
    wanted = intent(task.title, task.details)
    written = written_files(task)
    if not written:
        # Nothing to write is named for sure: "Document components/x.py" is docs, "Run quickstart.md" follows its file.
        named = [path for path in task.files if not is_protected(path)]
        if wanted is None and named:
            return _ordered({role_of_path(path, feature.root) for path in named}, None)
        primary = wanted or _by_phase(task) or "code"
        also: list[Role] = ["tests"] if primary == "code" and _ALSO_TESTS.search(task.title) else []
        return [primary, *also]
    roles = {role_of_path(path, feature.root) for path in written}
    top = head(task.title)
    if "code" in roles and _TESTS_HEAD.search(top):
        # A tests task names the code it is about; that gives it no right to change it.
        roles = (roles - {"code"}) or {"tests"}
        roles.add("tests")
    elif roles == {"code"} and wanted == "docs" and not _DOCSTRING.search(task.title):
        roles = {"docs"}
    elif roles == {"code"} and _ALSO_TESTS.search(task.title):
        roles.add("tests")
    return _ordered(roles, wanted)


def _ordered(roles: set[Role], wanted: Role | None) -> list[Role]:
    """Code leads whatever it is mixed with; else what the words ask for; else the order of roles."""
    first = "code" if "code" in roles else wanted
    return sorted(roles, key=lambda role: (role != first, ROLES.index(role)))


def _by_phase(task: Task) -> Role | None:
    phase = task.phase or ""
    if re.search(r"\bsetup\b|\binfrastructure\b|\bdeploy", phase, re.I):
        return "infra"
    if re.search(r"\btests?\b|\btesting\b", phase, re.I):
        return "tests"
    if re.search(r"\bdocs?\b|documentation", phase, re.I):
        return "docs"
    return None


def role_is_clear(title: str, files: Sequence[str]) -> bool:
    """Whether files or words decide a task's role, so that nobody has to be asked."""
    return bool(files) or intent(title) is not None


def gates_for(roles: Sequence[Role], files: Sequence[str]) -> list[str]:
    """The gates of a task: those of its roles, and those for the kinds of files it writes.

    Args:
        roles: All its roles.
        files: The files it is to write.
    """
    gates = {gate for role in roles for gate in GATES[role]}
    for path in files:
        end = Path(path).suffix.lower()
        if end in (".yaml", ".yml", ".toml", ".json"):
            gates.add("config")
        elif end == ".py":
            gates.add("python")
    return sorted(gates, key=GATE_ORDER.index)
