# title: Test that runs a pipeline locally
# use when: a pipeline is run for real without a cluster and its output is compared
# keywords: test, tests, pipeline, local, locally, local run, run, runs, end to end, end-to-end, without a cluster, integration, SubprocessRunner, local.init, output, result
# roles: tests
# path: tests/test_warm_days_run.py
"""Runs the pipeline warm_days without a cluster."""

from kfp import local

from pipelines.warm_days import warm_days


def test_counts_the_warm_readings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(tmp_path / "artifacts"),
        raise_on_error=True,
    )

    run = warm_days(station="north", minimum=20.0)

    assert run.output == 1
