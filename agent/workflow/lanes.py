"""Works the tasks of a plan, several side by side where they are independent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping

from ..errors import KfpilotError
from ..events import TaskFinished
from ..planner.models import PlannedTask
from .session import Lane, Run
from .stopping import Stopped, kill_children

PATIENCE = 3.0
"""Seconds that the threads of an interrupted run get to notice that it is over."""

Work = Callable[[Lane, PlannedTask], None]


def work_tasks(run: Run, work: Work) -> None:
    """Work all tasks of the run's plan; each thread has a worktree of its own.

    Args:
        run: Its `outcomes` hold what is settled already, and in the end all.
        work: Works one task and sets its outcome.

    Raises:
        Stopped: The run was to stop; each thread has ended its step.
        BaseException: What a thread raised; the others have ended their step.
    """
    lanes = [lane_of(run, number) for number in range(run.jobs)]
    free, threads = list(lanes), {}
    running: dict[str, PlannedTask] = {}
    ended: queue.SimpleQueue[tuple[Lane, PlannedTask, BaseException | None]] = queue.SimpleQueue()
    failure: BaseException | None = None

    def body(lane: Lane, task: PlannedTask) -> None:
        error: BaseException | None = None
        try:
            work(lane, task)
        except BaseException as raised:
            error = raised
        ended.put((lane, task, error))

    try:
        while True:
            while free and not run.stop.asked.is_set() and (task := next_task(run, running)):
                running[task.id] = task
                lane = free.pop(0)
                # A daemon: a model that does not answer must not keep an interrupted run from ending.
                threads[task.id] = threading.Thread(target=body, args=(lane, task), name=task.id, daemon=True)
                threads[task.id].start()
            if not running:
                break
            lane, task, error = ended.get()
            del running[task.id], threads[task.id]
            free.append(lane)
            if error is not None:
                failure = worse(failure, error)
                run.stop.asked.set()
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
            lane.bench.mutation.close()


def lane_of(run: Run, number: int) -> Lane:
    """A place to work; the first one is the run's own worktree."""
    worktree, bench = run.place.worktree, run.bench.beside()
    if number:
        worktree = worktree.with_name(f"{worktree.name}-{number}")
    return Lane(run=run, worktree=worktree, bench=bench)


def worse(one: BaseException | None, other: BaseException) -> BaseException:
    """Which of two failures ends the run: a stop is only what follows from one; of ours, the first."""
    if one is None or (isinstance(one, Stopped) and not isinstance(other, Stopped)):
        return other
    if isinstance(one, KfpilotError) or isinstance(other, Stopped) or not isinstance(other, KeyboardInterrupt):
        return one
    return other


def next_task(run: Run, running: Mapping[str, PlannedTask]) -> PlannedTask | None:
    """The next task that may be begun now. Tasks that cannot be reached any more are skipped on the way."""
    for wave in run.plan.waves:
        for task in wave:
            if task.id in run.outcomes or task.id in running:
                continue
            lost = [other for other in task.depends_on if run.outcomes.get(other) in ("failed", "skipped")]
            if lost:
                skip(run, task, lost)
            elif ready(run, task) and not any(clash(task, other) for other in running.values()):
                return task
        # What stands in a later wave may build on anything that stands before it.
        if any(task.id not in run.outcomes for task in wave):
            return None
    return None


def skip(run: Run, task: PlannedTask, lost: list[str]) -> None:
    """Settle a task that depends on what is not verified."""
    with run.state:
        run.outcomes[task.id] = "skipped"
    run.emit(TaskFinished(task=task.id, outcome="skipped", why=f"depends on {', '.join(lost)}, not verified"))


def ready(run: Run, task: PlannedTask) -> bool:
    """Whether all it needs of this plan is verified."""
    planned = {other.id for other in run.plan.tasks}
    return all(run.outcomes.get(other) == "verified" for other in task.depends_on if other in planned)


def clash(one: PlannedTask, other: PlannedTask) -> bool:
    """Whether two tasks may write the same file: they name one, or one names none and both have a role in common."""
    if one.files and other.files:
        return bool(set(one.files) & set(other.files))
    return bool({one.role, *one.also} & {other.role, *other.also})
