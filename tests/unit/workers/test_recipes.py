"""The picker of recipes: what a user's task says leads to the recipe that helps."""

from __future__ import annotations

import pytest
from kfpilot.agent.workers.recipes import load_recipes, nearest


def test_every_recipe_has_front_matter_that_the_text_leaves_out() -> None:
    recipes = load_recipes()
    assert len(recipes) >= 16
    assert len({recipe.slug for recipe in recipes}) == len(recipes)
    for recipe in recipes:
        assert recipe.title and recipe.use_when and recipe.keywords and recipe.roles
        assert "use when:" not in recipe.text and "keywords:" not in recipe.text and "<!--" not in recipe.text
        assert recipe.text == recipe.text.strip() + "\n"


def test_every_role_has_a_recipe() -> None:
    assert {role for recipe in load_recipes() for role in recipe.roles} == {"code", "tests", "docs", "infra"}


@pytest.mark.parametrize(
    ("task", "role", "files", "slug"),
    [
        (
            "Create component `drop_refunds` in src/components/drop_refunds.py that removes refunded rows",
            "code",
            ["src/components/drop_refunds.py"],
            "filter-component",
        ),
        (
            "Implement filter_active_users component (Input[Dataset] -> Output[Dataset]) in kfp/components/users.py",
            "code",
            ["kfp/components/users.py"],
            "filter-component",
        ),
        (
            "Create `pick_errors(log, errors)` in steps/pick_errors.py: it reads the JSON Lines `log` and keeps errors",
            "code",
            ["steps/pick_errors.py"],
            "json-lines-component",
        ),
        (
            "Add component `revenue_per_region` that sums the amount for each region and writes one row each",
            "code",
            ["components/revenue_per_region.py"],
            "group-component",
        ),
        ("Component count_events returns the number of rows in the events CSV", "code", [], "count-component"),
        (
            "Write a component that raises ValueError when a required column is missing",
            "code",
            [],
            "validate-component",
        ),
        ("Component `generate_sample` writes a sample dataset of n rows", "code", [], "source-component"),
        ("Add `celsius_to_kelvin` component: takes a number, returns a number", "code", [], "parameter-component"),
        ("Log accuracy and F1 as Output[Metrics] in the evaluate component", "code", [], "metrics-component"),
        ("Component split_stats returns both mean and std as a NamedTuple", "code", [], "namedtuple-component"),
        ("Train a scikit-learn model with pandas in a component train_model", "code", [], "packages-component"),
        ("Run the dbt image as a container component with ContainerSpec", "code", [], "container-component"),
        (
            "Create the pipeline `churn` in pipelines/churn.py that wires load_users, filter_users and train_model",
            "code",
            ["pipelines/churn.py"],
            "pipeline",
        ),
        (
            "Add the step `deduplicate` to the existing pipeline in pipelines/ingest.py after load_events",
            "code",
            ["pipelines/ingest.py"],
            "add-step",
        ),
        ("Deploy only if accuracy is above the threshold, otherwise notify; dsl.If", "code", [], "condition-pipeline"),
        ("Process every region in parallel with dsl.ParallelFor and gather results", "code", [], "parallel-pipeline"),
        ("Send a notification when the pipeline fails using an exit handler", "code", [], "exit-handler-pipeline"),
        ("Use the training pipeline as a nested sub-pipeline", "code", [], "nested-pipeline"),
        ("Set 3 retries with backoff and a memory limit of 2Gi on the train step", "code", [], "resources-pipeline"),
        ("Disable caching for the extract step so it runs every time", "code", [], "caching-pipeline"),
        (
            "Mount the database password from a Kubernetes secret as an environment variable",
            "code",
            [],
            "secret-pipeline",
        ),
        ("Start from an existing dataset in the bucket s3://data with dsl.importer", "code", [], "importer-pipeline"),
        (
            "Unit tests for drop_refunds in tests/test_drop_refunds.py: keeps paid rows, empty input",
            "tests",
            ["tests/test_drop_refunds.py"],
            "component-test",
        ),
        (
            "Tests for revenue_per_region: two regions, sorted by name, sum with two decimals",
            "tests",
            ["tests/test_revenue_per_region.py"],
            "group-test",
        ),
        ("Test that count_events returns 0 for an empty CSV", "tests", ["tests/test_count_events.py"], "value-test"),
        ("Test that check_schema raises ValueError on a missing column", "tests", [], "value-test"),
        ("Test the metrics that evaluate logs", "tests", ["tests/test_evaluate.py"], "metrics-test"),
        (
            "Compile test for the churn pipeline: it has the tasks load-users and train-model in that order",
            "tests",
            ["tests/test_churn_pipeline.py"],
            "pipeline-test",
        ),
        ("Test the default values of the parameters of the churn pipeline", "tests", [], "pipeline-parameters-test"),
        ("Run the churn pipeline end to end with the local runner and check its output", "tests", [], "local-run-test"),
        (
            "GitHub Actions workflow that runs pytest on pull requests",
            "infra",
            [".github/workflows/ci.yml"],
            "ci-workflow",
        ),
        (
            "Add .gitlab-ci.yml with a job that installs kfp and runs the tests, for merge requests and main",
            "infra",
            [".gitlab-ci.yml"],
            "gitlab-ci",
        ),
        (
            "Import the orders, repeat 3 times, and mail the list only inside `dsl.If(found == True)`; set retries",
            "code",
            ["pipelines/mail.py"],
            "condition-pipeline",
        ),
        (
            "Pipeline with 2 retries and a memory limit of 1Gi: `dsl.ParallelFor` around `score`, then `dsl.Collected`",
            "code",
            ["pipelines/score.py"],
            "parallel-pipeline",
        ),
        ("Add a CronJob that submits the weekly pipeline", "infra", ["k8s/weekly.yaml"], "cron-job"),
        (
            "Test the schedule and limits of the manifest k8s/weekly.yaml",
            "tests",
            ["tests/test_k8s.py"],
            "manifest-test",
        ),
        ("Add a ConfigMap manifest for the cluster", "infra", ["deploy/config.yaml"], "config-map"),
        (
            "Document the churn pipeline, its parameters and steps in docs/churn.md",
            "docs",
            ["docs/churn.md"],
            "pipeline-docs",
        ),
        ("Write docs/components/drop_refunds.md: inputs and outputs of the component", "docs", [], "component-docs"),
    ],
)
def test_the_right_recipe_is_nearest(task: str, role: str, files: list[str], slug: str) -> None:
    assert [recipe.slug for recipe in nearest(task, role, files)][:1] == [slug]


def test_only_recipes_of_the_role_are_given() -> None:
    task = "Component and its test, a workflow on GitHub and a docs page for the pipeline"
    for role in ("code", "tests", "docs", "infra"):
        found = nearest(task, role, [], k=5)
        assert found
        assert all(role in recipe.roles for recipe in found)


def test_gives_at_most_k_and_always_the_same() -> None:
    task = "Pipeline with a component that filters rows"
    assert len(nearest(task, "code", [], k=3)) == 3
    assert nearest(task, "code", [], k=3) == nearest(task, "code", [], k=3)


def test_gives_nothing_when_nothing_is_alike() -> None:
    assert nearest("Übersetze die Begrüßung", "code", []) == []


def test_a_pipeline_is_no_example_of_a_component() -> None:
    task = "Write `flag_late(passages, flagged)`: the column `late` says yes if it is later than that and no otherwise"
    assert nearest(task, "code", ["steps/flag_late.py"], k=1)[0].slug == "condition-pipeline"
    found = nearest(task, "code", ["steps/flag_late.py"], k=9, kind="component")
    assert found and all("@dsl.component" in recipe.text or "container" in recipe.slug for recipe in found)
