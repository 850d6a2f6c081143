"""Kubernetes manifests against the schemas of Kubernetes, and kustomizations against the files there are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from .findings import Finding
from .project_names import near
from .yaml_lines import Document, documents

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
BUILT_IN = {
    "", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps",
    "authentication.k8s.io", "authorization.k8s.io", "autoscaling", "batch", "certificates.k8s.io",
    "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "extensions", "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
}  # fmt: skip
"""Groups whose kinds Kubernetes itself serves: what is not in its schemas there does not exist."""
TEMPLATED = re.compile(r"\$\{|\$\(|\{\{|^<.*>$|^\$[A-Z_]+$")
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}


def manifests(found: Sequence[Document]) -> Iterator[tuple[Document, dict[str, Any], list[str | int]]]:
    """The Kubernetes objects of a file with their place; those of a List one by one."""
    for document in found:
        data = document.data
        if not is_object(data):
            continue
        if data["kind"] == "List" and isinstance(data.get("items"), list):
            for number, item in enumerate(data["items"]):
                if is_object(item):
                    yield document, item, ["items", number]
        else:
            yield document, data, []


def is_object(data: object) -> bool:
    """Whether something says what kind of Kubernetes object it is."""
    return isinstance(data, dict) and all(
        isinstance(data.get(key), str) and data[key] for key in ("apiVersion", "kind")
    )


def manifest_findings(root: Path, path: str, version: str | None = None) -> tuple[list[Finding], list[str]]:
    """What Kubernetes would refuse in the manifests of one file.

    Args:
        root: The repository.
        path: The file, relative to it.
        version: The version of Kubernetes, such as "1.31"; the newest known one if it is not given.

    Returns:
        The findings, and the kinds for which there is no schema.
    """
    from kubernetes_validate import utils as library

    known = library.all_versions()
    # A version that is newer than all schemas is judged by the newest.
    wanted = version.removeprefix("v") if version else known[-1]
    if tuple(map(int, wanted.split(".")[:2])) > tuple(map(int, known[-1].split(".")[:2])):
        wanted = known[-1]
    findings, unknown = [], []
    for document, data, start in manifests(documents((root / path).read_text(encoding="utf-8", errors="replace"))):
        kind, api = str(data["kind"]), str(data["apiVersion"])
        group = api.rpartition("/")[0]
        if kind in ("Kustomization", "Component") and group.startswith("kustomize."):
            continue

        def at(place: Sequence[str | int], start: list[str | int] = start, document: Document = document) -> int:
            return document.line_of([*start, *place])

        try:
            library.validate(data, wanted, strict=True)
        except library.ValidationError as error:
            if not templated(error.instance):
                where = dotted(error.absolute_path)
                findings.append(
                    Finding(
                        rule="M01",
                        path=path,
                        line=at(list(error.absolute_path)),
                        message=f"{kind} {name_of(data)}: {where}: {refused(error).rstrip('.')}. "
                        f"Kubernetes {wanted} refuses the manifest.",
                    )
                )
        except library.SchemaNotFoundError:
            hint = unknown_kind(kind, api, kinds_of(wanted)) if group in BUILT_IN else None
            if hint is not None:
                text = f"Kubernetes {wanted} has no kind {kind} in {api}: the manifest cannot be applied. {hint}"
                findings.append(Finding(rule="M02", path=path, line=at(["kind"]), message=text))
            else:
                unknown.append(f"{kind} ({api}) has no schema here: only its own operator can check it")
        except Exception as error:  # The library knows nothing of objects that are malformed to the core.
            unknown.append(f"{path}: {kind} could not be checked: {type(error).__name__}")
            continue
        findings += [
            Finding(rule="M03", path=path, line=at(place), message=text) for place, text in selector_problems(data)
        ]
    return findings, unknown


@lru_cache(maxsize=4)
def kinds_of(version: str) -> dict[str, list[str]]:
    """The kinds that a version of Kubernetes serves, in small letters, with the API versions that have them."""
    import kubernetes_validate

    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    found: dict[str, list[str]] = {}
    for file in sorted((folder / f"v{'.'.join(version.split('.')[:2])}.0-local-strict").glob("*.json")):
        kind, _, api = file.stem.partition("-")
        if api:
            found.setdefault(kind, []).append(api.replace("-", "/"))
    return found


def unknown_kind(kind: str, api: str, known: dict[str, list[str]]) -> str | None:
    """What to do about a kind that Kubernetes does not serve; None where it may be of a product around Kubernetes."""
    short = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1/", api)
    others = known.get(kind.lower())
    if others:
        return f"It is in {', '.join(others)} there: mend the apiVersion."
    if "/" in short and not any(short in apis for apis in known.values()):
        return "This apiVersion is removed, with all its kinds."
    likely = near(kind.lower(), known, cutoff=0.85)
    return f"Mend the kind.{likely}" if likely else None


def templated(value: object) -> bool:
    """Whether a value is filled in later, so that nothing can be said of it."""
    return isinstance(value, str) and bool(TEMPLATED.search(value))


def name_of(data: dict[str, Any]) -> str:
    """The name of an object, as far as it has one."""
    metadata = data.get("metadata")
    return str(metadata.get("name") or metadata.get("generateName") or "?") if isinstance(metadata, dict) else "?"


def dotted(path: Any) -> str:
    """`spec.containers[0].image`"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the top level"


