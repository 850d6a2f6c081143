"""Works the tasks of a plan, several side by side where they are independent.

They are worked ahead of their turn, but land in the order of the plan: a task that does not go together with one before
it is made again on top of that one, as if it had been begun after it. So the end is that of one after another.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from ..errors import KfpilotError, ToolFailure
from ..events import TaskFinished
from ..planner.models import PlannedTask
from .session import Lane, Run
from .stopping import Stopped, kill_children

PATIENCE = 3.0
"""Seconds that the threads of an interrupted run get to notice that it is over."""

LOOK_AGAIN = 1.0
"""Seconds of one wait for the threads; a signal that came meanwhile is seen at its end at the latest."""

AHEAD = 1
"""For each task at the model so many may have their gates run, or wait for their turn to land."""

Work = Callable[[Lane, PlannedTask], None]
Said = Literal["waits", "works"] | BaseException | None
"""What a thread tells: it is done with the model for now, it is there again, it has failed, it has ended."""


def work_tasks(run: Run, work: Work) -> None:
    """Work all tasks of the run's plan; each thread has a worktree of its own.

    Args:
        run: Its `outcomes` hold what is settled already, and in the end all.
        work: Works one task and sets its outcome.

    Raises:
        Stopped: The run was to stop; each thread has ended its step.
        BaseException: What a thread raised; the others have ended their step.
    """
    lanes: list[Lane] = []
    free: list[Lane] = []
    threads: dict[str, threading.Thread] = {}
    busy: set[str] = set()
    said: queue.SimpleQueue[tuple[Lane, str, Said]] = queue.SimpleQueue()
    failure: BaseException | None = None

    def body(lane: Lane, task: PlannedTask) -> None:
        lane.tell = lambda what: said.put((lane, task.id, what))
        error: BaseException | None = None
        try:
            if not lane.base:
                move_in(lane)
            work(lane, task)
        except BaseException as raised:
            error = raised
        said.put((lane, task.id, error))

    try:
        while True:
            while len(busy) < run.jobs and len(threads) < (1 + AHEAD) * run.jobs and not run.stop.asked.is_set():
                task = next_task(run, threads)
                if task is None:
                    break
                if not free:
                    lanes.append(lane_of(run, len(lanes)))
                    free.append(lanes[-1])
                busy.add(task.id)
                # A daemon: a model that does not answer must not keep an interrupted run from ending.
                thread = threading.Thread(target=body, args=(free.pop(0), task), name=task.id, daemon=True)
                threads[task.id] = thread
                thread.start()
            if not threads:
                break
            try:
                lane, key, what = said.get(timeout=LOOK_AGAIN)
            except queue.Empty:
                continue
            if what == "works":
                busy.add(key)
                continue
            busy.discard(key)
            if what == "waits":
                continue
            del threads[key]
            free.append(lane)
            if isinstance(what, BaseException):
                failure = worse(failure, what)
                run.stop.end()
        if failure is not None:
            raise failure
        run.stop.check()
    except BaseException:
        run.stop.halted.set()
        if threads:
            kill_children()
            for thread in threads.values():
                thread.join(PATIENCE)
        raise
    finally:
        for lane in lanes:
            if lane.bench is not run.bench:
                lane.bench.close()


def move_in(lane: Lane) -> None:
    """Make the lane's worktree, then its bench: a sandbox shows the folders that are there when it starts.

    The KFP checker, which takes seconds, starts while the model writes its first answer.
    """
    lane.put(lane.run.head())
    if lane.worktree != lane.run.place.worktree:
        lane.bench = lane.run.bench.beside(lane.worktree)

    def start() -> None:
        # What is wrong with it is told by the gate that needs it.
        with suppress(ToolFailure):
            lane.bench.checker.start()

    run = lane.run
    if any("kfp" in task.gates for task in run.plan.tasks if task.id not in run.outcomes):
        threading.Thread(target=start, daemon=True).start()


def await_turn(lane: Lane, task: PlannedTask) -> None:
    """Wait until every task before this one in the plan is settled.

    A run that ends because of a failure waits for nobody: what is verified shall land.

    Raises:
        Stopped: The run is to stop.
    """
    run = lane.run
    before = []
    for other in run.plan.tasks:
        if other.id == task.id:
            break
        before.append(other.id)
    while any(key not in run.outcomes for key in before) and not run.stop.ending.is_set():
        run.stop.check()
        with run.settled:
            run.settled.wait(0.2)


@contextmanager
def with_model(lane: Lane) -> Iterator[None]:
    """A place at the model: so many tasks as the run has jobs are there at once.

    While the gates look at what a task has become, another one may have its place. A run with one job is one task
    after another, to its end.

    Raises:
        Stopped: The run is to stop, and this task had no place yet.
    """
    run = lane.run
    lane.tell("works")
    while not run.desk.acquire(timeout=0.2):
        run.stop.check()
    try:
        yield
    finally:
        run.desk.release()
        if run.jobs > 1:
            lane.tell("waits")


def lane_of(run: Run, number: int) -> Lane:
    """A place to work; the first one is the run's own worktree."""
    worktree = run.place.worktree
    if number:
        worktree = worktree.with_name(f"{worktree.name}-{number}")
    return Lane(run=run, worktree=worktree, bench=run.bench)


def worse(one: BaseException | None, other: BaseException) -> BaseException:
    """Which of two failures ends the run: a stop is only what follows from one; of ours, the first."""
    if one is None or (isinstance(one, Stopped) and not isinstance(other, Stopped)):
        return other
    if isinstance(one, KfpilotError) or isinstance(other, Stopped) or not isinstance(other, KeyboardInterrupt):
        return one
    return other


def next_task(run: Run, running: Container[str]) -> PlannedTask | None:
    """The next task that may be begun now. Tasks that cannot be reached any more are skipped on the way."""
    for wave in run.plan.waves:
        left: list[PlannedTask] = []
        for task in wave:
            if task.id in run.outcomes:
                continue
            lost = [other for other in task.depends_on if run.outcomes.get(other) in ("failed", "skipped")]
            if lost and task.id not in running:
                skip(run, task, lost)
                continue
            # Not beside one that lands before it, whether that one is at work yet or not: it could wait for ever.
            if task.id not in running and ready(run, task) and not any(clash(run, task, other) for other in left):
                return task
            left.append(task)
        # What stands in a later wave may build on anything that stands before it.
        if left:
            return None
    return None


def skip(run: Run, task: PlannedTask, lost: list[str]) -> None:
    """Settle a task that depends on what is not verified."""
    run.settle(task.id, "skipped")
    run.emit(TaskFinished(task=task.id, outcome="skipped", why=f"depends on {', '.join(lost)}, not verified"))


def ready(run: Run, task: PlannedTask) -> bool:
    """Whether all it needs of this plan is verified."""
    planned = {other.id for other in run.plan.tasks}
    return all(run.outcomes.get(other) == "verified" for other in task.depends_on if other in planned)


def clash(run: Run, one: PlannedTask, other: PlannedTask) -> bool:
    """Whether two tasks are not to be worked side by side.

    They may write the same file: both name it, or one names none and they have a role in common. Or tests that were
    written first wait for both, and will be due with the later one.
    """
    if any(one.id in waits and other.id in waits for waits in run.red.values()):
        return True
    if one.files and other.files:
        return bool(set(one.files) & set(other.files))
    return bool({one.role, *one.also} & {other.role, *other.also})
