"""What the KFP server does with one module: import it under its real name, compile what it defines, summarise it.

Like `kfp_server.py`, which loads it, this file runs in the *target's* interpreter and needs only the standard library
and kfp.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import keyword
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

MESSAGE_LIMIT = 700


# --- errors: short, and with the line of the user's file ------------------------------------------------------------


def shorten(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Cut a text in its middle."""
    return text if len(text) <= limit else text[: limit * 2 // 3] + " … " + text[-limit // 3 :]


def relative(path: str, root: Path) -> str:
    """The path as the user knows it, or an empty text if it is not below the root."""
    try:
        return Path(path).resolve().relative_to(root).as_posix()
    except (ValueError, OSError):
        return ""


def describe_error(error: BaseException, root: Path) -> str:
    """One short message: file and line of the user's code, kind of error, what it says, and the line itself.

    Args:
        error: What was raised by the user's module, or by kfp while it worked for it.
        root: The folder whose files are the user's.
    """
    place, code = "", ""
    if isinstance(error, SyntaxError) and error.filename:
        path, code = relative(error.filename, root), (error.text or "").strip()
        place = f"{path or error.filename}:{error.lineno or 0}: "
    else:
        for frame in traceback.extract_tb(error.__traceback__):
            path = relative(frame.filename, root)
            if path and "site-packages" not in path:
                place, code = f"{path}:{frame.lineno}: ", (frame.line or "").strip()
    if isinstance(error, SystemExit):
        what = "SystemExit: importing the module ends the interpreter; put that under `if __name__ == '__main__':`"
    else:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        what = f"{type(error).__name__}: {said}".replace(f"{root}{os.sep}", "")
    if isinstance(error, ModuleNotFoundError) and error.name:
        what += (
            f" (if a component needs `{error.name.partition('.')[0]}`, import it inside the component function and "
            "name its package in packages_to_install)"
        )
    return shorten(place + what) + (f"\n    {shorten(code, 160)}" if code else "")


# --- modules --------------------------------------------------------------------------------------------------------


def module_name(path: Path, roots: list[Path]) -> str:
    """The dotted name under which a file is imported from the deepest source root that holds it, or an empty text."""
    for root in sorted(roots, key=lambda item: len(item.parts), reverse=True):
        try:
            parts = list(path.relative_to(root).with_suffix("").parts)
        except ValueError:
            continue
        if parts and parts[-1] == "__init__":
            parts.pop()
        if parts and all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
            return ".".join(parts)
    return ""


def belongs_to_others(name: str, roots: list[Path]) -> bool:
    """Whether the top-level package of a name is one that kfp or the standard library has already taken.

    A folder `kubernetes/` or `test/` of the user's can never be imported under that name; that is nobody's mistake.
    """
    top = name.partition(".")[0]
    if top in getattr(sys, "stdlib_module_names", ()):
        return not any((root / top / "__init__.py").exists() or (root / f"{top}.py").exists() for root in roots)
    module = sys.modules.get(top)
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])] if module else []
    return bool(module) and not any(place and relative(place, root) for place in places for root in roots)


def load_by_path(path: Path, name: str) -> Any:
    """Import a file that has no importable name."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def load(path: Path, roots: list[Path], root: Path) -> tuple[str, Any]:
    """Import a file under its real name.

    Two habits of real repositories are allowed for: scripts that import their neighbours by bare name, and modules that
    read a file by a path relative to the repository.
    """
    name = module_name(path, roots)
    by_path = not name or belongs_to_others(name, roots)
    if by_path:
        name = "kfpilot_checked_" + "".join(c if c.isalnum() else "_" for c in path.stem)

    def attempt() -> Any:
        return load_by_path(path, name) if by_path else importlib.import_module(name)

    try:
        return name, attempt()
    except ModuleNotFoundError as error:
        wanted = (error.name or "").partition(".")[0]
        neighbour = (path.parent / f"{wanted}.py").exists() or (path.parent / wanted).is_dir()
        if not wanted or not neighbour or (path.parent / "__init__.py").exists() or str(path.parent) in sys.path:
            raise
        sys.path.append(str(path.parent))
    except FileNotFoundError as error:
        wanted = str(error.filename or "")
        if not wanted or Path(wanted).is_absolute() or not (root / wanted).exists():
            raise
        os.chdir(root)
    for known in [known for known in sys.modules if known == name or known.startswith(name + ".")]:
        sys.modules.pop(known, None)
    importlib.invalidate_caches()
    return name, attempt()


# --- what kfp has made of it ----------------------------------------------------------------------------------------


def definition_lines(source: str) -> dict[int, int]:
    """First line of a decorated function (its decorator, as its code object says) -> the line of its `def`."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found[min([node.lineno, *(item.lineno for item in node.decorator_list)])] = node.lineno
    return found


