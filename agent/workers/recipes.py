"""The cookbook: reading the recipes, and finding those that are nearest to a task.

Nearness is counted in words, not asked of a model: that costs nothing and gives the same answer each time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ...prompts import cookbook
from ..planner.models import Role

Language = Literal["python", "yaml", "markdown"]

_LANGUAGES: dict[str, Language] = {".py": "python", ".yml": "yaml", ".yaml": "yaml", ".md": "markdown"}
_FIELD = re.compile(r"(title|use when|keywords|roles|path):\s*(.+)")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_NAME = re.compile(r"\b\w+(?:[_/.]\w+)+")
_API = re.compile(
    r"\bdsl\.(\w+)|\b((?:ParallelFor|Collected|NamedTuple|OneOf|ExitHandler|ContainerSpec|PipelineTaskFinalStatus)\b)"
    r"|\b(?:In|Out)put\[(?:dsl\.)?(\w*Metrics|HTML|Markdown)\]"
)
"""Parts of KFP that are written one way only; the types of plain files are in every recipe."""
_EVERYWHERE = frozenset({"component", "pipeline", "Dataset", "Artifact", "Model", "Input", "Output"})
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by each file for from has have in into is it its no of on one or py so such that the "
        "their then there this to was when which with",
    )
)
# A keyword says most, the title says what the recipe is, "use when" shares many words with its neighbours.
_WEIGHTS = {"keywords": 3.0, "title": 2.0, "use_when": 1.0}


class Recipe(BaseModel):
    """One short file as it should be written, and when to look at it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str
    title: str
    use_when: str
    keywords: tuple[str, ...]
    roles: tuple[Role, ...]
    path: str
    """Where the file would stand in a user's repository."""
    text: str
    """The file without its front matter."""
    language: Language


@cache
def load_recipes() -> tuple[Recipe, ...]:
    """All recipes of the cookbook, in the order of their slugs."""
    files = sorted(Path(cookbook.__file__).parent.iterdir())
    return tuple(_parse(file) for file in files if file.suffix in _LANGUAGES and file.name != "__init__.py")


def nearest(
    task_text: str, role: str, files: Sequence[str], k: int = 2, floor: float = 0.0, kind: str = ""
) -> list[Recipe]:
    """The recipes that are nearest to a task, best first.

    Args:
        task_text: What the task says.
        role: The role that works it; only this role's recipes are considered.
        files: The files it names, relative to the repository.
        k: How many recipes at most.
        floor: Leave out those whose score is below this part of the best one's.
        kind: `component` or `pipeline`: only recipes that define one; empty for any.

    Returns:
        Up to `k` recipes. Fewer, or none, if no others have anything in common with the task.
    """
    candidates = [recipe for recipe in load_recipes() if role in recipe.roles and defines(recipe, kind)]
    said = _sequence(_NAME.sub(" ", task_text)), _sequence(task_text)
    parts = api_of(task_text)
    scored = [
        (score, recipe)
        for recipe in candidates
        if (score := _score(recipe, said, files, candidates) + _shared(recipe, parts, candidates)) > 0
    ]
    scored.sort(key=lambda pair: (-pair[0], pair[1].slug))
    return [recipe for score, recipe in scored[:k] if score >= floor * scored[0][0]]


def defines(recipe: Recipe, kind: str) -> bool:
    """Whether a recipe defines a component or a pipeline; a pipeline's recipe is no example of a component."""
    return not kind or bool(re.search(rf"^@dsl\.(?:container_)?{kind}\b", recipe.text, re.M))


def _parse(file: Path) -> Recipe:
    language = _LANGUAGES[file.suffix]
    lines = file.read_text(encoding="utf-8").splitlines()
    fields: dict[str, str] = {}
    body = 0
    for body, line in enumerate(lines):  # noqa: B007
        if line.strip() in ("<!--", "-->"):
            continue
        found = _FIELD.fullmatch(line.removeprefix("# "))
        if not found or (language != "markdown" and not line.startswith("#")):
            break
        fields[found[1]] = found[2].strip()
    missing = {"title", "use when", "keywords", "roles", "path"} - set(fields)
    if missing:
        raise ValueError(f"{file.name}: the front matter lacks {', '.join(sorted(missing))}")
    return Recipe(
        slug=file.stem.replace("_", "-"),
        title=fields["title"],
        use_when=fields["use when"],
        keywords=_listed(fields["keywords"]),
        roles=_listed(fields["roles"]),  # type: ignore[arg-type]  # pydantic checks the names
        path=fields["path"],
        text="\n".join(lines[body:]).strip() + "\n",
        language=language,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _stem(word: str) -> str:
    """One form for `count`, `counts`, `counted`, `counting`; crude, and the same on both sides."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


def _sequence(text: str) -> list[str]:
    """The words of a text in order; `ParallelFor` and `set_retry` are two words each."""
    return [_stem(word.lower()) for word in _WORD.findall(text)]


def _holds(sequence: list[str], phrase: list[str]) -> bool:
    return any(sequence[at : at + len(phrase)] == phrase for at in range(len(sequence) - len(phrase) + 1))


@cache
def _terms(recipe: Recipe) -> dict[tuple[str, ...], float]:
    """The words and phrases of a recipe, each with the weight of the best place it stands in."""
    terms: dict[tuple[str, ...], float] = {}
    phrases = [(tuple(_sequence(keyword)), _WEIGHTS["keywords"]) for keyword in recipe.keywords]
    for place in ("title", "use_when"):
        words = {word.lower() for word in _WORD.findall(getattr(recipe, place))} - _STOP
        phrases += [((_stem(word),), _WEIGHTS[place]) for word in sorted(words)]
    for phrase, weight in phrases:
        terms[phrase] = max(weight, terms.get(phrase, 0.0))
    return terms


def _score(recipe: Recipe, said: tuple[list[str], list[str]], files: Sequence[str], among: Sequence[Recipe]) -> float:
    """Weighted inverse document frequency of the shared words, plus how alike the files and the recipe's path are.

    `said` is the task's words, first without and then with those inside names. A name such as `load_users` is often
    only mentioned, not what the task is about, so its words count half.
    """
    prose, everything = said
    score = 0.0
    for phrase, weight in _terms(recipe).items():
        if _holds(everything, list(phrase)):
            holders = sum(phrase in _terms(other) for other in among)
            rarity = math.log(1 + len(among) / holders) * math.sqrt(len(phrase))
            score += weight * rarity * (1.0 if _holds(prose, list(phrase)) else 0.5)
    return score + max((_alike(file, recipe) for file in files), default=0.0)


def api_of(text: str) -> frozenset[str]:
    """The parts of KFP that a text names as in code: `dsl.If`, `ParallelFor`, `Output[Metrics]`."""
    return frozenset(part for found in _API.findall(text) for part in found if part) - _EVERYWHERE


def _shared(recipe: Recipe, parts: frozenset[str], among: Sequence[Recipe]) -> float:
    """How much of the KFP that a task names in code a recipe shows: that says more than any word about it."""
    shared = parts & api_of(recipe.text)
    return sum(_WEIGHTS["keywords"] * math.log(1 + len(among) / len(_holders(part, among))) for part in sorted(shared))


def _holders(part: str, among: Sequence[Recipe]) -> list[Recipe]:
    return [recipe for recipe in among if part in api_of(recipe.text)]


def _alike(file: str, recipe: Recipe) -> float:
    mine, theirs = PurePosixPath(recipe.path), PurePosixPath(file)
    if _LANGUAGES.get(theirs.suffix) != recipe.language:
        return 0.0
    return 2.0 + 4.0 * (mine.parent.name == theirs.parent.name)
