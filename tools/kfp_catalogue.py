"""The rules of the KFP lint: what each looks for, what happens otherwise, how to mend it."""

from __future__ import annotations

from .findings import Rule, Severity


def rule(
    number: int, name: str, severity: Severity, summary: str, why: str, mend: str, *, default: bool = True
) -> Rule:
    """A rule of this lint."""
    return Rule(
        id=f"K{number:02}", name=name, summary=summary, severity=severity, why=why, mend=mend, default=default
    )  # fmt: skip


RULES = [
    rule(
        0, "ignore-comment", "note",
        "A `# kfpilot: ignore[…]` comment has no reason, names no known rule, or suppresses nothing.",
        "A comment that suppresses nothing hides the next finding on that line.",
        "Write `# kfpilot: ignore[K03] reason`, or remove the comment.",
    ),
    rule(
        1, "own-names-only", "error",
        "A component uses a name of its module that does not exist in the step.",
        "The step runs only the source of the function: NameError.",
        "Import inside the function, pass values as parameters, give helpers with additional_funcs.",
    ),
    rule(
        2, "packages-installed", "error",
        "A component imports a package that neither its image nor packages_to_install brings.",
        "ModuleNotFoundError in the step.",
        "Name the package in packages_to_install, or use an image that holds it.",
    ),
    rule(
        3, "packages-pinned", "warning",
        "An entry of packages_to_install is not pinned to one version.",
        "The step installs what is newest on that day: the same pipeline gives other results or breaks.",
        "Write 'package==version'.",
    ),
    rule(
        4, "image-tagged", "warning",
        "An image has no tag or the tag latest.",
        "The step runs what the tag points to on that day, and nodes with an older copy run that.",
        "Name a version or a digest.",
    ),
    rule(
        5, "docstring-args", "warning",
        "The docstring describes parameters that the function does not have, or leaves some out.",
        "KFP takes the descriptions of inputs and outputs from the docstring; what does not match is dropped.",
        "Describe each parameter once, under the name that it has.",
    ),
    rule(
        6, "no-python-decisions", "error",
        "Python decides on a pipeline parameter or a task's output.",
        "It decides once, while the pipeline is compiled: every run takes the same branch.",
        "Use dsl.If, dsl.Elif, dsl.Else and dsl.OneOf, or decide inside a component.",
    ),
    rule(
        7, "no-python-loops", "error",
        "Python loops over a pipeline parameter or a task's output.",
        "While the pipeline is compiled there is nothing to loop over: TypeError.",
        "Use dsl.ParallelFor, and dsl.Collected for the results.",
    ),
    rule(
        8, "no-placeholder-text", "error",
        "A placeholder is turned into text where KFP does not fill it in.",
        "The step, the pod or the UI gets the text `{{channel:…}}` instead of the value.",
        "Put values into text only in arguments of tasks; build other text in a component; pass artifacts whole.",
    ),
    rule(
        9, "no-v1-names", "error",
        "A name of KFP v1, or one that is deprecated.",
        "Names of v1 do not exist in kfp 2: ImportError or AttributeError. Deprecated ones (told as warnings) go away.",
        "Use what stands in its place.",
    ),
    rule(
        10, "no-credentials", "warning",
        "A password, key or token is a parameter, a default or a constant of the environment.",
        "KFP keeps parameters and the environment in the clear: in the UI, the database and the compiled file.",
        "Keep it in a Secret and use kubernetes.use_secret_as_env or use_secret_as_volume.",
    ),
    rule(
        11, "resources", "error",
        "A task requests more than its limit; with the policy `limits`: a task has no limits (warning).",
        "Kubernetes refuses the pod; a step without limits can starve its node.",
        "Request at most the limit; call set_cpu_limit and set_memory_limit.",
    ),
    rule(
        12, "retries", "warning",
        "(policy `retries`) A task that reaches the network is not retried.",
        "One lost connection fails the whole run.",
        "Call set_retry(num_retries=…) on the task.",
        default=False,
    ),
    rule(
        13, "caching", "warning",
        "A task whose result depends on time, chance or another system is cached.",
        "The next run takes the old result and the step does not run.",
        "Call set_caching_options(False) on the task, or pass the time or the seed as a parameter.",
    ),
    rule(
        14, "no-cycles", "error",
        "Tasks wait for each other.",
        "The compiler accepts it; the run is refused or never gets to them.",
        "Remove an .after().",
    ),
    rule(
        15, "parameters-used", "warning",
        "A parameter of a pipeline is used by no task.",
        "Whoever sets it expects something to change, and nothing does.",
        "Pass it to a task, or remove it.",
    ),
    rule(
        16, "outputs-written", "error",
        "A component never writes an output that it declares, or returns something else than it declares.",
        "A missing output parameter fails the step; a missing artifact (a warning) fails the step that reads it.",
        "Return the value, or write to the output's path.",
    ),
    rule(
        17, "no-calls-across", "error",
        "A component uses another component, is async, or a pipeline gives a placeholder to a plain function.",
        "NameError; a coroutine that nobody awaits; or a result that was computed from the placeholder.",
        "Call components in pipelines only, write plain `def`, compute inside components.",
    ),
    rule(
        18, "loops-collected", "error",
        "What a dsl.ParallelFor gives is used outside of it without dsl.Collected.",
        "The pipeline does not compile.",
        "Wrap the output in dsl.Collected, or use it inside the loop.",
    ),
    rule(
        19, "no-fixed-paths", "warning",
        "A component reads or writes a fixed path.",
        "A step has a file system of its own: what it writes there is gone at its end, what it reads is not there.",
        "Take files through Input, Output, InputPath and OutputPath, or mount a volume at the path.",
    ),
    rule(
        20, "names", "note",
        "A name is not snake_case; with the policy `docstrings`: a pipeline or component has no docstring.",
        "KFP makes names of its own from it for tasks and the UI, and two may become one; a docstring is the "
        "description in the UI.",
        "Use snake_case; write one line that says what it does.",
    ),
    rule(
        21, "no-writing-to-tasks", "error",
        "A pipeline assigns to the inputs or outputs of a task, or to the path, uri or metadata of one.",
        "Nothing is wired or moved: what a task gets is fixed by its call, and KFP chooses where outputs are kept.",
        "Pass the value by keyword in the call.",
    ),
    rule(
        22, "artifacts-are-not-files", "error",
        "A component opens, writes or iterates an artifact itself, or uses a part that it does not have.",
        "An artifact is a record with a path; the step fails with a TypeError or an AttributeError.",
        "Open the file at its .path.",
    ),
    rule(
        23, "outputs-start-empty", "error",
        "A component reads an output before it has written it.",
        "KFP gives a component the place of an output, not a file: there is none yet, and the step fails.",
        "Read an input, or open the output for writing.",
    ),
    rule(
        24, "files-close", "error",
        "A component uses a file after the `with` block that opened it, or a reader or writer made of it there.",
        "The file is closed at the end of the block; the step fails with a ValueError.",
        "Do it inside the block, or keep what you need in a list.",
    ),
]  # fmt: skip
"""K00 to K24. Severity: an error surely goes wrong; a warning may, or is against good practice; a note is style."""

BY_ID = {item.id: item for item in RULES}
POLICIES = ("limits", "retries", "docstrings", "base-image")
"""What a team may ask for and most do not: see K11, K12, K20 and K04."""
