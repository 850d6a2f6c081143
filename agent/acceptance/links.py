"""Which tests have to do with a criterion, and how."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from ...tools.project_names import parse
from ...tools.pytest_run import TestCase, TestRun
from ..documents.models import Feature, Task
from ..documents.refs import find_files, find_symbols
from ..planner.cover import Cover, Criterion, is_telling
from ..planner.paths import role_of_path
from .facts import TestFacts, TestReader, shown_words, words_of
from .ids import names_it
from .models import SHOWS, LinkKind, TaskEvidence, TestLink

SHARED_WORDS = 2
"""Telling words that a test and a scenario must share, at the least, …"""
SHARED_PART = 0.3
"""… and the part of the scenario's telling words that those must be."""
NEAR_BEST = 0.75
"""A test counts for the scenario of a story it has most of, and for those that come near."""


class Linker:
    """Links the tests of one run to the criteria of a feature.

    Args:
        feature: The documents.
        tasks: What is known of each task.
        run: The tests and their outcomes.
        root: The tree they ran in.
    """

    def __init__(self, feature: Feature, tasks: Mapping[str, TaskEvidence], run: TestRun, root: Path) -> None:
        self.feature, self.tasks, self.run, self.root = feature, tasks, run, root
        self.reader = TestReader(root)
        self._facts: dict[str, TestFacts] = {}
        self._tops: dict[str, set[str]] = {}

    def links(self, criterion: Criterion, covers: list[Cover]) -> list[TestLink]:
        """Every test that has to do with a criterion, those that show it first."""
        made = [cover for cover in covers if not self.is_tests(cover.task)]
        testers = [cover for cover in covers if "tests" in self.tasks[cover.task].roles]
        found: list[TestLink] = []
        # A success criterion is an outcome: a test that has its words says little of it.
        cited = criterion.kind != "requirement" or any(cover.link == "cites" for cover in covers)
        for case in self.run.tests:
            link = self._link(criterion, case, made, testers)
            if not cited and (link is None or link.link not in SHOWS):
                link = self._near(criterion, case) or link
            if link and link.link in SHOWS and not self.facts(case).asserts:
                link.link = "empty"
            if link:
                found.append(link)
        return sorted(found, key=rank)

    def uses(self, criterion: Criterion, covers: list[Cover]) -> list[str]:
        """Tests that passed and use what a criterion's tasks made, whoever wrote them for whatever reason."""
        made = [cover for cover in covers if not self.is_tests(cover.task)]
        return [
            case.nodeid
            for case in self.run.tests
            if case.outcome == "passed" and self.used(self.facts(case), criterion, made, None)
        ]

    def is_tests(self, key: str) -> bool:
        """Whether a task only writes tests."""
        return self.tasks[key].roles == ["tests"]

    def facts(self, case: TestCase) -> TestFacts:
        """What a test is about."""
        key = case.nodeid.partition("[")[0]
        if key not in self._facts:
            self._facts[key] = self.reader.facts(key)
        return self._facts[key]

    def _link(self, criterion: Criterion, case: TestCase, made: list[Cover], testers: list[Cover]) -> TestLink | None:
        facts = self.facts(case)

        def link(kind: LinkKind, by: str) -> TestLink:
            return TestLink(nodeid=case.nodeid, outcome=case.outcome, link=kind, by=by)

        if names_it(criterion, f"{facts.text}\n{case.nodeid.rpartition('::')[2]}"):
            return link("named", criterion.ref)
        if names_it(criterion, facts.file_text):
            return link("file", criterion.ref)
        for cover in testers:
            if case.file not in self.test_files(cover.task):
                continue
            if "::" not in case.nodeid and case.outcome == "error":
                # The file could not be collected, so none of its tests ran.
                return link("task", f"{cover.task}, uses {case.file}")
            name = self.used(facts, criterion, made, self.feature.task(cover.task))
            if not name:
                if cover.link == "cites":
                    return link("unsure", cover.task)
                continue
            if cover.link == "cites":
                return link("task", f"{cover.task}, uses {name}")
            shared = self.shared_words(criterion, facts) if criterion.kind == "scenario" else []
            return link("words", ", ".join(shared)) if shared else link("story", cover.task)
        return None

    def _near(self, criterion: Criterion, case: TestCase) -> TestLink | None:
        """A test of the feature that speaks of a requirement which no task cites."""
        facts = self.facts(case)
        shared = self.shared_words(criterion, facts) if facts.asserts else []
        if not shared:
            return None
        every = [Cover(task=key, link="works-on") for key in self.tasks]
        made = [cover for cover in every if not self.is_tests(cover.task)]
        for cover in every:
            if case.file in self.test_files(cover.task):
                tester = self.feature.task(cover.task)
                if self.used(facts, criterion, made, tester):
                    return TestLink(nodeid=case.nodeid, outcome=case.outcome, link="near", by=", ".join(shared))
        return None

    def test_files(self, key: str) -> set[str]:
        """The test files of a task."""
        return {path for path in self.tasks[key].files if role_of_path(path) == "tests"}

    def used(self, facts: TestFacts, criterion: Criterion, made: Iterable[Cover], tester: Task | None) -> str:
        """The file or name that a criterion's tasks made and the test uses; empty for none."""
        for cover in made:
            task = self.feature.task(cover.task)
            own = names_of(task)
            for path in self.tasks[cover.task].files:
                if role_of_path(path) == "tests":
                    continue
                if path in facts.strings or (is_named_file(path) and Path(path).name in facts.strings):
                    return path
                if not path.endswith(".py") or not imports_module(facts, path):
                    continue
                # Several tasks may write into one module: where this one names its part, that part it must be.
                parts = own & self.tops(path)
                hit = sorted(parts & facts.names) if parts else [path]
                if hit:
                    return hit[0]
            if found := sorted(own & facts.imported):
                return found[0]
        told = set(find_symbols(criterion.text)) | (names_of(tester) if tester else set())
        if found := sorted(told & facts.imported):
            return found[0]
        paths = [path for path in find_files(criterion.text) if path in facts.strings]
        return paths[0] if paths else ""

    def tops(self, path: str) -> set[str]:
        """What a module defines at its top."""
        if path not in self._tops:
            try:
                body = parse((self.root / path).read_text(encoding="utf-8-sig")).body
            except (OSError, ValueError, SyntaxError, RecursionError):
                body = []
            kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            self._tops[path] = {node.name for node in body if isinstance(node, kinds)}
        return self._tops[path]

    @cached_property
    def _scenarios(self) -> dict[str, list[list[str]]]:
        """The words of each scenario of each story."""
        stories = self.feature.spec.stories if self.feature.spec else []
        return {story.key: [words_of(scenario.text) for scenario in story.scenarios] for story in stories}

    @cached_property
    def _requirements(self) -> list[list[str]]:
        """The words of each requirement."""
        return [words_of(item.text) for item in self.feature.spec.requirements] if self.feature.spec else []

    def shared_words(self, criterion: Criterion, facts: TestFacts) -> list[str]:
        """The words that tell a scenario from its story's others, or a requirement from the rest, and that a test has.

        Empty if they are too few, or if the test has clearly more of another of them.
        """
        if criterion.kind == "scenario":
            others = self._scenarios.get(criterion.story or "", [])
        else:
            others = self._requirements
        words = telling(words_of(criterion.text), others)
        shared = [word for word in words if word in facts.words]
        best = max((part_of(telling(other, others), facts) for other in others), default=0.0)
        part = part_of(words, facts)
        enough = len(shared) >= SHARED_WORDS and part >= max(SHARED_PART, NEAR_BEST * best)
        return shown_words(shared, criterion.text) if enough else []


