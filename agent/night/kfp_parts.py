"""The two components of the pipeline; each is complete in itself, for only its own text gets into the pipeline.

No `annotations` from `__future__` here: kfp reads the annotations themselves.
"""

from kfp import dsl


def work_feature(
    feature: dict,
    revision: str,
    land: str,
    minutes: float,
    summary: dsl.Output[dsl.Markdown],
    page: dsl.Output[dsl.HTML],
    junit: dsl.Output[dsl.Artifact],
    data: dsl.Output[dsl.Artifact],
) -> str:
    """Work one feature of the backlog in a clone of its own and send what was verified.

    Args:
        feature: Its name, the address of its repository, and the backlog it is part of.
        revision: The branch to start from.
        land: push or pull-request.
        minutes: How long it may take.
        summary: The summary as Markdown.
        page: The summary as a page.
        junit: A test case for each task.
        data: The summary as JSON.

    Returns:
        How it ended: verified, done, partly, budget, skipped, waiting or error.
    """
    import json
    import pathlib
    import shutil
    import subprocess
    import sys
    import tempfile

    with tempfile.TemporaryDirectory(prefix="kfpilot-") as folder:
        work = pathlib.Path(folder)
        backlog = work / "backlog.yaml"
        backlog.write_text(feature["backlog"], encoding="utf-8")
        start = "from kfpilot.agent.cli.app import main; main()"
        command = [sys.executable, "-c", start, "nightly", "--backlog", str(backlog), "--only", feature["feature"]]
        command += [
            "--clone",
            feature["repository"],
            "--revision",
            revision,
            "-C",
            str(work / "repo"),
            "--fresh",
            "--plain",
        ]
        command += ["--no-color", "--land", land, "--max-minutes", str(minutes), "--out", str(work / "out")]
        done = subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL)
        # 0, 1, 3 and 4 are outcomes, told in the summary, which the other features need too; with all else (a crash,
        # a repository that cannot be cloned) the task has failed and is tried again.
        if done.returncode not in (0, 1, 3, 4) or not (work / "out" / "nightly.json").exists():
            raise RuntimeError(f"kfpilot nightly ended with {done.returncode}; see the log above")
        for name, target in (("md", summary), ("html", page), ("xml", junit), ("json", data)):
            pathlib.Path(target.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(work / "out" / f"nightly.{name}", target.path)
        return json.loads((work / "out" / "nightly.json").read_text(encoding="utf-8"))["items"][0]["state"]


def morning(
    parts: dsl.Input[list[dsl.Artifact]],
    summary: dsl.Output[dsl.Markdown],
    page: dsl.Output[dsl.HTML],
    junit: dsl.Output[dsl.Artifact],
    data: dsl.Output[dsl.Artifact],
    earlier: dsl.Input[dsl.Artifact] = None,
) -> None:
    """One summary of all features.

    Args:
        parts: The summaries of the features, as JSON.
        summary: The summary as Markdown.
        page: The summary as a page.
        junit: A test case for each task.
        data: The summary as JSON.
        earlier: The summary of the wave before, as JSON.
    """
    import pathlib
    import subprocess
    import sys

    targets = [summary.path, page.path, junit.path, data.path]
    for target in targets:
        pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "kfpilot.agent.night.gather", *targets]
    command += [part.path for part in ([earlier] if earlier else []) + list(parts)]
    subprocess.run(command, check=True)
