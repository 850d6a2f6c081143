"""Checks of Markdown against the project it describes: links, paths, names, code blocks."""

from __future__ import annotations

import ast
import re
import subprocess
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .commands import PLACEHOLDER, command_problems
from .docs_submits import submit_problems
from .markdown_blocks import block_problems
from .project_names import Project, near, parameters, unknown_keywords
from .syntax import parse_expression, parse_python

if TYPE_CHECKING:
    from markdown_it.token import Token

Found = Iterator[tuple[int, str]]

PYTHON = {"python", "py", "python3", "pycon"}
SHELL = {"bash", "sh", "shell", "console", "zsh", "shell-session"}
PATH = re.compile(r"(?:\./)?[\w.-]+(?:/[\w.-]+)+/?")
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".json", ".txt", ".cfg", ".ini", ".sh", ".ipynb", ".sql", ".csv"}
MADE = {"build", "dist", "out", "output", "outputs", "target", "artifacts", "htmlcov", "tmp", "site", ".venv", "venv"}
"""Folders whose content is made, not kept."""


def markdown_problems(root: Path, path: str) -> list[str]:
    """What a Markdown file says that is surely not so.

    Links and images that lead nowhere, paths and names of the project that do not exist, Python and YAML blocks that do
    not parse, imports and keyword arguments that its modules do not have, runs of a pipeline with inputs that it does
    not have or without those that it needs, commands that run what is not there.

    Args:
        root: The project's checkout.
        path: The file, relative to the root.

    Returns:
        One message per finding, each with the line and, where there are some, the near right names.
    """
    file = root / path
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return ["line 1: the file is not UTF-8 text."]
    except OSError as error:
        return [f"line 1: the file cannot be read: {error.strerror}."]
    checks = Document(Project(root), file, text)
    return [f"line {line}: {said}" for line, said in sorted(dict.fromkeys(checks.problems()))]


def anchors(text: str) -> set[str]:
    """The anchors of a Markdown text: its headings, as GitHub names them, and what HTML in it sets."""
    found: set[str] = set()
    tokens = _tokens(text)
    for token, following in pairwise(tokens):
        if token.type != "heading_open":
            continue
        words = "".join(child.content for child in following.children or [] if child.type in ("text", "code_inline"))
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        name, number = slug, 0
        while name in found:
            number += 1
            name = f"{slug}-{number}"
        found.add(name)
    return found | set(re.findall(r"""<\w+[^>]*\s(?:id|name)=["']([^"']+)["']""", text))


def _tokens(text: str) -> list[Token]:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


