"""`kfpilot lint`: the KFP lint for people, scripts and code scanning."""

from __future__ import annotations

import json as jsonlib
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from ...tools.errors import ToolFailure
from ...tools.findings import Finding, Severity, sarif
from ...tools.kfp_catalogue import BY_ID, RULES
from ...tools.kfp_lint import LintReport, lint
from ...tools.kfp_lint_settings import LintSettings, known_rules
from ..errors import EXIT_NOT_VERIFIED, EXIT_OK, UserError
from .common import console_for, settings_for
from .options import existing_parent

if TYPE_CHECKING:
    from rich.console import Console

    from ..settings import Settings

Format = Literal["concise", "full", "json", "sarif", "github"]
FORMATS = get_args(Format)
COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def lint_command(
    folder: Path,
    paths: Sequence[str],
    *,
    output_format: str = "concise",
    sarif_file: Path | None = None,
    select: str = "",
    ignore: str = "",
    policies: str = "",
    fail_on: str = "warning",
    compile: bool | None = None,
    statistics: bool = False,
    no_color: bool = False,
) -> int:
    """Look at the KFP code of a project and print what is wrong.

    Returns:
        1 when something of the severity in `fail_on`, or above, was found, or a file does not parse; else 0.
    """
    if output_format not in FORMATS:
        raise UserError(f"there is no output format '{output_format}'", mend=f"They are {', '.join(FORMATS)}.")
    if fail_on not in ("error", "warning", "note"):
        raise UserError(f"'{fail_on}' is no severity", mend="They are error, warning and note.")
    existing_parent(sarif_file, "--sarif")
    root = project_of(folder)
    settings = settings_for(root, {})
    chosen = with_options(settings.lint, select, ignore, policies)
    wanted = inside(root, folder, paths)
    use_compiler = chosen.compile if compile is None else compile
    report = compiled_lint(root, wanted, settings, chosen) if use_compiler else lint(root, wanted, chosen)
    if sarif_file is not None:
        write(sarif_file, as_sarif(report, chosen) + "\n")
    show(report, root, output_format, chosen, console_for(no_color), statistics=statistics)
    severities: list[Severity] = ["error", "warning", "note"]
    counts = severities[: severities.index(fail_on) + 1]  # type: ignore[arg-type]
    return EXIT_NOT_VERIFIED if report.count(*counts) or report.unread else EXIT_OK


def project_of(folder: Path) -> Path:
    """The repository of a folder, or the folder itself outside of one."""
    from ...tools import git

    folder = folder.resolve()
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", mend="Name the folder of the project.")
    try:
        return git.root_of(git.open_repo(folder)).resolve()
    except ToolFailure:
        return folder


def inside(root: Path, folder: Path, paths: Sequence[str]) -> list[Path]:
    """The paths that were named; where one is, if none was named.

    Raises:
        UserError: One does not exist, or lies outside the project.
    """
    found = []
    for name in paths or ["."]:
        path = (folder / name).resolve()
        if not path.exists():
            raise UserError(f"there is no file or folder {name}", mend="Name files or folders of the project.")
        if not path.is_relative_to(root):
            raise UserError(f"{name} is not in the project {root}", mend="Name its folder with --repo.")
        found.append(path)
    return found


def with_options(settings: LintSettings, select: str, ignore: str, policies: str) -> LintSettings:
    """The project's settings with the command line's in their place; what is ignored is added.

    Raises:
        UserError: A rule or a policy does not exist.
    """
    from pydantic import ValidationError

    values = settings.model_dump()
    values["select"] = words(select) or settings.select
    values["ignore"] = settings.ignore + words(ignore)
    values["policies"] = [*settings.policies, *(item.lower() for item in words(policies))]
    try:
        return LintSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            str(first["msg"]).removeprefix("Value error, "), mend="`kfpilot lint --explain all` lists the rules."
        ) from None


def words(text: str) -> list[str]:
    """The parts of a list with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def compiled_lint(root: Path, paths: list[Path], settings: Settings, chosen: LintSettings) -> LintReport:
    """The lint with what compiling shows; without it, and saying so, where kfp cannot be had."""
    from ...tools.kfp_check import KfpChecker, KfpModule
    from ...tools.python_project import find_python, find_source_roots

    why: list[str] = []
    asked: list[str] = []

    def compile_modules(names: list[str]) -> list[KfpModule]:
        roots = [root / name for name in settings.source_roots] or find_source_roots(root)
        for project in projects_of(root, names) if not settings.source_roots else []:
            roots += [item for item in find_source_roots(project) if item not in roots]
        asked[:] = names
        sandbox = settings.open_sandbox()
        try:
            # The checkout is the user's: its code is looked at and may change nothing.
            python = find_python(root, settings.python, sandbox)
            with KfpChecker(python, sandbox=sandbox, places=[root], writes=False) as checker:
                return checker.check(root, names, source_roots=roots, timeout=settings.gate_timeout, ir=True)
        except ToolFailure as failure:
            why.append(str(failure))
            return []

    report = lint(root, paths, chosen, compile_modules=compile_modules)
    if why:
        report.not_compiled |= dict.fromkeys(asked, why[0])
    return report


def projects_of(root: Path, names: list[str]) -> list[Path]:
    """Folders below a repository's root that are projects of their own and hold some of the files."""
    folders = {parent for name in names for parent in (root / name).parents if parent.is_relative_to(root)}
    return sorted(item for item in folders - {root} if (item / "pyproject.toml").is_file())


