"""Risky calls in added Python lines (bandit), and requirements without a version."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import ToolFailure
from .findings import Finding, Rule
from .syntax import PARSER

RULES = (
    Rule(id="BANDIT", name="risky-call", summary="bandit finds a risky call; its own id, such as B602, is the rule.",
         why="Input that somebody else controls can run code, or a protection is switched off."),
    Rule(id="DEP01", name="unpinned", summary="A new requirements file names a package without a version.",
         why="The next install gets another version, and what was verified is not what runs."),
)  # fmt: skip

ADVICE = {
    "B202": "members of the archive may be written outside the folder: pass filter='data'",
    "B301": "unpickling runs code: only load what your own pipeline has written",
    "B302": "marshal runs code: only load what your own pipeline has written",
    "B310": "an address from a parameter may be file:/…: check that it begins with https://",
    "B313": "", "B314": "", "B315": "", "B316": "", "B317": "", "B318": "", "B319": "", "B320": "",
    "B324": "say usedforsecurity=False where the hash protects nothing",
    "B614": "load with weights_only=True where it is possible",
    "B615": "name a revision, or another model may be loaded tomorrow",
    "B701": "only HTML needs autoescape",
    "B702": "only HTML needs escapes",
    "B113": "without a timeout the step may hang for ever",
}  # fmt: skip
"""Told and no failure: each is usual in good pipelines, or depends on what bandit cannot see."""
UNTOLD = {"B101", "B104", "B108", "B311", "B404", "B403", "B603", "B607", "B105", "B106", "B107", "B110", "B112"}
PINNED = re.compile(r"===?\s*[\w.!+*-]+|@\s*\S+|--hash=")
OTHER_FILES = re.compile(r"dev|test|doc|lint|ci\b|local", re.I)
LOCKS = ("requirements.lock", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "constraints.txt")


def bandit_findings(
    root: Path,
    added: Mapping[str, set[int]],
    *,
    soft: Callable[[str], bool] = lambda path: False,
    config: str | None = None,
) -> list[Finding]:
    """Risky calls in lines that a change added.

    Args:
        root: The repository.
        added: Path -> line numbers that the change added; the files exist.
        soft: Says of a path that it belongs to the tests, where findings are warnings.
        config: A file with `[tool.bandit]` that the change did not touch, relative to the root.

    Raises:
        ToolFailure: bandit could not run.
    """
    paths = [path for path, numbers in added.items() if path.endswith(".py") and numbers]
    if not paths:
        return []
    found = []
    for item in bandit_results(root, paths, config):
        path = item["filename"]
        if item["test_id"] in UNTOLD or not added.get(path, set()) & {item["line_number"], *item["line_range"]}:
            continue
        lines = (root / path).read_text(encoding="utf-8", errors="replace").splitlines()
        switched_off = any("nosec" in lines[at - 1] for at in item["line_range"] if at <= len(lines))
        sure = is_sure(item) and not switched_off and not soft(path)
        if sure or item["issue_severity"] != "LOW":
            found.append(
                Finding(
                    rule=item["test_id"],
                    path=path,
                    line=item["line_number"],
                    column=max(item.get("col_offset", 0) + 1, 1),
                    message=message_of(item, switched_off),
                    severity="error" if sure else "warning",
                )
            )
    return found


PROFILE = {"include": "tests", "exclude": "skips"}
"""What bandit calls a choice of rules, and the settings that make it."""


def bandit_results(root: Path, paths: Sequence[str], config: str | None) -> list[dict[str, Any]]:
    """What bandit says of these files, as in its JSON report; its program would do the same in ten times the time.

    Raises:
        ToolFailure: bandit could not run.
    """
    for name in ("bandit", "stevedore"):  # reporters that need more packages cannot be loaded, and none is wanted
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with PARSER, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # stevedore, its loader of plugins, calls itself in an old way
        # Not at the top: what needs no scan should not wait for it.
        from bandit.core.config import BanditConfig
        from bandit.core.manager import BanditManager
        from bandit.core.utils import ConfigError

        try:
            settings = BanditConfig(str(root / config) if config else None)
            rules = {key: set(settings.get_option(name) or []) for key, name in PROFILE.items()}
            # What `# nosec` switches off is told: whoever adds a risky call must not be the one who allows it.
            scan = BanditManager(settings, "file", profile=rules, quiet=True, ignore_nosec=True)
            scan.discover_files(paths)  # relative, as the project's exclusions are
            scan.files_list = [str(root / path) for path in scan.files_list]
            scan.run_tests()
            issues = scan.get_issue_list("UNDEFINED", "UNDEFINED")
        except (ConfigError, AttributeError, TypeError, ValueError, OSError) as error:
            raise ToolFailure(f"bandit could not run: {error}") from None
        except SystemExit:  # its answer to Ctrl-C
            raise KeyboardInterrupt from None
    return [
        {**issue.as_dict(with_code=False), "filename": Path(issue.fname).relative_to(root).as_posix()}
        for issue in issues
    ]


def is_sure(item: dict[str, Any]) -> bool:
    """Whether a finding of bandit fails."""
    return (
        item["issue_severity"] in ("HIGH", "MEDIUM")
        and item["issue_confidence"] == "HIGH"
        and item["test_id"] not in ADVICE
    )


def message_of(item: dict[str, Any], switched_off: bool) -> str:
    """What bandit says, and what to do."""
    text = " ".join(str(item["issue_text"]).split()).rstrip(".")
    advice = ADVICE.get(item["test_id"], "") or MENDS.get(item["test_id"], "")
    off = "; `# nosec` switches it off, a person should agree" if switched_off else ""
    return f"{text} ({item['test_name']}){': ' + advice if advice else ''}{off}."


MENDS = {
    "B102": "call the function itself instead of exec",
    "B103": "give only the rights that are needed, such as 0o755",
    "B306": "use tempfile.mkstemp or NamedTemporaryFile",
    "B307": "use ast.literal_eval, or a table of the functions that are allowed",
    "B501": "leave verify on; name the CA file if the server has one of its own",
    "B506": "use yaml.safe_load",
    "B602": "pass a list of arguments and leave shell=True away",
    "B605": "use subprocess.run with a list of arguments",
}


def requirement_findings(root: Path, path: str) -> list[Finding]:
    """Packages without a version in a requirements file that a change adds.

    Ranges and files for development are warnings; where a lock or constraints lie beside it, nothing is said.
    """
    name = PurePosixPath(path).name
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    folder = (root / path).parent
    locked = any((place / lock).is_file() for place in (folder, root) for lock in LOCKS)
    if locked or re.search(r"^\s*(?:-c|--constraint)\b", text, re.M):
        return []
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        if not line or line.startswith(("-", ".", "/")) or "://" in line or PINNED.search(line.partition(";")[0]):
            continue
        package = re.match(r"[\w.-]+", line)
        bare = not re.search(r"[<>~!=]", line.partition(";")[0])
        if package:
            message = f"{package[0]} has no fixed version: the next install may get another one. Write {package[0]}==…"
            sure = bare and not OTHER_FILES.search(name)
            found.append(
                Finding(rule="DEP01", path=path, line=number, message=message, severity="error" if sure else "warning")
            )
    return found


def is_requirements(path: str) -> bool:
    """Whether a path is a list of packages for pip."""
    return bool(re.fullmatch(r"requirements.*\.txt|.*[-_.]requirements\.txt", PurePosixPath(path).name))
