"""K03, K04, K16, K17, K19 and K22: what a component installs, runs in, writes and reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .kfp_names import constant_text, walk
from .kfp_rules_own import OFFICIAL_IMAGE, plain_image
from .kfp_source import Definition, Function, Problem, Source, at, is_none, own_nodes, short

PINNED = re.compile(r"={2,3}\s*[^*\s,;]+\s*(;.*)?$")
UNVERSIONED_URL = re.compile(r"git\+[^@]*(//[^@/]*@)?[^@]*$")
FREE_ROOTS = (
    "/tmp",
    "/dev",
    "/proc",
    "/sys",
    "/etc",
    "/var/run/secrets",
    "/gcs",
    "/usr",
    "/bin",
    "/opt",
    "/kfp-workspace",
)
"""Folders that every container has, or that a platform puts there; `/gcs` is Vertex AI's."""
OPENERS = re.compile(
    r"(^|\.)(open|Path|PosixPath|PurePath|read_\w+|to_(csv|parquet|json|pickle|excel|feather|hdf)|load|dump|save|savez?"
    r"|makedirs|mkdir|listdir|copy\w*|move|save_model|load_model|save_pretrained|from_pretrained|savefig|loadtxt|savetxt)$"
)
NOT_FILES = re.compile(r"(^|\.)(requests|httpx|session|client|app|router|api|http|s3|blob|bucket)\.", re.I)


def problems(
    source: Source, mounts: tuple[str, ...] | None = (), policies: frozenset[str] = frozenset()
) -> Iterator[Problem]:
    """What is wrong with the components of a module.

    Args:
        source: The module.
        mounts: Paths that the project's pipelines mount volumes at; None if they cannot be known.
        policies: What the team has asked for.
    """
    for item in source.definitions:
        if isinstance(item.node, ast.AsyncFunctionDef):
            yield async_problem(item)
        if item.kind == "component":
            yield from unpinned(item, source)
            yield from unwritten(item, source)
            yield from used_as_files(item, source)
            if item.alone and mounts is not None:
                yield from fixed_paths(item, source, mounts)
        elif item.kind == "container":
            yield from unwritten_by_container(item, source)
        if item.kind != "pipeline":
            yield from images(item, source, policies)
    for node in source.nodes:
        called = node.func if isinstance(node, ast.Call) and node.args else None
        if isinstance(called, ast.Attribute) and called.attr == "set_container_image":
            yield from image_problem(node.args[0], source, "the task")  # type: ignore[attr-defined]


def async_problem(item: Definition) -> Problem:
    """K17: KFP calls the function and awaits nothing."""
    what = "pipeline" if item.kind == "pipeline" else "component"
    then = "while compiling, so it has no tasks" if what == "pipeline" else "in the step, so nothing of it runs"
    return at(
        item.node,
        "K17",
        f"{what} `{item.name}` is `async def`: calling it {then}: it only makes a coroutine that nobody awaits. Write "
        "`def`, with asyncio.run(...) inside where something must be awaited.",
    )


# --- K03: pinned packages -------------------------------------------------------------------------------------------


def unpinned(item: Definition, source: Source) -> Iterator[Problem]:
    """Entries of packages_to_install that leave the version open."""
    listed = item.settings.get("packages_to_install")
    place: ast.AST | None = None
    if isinstance(listed, ast.Name):
        place, listed = listed, source.names.constants.get(listed.id)
    if not isinstance(listed, (ast.List, ast.Tuple)):
        return
    loose: list[str] = []
    for entry in listed.elts:
        text = (constant_text(entry, source.names) or "").strip()
        if text and not pinned(text):
            loose.append(text)
            place = place or entry
    if place is not None and loose:
        bounded = all("<" in text or "~=" in text for text in loose)
        names = ", ".join(f"`{text}`" for text in loose)
        yield at(
            place,
            "K03",
            f"component `{item.name}` installs {names} without an exact version: each run takes the newest that fits, "
            "so the same pipeline may give other results or break later. Write 'package==version'.",
            "note" if bounded else None,
        )