# --- what is printed --------------------------------------------------------------------------------------------------


def show(
    report: LintReport, root: Path, output_format: str, settings: LintSettings, console: Console, *, statistics: bool
) -> None:
    """The report in the form that was asked for."""
    if output_format == "json":
        sys.stdout.write(jsonlib.dumps(as_json(report), indent=2) + "\n")
        return
    if output_format == "sarif":
        sys.stdout.write(as_sarif(report, settings) + "\n")
        return
    if output_format == "github":
        for item in report.findings:
            sys.stdout.write(github_line(item) + "\n")
        return
    if statistics:
        show_statistics(report, console)
    else:
        for item in report.findings:
            show_finding(item, root, console, full=output_format == "full")
    for path, why in sorted(report.unread.items()):
        say(console, f"{path}: not looked at: {why}")
    show_not_compiled(report, console)
    say(console, summary(report))


def show_finding(item: Finding, root: Path, console: Console, *, full: bool) -> None:
    """One finding; in full with its line of code."""
    from rich.text import Text

    text = Text()
    text.append(item.path, style="bold")
    text.append(f":{item.line}:{item.column}: ")
    text.append(item.rule, style=COLOURS[item.severity])
    text.append(f" {'' if item.severity == 'error' else f'({item.severity}) '}{item.message}")
    console.print(text, soft_wrap=True)
    if full:
        lines = (root / item.path).read_text(encoding="utf-8-sig", errors="replace").splitlines()
        code = lines[item.line - 1] if item.line <= len(lines) else ""
        say(console, f"{item.line:>5} | {code}")
        say(console, f"      | {' ' * (item.column - 1)}^ {BY_ID[item.rule].name}")


def show_statistics(report: LintReport, console: Console) -> None:
    """How often each rule has spoken."""
    counts = Counter((item.rule, item.severity) for item in report.findings)
    for (rule, severity), count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
        say(console, f"{count:>5}  {rule}  {severity:<7}  {BY_ID[rule].summary}")


def show_not_compiled(report: LintReport, console: Console) -> None:
    """What could not be compiled, and so was looked at only in part."""
    shown = sorted(report.not_compiled.items())
    for path, why in shown[:10]:
        say(console, f"{path}: not compiled, so only its source was looked at: {' '.join(why.split())[:300]}")
    if len(shown) > 10:
        say(console, f"and {len(shown) - 10} more files were not compiled")


def summary(report: LintReport) -> str:
    """The last line."""
    files = f"{len(report.files)} file{'' if len(report.files) == 1 else 's'}"
    compiled = f", {report.compiled} of them compiled" if report.compiled else ""
    if not report.findings:
        return f"Nothing found in {files}{compiled}."
    parts = []
    for severity in ("error", "warning", "note"):
        count = report.count(severity)
        if count:
            parts.append(f"{count} {severity}{'' if count == 1 else 's'}")
    return f"Found {', '.join(parts)} in {files}{compiled}."


def as_json(report: LintReport) -> dict[str, object]:
    """The report for scripts."""
    return {
        "findings": [{**item.model_dump(), "name": BY_ID[item.rule].name} for item in report.findings],
        "counts": {severity: report.count(severity) for severity in ("error", "warning", "note")},
        "files": len(report.files),
        "compiled": report.compiled,
        "not_compiled": report.not_compiled,
        "unread": report.unread,
    }


def as_sarif(report: LintReport, settings: LintSettings) -> str:
    """The report for code scanning."""
    rules = [rule for rule in RULES if rule.id in settings.rules]
    return sarif(report.findings, rules, version=version("kfpilot"))


def github_line(item: Finding) -> str:
    """A finding as a command of GitHub's runner, which shows it at the line of a pull request."""
    kind = {"error": "error", "warning": "warning", "note": "notice"}[item.severity]
    message = item.message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    path = item.path.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    place = f"file={path},line={item.line},col={item.column}"
    return f"::{kind} {place},title={item.rule} {BY_ID[item.rule].name}::{message}"


def explain(names: str, console: Console) -> int:
    """What rules are about; `all` lists them in short.

    Raises:
        UserError: There is no such rule.
    """
    if names.strip().lower() == "all":
        for rule in RULES:
            say(console, f"{rule.id}  {rule.severity:<7}  {rule.name:<22}  {rule.summary}")
        return EXIT_OK
    try:
        wanted = known_rules(words(names))
    except ValueError as error:
        raise UserError(str(error), mend="`kfpilot lint --explain all` lists them.") from None
    for name in wanted:
        rule = BY_ID[name]
        say(console, f"{rule.id} {rule.name} ({rule.severity})\n")
        say(console, f"{rule.summary}\nOtherwise: {rule.why}\nMend: {rule.mend}\n")
        say(console, f"Keep one: # kfpilot: ignore[{rule.id}] reason\nExamples: docs/lint.md#{rule.id.lower()}")
    return EXIT_OK


def say(console: Console, text: str) -> None:
    """A line as it is, however long."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def write(file: Path, text: str) -> None:
    """A file that the user has asked for.

    Raises:
        UserError: It cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{file} cannot be written: {error.strerror}", mend="Name a file in a folder that exists."
        ) from None
