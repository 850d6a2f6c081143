"""K01 and K02: a step has only its own names, and only the packages that something installs.

Every finding is certain. Where the source does not settle the matter (a base image with contents of its own, packages
whose dependencies are not known here, decorator arguments that are computed) nothing is said.
"""

from __future__ import annotations

import ast
import builtins
import copy
import dis
import re
import sys
import types
import typing
import warnings
from collections.abc import Iterator

from .kfp_names import Names, constant_text, guarded_lines, walk, words
from .kfp_source import Definition, Function, Problem, Source, at, is_none

RUNTIME_DSL = words(
    "Input Output InputPath OutputPath PipelineTaskFinalStatus TaskConfig Artifact ClassificationMetrics "
    "Dataset HTML Markdown Metrics Model SlicedClassificationMetrics get_uri run_notebook "
    "PIPELINE_JOB_NAME_PLACEHOLDER PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER PIPELINE_JOB_ID_PLACEHOLDER "
    "PIPELINE_TASK_NAME_PLACEHOLDER PIPELINE_TASK_ID_PLACEHOLDER "
    "PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER "
    "PIPELINE_ROOT_PLACEHOLDER PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER "
    "PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER WORKSPACE_PATH_PLACEHOLDER"
)
"""What `from kfp.dsl import *` gives in the step's container, where kfp leaves out what only compiling needs."""

AT_RUN_TIME = (
    frozenset(dir(builtins))
    | frozenset(typing.__all__)
    | RUNTIME_DSL
    | {
        "kfp",
        "dsl",
        "__name__",
        "__file__",
        "__doc__",
        "__builtins__",
        "__spec__",
        "__loader__",
        "__package__",
        "__annotations__",
    }
)
"""The names that a lightweight component finds beside its own: kfp puts the imports of these above its source."""

IN_PYTHON_IMAGE = words(
    "kfp pip setuptools pkg_resources wheel _distutils_hack typing_extensions asynchat asyncore distutils imp "
    "smtpd aifc audioop cgi cgitb chunk crypt imghdr mailcap msilib nis nntplib ossaudiodev pipes sndhdr spwd "
    "sunau telnetlib uu xdrlib lib2to3"
) | frozenset(sys.stdlib_module_names)
"""What can be imported in an official Python image of some version after kfp has installed itself."""

