"""Writes a delivery into a folder: the whole of it, or nothing."""

from __future__ import annotations

import json
import shlex
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...tools.ir_diff import IrChange
from ...tools.redact import redact, redact_data
from ..errors import UserError
from ..reports.markdown import cell, plain
from ..reports.words import plural
from .collect import digest
from .models import DATA, Delivery, Package

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
PAGES = ("release-notes.md", "changelog.md", "runbook.md", "rollback.md")
SCRIPT = "deploy.py"
SUMS = "SHA256SUMS"


def write_delivery(folder: Path, delivery: Delivery, packages: dict[str, str]) -> list[str]:
    """Write the delivery's folder, in place of an earlier delivery there.

    Args:
        folder: Where to.
        delivery: What it is.
        packages: Texts of the packages by their path in the folder.

    Returns:
        The files, relative to the folder, in order.

    Raises:
        UserError: The folder holds something else, or cannot be written.
    """
    require_free(folder)
    files = {**packages, **pages(delivery), SCRIPT: (HERE / SCRIPT).read_text(encoding="utf-8")}
    files[DATA] = json.dumps(redact_data(delivery.model_dump(mode="json")), indent=2, ensure_ascii=False) + "\n"
    # The form of sha256sum, which checks it with -c.
    files[SUMS] = "".join(f"{digest(text)}  {name}\n" for name, text in sorted(files.items()))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
            new = Path(scratch) / "new"
            for name, text in files.items():
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                (new / name).write_text(text, encoding="utf-8", newline="\n")
            if folder.exists():
                folder.rename(Path(scratch) / "old")
            new.rename(folder)
    except OSError as error:
        mend = "Name a folder that can be written: --out DIR"
        raise UserError(f"{folder} cannot be written: {error.strerror or error}", mend=mend) from None
    return sorted(files)


def require_free(folder: Path) -> None:
    """Refuse to write over what is no delivery.

    Raises:
        UserError: It is something else.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UserError(f"{folder} is no folder", mend="Name another one: --out DIR")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / DATA).is_file():
        raise UserError(f"{folder} holds something that is no delivery", mend="Name another folder: --out DIR")


def pages(delivery: Delivery) -> dict[str, str]:
    """The texts for people."""
    environment = templates()
    values = {
        "d": delivery,
        "new": of_state(delivery, "new"),
        "changed": of_state(delivery, "changed"),
        # A new input that every call needs is a change for callers, whatever it adds.
        "altered": [item for item in delivery.changes if item.kind == "changed" or added_and_breaking(item)],
    }
    return {name: redact(environment.get_template(f"{name}.jinja").render(values)) for name in PAGES}


def added_and_breaking(change: IrChange) -> bool:
    """Whether something new breaks those who do not know it."""
    return change.kind == "added" and change.breaking


def of_state(delivery: Delivery, state: str) -> list[Package]:
    """The packages that are new, or changed."""
    return [item for item in delivery.packages if item.state == state]


@cache
def templates() -> Environment:
    """The pages' templates. What comes from documents stays within its line or cell and starts no HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        plain=plain,
        cell=cell,
        value=lambda value: f"`{cell(json.dumps(value, ensure_ascii=False))}`",
        quote=shlex.quote,
        plural=plural,
        sentence=sentence,
        code_list=lambda names: ", ".join(f"`{plain(name)}`" for name in names),
        example=example,
    )
    return environment


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = plain(text)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".") if text else ""


EXAMPLES: dict[str, Any] = {
    "NUMBER_INTEGER": 1, "NUMBER_DOUBLE": 0.5, "BOOLEAN": True, "LIST": [], "STRUCT": {},
}  # fmt: skip


def example(packages: list[Package]) -> str:
    """A file of arguments as `deploy.py stage` takes it; values that only a person knows are marked."""
    inputs = {
        item.pipeline: {
            entry.name: EXAMPLES.get(entry.type, "CHANGE-ME") if entry.required else entry.default
            for entry in item.parameters
        }
        for item in packages
    }
    return json.dumps(inputs, indent=2, ensure_ascii=False)