def refused(error: Any) -> str:
    """What the schema says, without the value: that of a Secret must not be shown."""
    if error.validator == "type":
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        wanted = " or ".join(kind for kind in kinds if kind != "null")
        quoted = " (take the quotes away)" if wanted in ("integer", "number", "boolean") else ""
        quoted = " (put it in quotes)" if wanted == "string" and not isinstance(error.instance, dict | list) else quoted
        return f"the value must be of type {wanted}{quoted}"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        extra = [str(key) for key in error.instance if key not in known] or ["?"]
        return f"there is no field {', '.join(f'`{key}`' for key in extra)}.{near(extra[0], known) if extra else ''}"
    if error.validator == "required":
        return f"the field {str(error.message).partition(' is a required')[0]} is missing"
    if error.validator == "enum":
        return f"the value is none of {error.validator_value}"
    return f"the value does not fit the schema ({error.validator})"


def selector_problems(data: dict[str, Any]) -> Iterator[tuple[list[str | int], str]]:
    """A workload whose selector does not match its own pods is refused by the API server."""
    spec = data.get("spec")
    if data.get("kind") not in WORKLOADS or not isinstance(spec, dict):
        return
    try:
        wanted = spec["selector"]["matchLabels"]
        labels = spec["template"]["metadata"].get("labels") or {}
    except (KeyError, TypeError, AttributeError):
        return
    if isinstance(wanted, dict) and isinstance(labels, dict):
        for key, value in wanted.items():
            if labels.get(key) != value and not templated(value) and not templated(labels.get(key)):
                yield (
                    ["spec", "selector", "matchLabels", key],
                    f"the selector wants the label {key}, and the pods of the template do not have it so: "
                    "Kubernetes refuses the workload. Make spec.template.metadata.labels the same.",
                )


# --- kustomize ------------------------------------------------------------------------------------------------------


def references(data: dict[str, Any]) -> Iterator[tuple[list[str | int], str, str]]:
    """The files that a kustomization uses: (place in it, kind, path)."""
    for key in ("resources", "bases", "components", "crds", "configurations", "generators", "transformers",
                "validators", "patchesStrategicMerge"):  # fmt: skip
        for number, item in enumerate(listed(data.get(key))):
            if isinstance(item, str) and "\n" not in item:
                yield [key, number], "patch" if key == "patchesStrategicMerge" else key, item
    for key in ("patches", "patchesJson6902", "replacements"):
        for number, item in enumerate(listed(data.get(key))):
            if isinstance(item, dict) and isinstance(item.get("path"), str):
                yield [key, number, "path"], "patch", item["path"]
    for key in ("configMapGenerator", "secretGenerator"):
        for number, item in enumerate(listed(data.get(key))):
            for part in ("files", "envs"):
                for index, value in enumerate(listed(item.get(part)) if isinstance(item, dict) else []):
                    if isinstance(value, str):
                        yield [key, number, part, index], "file", value.rpartition("=")[2]


def listed(value: object) -> list[Any]:
    """A list, or nothing."""
    return value if isinstance(value, list) else []


def kustomization_findings(root: Path, path: str) -> list[Finding]:
    """Files that a kustomization names and that are not there: `kustomize build` ends with an error."""
    folder = (root / path).parent
    findings = []
    for document in documents((root / path).read_text(encoding="utf-8", errors="replace"))[:1]:
        for place, kind, value in references(document.data) if isinstance(document.data, dict) else ():
            if "://" in value or "?" in value or value.startswith(("git@", "github.com/")) or templated(value):
                continue
            aim = folder / value
            if re.match(r"[\w-]+(\.[\w-]+)+/", value) and not aim.exists():
                continue  # A repository on some host, without a scheme.
            problem = ""
            if not aim.exists():
                beside = [item.name for item in aim.parent.iterdir()] if aim.parent.is_dir() else []
                problem = f"there is no {value}.{near(aim.name, beside)}"
            elif (
                aim.is_dir()
                and kind in ("resources", "bases", "components")
                and not any((aim / name).is_file() for name in KUSTOMIZATIONS)
            ):
                problem = f"the folder {value} has no kustomization.yaml."
            if problem:
                findings.append(
                    Finding(
                        rule="M04",
                        path=path,
                        line=document.line_of(place),
                        message=f"{problem} `kustomize build` fails: add the file, or take the entry out.",
                    )
                )
    return findings


def patches_of(root: Path, paths: Sequence[str]) -> set[str]:
    """Files that kustomizations use as patches: they hold parts of objects, so no schema fits them.

    Args:
        root: The repository.
        paths: All its kustomization files.
    """
    found = set()
    for path in paths:
        folder = (root / path).parent
        for document in documents((root / path).read_text(encoding="utf-8", errors="replace"))[:1]:
            for _, kind, value in references(document.data) if isinstance(document.data, dict) else ():
                aim = (folder / value).resolve()
                if kind == "patch" and aim.is_relative_to(root.resolve()):
                    found.add(aim.relative_to(root.resolve()).as_posix())
    return found