class Document:
    """One Markdown file beside its project.

    Args:
        project: The project it belongs to.
        file: Where it is.
        text: What it says.
    """

    def __init__(self, project: Project, file: Path, text: str) -> None:
        self.project = project
        self.root = project.root
        self.file = file
        self.text = text
        self.tokens = _tokens(text)
        self.code = "\n".join(token.content for token in self.tokens if token.type in ("fence", "code_block"))
        relative = file.relative_to(self.root)
        # What is planned need not exist, and what has been removed need not either.
        self.speaks_of_now = relative.parts[0] not in ("specs", ".specify") and "change" not in relative.stem.lower()
        self.imported: dict[str, tuple[str, str]] = {}
        self.python: list[tuple[int, ast.Module]] = []

    def problems(self) -> Found:
        """Everything that is wrong, as (line, message)."""
        for token in self.tokens:
            line = token.map[0] + 1 if token.map else 1
            if token.type == "inline":
                yield from self._inline(token, line)
            elif token.type == "fence":
                language = token.info.strip().partition(" ")[0].strip("{}.").lower()
                yield from self._block(language, token.content, line + 1)
            elif token.type == "code_block":
                yield from self._commands(token.content, line)
            elif token.type == "html_block":
                yield from self._html(token.content, line)
        others = [token.content for token in self.tokens if token.type in ("fence", "code_block")]
        yield from submit_problems(self.project, self.python, others)

    # --- text -------------------------------------------------------------------------------------------------------

    def _inline(self, token: Token, line: int) -> Found:
        for child in token.children or []:
            target = child.attrGet("href" if child.type == "link_open" else "src")
            if child.type in ("softbreak", "hardbreak"):
                line += 1
            elif child.type in ("link_open", "image") and isinstance(target, str):
                yield from self._link(target, line)
            elif child.type == "html_inline":
                yield from self._html(child.content, line)
            elif child.type == "code_inline" and self.speaks_of_now:
                yield from self._code(child.content.strip(), line)

    def _html(self, text: str, line: int) -> Found:
        text = re.sub(r"<!--.*?-->", lambda comment: "\n" * comment[0].count("\n"), text, flags=re.DOTALL)
        for tag in re.finditer(r"""<(?:img|a|source)\s[^>]*?\b(?:src|href)=["']([^"']+)["']""", text, re.IGNORECASE):
            yield from self._link(tag[1], line + text.count("\n", 0, tag.start()))

    def _link(self, target: str, line: int) -> Found:
        if re.match(r"[a-z][a-z0-9+.-]*:|//", target, re.IGNORECASE) or PLACEHOLDER.search(
            unquote(target).partition("?")[0]
        ):
            return
        place, _, anchor = target.partition("#")
        place = unquote(place.partition("?")[0])
        start = self.root if place.startswith("/") else self.file.parent
        aim = start / place.lstrip("/") if place else self.file
        if not aim.exists():
            if self._ignored(place) or not self._inside(aim):
                return
            beside = [item.name for item in aim.parent.iterdir()] if aim.parent.is_dir() else []
            yield line, f"the link to `{place}` leads nowhere.{near(aim.name, beside)}"
        elif anchor and aim.suffix == ".md":
            known = anchors(aim.read_text(encoding="utf-8-sig", errors="replace"))
            if unquote(anchor).lower() not in known:
                yield line, f"the link to `{target}`: there is no heading `#{anchor}`.{near(anchor, known)}"
        elif aim.is_file() and (number := re.fullmatch(r"L(\d+)(?:-L?(\d+))?", anchor)):
            yield from self._line(aim, int(number[2] or number[1]), target, line)

    def _inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.root.resolve())

    def _ignored(self, path: str) -> bool:
        """Whether git ignores the path: then it is made, not kept."""
        command = ["git", "check-ignore", "-q", "--no-index", "--", path]
        try:
            return subprocess.run(command, cwd=self.root, capture_output=True, timeout=20).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def _code(self, code: str, line: int) -> Found:
        if not code or PLACEHOLDER.search(code):
            return
        place = re.fullmatch(rf"({PATH.pattern}|[\w.-]+\.(?:py|md|ya?ml|toml)):(\d+)(?:[-:]\d+)?", code)
        if place:
            file = next(
                (base / place[1] for base in (self.root, self.file.parent) if (base / place[1]).is_file()), None
            )
            if file is None:
                yield from self._path(place[1], line)
            else:
                yield from self._line(file, int(place[2]), code, line)
        elif PATH.fullmatch(code):
            yield from self._path(code, line)
        elif re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(\(\))?", code):
            dotted = code.removesuffix("()")
            if dotted.partition(".")[0] in self.project.tops and "." + dotted.rpartition(".")[2] not in SUFFIXES:
                missing = self.project.missing(dotted)
                if missing:
                    yield line, f"`{code}` does not exist: {missing}"
        elif re.match(r"[A-Za-z_]\w*\(", code):
            yield from self._call(code, line)

    @staticmethod
    def _line(file: Path, number: int, said: str, line: int) -> Found:
        length = len(file.read_bytes().splitlines())
        if number > length:
            yield line, f"`{said}`: the file has only {length} lines."

    def _path(self, code: str, line: int) -> Found:
        name = code.removeprefix("./").rstrip("/")
        first = name.partition("/")[0]
        if first in MADE or (not code.endswith("/") and Path(name).suffix not in SUFFIXES):
            return
        places = [self.root, self.file.parent, *self.project.roots]
        if any((place / name).exists() for place in places) or name in self.code or self._ignored(name):
            return
        if not any((place / first).is_dir() for place in places):
            return  # not of this project, as far as can be told
        known = [item.relative_to(self.root).as_posix() for item in self.project.python_files]
        folder = (self.root / name).parent
        if folder.is_dir():
            known += [item.relative_to(self.root).as_posix() for item in folder.iterdir()]
        yield line, f"there is no `{code}`.{near(name, known)}"

    def _call(self, code: str, line: int) -> Found:
        name = code.partition("(")[0]
        if name not in self.project.known:
            likely = near(name, self.project.defined, cutoff=0.88)
            if likely:
                yield line, f"there is no function `{name}`.{likely}"
            return
        try:
            call = parse_expression(code)
        except SyntaxError:
            return
        functions = self.project.functions(name)
        if len(functions) == 1 and isinstance(call, ast.Call):
            yield from self._keywords(call, functions[0], line)

    @staticmethod
    def _keywords(call: ast.Call, function: ast.FunctionDef, line: int) -> Found:
        for keyword in unknown_keywords(call, function):
            has = ", ".join(f"`{name}`" for name in parameters(function)) or "none"
            yield line, f"`{function.name}` has no parameter `{keyword}`; it has {has}."

    # --- code blocks ------------------------------------------------------------------------------------------------

    def _block(self, language: str, text: str, line: int) -> Found:
        if language in PYTHON:
            yield from self._python(text, line)
        elif language in ("yaml", "yml"):
            from .text_checks import yaml_text_problems

            if "{{" not in text.replace("${{", "") and "..." not in text and "…" not in text and "<" not in text:
                for problem in yaml_text_problems(text):
                    place, _, said = problem.removeprefix("line ").partition(": ")
                    yield line + int(place) - 1, f"in the YAML block: {said}"
        elif language in SHELL or not language:
            yield from self._commands(text, line)
        for offset, said in block_problems(language, text, self.root):
            yield line + offset, said

    def _commands(self, text: str, line: int) -> Found:
        if not self.speaks_of_now:
            return
        for offset, said in command_problems(self.project, text, folder=self.file.parent):
            yield line + offset, said

    def _python(self, text: str, line: int) -> Found:
        if re.search(r"^\s*[!%]|<[a-z][\w -]*>", text, re.MULTILINE):
            return  # a notebook cell, or a template
        source = textwrap.dedent(text).replace("…", "...")
        if re.search(r"^\s*>>> ", source, re.MULTILINE):
            lines = source.splitlines()
            source = "\n".join(
                item.lstrip()[4:] if item.lstrip().startswith((">>> ", "... ")) else "" for item in lines
            )
        try:
            tree = parse_python(source)
        except SyntaxError as error:
            yield line + (error.lineno or 1) - 1, f"the Python block does not parse: {error.msg}."
            return
        except ValueError:
            return
        if not self.speaks_of_now:
            return
        self.python.append((line, tree))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from self._imports(node, line + node.lineno - 1)
        local = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            if isinstance(called, ast.Attribute) and called.attr in ("python_func", "pipeline_func"):
                called = called.value
            if isinstance(called, ast.Name) and called.id in self.imported and called.id not in local:
                function = self.project.function(*self.imported[called.id])
                if function is not None:
                    yield from self._keywords(node, function, line + node.lineno - 1)

    def _imports(self, node: ast.Import | ast.ImportFrom, line: int) -> Found:
        if isinstance(node, ast.Import):
            for item in node.names:
                if item.name.partition(".")[0] in self.project.tops and self.project.module(item.name) is None:
                    yield line, f"`import {item.name}` fails: {self.project.missing(item.name) or 'no such module.'}"
            return
        module = node.module or ""
        if node.level or module.partition(".")[0] not in self.project.tops:
            return
        if self.project.module(module) is None:
            yield line, f"`from {module} import …` fails: {self.project.missing(module) or 'no such module.'}"
            return
        names = self.project.names_in(module)
        for item in node.names:
            self.imported[item.asname or item.name] = (module, item.name)
            if names is not None and item.name != "*" and item.name not in names:
                yield line, f"`{module}` has no `{item.name}`.{near(item.name, names)}"
