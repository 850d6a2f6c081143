"""Which role does a task: from the files it names, then from its words, then from its phase."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..documents.models import Feature, Task
from .models import ROLES, Role
from .paths import ROLE_PATHS, RolePaths, is_protected, role_of_path, writable_for
from .written import left_alone, written_files

__all__ = [
    "GATES",
    "ROLE_PATHS",
    "RolePaths",
    "classify",
    "gates_for",
    "intent",
    "left_alone",
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
_WRITES_TESTS = re.compile(
    rf"^\W*(?:write|add|create|implement|extend|update|complete)\b.*{_TEST_NOUN}(?:\s+(?:cases?|suites?))?\s*$", re.I
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
_PATH = re.compile(
    r"`?[\w./-]+\.(?:py|md|rst|ya?ml|toml|json|txt|ipynb|cfg|sh)\b`?|`?[\w.-]+/(?:[\w.-]+/)*(?=[\s`,;]|$)`?"
)


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
    if roles == {"infra"} and _WRITES_TESTS.search(top) and not any(path in task.title for path in written):
        # The tests load it: `Test the levels`, and below that `the real config/levels.yaml`.
        return ["tests"]
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