def type_names(definitions: dict[str, Any]) -> dict[str, str]:
    """Inputs or outputs of the IR as name -> type."""
    found = {name: str(item.get("parameterType", "")) for name, item in definitions.get("parameters", {}).items()}
    for name, item in definitions.get("artifacts", {}).items():
        title = item.get("artifactType", {}).get("schemaTitle", "system.Artifact")
        found[name] = f"list[{title}]" if item.get("isArtifactList") else title
    return found


def cycle(tasks: dict[str, Any]) -> list[str]:
    """Tasks of one level that wait for each other; `.after()` can make such a ring, and the compiler accepts it."""
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name not in done:
            for other in tasks[name].get("dependentTasks", []):
                ring = visit(other, [*trail, name]) if other in tasks else []
                if ring:
                    return ring
            done.add(name)
        return []

    for name in tasks:
        ring = visit(name, [])
        if ring:
            return ring
    return []


def walk_tasks(
    ir: dict[str, Any], dag: dict[str, Any], prefix: str = ""
) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every task of a dag and of what is nested in it: (path, task, component)."""
    found = []
    for name, task in dag.get("tasks", {}).items():
        component = ir.get("components", {}).get(task.get("componentRef", {}).get("name", ""), {})
        found.append((prefix + name, task, component))
        found.extend(walk_tasks(ir, component.get("dag", {}), f"{prefix}{name}/"))
    return found


def summarise_task(ir: dict[str, Any], task: dict[str, Any], component: dict[str, Any]) -> dict[str, Any]:
    """What matters of a task: image, limits, caching, retries, order, condition."""
    executors = ir.get("deploymentSpec", {}).get("executors", {})
    container = executors.get(component.get("executorLabel", ""), {}).get("container", {})
    limits = container.get("resources", {})
    return {
        "component": task.get("componentRef", {}).get("name", ""),
        "image": container.get("image", ""),
        "caching": bool(task.get("cachingOptions", {}).get("enableCache", False)),
        "retries": int(task.get("retryPolicy", {}).get("maxRetryCount", 0)),
        "cpu_limit": str(limits.get("resourceCpuLimit", limits.get("cpuLimit", ""))),
        "memory_limit": str(limits.get("resourceMemoryLimit", limits.get("memoryLimit", ""))),
        "after": list(task.get("dependentTasks", [])),
        "condition": task.get("triggerPolicy", {}).get("condition", ""),
        "loop": "parameterIterator" in task or "artifactIterator" in task,
    }


def validate(documents: list[Any]) -> None:
    """Raise if the compiled documents are not what a KFP server takes."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
    for document in documents[1:]:
        json_format.ParseDict(document, pipeline_spec_pb2.PlatformSpec())
        executors = document.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
        try:
            from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
        except ImportError:
            continue  # without the package nobody can have made such a document with it
        for config in executors.values():
            json_format.ParseDict(config, kubernetes.KubernetesExecutorConfig())


