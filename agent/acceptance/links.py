"""Which tests have to do with a criterion, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from ...tools.pytest_run import TestCase, TestRun
from ..documents.models import Feature, Task
from ..documents.refs import find_files, find_symbols
from ..planner.cover import Cover, Criterion, cites, criteria, is_telling
from ..planner.paths import role_of_path
from .code import Code, names_of
from .facts import TestFacts, TestReader, words_of
from .ids import names_it
from .models import SHOWS, LinkKind, TaskEvidence, TestLink
from .speaks import NEAR_BEST as SPEAKS
from .speaks import Scale, marks_of
from .written import written_for

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
        self.reader, self.code = TestReader(root), Code(root)
        self._facts: dict[str, TestFacts] = {}
        self._marks: dict[str, set[str]] = {}
        self._scales: dict[str, Scale] = {}

    def links(self, criterion: Criterion, covers: list[Cover]) -> list[TestLink]:
        """Every test that has to do with a criterion, those that show it best first."""
        made = [cover for cover in covers if not self.is_tests(cover.task)]
        testers = [cover for cover in covers if "tests" in self.tasks[cover.task].roles]
        if criterion.kind == "scenario" and criterion.story is None:
            # An OpenSpec change is one story: whichever of its tests uses what was made and has the words shows it.
            known = {cover.task for cover in testers}
            testers += [Cover(task=key, link="story") for key in self.tasks if self.is_tests(key) and key not in known]
        for_code = self.written_for(criterion, covers)
        found: list[TestLink] = []
        # A success criterion is an outcome: a test that has its words says little of it.
        cited = criterion.kind != "requirement" or any(cover.link == "cites" for cover in covers)
        for case in self.run.tests:
            link = self._link(criterion, case, made, testers) or self._for_code(criterion, case, for_code)
            if not cited and (link is None or link.link not in SHOWS):
                link = self._near(criterion, case) or link
            if link and link.link in SHOWS and not self.facts(case).asserts:
                link.link = "empty"
            if link:
                found.append(link)
        found = without_earlier(found)
        self._weigh(criterion, found)
        return sorted(found, key=rank)

    def written_for(self, criterion: Criterion, covers: list[Cover]) -> dict[str, list[Cover]]:
        """The tests tasks that are for the code of a requirement's tasks, though they do not cite it."""
        return written_for(criterion, covers, self.feature, self.tasks, self.code)

    def has_others(self, criterion: Criterion, tasks: Iterable[str]) -> bool:
        """Whether some tasks cite another requirement than this one."""
        known = {item.id for item in self.feature.spec.requirements} if self.feature.spec else set()
        refs = [ref for key in tasks for ref in self.feature.task(key).refs]
        return any(cites(ref, name) for ref in refs for name in known - {criterion.ref})

    def uses(self, criterion: Criterion, covers: list[Cover]) -> list[str]:
        """Tests that passed and use what a criterion's tasks made, whoever wrote them; the nearest first."""
        made = [cover for cover in covers if not self.is_tests(cover.task)]
        found = [
            TestLink(nodeid=case.nodeid, outcome=case.outcome, link="unsure", earlier=self.is_earlier(case))
            for case in self.run.tests
            if case.outcome == "passed" and self.used(self.facts(case), criterion, made, None)
        ]
        self._weigh(criterion, found)
        return [link.nodeid for link in sorted(found, key=rank)]

    def telling(self, criterion: Criterion, nodeid: str) -> list[str]:
        """The few most telling things that a test and a criterion share, as the criterion writes them."""
        return self._scale(criterion.kind).telling(criterion.text, self.marks(nodeid))

    def marks(self, nodeid: str) -> set[str]:
        """What a test is made of."""
        key = nodeid.partition("[")[0]
        if key not in self._marks:
            self._marks[key] = marks_of(self._facts_of(key).told)
        return self._marks[key]

    def is_earlier(self, case: TestCase) -> bool:
        """Whether no task of the feature wrote a test."""
        writers = [task for task in self.tasks.values() if case.file in task.files]
        return all(case.nodeid.partition("[")[0] in task.earlier for task in writers)

    def _weigh(self, criterion: Criterion, links: list[TestLink]) -> None:
        """Say of each link how much its test speaks of the criterion, and whether it comes near the best."""
        scale, wanted = self._scale(criterion.kind), marks_of(criterion.text)
        for link in links:
            name = link.nodeid.partition("[")[0].rpartition("::")[2]
            link.weight = round(scale.score(wanted, self.marks(link.nodeid), marks_of(name)), 3)
        kinds = ("words", "near")
        for same in ([x for x in links if x.link in kinds], [x for x in links if x.link not in kinds]):
            best = max((link.weight for link in same if link.link in (*SHOWS, "near")), default=0.0)
            for link in same:
                link.speaks = best > 0 and link.weight >= SPEAKS * best
                if link.link == "words" and best > 0 and not link.speaks:
                    # It has some words of the scenario, but another test has clearly more.
                    link.link = "story"

    def _scale(self, kind: str) -> Scale:
        if kind not in self._scales:
            own = {path for key in self.tasks for path in self.test_files(key)}
            tests = dict.fromkeys(case.nodeid.partition("[")[0] for case in self.run.tests if case.file in own)
            every = [marks_of(item.text) for item in criteria(self.feature) if item.kind == kind]
            self._scales[kind] = Scale([self.marks(nodeid) for nodeid in tests], every)
        return self._scales[kind]

    def is_tests(self, key: str) -> bool:
        """Whether a task only writes tests."""
        return self.tasks[key].roles == ["tests"]

    def facts(self, case: TestCase) -> TestFacts:
        """What a test is about."""
        return self._facts_of(case.nodeid.partition("[")[0])

    def _facts_of(self, key: str) -> TestFacts:
        if key not in self._facts:
            self._facts[key] = self.reader.facts(key)
        return self._facts[key]

    def _link(self, criterion: Criterion, case: TestCase, made: list[Cover], testers: list[Cover]) -> TestLink | None:
        facts = self.facts(case)

        def link(kind: LinkKind, by: str) -> TestLink:
            earlier = kind in ("task", "words") and case.nodeid.partition("[")[0] in self.tasks[cover.task].earlier
            return TestLink(nodeid=case.nodeid, outcome=case.outcome, link=kind, by=by, earlier=earlier)

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
            if criterion.kind == "scenario" and self.shares_words(criterion, facts):
                return link("words", cover.task)
            return link("story", cover.task)
        return None

    def _for_code(self, criterion: Criterion, case: TestCase, testers: dict[str, list[Cover]]) -> TestLink | None:
        """A test of a task that is for the code, and uses it."""
        for key, made in testers.items():
            if case.file not in self.test_files(key):
                continue
            broken = "::" not in case.nodeid and case.outcome == "error"
            name = case.file if broken else self.used(self.facts(case), criterion, made, self.feature.task(key))
            if name:
                return TestLink(
                    nodeid=case.nodeid,
                    outcome=case.outcome,
                    link="written",
                    by=f"{key} for {', '.join(cover.task for cover in made)}, uses {name}",
                    earlier=case.nodeid.partition("[")[0] in self.tasks[key].earlier,
                )
        return None

    def _near(self, criterion: Criterion, case: TestCase) -> TestLink | None:
        """A test of the feature that speaks of a requirement which no task cites."""
        facts = self.facts(case)
        if not facts.asserts or not self.shares_words(criterion, facts):
            return None
        every = [Cover(task=key, link="works-on") for key in self.tasks]
        made = [cover for cover in every if not self.is_tests(cover.task)]
        for cover in every:
            if case.file in self.test_files(cover.task):
                tester = self.feature.task(cover.task)
                if self.used(facts, criterion, made, tester):
                    return TestLink(nodeid=case.nodeid, outcome=case.outcome, link="near", by=cover.task)
        return None

    def test_files(self, key: str) -> set[str]:
        """The test files of a task."""
        return {path for path in self.tasks[key].files if role_of_path(path) == "tests"}

    def used(self, facts: TestFacts, criterion: Criterion, made: Iterable[Cover], tester: Task | None) -> str:
        """The file or name that a criterion's tasks made and the test uses; empty for none."""
        for cover in made:
            own = self.code.made(self.feature.task(cover.task), self.tasks[cover.task])
            for path in self.tasks[cover.task].files:
                if role_of_path(path) == "tests":
                    continue
                if path in facts.strings or (is_named_file(path) and Path(path).name in facts.strings):
                    return path
                if not path.endswith(".py") or not imports_module(facts, path):
                    continue
                # Several tasks may write into one module: where this one names its part, that part it must be.
                parts = own & self.code.tops(path)
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

    @cached_property
    def _scenarios(self) -> dict[str, list[list[str]]]:
        """The words of each scenario of each story; of OpenSpec's, which have no story, below an empty key."""
        spec = self.feature.spec
        if spec is None:
            return {}
        own = [words_of(scenario.text) for item in spec.requirements for scenario in item.scenarios]
        return {"": own} | {story.key: [words_of(item.text) for item in story.scenarios] for story in spec.stories}

    @cached_property
    def _requirements(self) -> list[list[str]]:
        """The words of each requirement."""
        return [words_of(item.text) for item in self.feature.spec.requirements] if self.feature.spec else []

    def shares_words(self, criterion: Criterion, facts: TestFacts) -> bool:
        """Whether a test has words that tell a scenario from its story's others, or a requirement from the rest.

        Not if they are too few, or if the test has clearly more of another of them.
        """
        if criterion.kind == "scenario":
            others = self._scenarios.get(criterion.story or "", [])
        else:
            others = self._requirements
        words = telling(words_of(criterion.text), others)
        shared = [word for word in words if word in facts.words]
        best = max((part_of(telling(other, others), facts) for other in others), default=0.0)
        part = part_of(words, facts)
        return len(shared) >= SHARED_WORDS and part >= max(SHARED_PART, NEAR_BEST * best)


