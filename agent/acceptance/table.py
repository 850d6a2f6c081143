"""Makes the acceptance table from the documents, the tasks' evidence and one run of the tests. No model has a part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...tools.pytest_run import TestRun
from ..documents.models import Feature
from ..planner.cover import Cover, Criterion, covering, criteria
from .elsewhere import Elsewhere, needs_elsewhere
from .links import Linker
from .models import SHOWS, Row, TaskEvidence, TestLink, Verdict

TEXT_LIMIT = 160
NO_TASK = "no task names or covers it"


def build_table(feature: Feature, tasks: Mapping[str, TaskEvidence], run: TestRun, root: Path) -> list[Row]:
    """One row for every requirement, success criterion and scenario.

    Args:
        feature: The documents.
        tasks: Evidence by task key; a task that is missing counts as its box says.
        run: The whole suite, run on the finished tree.
        root: That tree.
    """
    known = {
        task.key: tasks.get(task.key) or TaskEvidence(key=task.key, optional=task.optional)
        for task in feature.tasks.tasks
    }
    linker = Linker(feature, known, run, root)
    return [_row(criterion, covering(criterion, feature), linker) for criterion in criteria(feature)]


def _row(criterion: Criterion, covers: list[Cover], linker: Linker) -> Row:
    tests = linker.links(criterion, covers)
    keys = [*(cover.task for cover in covers), *linker.written_for(criterion, covers)]
    tasks = [linker.tasks[key] for key in linker.tasks if key in keys]
    verdict, reason, unseen = _judge(criterion, covers, tasks, tests, linker)
    if linker.run.broken and verdict != "met":
        reason += f"; the tests did not run to their end: {linker.run.broken}"
    return Row(
        id=criterion.id,
        kind=criterion.kind,
        text=_short(criterion.text),
        where=f"{criterion.path}:{criterion.line}",
        verdict=verdict,
        reason=reason,
        tests=tests,
        tasks=[task.key for task in tasks],
        commits=list(dict.fromkeys(task.commit for task in tasks if task.commit)),
        unseen=unseen,
        gap=not covers and not any(test.link in {*SHOWS, "near"} for test in tests),
    )


def _judge(
    criterion: Criterion, covers: list[Cover], tasks: list[TaskEvidence], tests: list[TestLink], linker: Linker
) -> tuple[Verdict, str, list[str]]:
    """The verdict, its reason, and what the gates could not see where they are what speaks for it."""
    showing = [test for test in tests if test.link in SHOWS]
    passed = [test for test in showing if test.outcome == "passed"]
    wrong = [test for test in showing if test.outcome in ("failed", "error")]
    unrun = [test for test in showing if test.outcome not in ("passed", "failed", "error")]
    undone = [task for task in tasks if not task.done]
    left = [task for task in undone if not left_out(task)]
    elsewhere = needs_elsewhere(criterion.kind, criterion.text)
    shown = _shown(criterion, passed, linker)
    gates, unseen = _by_gates(covers, linker)

    if wrong:
        rest = f"; {_tests(passed)} passed" if passed else ""
        return ("partly" if passed else "open"), f"{_tests(wrong)} {_outcome(wrong)}{rest}", []
    if covers and len(undone) == len(tasks) and not passed:
        return "open", f"{_states(undone)}", []
    if elsewhere and (elsewhere.never or not passed) and not left and not gates:
        return "not verifiable here", _needs(elsewhere, criterion, covers, passed), []
    near = [test for test in tests if test.link == "near" and test.outcome == "passed"]
    if near and not passed and not left and (not covers or covers[0].link == "works-on"):
        return "partly", _nearly(near, criterion, linker), []
    if not covers and not passed:
        return "open", NO_TASK, []
    if left:
        return "partly", "; ".join(part for part in (shown, _states(left)) if part), []
    if passed and unrun:
        return "partly", f"{shown}; {_tests(unrun)} {_outcome(unrun)}, which shows nothing", []
    doubt = _doubt(criterion, covers, passed, linker)
    if doubt:
        return "partly", f"{shown}; {doubt}", []
    if passed:
        return "met", shown + ("" if covers else "; no task names it"), []
    if covers[0].link == "works-on":
        keys = _keys(tasks)
        text = f"{keys} works on what it names, and does not cite it: a weak link; no test is linked to it"
        return "partly", text, []
    if gates:
        return "met", gates, unseen
    unseen = list(dict.fromkeys(text for cover in covers for text in linker.tasks[cover.task].not_verified))
    return "partly", _unshown(criterion, covers, tests, unrun, linker), unseen[:1]


def _doubt(criterion: Criterion, covers: list[Cover], passed: list[TestLink], linker: Linker) -> str:
    """Why tests that no task wrote for the requirement by its id do not show it; empty if they do.

    They are written for the code of its tasks. So they must be seen to notice changes of that code, and where the same
    tasks bring other requirements too, one of them must speak of this one.
    """
    if not passed or any(test.link != "written" for test in passed):
        return ""
    for_code = linker.written_for(criterion, covers)
    makers = list(dict.fromkeys(cover.task for made in for_code.values() for cover in made))
    if not any(linker.tasks[key].noticed for key in [*for_code, *makers]):
        return f"it was not seen that they notice a change of the code: name {criterion.ref} in a test"
    if any(test.speaks for test in passed) or not linker.has_others(criterion, makers):
        return ""
    return f"name {criterion.ref} in a test"


def _shown(criterion: Criterion, passed: list[TestLink], linker: Linker) -> str:
    """How the passed tests are linked, the strongest link first."""
    if not passed:
        return ""
    same = [test for test in passed if test.link == passed[0].link]
    if same[0].link == "named":
        return f"named by {_tests(same)}, passed"
    if same[0].link == "file":
        return f"named at the head of the file of {_tests(same)}, passed"
    if same[0].link == "words":
        words = ", ".join(linker.telling(criterion, same[0].nodeid))
        own = f"{_many(same)} of its {'story' if criterion.story else 'tasks'}"
        return f"{own} passed and {_speak(same)} of the same ({words}): a weak link, none names it"
    tasks = ", ".join(dict.fromkeys(test.by.partition(",")[0] for test in same))
    uses = ", ".join(dict.fromkeys(test.by.partition(", uses ")[2] for test in same))
    if same[0].link == "written":
        who = tasks.replace(" for ", ", written for the code of ")
    else:
        who = f"{tasks}, which cites it"
    earlier = " (all stood there before)" if all(test.earlier for test in same) else ""
    return f"{_many(same)} of {who}, passed and used {uses}{earlier}{_speaking(criterion, same, linker)}"


def _speaking(criterion: Criterion, tests: list[TestLink], linker: Linker) -> str:
    """How many of a task's tests are about the criterion itself, and by what that is seen."""
    every, best = _names(tests), [test for test in tests if test.speaks]
    if not best:
        return f"; {'none of them speaks' if len(every) > 1 else 'it does not speak'} of the same"
    words = ", ".join(linker.telling(criterion, best[0].nodeid))
    if len(_names(best)) == len(every):
        return f" ({words})"
    return f"; {len(_names(best))} of them {_speak(best)} of the same ({words})"