OFFICIAL_IMAGE = re.compile(r"(docker\.io/)?(library/)?python(:[\w.-]+)?(@sha256:[0-9a-f]+)?")
REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*((?:[<>=!~]=?|===)[^@;\[]*)?")

NUMPY = "numpy"
PANDAS = "pandas numpy dateutil pytz tzdata six"
SKLEARN = "sklearn numpy scipy joblib threadpoolctl narwhals"
PLOT = (
    "matplotlib mpl_toolkits pylab contourpy cycler dateutil fontTools kiwisolver packaging PIL pyparsing six "
    "importlib_resources zipp"
)
REQUESTS = "requests urllib3 certifi idna charset_normalizer chardet"
BOTO = "boto3 botocore s3transfer jmespath dateutil six urllib3"
PROVIDES = {
    package: frozenset(names.split())
    for package, names in {
        "numpy": NUMPY,
        "pandas": PANDAS,
        "pyarrow": "pyarrow numpy",
        "scipy": f"scipy {NUMPY}",
        "scikit-learn": SKLEARN,
        "joblib": "joblib",
        "matplotlib": f"{PLOT} {NUMPY}",
        "seaborn": f"seaborn {PLOT} {PANDAS}",
        "pillow": "PIL",
        "pyyaml": "yaml _yaml",
        "requests": REQUESTS,
        "boto3": BOTO,
        "tqdm": "tqdm",
        "jinja2": "jinja2 markupsafe",
        "xgboost": f"xgboost scipy nvidia {NUMPY}",
        "lightgbm": f"lightgbm scipy sklearn joblib threadpoolctl narwhals {NUMPY}",
        "joblibspark": "joblibspark",
        "openpyxl": "openpyxl et_xmlfile",
        "tabulate": "tabulate",
        "python-dateutil": "dateutil six",
        "pytz": "pytz",
        "psycopg2-binary": "psycopg2",
        "pymysql": "pymysql",
        "redis": "redis async_timeout",
        "beautifulsoup4": "bs4 soupsieve",
    }.items()
}
"""Import names that a package brings, its dependencies' included. Packages not named here settle nothing."""

INSTALL_AS = {
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "psycopg2": "psycopg2-binary",
}


# --- K01: a component has only its own names ------------------------------------------------------------------------


def problems(source: Source) -> Iterator[Problem]:
    """K01 and K02 for every lightweight component of a module."""
    for item in source.definitions:
        if item.alone:
            yield from own_name_problems(item, source)
            yield from package_problems(item, source.names)


def own_name_problems(component: Definition, source: Source) -> Iterator[Problem]:
    """Names that exist in the module and not in the step, where only the source of the function runs."""
    function, settings, names = component.node, component.settings, source.names
    steps = {item.name for item in source.definitions}
    extra = settings.get("additional_funcs")
    helpers: list[str] = []
    if extra is not None and not is_none(extra):
        if not isinstance(extra, (ast.List, ast.Tuple)) or not all(isinstance(item, ast.Name) for item in extra.elts):
            return
        helpers = [item.id for item in extra.elts if isinstance(item, ast.Name)]
    allowed = AT_RUN_TIME | {function.name, *helpers} | custom_artifacts(function, names)
    body_start = function.body[0].lineno
    for node in [function, *(names.functions[helper] for helper in helpers if helper in names.functions)]:
        loads, made = global_names(node)
        quiet = guarded_lines(node, {"NameError"})
        seen = set()
        for name, line, column in loads:
            if name in allowed | made or name in seen or line in quiet or name.startswith("__KFP_"):
                continue
            seen.add(name)
            where = "in its signature" if node is function and line < body_start else f"in `{node.name}`"
            if name in steps and where != "in its signature":
                yield Problem("K17", line, column, nested_message(function.name, name))
                continue
            yield Problem("K01", line, column, own_name_message(function.name, name, where, names))
        for item in walk(node):
            if (
                isinstance(item, ast.ImportFrom)
                and item.level
                and item.lineno not in guarded_lines(node, IMPORT_ERRORS)
            ):
                yield at(
                    item,
                    "K01",
                    f"component `{function.name}` has a relative import; in the step the function stands alone, "
                    "outside any package, so this raises ImportError. Put the code into the function, or build an "
                    "image that holds it (target_image).",
                )


def nested_message(component: str, name: str) -> str:
    """K17: a step cannot start another one."""
    return (
        f"component `{component}` uses `{name}`, which is a component or pipeline: the step knows nothing of it "
        "(NameError at run time), and a step cannot start another. Call both in a pipeline and pass the output of one "
        "to the other, or put the code into a helper (additional_funcs)."
    )


def own_name_message(component: str, name: str, where: str, names: Names) -> str:
    """Say what a name is in the module and how the component can get at it."""
    text = (
        f"component `{component}` uses `{name}` {where}, but the step runs only the source of the function: "
        f"NameError at run time. "
    )
    if name in names.statements:
        if where == "in its signature":
            return text + f"`{name}` is imported by the module; write the annotation or default without it."
        return text + f"Put `{names.statements[name]}` inside the function."
    if name in names.functions:
        return (
            text + f"Move the code of `{name}` into the function, or give additional_funcs=[{name}] to the decorator."
        )
    if where == "in its signature":
        return text + "Write the type or the value itself there."
    if name in names.assigned:
        return text + f"Define `{name}` inside the function, or make it a parameter."
    return text + "It is defined nowhere that the function can reach: define or import it inside the function."


def custom_artifacts(function: Function, names: Names) -> set[str]:
    """Names of artifact classes of the user's in the signature: kfp itself adds imports for these."""
    places: list[ast.expr] = [function.returns] if function.returns else []
    arguments = function.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        if isinstance(argument.annotation, ast.Subscript):
            wrapper = names.resolve(argument.annotation.value)
            if wrapper in ("kfp.dsl.Input", "kfp.dsl.Output"):
                places.append(argument.annotation.slice)
    found = set()
    for place in places:
        for node in walk(place):
            if not isinstance(node, ast.Name):
                continue
            top = names.imports.get(node.id, "").partition(".")[0]
            from_others = bool(top) and top != "kfp" and top not in sys.stdlib_module_names
            if from_others or (node.id in names.classes and not names.is_named_tuple(node.id)):
                found.add(node.id)
    return found


def global_names(function: Function) -> tuple[list[tuple[str, int, int]], set[str]]:
    """Global names that a function, standing alone, loads (with line and column), and those that it makes.

    The byte code says exactly what is looked up where; local annotations, for one, are not.
    """
    alone = copy.copy(function)
    alone.decorator_list = []
    module = ast.Module(body=[alone], type_ignores=[])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(module, "<component>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return [], set()
    loads: list[tuple[str, int, int]] = []
    made: set[str] = set()

    def visit(block: types.CodeType) -> None:
        instructions = list(dis.get_instructions(block))
        local = {item.argval for item in instructions if item.opname == "STORE_NAME"}
        made.update(item.argval for item in instructions if item.opname == "STORE_GLOBAL")
        for item in instructions:
            if item.opname not in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") or item.argval in local:
                continue
            place = item.positions
            line = place.lineno if place and place.lineno else function.lineno
            loads.append((item.argval, line, (place.col_offset if place and place.col_offset else 0) + 1))
        for constant in block.co_consts:
            if isinstance(constant, types.CodeType):
                visit(constant)

    visit(code)
    return sorted(loads, key=lambda entry: entry[1:]), made


# --- K02: what a component imports is installed ---------------------------------------------------------------------

IMPORT_MACHINERY = {"sys.path", "sys.modules", "sys.meta_path", "site.addsitedir"}
IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError"}


def package_problems(component: Definition, names: Names) -> Iterator[Problem]:
    """Imports inside a component that its container surely cannot satisfy."""
    function, settings = component.node, component.settings
    if "embedded_artifact_path" in settings or not plain_image(settings.get("base_image"), names):
        return
    packages = listed_packages(settings.get("packages_to_install"), names)
    if packages is None or installs_by_itself(function):
        return
    provided: set[str] = set()
    for package in packages:
        match = REQUIREMENT.fullmatch(package.strip())
        name = re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""
        if name not in PROVIDES:
            return  # who knows what it brings
        provided |= PROVIDES[name]
    quiet = guarded_lines(function, IMPORT_ERRORS)
    seen = set()
    for node in walk(function):
        if isinstance(node, ast.Import):
            modules = [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            modules = [node.module]
        else:
            continue
        for top in (module.partition(".")[0] for module in modules):
            if top in provided or top in IN_PYTHON_IMAGE or top in seen or node.lineno in quiet:
                continue
            seen.add(top)
            have = (
                f"packages_to_install ({', '.join(packages)}) does not bring it" if packages else "nothing installs it"
            )
            yield at(
                node,
                "K02",
                f"component `{function.name}` imports `{top}`, but its container is a plain Python image and "
                f"{have}: ModuleNotFoundError at run time. Add '{INSTALL_AS.get(top, top)}==<version>' to "
                "packages_to_install of the decorator; if it is this project's own, put the code into the function.",
            )


def plain_image(image: ast.expr | None, names: Names) -> bool:
    """Whether a component runs in an official Python image, which holds nothing but Python."""
    if image is None or is_none(image):
        return True
    text = constant_text(image, names)
    return text is not None and OFFICIAL_IMAGE.fullmatch(text) is not None


def listed_packages(value: ast.expr | None, names: Names) -> list[str] | None:
    """The packages that are installed, or None if the source does not say it outright."""
    if value is None or is_none(value):
        return []
    if isinstance(value, ast.Name):
        constant = names.constants.get(value.id)
        return listed_packages(constant, names) if constant is not None and not isinstance(constant, ast.Name) else None
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        left, right = listed_packages(value.left, names), listed_packages(value.right, names)
        return None if left is None or right is None else left + right
    if not isinstance(value, (ast.List, ast.Tuple)):
        return None
    texts = [constant_text(item, names) for item in value.elts]
    return None if any(text is None for text in texts) else [text for text in texts if text is not None]


def installs_by_itself(function: Function) -> bool:
    """Whether a component may make modules importable on its own (pip in a subprocess, sys.path)."""
    for node in walk(function):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.search(r"\b(pip|uv|conda|apt)", node.value)
        ):
            return True
        if isinstance(node, ast.Attribute) and ast.unparse(node) in IMPORT_MACHINERY:
            return True
        if isinstance(node, ast.ImportFrom) and node.module in ("pip", "sys", "site"):
            return True
    return False