def check_object(name: str, item: Any, kind: str, line: int, root: Path, *, keep: bool = False) -> dict[str, Any]:
    """Compile one component or pipeline, validate the result and summarise it.

    Args:
        name: Its name in Python.
        item: The component or pipeline.
        kind: component, container or pipeline.
        line: Line of its `def`.
        root: The folder whose files are the user's.
        keep: The answer holds the compiled documents as well.
    """
    import yaml
    from kfp import compiler

    result: dict[str, Any] = {
        "name": name,
        "ir_name": item.name or "",
        "kind": kind,
        "line": line,
        "ok": False,
        "error": "",
    }
    handle, target = tempfile.mkstemp(suffix=".yaml")
    os.close(handle)
    try:
        compiler.Compiler().compile(item, target)
        with Path(target).open(encoding="utf-8") as stream:
            documents = [document for document in yaml.safe_load_all(stream) if document]
        validate(documents)
    except BaseException as error:
        result["error"] = describe_error(error, root)
        return result
    finally:
        Path(target).unlink(missing_ok=True)
    ir = documents[0]
    if keep:
        result["ir"] = documents
    top = ir.get("root", {})
    tasks = walk_tasks(ir, top.get("dag", {}))
    executors = ir.get("deploymentSpec", {}).get("executors", {}).values()
    result["inputs"] = type_names(top.get("inputDefinitions", {}))
    result["outputs"] = type_names(top.get("outputDefinitions", {}))
    result["images"] = sorted({entry["container"].get("image", "") for entry in executors if "container" in entry})
    result["platform"] = sorted({name for document in documents[1:] for name in document.get("platforms", {})})
    result["task_details"] = {path: summarise_task(ir, task, component) for path, task, component in tasks}
    if kind == "pipeline":
        result["tasks"] = list(dict.fromkeys(path.rpartition("/")[2] for path, _, _ in tasks))
        for dag in [top.get("dag", {}), *(component.get("dag", {}) for component in ir.get("components", {}).values())]:
            ring = cycle(dag.get("tasks", {}))
            if ring:
                result["error"] = (
                    f"line {line}: the tasks {' -> '.join(ring)} wait for each other (K14): remove an .after()"
                )
                return result
    result["ok"] = True
    return result


def own_objects(module: Any) -> list[tuple[str, Any, str, int]]:
    """The components and pipelines that a module defines itself: (name, object, kind, first line)."""
    from kfp.dsl import base_component, container_component_class, graph_component

    found, seen = [], set()
    for name, item in list(vars(module).items()):
        if not isinstance(item, base_component.BaseComponent) or id(item) in seen:
            continue
        function: Any = getattr(item, "python_func", None) or getattr(item, "pipeline_func", None)
        if getattr(function, "__module__", None) != module.__name__:
            continue
        seen.add(id(item))
        kind = "component"
        if isinstance(item, graph_component.GraphComponent):
            kind = "pipeline"
        elif isinstance(item, container_component_class.ContainerComponent):
            kind = "container"
        found.append((name, item, kind, function.__code__.co_firstlineno))
    return sorted(found, key=lambda entry: entry[3])


def exported(module: Any) -> list[str]:
    """The names under which a module offers components and pipelines, those it imports included."""
    from kfp.dsl import base_component

    return sorted(name for name, item in list(vars(module).items()) if isinstance(item, base_component.BaseComponent))


def check_file(root: Path, roots: list[Path], name: str, *, keep: bool = False) -> dict[str, Any]:
    """Import one file and check everything that it defines.

    Args:
        root: The folder whose files are the user's.
        roots: The source roots.
        name: The file, relative to the root.
        keep: The answer holds what was compiled as well.
    """
    result: dict[str, Any] = {"path": name, "module": "", "file": "", "foreign": False, "error": "", "objects": []}
    path = root / name
    if not path.is_file():
        result["error"] = f"{name}: there is no such file"
        return result
    result["module"] = module_name(path, roots)
    try:
        result["module"], module = load(path, roots, root)
        result["file"] = getattr(module, "__file__", None) or ""
        if not result["file"] or os.path.realpath(result["file"]) != os.path.realpath(path):
            result["foreign"] = True
            result["error"] = (
                f"{name}: `import {result['module']}` gives {result['file'] or 'a namespace package'}, not this file: "
                "another module of that name comes first"
            )
            return result
        lines = definition_lines(path.read_text(encoding="utf-8-sig"))
        for label, item, kind, line in own_objects(module):
            result["objects"].append(check_object(label, item, kind, lines.get(line, line), root, keep=keep))
        result["exports"] = exported(module)
    except BaseException as error:
        result["error"] = describe_error(error, root)
    return result