def _nearly(near: list[TestLink], criterion: Criterion, linker: Linker) -> str:
    """What speaks for a requirement that no task cites."""
    words = linker.telling(criterion, near[0].nodeid)
    name = f"name {criterion.ref} in a task or a test to have it shown"
    same = f"{_tests(near)} passed and {_speak(near)} of the same ({', '.join(words)})"
    return f"no task cites it; {same}: a weak link; {name}"


def _speak(tests: list[TestLink]) -> str:
    return "speaks" if len(_names(tests)) == 1 else "speak"


def _many(tests: list[TestLink]) -> str:
    number = len(_names(tests))
    return "1 test" if number == 1 else f"{number} tests"


def _by_gates(covers: list[Cover], linker: Linker) -> tuple[str, list[str]]:
    """For what is documentation or infrastructure: the gates of the verified tasks that cite it, and what these could
    not see; empty if it is not."""
    citing = [linker.tasks[cover.task] for cover in covers if cover.link == "cites"]
    works = [task for task in citing if task.roles != ["tests"]]
    if not works or any(task.state != "verified" for task in works):
        return "", []
    if any(role not in ("docs", "infra") for task in works for role in task.roles):
        return "", []
    gates = list(dict.fromkeys(gate for task in works for gate in task.gates))
    unseen = list(dict.fromkeys(text for task in works for text in task.not_verified))
    return (f"the gates of {_keys(works)} passed ({', '.join(gates)})", unseen[:3]) if gates else ("", [])


