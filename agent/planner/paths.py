"""Which role a path belongs to, and what a role may write.

One set of gitignore-style globs per role serves both questions, so that a file is never of one role when the plan is
made and of another when the worker wants to write it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec
from pydantic import BaseModel, ConfigDict

from .models import PlannedTask, Role

NEVER: tuple[str, ...] = (
    "/specs/**",
    "/.specify/**",
    "/.kiro/**",
    "/openspec/**",
    "tasks.md",
    ".git",
    ".git/**",
    ".kfpilot",
    ".kfpilot/**",
)
"""Written by no role: the documents decide what is done, so no worker edits them."""

HELD: tuple[str, ...] = (
    *(f"/{folder}/**" for folder in (".githooks", ".husky", ".vscode", ".idea", ".claude", ".cursor", ".codex")),
    *(f"/{folder}/**" for folder in (".gemini", ".agents", ".github/instructions", ".github/prompts")),
    "/.github/copilot-instructions.md",
    *("AGENTS.md", "CLAUDE.md", "GEMINI.md", ".cursorrules", ".mcp.json"),
    *(".envrc", ".gitmodules", ".npmrc", ".pypirc", ".netrc", "pip.conf", "sitecustomize.py", "usercustomize.py"),
)
"""What runs on the user's machine, or steers assistants there, without anybody starting it. A role may write one of
these only where the task names it: no text that a model has read elsewhere is reason enough."""

TESTS: tuple[str, ...] = ("**/tests/**", "**/test/**", "test_*.py", "*_test.py", "conftest.py")
DOCS: tuple[str, ...] = (
    "*.md",
    "*.mdx",
    "*.rst",
    "*.ipynb",
    "**/docs/**",
    "/doc/**",
    "/examples/**",
    "/notebooks/**",
    "/LICENSE*",
    "/CHANGELOG*",
    "/mkdocs.yml",
)
PACKAGE_DATA: tuple[str, ...] = tuple(
    f"{folder}/**/*.{end}" for folder in ("/src", "/lib", "**/components", "**/pipelines") for end in ("yaml", "yml")
)
"""YAML that is part of the source: component definitions, compiled pipelines, settings a package loads."""
INFRA: tuple[str, ...] = (
    "*.yaml",
    "*.yml",
    *(f"!{glob}" for glob in PACKAGE_DATA),
    *(
        f"/{folder}/**"
        for folder in (
            ".github",
            ".gitlab",
            ".circleci",
            ".devcontainer",
            "ci",
            "deploy",
            "deployment",
            "deployments",
            "k8s",
            "kubernetes",
            "manifests",
            "kustomize",
            "helm",
            "charts",
            "monitoring",
            "infra",
            "infrastructure",
            "terraform",
            "docker",
        )
    ),
    # In a monorepo each project may have such a folder, also one that is called `pipelines`.
    *(
        f"**/{folder}/**/*.{end}"
        for folder in ("k8s", "kubernetes", "kustomize", "helm", "charts", "manifests", "terraform")
        for end in ("yaml", "yml")
    ),
    "Dockerfile*",
    "*.dockerfile",
    ".dockerignore",
    "Makefile",
    "*.mk",
    "Jenkinsfile",
    "requirements*.txt",
    "requirements*.in",
    "constraints*.txt",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "tox.ini",
    "noxfile.py",
    "pytest.ini",
    ".coveragerc",
    "*.toml",
    "*.lock",
    "*.cfg",
    "*.tf",
    "*.tfvars",
    "*.sh",
    "/.pre-commit*",
    ".gitignore",
    ".gitattributes",
    ".editorconfig",
    ".env.*",
)


class RolePaths(BaseModel):
    """Gitignore-style globs (the last match decides, `!` takes out). `forbidden` wins over `writable`."""

    model_config = ConfigDict(extra="forbid")

    writable: list[str]
    forbidden: list[str]


def _except(globs: Sequence[str]) -> list[str]:
    return [glob[1:] if glob.startswith("!") else f"!{glob}" for glob in globs]


ROLE_PATHS: dict[Role, RolePaths] = {
    "code": RolePaths(
        writable=["*", *_except(INFRA), *_except(DOCS), *_except(TESTS), *_except(HELD)],
        forbidden=[*NEVER, *TESTS],
    ),
    "tests": RolePaths(writable=[*TESTS, *_except(HELD)], forbidden=[*NEVER]),
    "docs": RolePaths(writable=[*DOCS, *_except(TESTS), *_except(HELD)], forbidden=[*NEVER, *TESTS]),
    "infra": RolePaths(writable=[*INFRA, *_except(DOCS), *_except(TESTS), *_except(HELD)], forbidden=[*NEVER, *TESTS]),
}


@lru_cache(maxsize=32)
def _spec(globs: tuple[str, ...]) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(globs)


def matches(globs: Sequence[str], path: str) -> bool:
    """Whether a list of gitignore-style globs takes in a path that is relative to the repository's root."""
    return _spec(tuple(globs)).match_file(path.removeprefix("./"))


