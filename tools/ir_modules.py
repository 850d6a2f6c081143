"""Compiled modules of two commits compared: every component and pipeline, those that moved or went away included."""

from __future__ import annotations

from collections.abc import Mapping

from .ir_diff import IrChange, What, change, compare
from .kfp_check import KfpModule, KfpObject


def compare_modules(old: Mapping[str, KfpModule], new: Mapping[str, KfpModule]) -> list[IrChange]:
    """What changed in the compiled forms of some modules.

    Args:
        old: Path -> module as it was, compiled with its documents. A module that could not be compiled is left out:
            nothing is known of it.
        new: The same paths now; one that is missing was deleted.

    Returns:
        The changes in the order of the modules; those that break callers are marked.
    """
    changes: list[IrChange] = []
    for path, before in old.items():
        after = new.get(path)
        if after is not None and after.error:
            continue
        for item in before.objects:
            if item.ok and not before.error:
                changes += of_object(path, item, after, new)
    for path, after in new.items():
        known = {item.name for item in old[path].objects} if path in old else set()
        if path in old and old[path].error:
            continue
        for item in after.objects:
            if item.name not in known and not renamed_from(item, old.get(path), after):
                text = f"there is a new {item.kind} {item.name}"
                changes.append(change("added", noun(item), place(path, item), item.name, "", item.name, text))
    return changes


def of_object(path: str, before: KfpObject, module: KfpModule | None, new: Mapping[str, KfpModule]) -> list[IrChange]:
    """What became of one component or pipeline."""
    here = {item.name: item for item in module.objects} if module else {}
    after = here.get(before.name)
    if after is not None:
        return compare_objects(before, after, place(path, after)) if after.ok else []
    elsewhere = [(other, item) for other, found in new.items() for item in found.objects if item.name == before.name]
    if module is not None and before.name in module.exports:
        # It moved and can be imported from here still.
        return [found for _, item in elsewhere[:1] for found in compare_objects(before, item, place(path, item))]
    private = before.name.startswith("_")
    where = f"{path}:{before.line} {before.name}"
    again = next((item for item in here.values() if before.kind == item.kind and item.ir_name == before.ir_name), None)
    if again is not None:
        text = f"the {before.kind} {before.name} is called {again.name} in Python now: imports of the old name fail"
        renamed = change("changed", "name", where, before.name, before.name, again.name, text, breaking=not private)
        return [renamed, *(compare_objects(before, again, place(path, again)) if again.ok else [])]
    if elsewhere:
        text = f"the {before.kind} {before.name} moved to {elsewhere[0][0]}: imports from {path} fail"
    else:
        text = f"the {before.kind} {before.name} is gone: whatever calls, imports or schedules it fails"
    return [change("removed", noun(before), where, before.name, before.name, "", text, breaking=not private)]


def compare_objects(before: KfpObject, after: KfpObject, where: str) -> list[IrChange]:
    """The differences of an object that is there in both."""
    if not (before.ir and after.ir):
        return []
    return compare(before.ir, after.ir, where=where, pipeline=after.kind == "pipeline")


def renamed_from(item: KfpObject, before: KfpModule | None, after: KfpModule) -> bool:
    """Whether a new object is an old one under another name in Python."""
    now = {found.name for found in after.objects}
    gone = [old for old in before.objects if old.name not in now] if before else []
    return any(old.kind == item.kind and old.ir_name == item.ir_name for old in gone)


def noun(item: KfpObject) -> What:
    """component or pipeline."""
    return "pipeline" if item.kind == "pipeline" else "component"


def place(path: str, item: KfpObject) -> str:
    """File, line and name."""
    return f"{path}:{item.line} {item.name}"