def _unshown(
    criterion: Criterion, covers: list[Cover], tests: list[TestLink], unrun: list[TestLink], linker: Linker
) -> str:
    """Why a criterion whose tasks are all done is not met, and what would mend it."""
    states = _states([linker.tasks[cover.task] for cover in covers])
    unsure = [test for test in tests if test.link == "unsure" and test.outcome == "passed"]
    by_story = [test for test in tests if test.link == "story" and test.outcome == "passed"]
    if unrun:
        return f"{states}; {_tests(unrun)} {_outcome(unrun)}, which shows nothing"
    empty = [test for test in tests if test.link == "empty" and test.outcome == "passed"]
    if empty:
        return f"{states}; {_tests(empty)} passed but asserts nothing"
    if unsure:
        return f"{states}; {_tests(unsure)} of {unsure[0].by} passed but uses nothing that its tasks made"
    if by_story:
        own = "the story" if criterion.story else "its tasks"
        return f"{states}; tests of {own} pass, but none names {criterion.ref} or speaks of the same"
    uses = linker.uses(criterion, covers)
    if uses:
        return f"{states}; {uses[0]} uses what they made, but no test names {criterion.ref} or was written for it"
    return f"{states}, but no passed test is linked to it: name {criterion.ref} in a test"


def _needs(elsewhere: Elsewhere, criterion: Criterion, covers: list[Cover], passed: list[TestLink]) -> str:
    text = f"needs {elsewhere.needs}"
    if passed:
        return f"{text}; what can be shown here, {_tests(passed)} shows"
    return text if covers else f"{text}; {NO_TASK} either"


def _names(tests: list[TestLink]) -> list[str]:
    """The tests, each once whatever its parameters."""
    return list(dict.fromkeys(test.nodeid.partition("[")[0].rpartition("/")[2] for test in tests))


def _tests(tests: list[TestLink]) -> str:
    names = _names(tests)
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _outcome(tests: list[TestLink]) -> str:
    words = {"error": "ended in an error", "skipped": "was skipped", "xfailed": "is expected to fail"}
    return words.get(tests[0].outcome, tests[0].outcome)


def left_out(task: TaskEvidence) -> bool:
    """Whether a task is optional and nobody has worked it: what it is for can be met without it."""
    return task.optional and task.state == "open"


def _keys(tasks: list[TaskEvidence]) -> str:
    keys = ", ".join(task.key for task in tasks)
    # Kiro's tasks are numbered as its requirements are: 3.2 alone may mean either.
    return f"task{'s' if len(tasks) > 1 else ''} {keys}" if keys[:1].isdigit() else keys


def _states(tasks: list[TaskEvidence]) -> str:
    """`T002, T003 verified; T004 ticked without evidence`."""
    words = {"ticked": "ticked, no commit of kfpilot stands for it", "open": "not done"}
    words["optional"] = "optional and left out"
    by_state: dict[str, list[TaskEvidence]] = {}
    for task in tasks:
        by_state.setdefault("optional" if left_out(task) else task.state, []).append(task)
    return "; ".join(f"{_keys(same)} {words.get(state, state)}" for state, same in by_state.items())


def _short(text: str) -> str:
    text = " ".join(text.replace("**", "").split())
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"