def rank(link: TestLink) -> tuple[bool, int, bool, float]:
    """Tests that show a criterion first, by the strength of their link; then those that speak most of it."""
    strength = SHOWS.index(link.link) if link.link in SHOWS else len(SHOWS)
    return link.link not in SHOWS, strength, link.earlier, -link.weight


def without_earlier(links: list[TestLink]) -> list[TestLink]:
    """The links without passed tests that stood in a task's file before it, if the task wrote some that passed."""
    passed = [link for link in links if link.link in SHOWS and link.outcome == "passed"]
    if all(link.earlier for link in passed):
        return links
    return [link for link in links if not link.earlier or link.outcome != "passed" or link.link not in SHOWS]


def telling(words: list[str], others: list[list[str]]) -> list[str]:
    """The words of a scenario without those that every scenario of its story has."""
    return [word for word in words if len(others) < 2 or not all(word in other for other in others)]


def part_of(words: list[str], facts: TestFacts) -> float:
    """Which part of some words a test has."""
    return sum(word in facts.words for word in words) / len(words) if words else 0.0


def imports_module(facts: TestFacts, path: str) -> bool:
    """Whether a test uses something of a file's module, from whichever source root it is imported."""
    dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return any(module == dotted or dotted.endswith("." + module) for module in facts.modules if module)


def is_named_file(path: str) -> bool:
    """Whether the bare name of a file tells which it is; `__init__.py` and `tests.yml` may be any."""
    return is_telling(Path(path).stem.replace("-", "_")) and not Path(path).name.startswith("__")
