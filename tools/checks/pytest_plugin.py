# String paths throughout: this looks at every module after every test.
# ruff: noqa: PTH100, PTH110, PTH113, PTH118
"""A pytest plugin that writes what happens as JSON lines and records where modules were imported from.

It is loaded into the pytest of the project under work, whatever its Python and pytest (7 or newer) are, so it uses the
standard library and pytest alone. `pytest_run.py` copies it under another name, starts it and reads its lines.

Each event is written at once: what a run that was killed had seen until then is not lost.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

LIMIT = 1500
"""Characters of a message."""

RESULT = os.environ.pop("KFPILOT_PYTEST_RESULT", "")  # taken away: a pytest that a test starts must not write here too
SETTINGS = json.loads(os.environ.get("KFPILOT_PYTEST_SETTINGS", "{}"))
ROOT = os.path.realpath(SETTINGS.get("root", os.curdir))
INSTALLED = re.compile(r"[\\/](site|dist)-packages[\\/]")
STANDARD: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())


def shorten(text: str, limit: int = LIMIT) -> str:
    """The text with its middle left out when it is longer than the limit."""
    if len(text) <= limit:
        return text
    mark = "\n…\n"
    head = (limit - len(mark)) * 2 // 3
    return text[:head] + mark + text[len(text) - (limit - len(mark) - head) :]


def relative(text: str) -> str:
    """The text with paths below the root written relative to it."""
    for prefix in {ROOT, SETTINGS.get("root", ROOT)}:
        text = text.replace(prefix + os.sep, "")
    return text


def below_root(path: str) -> bool:
    """True for a file of the project itself: below the root, and not in an environment that lies there."""
    real = os.path.realpath(path)
    return real.startswith(ROOT + os.sep) and not INSTALLED.search(real[len(ROOT) :])


def message_of(report: Any) -> str:
    """A report's failure: where the project's own code was last, and what was found wrong."""
    longrepr = report.longrepr
    if longrepr is None:
        return ""
    if isinstance(longrepr, tuple):  # a skip: path, line, reason
        return shorten(str(longrepr[-1]).partition("Skipped: ")[2] or str(longrepr[-1]))
    entries = getattr(getattr(longrepr, "reprtraceback", None), "reprentries", None) or []
    lines: list[str] = []
    own = [e for e in entries if getattr(e, "reprfileloc", None) and below_root(str(e.reprfileloc.path))]
    for entry in own[:1] + own[-1:] if len(own) > 1 else own:
        place = entry.reprfileloc
        lines.append(f"{relative(os.path.abspath(str(place.path)))}:{place.lineno}: {place.message}".rstrip())
        lines += [line for line in entry.lines if line.strip(" ^~") and not re.match(r"E(\s|$)", line)][-3:]
    text = report.longreprtext
    found = [line for entry in entries[-1:] for line in getattr(entry, "lines", []) if re.match(r"E(\s|$)", line)]
    if not found:
        found = [line for line in text.splitlines() if re.match(r"E(\s|$)", line)]
        if not own and found:  # an import that failed, a fixture that does not exist: the places stand in the text
            places = [line for line in text.splitlines() if re.match(r"\S+:\d+: in ", line)]
            lines += [line for line in places if below_root(line.split(":")[0])][-1:]
            lines += [line for line in text.splitlines() if re.match(r"> +available fixtures", line)]
    if not found and not lines:
        return shorten(relative(text.strip()))
    return shorten(relative("\n".join(lines + [line for line in found if "Use -v to get" not in line])))


class Recorder:
    """Writes the events; in a worker of pytest-xdist it only remembers the foreign modules for its controller."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.handle = os.open(RESULT, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if RESULT else -1
        self.foreign: dict[str, str] = {}
        self.judged: dict[str, Any] = {}

    def write(self, event: str, **values: Any) -> None:
        """Append one event; a forked child of a test writes nothing."""
        if self.handle >= 0 and os.getpid() == self.pid:
            os.write(self.handle, (json.dumps({"event": event, **values}) + "\n").encode())

    def look_at_modules(self) -> None:
        """Record every loaded module whose name belongs to the project and whose file does not."""
        solid, loose = SETTINGS.get("solid", []), SETTINGS.get("loose", {})
        for name, module in list(sys.modules.items()):
            top = name.partition(".")[0]
            if (top not in solid and top not in loose) or top in STANDARD or self.judged.get(name) is module:
                continue
            self.judged[name] = module
            try:
                path = getattr(module, "__file__", None)
            except Exception:  # a lazy module may do anything when it is asked
                continue
            if not isinstance(path, str) or below_root(path):
                continue
            if top in solid or self.meant(name, path, loose[top]):
                self.foreign[name] = os.path.abspath(path)

    def meant(self, name: str, path: str, folders: list[str]) -> bool:
        """True when a module of a folder without `__init__.py` should have come from the project.

        Such a folder may merely share its name with an installed package (`kubernetes/`): the name proves nothing.
        """
        rest = name.split(".")[1:]
        for folder in folders:
            stem = os.path.join(folder, *rest)
            if rest and (os.path.isfile(stem + ".py") or os.path.isfile(os.path.join(stem, "__init__.py"))):
                return True
        search = [os.path.realpath(str(p)) for p in getattr(sys.modules.get(name.split(".")[0]), "__path__", [])]
        return not INSTALLED.search(path) and any(os.path.realpath(folder) in search for folder in folders)