def rank(link: TestLink) -> tuple[bool, int]:
    """Tests that show a criterion first; of those linked by words, the ones whose name has most of them."""
    if link.link not in ("words", "near"):
        return link.link not in SHOWS, 0
    name = words_of(link.nodeid.partition("[")[0].rpartition("::")[2])
    return link.link not in SHOWS, -sum(word in name for word in words_of(link.by))


def telling(words: list[str], others: list[list[str]]) -> list[str]:
    """The words of a scenario without those that every scenario of its story has."""
    return [word for word in words if len(others) < 2 or not all(word in other for other in others)]


def part_of(words: list[str], facts: TestFacts) -> float:
    """Which part of some words a test has."""
    return sum(word in facts.words for word in words) / len(words) if words else 0.0


def names_of(task: Task) -> set[str]:
    """The names of code that a task gives, `double` for `double(price)` and for `shop.double`."""
    return {re.split(r"[^\w.]", symbol)[0].rpartition(".")[2] for symbol in task.symbols}


def imports_module(facts: TestFacts, path: str) -> bool:
    """Whether a test uses something of a file's module, from whichever source root it is imported."""
    dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return any(module == dotted or dotted.endswith("." + module) for module in facts.modules if module)


def is_named_file(path: str) -> bool:
    """Whether the bare name of a file tells which it is; `__init__.py` and `tests.yml` may be any."""
    return is_telling(Path(path).stem.replace("-", "_")) and not Path(path).name.startswith("__")
