"""What drafting has to know of a repository: its components, pipelines, folders and where features are written down."""

from __future__ import annotations

import ast
import re
import time
from collections import Counter
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, Field

from ...tools.kfp_lint import is_test
from ...tools.kfp_source import Definition, Source
from ..documents.models import Dialect
from ..documents.resolve import HOMES, list_features
from ..workers.project import listing, principles_of, shortened
from .templates import OwnSection, own_sections, read_templates

LARGEST = 300_000
"""Bytes of a module that is looked at."""
MOST_MODULES = 2_000
LONGEST_ABOUT = 400
_CONSTITUTIONS = (".specify/memory/constitution.md", "memory/constitution.md", "openspec/project.md")
_KFP = re.compile(r"\bkfp\s*([=~<>!]=?\s*[\d.]+(?:\s*,\s*[=~<>!]=?\s*[\d.]+)*)")
_DEPENDENCY_FILES = ("pyproject.toml", "requirements.txt", "requirements/base.txt", "setup.cfg")


class Known(BaseModel):
    """A component or pipeline that is there."""

    name: str
    kind: str
    file: str
    signature: str
    inputs: list[str] = Field(default=[], description="Artifacts that it reads")
    outputs: list[str] = Field(default=[], description="Artifacts that it writes")
    about: str = ""
    calls: list[str] = Field(default=[], description="For a pipeline: the components that it calls")


class Survey(BaseModel):
    """The repository as drafting sees it."""

    root: Path
    components: list[Known] = []
    pipelines: list[Known] = []
    component_folder: str = "components"
    pipeline_folder: str = "pipelines"
    test_folder: str = "tests"
    docs_folder: str = "docs"
    files: list[str] = []
    python: str = ""
    kfp: str = ""
    constitution: str = ""
    principles: list[str] = []
    dialect: Dialect = "spec-kit"
    home: str = "specs"
    features: list[str] = []
    templates: dict[str, str] = Field(default={}, description="Document -> the repository's template for it")

    @property
    def own_sections(self) -> list[OwnSection]:
        """Sections that only the repository's templates have."""
        return own_sections(self.templates)

    def known(self, name: str) -> Known | None:
        """The component or pipeline of that name."""
        return next((item for item in [*self.components, *self.pipelines] if item.name == name), None)


def survey(root: Path) -> Survey:
    """Read a repository's source; nothing of it is run.

    Args:
        root: The repository's root.
    """
    root = root.resolve()
    files = listing(root)
    found = Survey(root=root, files=files)
    for path in [path for path in files if path.endswith(".py") and not is_test(path)][:MOST_MODULES]:
        source = read_module(root / path)
        for item in source.definitions if source else []:
            kind = "pipeline" if item.kind == "pipeline" else "component"
            entry = known(item, source, kind, path) if source else None
            if entry:
                (found.pipelines if kind == "pipeline" else found.components).append(entry)
    found.component_folder = usual_folder(found.components, files, ("components", "pipelines/components"))
    found.pipeline_folder = usual_folder(found.pipelines, files, ("pipelines", "src/pipelines"))
    found.test_folder = test_folder(files)
    found.docs_folder = "doc" if any(path.startswith("doc/") for path in files) else "docs"
    constitution = next((name for name in _CONSTITUTIONS if (root / name).is_file()), "")
    found.constitution = constitution
    found.principles = principles_of(root / constitution) if constitution else []
    found.dialect, found.home = convention(root)
    found.features = sorted(path.name for path in list_features(root))
    found.python, found.kfp = versions(root)
    found.templates = read_templates(root) if found.dialect == "spec-kit" else {}
    return found