def pinned(text: str) -> bool:
    """Whether a requirement stands for one version."""
    if "://" in text or text.startswith((".", "/")) or re.match(r"[\w.\[\]-]+\s*@", text):
        return not ("git+" in text and UNVERSIONED_URL.search(text.rpartition("git+")[1] + text.rpartition("git+")[2]))
    return bool(PINNED.search(text)) or "{" in text or text.startswith("-")


# --- K04: images ----------------------------------------------------------------------------------------------------


def images(item: Definition, source: Source, policies: frozenset[str] = frozenset()) -> Iterator[Problem]:
    """The base image, or the image of a container component."""
    whose = f"component `{item.name}`"
    if item.kind == "component":
        image = item.settings.get("base_image")
        if image is not None and not is_none(image):
            yield from image_problem(image, source, whose)
        elif "base-image" in policies and item.settled:
            yield at(
                item.node,
                "K04",
                f"{whose} names no base_image: it runs in the default of whatever version of kfp compiles it. Name an "
                "image with a version.",
            )
        return
    for node in own_nodes(item.node):
        if isinstance(node, ast.Call) and source.names.resolve(node.func) == "kfp.dsl.ContainerSpec":
            value = next((keyword.value for keyword in node.keywords if keyword.arg == "image"), None)
            value = value or (node.args[0] if node.args else None)
            if value is not None:
                yield from image_problem(value, source, whose)


def image_problem(image: ast.expr, source: Source, whose: str) -> Iterator[Problem]:
    """K04, if the image is written out and has no fixed version."""
    text = constant_text(image, source.names)
    said = loose_image(text) if text is not None else ""
    if said:
        yield at(image, "K04", image_message(whose, str(text), said))


def image_message(whose: str, image: str, said: str) -> str:
    """The words of K04."""
    return (
        f"{whose} runs in `{image}`, which {said}: a run takes what is newest on that day, and nodes that have an "
        "older copy run that. Name a version or a digest."
    )


def loose_image(image: str) -> str:
    """What is loose about the version of an image; empty for a fixed one, and for text that is filled in later."""
    if not image or "{" in image or "$" in image or "@sha256:" in image or " " in image:
        return ""
    last = image.rpartition("/")[2]
    if ":" not in last:
        return "has no tag"
    return "has the tag latest" if last.rpartition(":")[2] == "latest" else ""


# --- K16: declared outputs are written ------------------------------------------------------------------------------


def unwritten(item: Definition, source: Source) -> Iterator[Problem]:
    """Outputs of a lightweight component that its function never touches."""
    function = item.node
    if gives_up(function):
        return
    loaded = {node.id for node in walk(function) if isinstance(node, ast.Name)}
    if "locals" in loaded or "vars" in loaded:
        return
    for parameter in item.parameters:
        kind = source.output_kind(parameter)
        if kind and parameter.arg not in loaded:
            then = "the step fails" if kind == "parameter" else "the step that reads it fails"
            how = "open it for writing" if kind == "parameter" else f"write to `{parameter.arg}.path`"
            if source.names.resolve(getattr(parameter.annotation, "slice", parameter)) in METRICS:  # type: ignore[arg-type]
                then, how = "it stays empty", f"log to `{parameter.arg}`"
            yield at(
                parameter,
                "K16",
                f"component `{item.name}` declares the output `{parameter.arg}` and never touches it: {then}. "
                f"{how[0].upper() + how[1:]}, or remove the output.",
                "error" if kind == "parameter" else "warning",
            )
    returns = function.returns
    if returns is None or is_none(returns):
        return
    nodes = list(own_nodes(function))
    if tuple_type(returns):
        yield from (not_a_tuple(node, item.name) for node in nodes if isinstance(node, ast.Return) and wrong(node))
    given = any(isinstance(node, ast.Return) and node.value is not None and not is_none(node.value) for node in nodes)
    if not given and not any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in nodes):
        yield at(
            returns,
            "K16",
            f"component `{item.name}` promises `{short(returns)}` and never returns a value: the output is missing and "
            "the step fails. Return it, or remove the annotation.",
            "error" if source.is_parameter(returns) else "warning",
        )