def may_write(paths: RolePaths, path: str) -> bool:
    """Whether these rules let a path be written."""
    return matches(paths.writable, path) and not matches(paths.forbidden, path)


@lru_cache(maxsize=8192)
def role_of_path(path: str, root: Path | None = None) -> Role:
    """The role that owns a path.

    Args:
        path: Relative to the repository's root.
        root: The repository; when given, YAML beside an `__init__.py` counts as part of that package.
    """
    path = path.removeprefix("./")
    if path.endswith("/"):
        path += "any"
    if matches(TESTS, path):
        return "tests"
    if matches(DOCS, path):
        return "docs"
    if matches(INFRA, path):
        pure = PurePosixPath(path)
        in_package = pure.suffix in (".yaml", ".yml") and root is not None and len(pure.parts) > 1
        return "code" if in_package and root and (root / pure.parent / "__init__.py").is_file() else "infra"
    return "code"


def is_protected(path: str) -> bool:
    """Whether no role at all may write this path."""
    return matches(NEVER, path)


def roles_of(task: PlannedTask) -> list[Role]:
    """All roles of a task, the first is primary."""
    return [task.role, *(role for role in task.also if role != task.role)]


def own_files(task: PlannedTask) -> list[str]:
    """The named files that this task may write; the others it only refers to."""
    paths = writable_for(task)
    return [path for path in task.files if may_write(paths, path)]


def writable_for(task: PlannedTask, role: Role | None = None) -> RolePaths:
    """What may be written while this task is worked.

    The role's globs, and the files that the task names; but a test file never becomes writable for the code role and
    code never for the tests role.

    Args:
        task: The task.
        role: The role at work. None: one worker has all the task's roles. Then the primary role has its globs, and of
            every further role only the named files are open (its globs when none is named), so that the tests of
            other tasks stay out of reach.
    """
    if role is not None:
        paths = ROLE_PATHS[role].model_copy(deep=True)
        paths.writable += _named(task, role)
        return paths
    roles = roles_of(task)
    paths = ROLE_PATHS[task.role].model_copy(deep=True)
    if "tests" in roles:
        paths.forbidden = [*NEVER]
    paths.writable += _named(task, task.role)
    for further in roles[1:]:
        named = [f"/{path}" for path in task.files if role_of_path(path) == further]
        # A pattern that takes out would take out what the primary role has; further roles only add.
        paths.writable += named or [glob for glob in ROLE_PATHS[further].writable if not glob.startswith("!")]
    if len(roles) > 1:
        paths.writable += [*_except(HELD), *(path for role in roles for path in _named(task, role))]
    return paths


def _named(task: PlannedTask, role: Role) -> list[str]:
    """The task's files that its role may have on top of its globs, as anchored globs."""
    named = []
    for path in task.files:
        owner = role_of_path(path)
        apart = {"code", "tests"} == {role, owner} or (owner == "tests" and role != "tests")
        # The tests role has its globs alone: what it names besides tests is what it tests.
        # A docs or infra task that names code refers to it.
        if not apart and (owner == role or (role == "code" and owner == "infra")):
            named.append(f"/{path}")
    return named