recorder = Recorder()


def _set_coverage(options: Any) -> None:
    """Measure to our own file, or not at all: the project's reports and thresholds are for its own runs."""
    if not hasattr(options, "cov_source"):
        return
    target = SETTINGS.get("coverage", "")
    if not target:
        options.cov_source = []
        return
    chosen = [source for source in options.cov_source or [] if source is not True]
    if not chosen:
        import coverage

        config = getattr(options, "cov_config", None)
        measured = coverage.Coverage(config_file=config if config and os.path.exists(config) else True)
        if measured.get_option("run:source"):
            chosen = [True]
        else:
            chosen = [SETTINGS.get("measured", ROOT)]
            recorder.write("whole")
    options.cov_source, options.cov_report = chosen, {"json": target}
    options.cov_fail_under, options.no_cov_on_fail, options.no_cov = 0, False, False


@pytest.hookimpl(hookwrapper=True)
def pytest_load_initial_conftests(early_config: Any) -> Iterator[None]:
    """Settle the coverage options before pytest-cov reads them."""
    _set_coverage(early_config.known_args_namespace)
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_cmdline_main(config: Any) -> Iterator[None]:
    """Switch off the project's options that would end the run early, wait for a person or write files."""
    option = config.option
    quiet: dict[str, Any] = {
        "maxfail": 0,
        "stepwise": False,
        "stepwise_skip": False,
        "lf": False,
        "failedfirst": False,
        "newfirst": False,
    }
    quiet.update({"usepdb": False, "trace": False, "looponfail": False, "xmlpath": None, "htmlpath": None})
    for name, value in quiet.items():
        if hasattr(option, name):
            setattr(option, name, value)
    if RESULT and hasattr(option, "cov_source") and not SETTINGS.get("coverage"):
        option.cov_source = []  # pytest-xdist hands these on to its workers
    yield


def pytest_collectreport(report: Any) -> None:
    """A file or class that cannot be collected."""
    if report.failed:
        recorder.write("collect", nodeid=report.nodeid, outcome="error", message=message_of(report))
    elif report.skipped:
        recorder.write("collect", nodeid=report.nodeid, outcome="skipped", message=message_of(report))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: Any) -> None:
    """What is going to run."""
    recorder.write("collected", nodeids=[item.nodeid for item in session.items])
    recorder.look_at_modules()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Any) -> None:
    """What is going to run, as the workers see it."""
    recorder.write("collected", nodeids=list(ids))


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtestloop(session: Any) -> Iterator[None]:
    """Spare a project without hypothesis tests its import, half of the time of a quick run: its summary needs it."""
    yield
    plugins = session.config.pluginmanager
    spread = getattr(session.config.option, "numprocesses", None)  # then the workers had it
    if "hypothesis" not in sys.modules and not spread and plugins.has_plugin("hypothesispytest"):
        plugins.unregister(name="hypothesispytest")


def pytest_runtest_logstart(nodeid: str) -> None:
    """Remember which test runs: a run that dies names it."""
    recorder.write("start", nodeid=nodeid)


def pytest_runtest_logreport(report: Any) -> None:
    """One phase of one test."""
    outcome = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "xfailed" if report.skipped else "xpassed"
    message = message_of(report)
    if outcome == "xfailed":
        message = str(report.wasxfail).replace("reason: ", "")
    recorder.write(
        "phase", nodeid=report.nodeid, when=report.when, outcome=outcome, seconds=report.duration, message=message
    )


@pytest.hookimpl(trylast=True)
def pytest_runtest_logfinish(nodeid: str) -> None:
    """Look after each test: a later one may unload what this one loaded."""
    recorder.write("stop", nodeid=nodeid)
    recorder.look_at_modules()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Take over what a worker of pytest-xdist has seen."""
    recorder.foreign.update(getattr(node, "workeroutput", {}).get("kfpilot_foreign", {}))


def pytest_internalerror(excrepr: Any) -> None:
    """Pytest itself or one of its plugins broke."""
    recorder.write("broken", message=shorten(relative(str(excrepr)[-LIMIT:])))


@pytest.hookimpl(hookwrapper=True)
def pytest_sessionfinish(session: Any) -> Iterator[None]:
    """The end: without this event the run did not end by itself."""
    yield
    recorder.look_at_modules()
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["kfpilot_foreign"] = recorder.foreign
    recorder.write("finish", exit_code=int(session.exitstatus), foreign=recorder.foreign)