def tuple_type(node: ast.expr | None) -> bool:
    """Whether an expression makes the type of a named tuple."""
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return called.rpartition(".")[2] in ("NamedTuple", "namedtuple")


def wrong(node: ast.Return) -> bool:
    """Whether a return gives the type of a named tuple, or a mapping, where the tuple itself is meant."""
    return tuple_type(node.value) or isinstance(node.value, ast.Dict | ast.DictComp)


def not_a_tuple(node: ast.Return, component: str) -> Problem:
    """The finding of `unwritten` about a component with several outputs."""
    given = "a mapping" if isinstance(node.value, ast.Dict | ast.DictComp) else "the type of a named tuple"
    return at(
        node,
        "K16",
        f"component `{component}` has several outputs and returns {given}, of which KFP can take none: the step "
        'fails. Write `outputs = namedtuple("Outputs", [names])`, then `return outputs(name=value, …)`.',
    )


METRICS = {"kfp.dsl.Metrics", "kfp.dsl.ClassificationMetrics", "kfp.dsl.SlicedClassificationMetrics"}


ON_EVERY_ARTIFACT = {"name", "uri", "metadata", "path", "custom_path", "set_path", "schema_title", "schema_version"}
ON_ARTIFACTS = {
    **dict.fromkeys(["Artifact", "Dataset", "HTML", "Markdown"], ON_EVERY_ARTIFACT),
    "Model": ON_EVERY_ARTIFACT | {"framework"},
    "Metrics": ON_EVERY_ARTIFACT | {"log_metric"},
}
"""What KFP's own artifacts have; of others, and of those with more, nothing is said."""


def used_as_files(item: Definition, source: Source) -> Iterator[Problem]:
    """K22: an artifact that is opened, written or iterated itself, where its path is meant."""
    function = item.node
    bound = {node.id for node in walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for inner in walk(function) if isinstance(inner, ast.Lambda | ast.FunctionDef)
              if inner is not function for node in [*inner.args.args, *inner.args.kwonlyargs]}  # fmt: skip
    kinds: dict[str, str] = {}
    for parameter in item.parameters:
        note = parameter.annotation
        if isinstance(note, ast.Subscript) and source.names.resolve(note.value) in ("kfp.dsl.Input", "kfp.dsl.Output"):
            package, _, kind = source.names.resolve(note.slice).rpartition(".")
            if package == "kfp.dsl" and kind in ON_ARTIFACTS and parameter.arg not in bound:
                kinds[parameter.arg] = kind
    for node in own_nodes(function):
        owner = node.value if isinstance(node, ast.Attribute) else None
        if isinstance(node, ast.Attribute) and isinstance(owner, ast.Name) and owner.id in kinds:
            if node.attr not in ON_ARTIFACTS[kinds[owner.id]] and not node.attr.startswith("_"):
                yield not_a_file(node, item.name, f"{owner.id}.{node.attr}", owner.id, kinds[owner.id])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Name) and first.id in kinds:
                yield not_a_file(node, item.name, f"open({first.id})", first.id, kinds[first.id])
        elif (
            isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Name) and node.iter.id in kinds
        ):
            yield not_a_file(node.iter, item.name, f"for … in {node.iter.id}", node.iter.id, kinds[node.iter.id])


def not_a_file(node: ast.AST, component: str, use: str, name: str, kind: str) -> Problem:
    """The finding of `used_as_files`."""
    return at(
        node,
        "K22",
        f"component `{component}` uses `{use}`: `{name}` is a {kind} and no file, so the step fails. "
        f'Open `{name}.path`, for reading or with "w" for writing.',
    )