def read_module(path: Path) -> Source | None:
    """A module that uses KFP; None for any other, and for one that cannot be read."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        text = path.read_text(encoding="utf-8-sig")
        return Source(text) if "kfp" in text else None
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def known(item: Definition, source: Source, kind: str, path: str) -> Known:
    """What a person would want to know of a component or pipeline."""
    inputs, outputs, shown = [], [], []
    for parameter in item.parameters:
        default = item.defaults.get(parameter.arg)
        shown.append(parameter.arg + (f"={ast.unparse(default)}" if default is not None else ""))
        note = ast.unparse(parameter.annotation) if parameter.annotation else ""
        if source.output_kind(parameter) == "artifact":
            outputs.append(parameter.arg)
        elif "Input[" in note or "InputPath" in note:
            inputs.append(parameter.arg)
    # What the arguments are (columns, formats) is what a new step has to fit to.
    about = shortened(ast.get_docstring(item.node) or "", LONGEST_ABOUT)
    calls: list[str] = []
    if kind == "pipeline":
        nodes = (node for node in ast.walk(item.node) if isinstance(node, ast.Call))
        calls = [node.func.id for node in sorted(nodes, key=lambda n: n.lineno) if isinstance(node.func, ast.Name)]
    return Known(
        name=item.name,
        kind=kind,
        file=path,
        signature=f"{item.name}({', '.join(shown)})",
        inputs=inputs,
        outputs=outputs,
        about=about,
        calls=calls,
    )


def usual_folder(items: list[Known], files: list[str], usual: tuple[str, ...]) -> str:
    """Where most of its kind lie; with none, the first usual folder that is there, else the first."""
    folders = Counter(PurePosixPath(item.file).parent.as_posix() for item in items)
    if folders:
        return folders.most_common(1)[0][0].removeprefix(".")
    there = (folder for folder in usual if any(path.startswith(folder + "/") for path in files))
    return next(there, usual[0])


def test_folder(files: list[str]) -> str:
    """The folder with most test modules; `tests` if there are none."""
    folders = Counter(
        PurePosixPath(path).parent.as_posix() for path in files if re.search(r"(?:^|/)test_\w+\.py$", path)
    )
    return folders.most_common(1)[0][0].removeprefix(".") if folders else "tests"


def convention(root: Path) -> tuple[Dialect, str]:
    """How the repository writes features down, and where: by its features, else by what a tool has set up."""
    counts: Counter[str] = Counter()
    for feature in list_features(root):
        counts[feature.parent.relative_to(root).as_posix()] += 1
    dialects = {home: dialect for home, dialect, _ in HOMES}
    if counts:
        home = max(counts, key=lambda name: (counts[name], -list(dialects).index(name) if name in dialects else -99))
        return dialects.get(home, "spec-kit"), home
    for mark, home in ((".kiro", ".kiro/specs"), ("openspec", "openspec/changes")):
        if (root / mark).is_dir():
            return dialects[home], home
    return "spec-kit", "specs"


def folder_name(found: Survey, name: str) -> str:
    """The name of a new feature's folder, which no feature has: numbered where the others are.

    spec-kit's numbers go on after the highest; where the features carry a time instead, so does this one. Kiro and
    OpenSpec number nothing.
    """
    taken = taken_names(found)
    if found.dialect in ("kiro", "openspec"):
        numbered = (f"{name}-{number}" for number in range(2, 1000))
        return name if name not in taken else next(item for item in numbered if item not in taken)
    stamped = [item for item in taken if re.match(r"\d{8}-\d{6}-", item)]
    if stamped and len(stamped) * 2 > len(taken):
        return f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    found_numbers = (re.match(r"(\d+)-", item) for item in taken - set(stamped))
    numbers = [match[1] for match in found_numbers if match]
    width = max([3, *(len(number) for number in numbers)])
    return f"{max([0, *map(int, numbers)]) + 1:0{width}d}-{name}"


def taken_names(found: Survey) -> set[str]:
    """The names that a new feature's folder cannot have."""
    return set(found.features) | {path.name for path in (found.root / found.home).glob("*")}


def namesakes(found: Survey, name: str, folder: str = "") -> list[str]:
    """The features that are called so already, whatever their number; `folder` is the one in question itself."""
    called = re.compile(rf"(?:\d{{8}}-\d{{6}}-|\d+-)?{re.escape(name)}(?:-\d+)?")
    return sorted(item for item in taken_names(found) if item != folder and called.fullmatch(item))


def versions(root: Path) -> tuple[str, str]:
    """The Python and kfp that the repository asks for, as it writes them; empty where it does not say."""
    python = kfp = ""
    for name in _DEPENDENCY_FILES:
        try:
            text = (root / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        wanted = re.search(r"(?:requires-python|python_requires)\s*=\s*['\"]?([^'\"\n]+)", text)
        pinned = _KFP.search(text)
        python = python or (wanted[1].strip() if wanted else "")
        kfp = kfp or ("".join(pinned[1].split()) if pinned else "")
    return python, kfp
