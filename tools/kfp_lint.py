"""The KFP lint: finds what compiles and goes wrong in the cluster, and what a team has asked for beside.

The rules stand in `kfp_catalogue`. Most need the source alone: nothing is imported or run. What only the compiled form
shows comes from `kfp_check`, in a child process.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pathspec
from pydantic import BaseModel, ConfigDict, Field

from . import (
    kfp_ignores,
    kfp_rules_components,
    kfp_rules_decisions,
    kfp_rules_files,
    kfp_rules_outputs,
    kfp_rules_own,
    kfp_rules_policy,
    kfp_rules_style,
    kfp_rules_wiring,
    search,
)
from .findings import Finding, in_order
from .kfp_catalogue import BY_ID
from .kfp_lint_settings import LintSettings
from .kfp_source import Problem, Source

if TYPE_CHECKING:
    from .kfp_check import KfpModule

FROM_COMPILED = {"K04", "K10", "K11", "K12", "K13", "K14", "K15"}
"""Rules of which the source alone shows only a part."""
SUBMITS = re.compile(
    r"(?:\.(?:create_run_from_\w+|run_pipeline|create_recurring_run|upload_pipeline\w*|submit|run)|(?:^|\.)Client)$"
)
"""Calls that, at the top level of a module, do something to a cluster or this machine when it is imported."""


class LintReport(BaseModel):
    """What the lint has found in some files.

    Attributes:
        findings: In order of place.
        files: The files that were looked at.
        unread: Files that could not be read as Python -> why.
        compiled: How many of them were compiled as well.
        not_compiled: Files that define pipelines or components and were not compiled -> why.
    """

    model_config = ConfigDict(extra="forbid")

    findings: list[Finding] = []
    files: list[str] = []
    unread: dict[str, str] = {}
    compiled: int = 0
    not_compiled: dict[str, str] = Field(default={})

    def count(self, *severities: str) -> int:
        """How many findings have one of these severities."""
        return sum(item.severity in severities for item in self.findings)


def source_problems(
    source: Source, *, mounts: tuple[str, ...] | None = (), policies: frozenset[str] = frozenset()
) -> list[Problem]:
    """Everything that the source of a module shows, in no order."""
    return [
        *kfp_rules_own.problems(source),
        *kfp_rules_decisions.problems(source),
        *kfp_rules_wiring.problems(source),
        *kfp_rules_components.problems(source, mounts, policies),
        *kfp_rules_outputs.problems(source),
        *kfp_rules_files.problems(source),
        *kfp_rules_policy.problems(source, policies),
        *kfp_rules_style.problems(source, policies),
    ]


def problems(text: str) -> list[str]:
    """What in a module is surely wrong.

    Args:
        text: The source of a Python module.

    Returns:
        One message per error: line, rule, what goes wrong, how to mend it. Empty for a module that does not parse.
    """
    try:
        source = Source(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    found = [to_finding("", item) for item in source_problems(source)]
    return [f"line {item.line}: {item.rule}: {item.message}" for item in in_order(found) if item.severity == "error"]


def to_finding(path: str, problem: Problem) -> Finding:
    """A problem of a module as a finding."""
    return Finding(
        rule=problem.rule,
        path=path,
        line=problem.line,
        column=problem.column,
        message=problem.message,
        severity=problem.severity or BY_ID[problem.rule].severity,
    )


def module_findings(
    path: str,
    text: str,
    settings: LintSettings | None = None,
    *,
    mounts: tuple[str, ...] | None = (),
    compiled: KfpModule | None = None,
    untrusted: frozenset[int] | None = frozenset(),
) -> list[Finding]:
    """The findings of one module.

    Args:
        path: Its name in the findings.
        text: Its source.
        settings: What the project asks for.
        mounts: Where the project's pipelines mount volumes; None if that is not known.
        compiled: The module as it was compiled, with its documents.
        untrusted: Lines whose comments suppress nothing; None for all lines.

    Raises:
        SyntaxError, ValueError, RecursionError: It does not parse.
    """
    settings = settings or LintSettings()
    source = Source(text)
    own = kfp_rules_components.mounted_paths(text)
    known = None if own is None or mounts is None else (*own, *mounts)
    found = [to_finding(path, item) for item in source_problems(source, mounts=known, policies=settings.asked)]
    if compiled is not None:
        from .kfp_rules_ir import problems as ir_problems

        found += [to_finding(path, item) for item in ir_problems(source, compiled, found, settings.asked)]
    whole = not source.definitions or (compiled is not None and not compiled.error)
    looked_for = settings.rules if whole else settings.rules - FROM_COMPILED
    return chosen(path, text, found, settings, looked_for, untrusted)


def chosen(
    path: str,
    text: str,
    found: Iterable[Finding],
    settings: LintSettings,
    looked_for: set[str],
    untrusted: frozenset[int] | None = frozenset(),
) -> list[Finding]:
    """The findings that count: of rules that are on, and that no comment suppresses."""
    off = {
        rule
        for glob, rules in settings.per_path_ignore.items()
        if pathspec.GitIgnoreSpec.from_lines([glob]).match_file(path)
        for rule in rules
    }
    kept = [item for item in in_order(found) if item.rule in settings.rules and item.rule not in off]
    return in_order(kfp_ignores.apply(path, text, kept, looked_for - off, untrusted))


def lint_files(root: Path, paths: Sequence[Path] = ()) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """The files that the lint looks at.

    Args:
        root: The project.
        paths: Files and folders in it; all of it if none is given. What git ignores is left out, unless it is named.

    Returns:
        Names relative to the root with their texts, in order, then those that could not be read with the reason.
    """
    names: set[str] = set()
    named: set[str] = set()
    for path in paths or [root]:
        start = path.resolve()
        if start.is_file():
            named.add(start.relative_to(root).as_posix())
            continue
        inside = start.relative_to(root).as_posix()
        names |= {name if inside == "." else f"{inside}/{name}" for name in search.files(start, "*.py")}
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    for name in sorted(names | named):
        try:
            text = (root / name).read_bytes().decode("utf-8-sig", "replace")
        except OSError as error:
            unread[name] = error.strerror or str(error)
            continue
        if "kfp" in text or name in named:
            texts[name] = text
    return sorted(texts), texts, unread


def is_test(name: str) -> bool:
    """Whether a file belongs to the tests by its name."""
    path = PurePosixPath(name)
    return (
        bool({"tests", "test", "testing"} & set(path.parts[:-1]))
        or path.name.startswith("test_")
        or path.stem.endswith("_test")
        or path.name == "conftest.py"
    )


Compile = Callable[[list[str]], "list[KfpModule]"]


def lint(
    root: Path,
    paths: Sequence[Path] = (),
    settings: LintSettings | None = None,
    *,
    compile_modules: Compile | None = None,
) -> LintReport:
    """Look at files of a project.

    Args:
        root: The project.
        paths: Files and folders in it; all of it if none is given.
        settings: What the project asks for.
        compile_modules: Gives the compiled modules (with their documents) of some files; without it only the source
            is looked at.
    """
    settings = settings or LintSettings()
    root = root.resolve()
    names, texts, unread = lint_files(root, paths)
    mounts = all_mounts(texts.values())
    found: dict[str, list[Finding]] = {}
    defining: list[str] = []
    acting: list[str] = []
    for name in names:
        try:
            source = Source(texts[name])
            if is_test(name) and not source.definitions:
                continue
            problems = source_problems(source, mounts=mounts, policies=settings.asked)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None) or 1
            unread[name] = f"line {line}: does not parse: {getattr(error, 'msg', None) or error or 'too deeply nested'}"
            continue
        found[name] = [to_finding(name, item) for item in problems]
        if source.definitions:
            defining.append(name)
            acting += [name] if acts_on_import(source) else []
    report = LintReport(files=list(found), unread=unread)
    complete: set[str] = set()
    if compile_modules is not None:
        why = "importing it starts a run or talks to a server; put that under `if __name__ == '__main__'`"
        report.not_compiled = dict.fromkeys(acting, why)
        wanted = {name: texts[name] for name in defining if name not in acting and not is_test(name)}
        complete = add_compiled(report, wanted, found, settings, compile_modules)
    partly = set(defining) - complete
    for name, items in found.items():
        looked_for = settings.rules - FROM_COMPILED if name in partly else settings.rules
        report.findings += chosen(name, texts[name], items, settings, looked_for)
    report.findings = in_order(report.findings)
    return report


def all_mounts(texts: Iterable[str]) -> tuple[str, ...] | None:
    """Where the pipelines of a project mount volumes; None if that is computed somewhere."""
    found: set[str] = set()
    for text in texts:
        mounts = kfp_rules_components.mounted_paths(text) if "mount_path" in text else []
        if mounts is None:
            return None
        found |= set(mounts)
    return tuple(sorted(found))


def acts_on_import(source: Source) -> bool:
    """Whether importing a module would start a run or the like."""
    waiting: list[ast.AST] = list(source.tree.body)
    while waiting:
        node = waiting.pop()
        guard = isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
        if guard or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Call) and SUBMITS.search(ast.unparse(node.func)):
            return True
        waiting.extend(ast.iter_child_nodes(node))
    return False


def add_compiled(
    report: LintReport,
    texts: dict[str, str],
    found: dict[str, list[Finding]],
    settings: LintSettings,
    compile_modules: Compile,
) -> set[str]:
    """Compile what can be compiled and add what it shows; the names of the files whose picture is complete."""
    from . import kfp_rules_ir

    complete: set[str] = set()
    modules = compile_modules(list(texts)) if texts else []
    for module in modules:
        broken = [item.error for item in module.objects if not item.ok and "(K14)" not in item.error]
        wrong = module.error or next(iter(broken), "")
        if wrong:
            report.not_compiled[module.path] = wrong
        else:
            complete.add(module.path)
        extra = kfp_rules_ir.problems(Source(texts[module.path]), module, found[module.path], settings.asked)
        found[module.path] += [to_finding(module.path, item) for item in extra]
    report.compiled = len(complete)
    return complete