def unwritten_by_container(item: Definition, source: Source) -> Iterator[Problem]:
    """Outputs whose place the container is never told."""
    loaded = {node.id for node in walk(item.node) if isinstance(node, ast.Name)}
    for parameter in item.parameters:
        kind = source.output_kind(parameter)
        if kind and parameter.arg not in loaded and not re.search(r"EXECUTOR_INPUT|executor_input|\{\{\$", source.text):
            way = "" if kind == "parameter" else ".path"
            yield at(
                parameter,
                "K16",
                f"container component `{item.name}` never tells its container where `{parameter.arg}` goes: nothing "
                f"writes it, and what needs it fails. Pass `{parameter.arg}{way}` in command or args, or remove it.",
                "error" if kind == "parameter" else "warning",
            )


def gives_up(function: Function) -> bool:
    """Whether all that a function does is raise: it is not finished, and says so."""
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return (
        bool(body)
        and isinstance(body[-1], ast.Raise)
        and not any(isinstance(n, ast.Return) for n in own_nodes(function))
    )


# --- K19: files only through KFP ------------------------------------------------------------------------------------


def fixed_paths(item: Definition, source: Source, mounts: tuple[str, ...]) -> Iterator[Problem]:
    """Absolute paths that a component opens and that nobody mounts."""
    image = item.settings.get("base_image")
    official = plain_image(image, source.names)
    named: set[str] = set()
    for node in walk(item.node):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func) if isinstance(node.func, (ast.Name, ast.Attribute)) else ""
        if not OPENERS.search(called) or NOT_FILES.search(called):
            continue
        for value in [*node.args[:2], *(keyword.value for keyword in node.keywords)]:
            text = leading_text(value)
            if not text or not fixed(text, mounts):
                continue
            home = text.startswith(("/home/", "/Users/", "~")) or re.match(r"[A-Za-z]:[\\/]", text)
            if not official and not home:  # an image of the team's own may hold anything
                continue
            if text in named:
                continue
            named.add(text)
            yield at(
                value,
                "K19",
                f"component `{item.name}` uses the fixed path `{text}`: the step's container has a file system of its "
                "own, where nothing of yours is, and what is written there is gone at the end. Take the file as "
                "Input/Output (`.path`), InputPath or OutputPath, or mount a volume there (kubernetes.mount_pvc).",
            )


def leading_text(node: ast.expr) -> str:
    """The text of a literal, or the literal beginning of an f-string or a sum."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    elif isinstance(node, ast.BinOp):
        return leading_text(node.left)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def fixed(text: str, mounts: tuple[str, ...]) -> bool:
    """Whether a text is an absolute path at which nothing is mounted."""
    if re.match(r"[A-Za-z]:\\", text) or text.startswith("~/"):
        return True
    if not re.match(r"/[\w.-]+(/|$)", text) or text.startswith("//"):
        return False
    if any(text == root or text.startswith(root.rstrip("/") + "/") for root in (*FREE_ROOTS, *mounts)):
        return False
    return text.count("/") > 1 or "." in text or text.rstrip("/").count("/") == 1


def mounted_paths(text: str) -> list[str] | None:
    """The paths at which a module mounts volumes; None if one of them is computed."""
    found: list[str] = []
    for match in re.finditer(r"\bmount_path\s*=\s*(?:f?(['\"])(?P<path>[^'\"{]*)\1|(?P<other>[^\s,)]+))", text):
        if match["path"] is None:
            if match["other"] in ("mount_path", "str", "None"):
                continue
            constant = re.search(rf"^{re.escape(match['other'])}\s*(?::\s*str\s*)?=\s*['\"]([^'\"]+)['\"]", text, re.M)
            if constant is None:
                return None
            found.append(constant[1])
        else:
            found.append(match["path"])
    return found


__all__ = ["OFFICIAL_IMAGE", "image_message", "loose_image", "mounted_paths", "problems"]
