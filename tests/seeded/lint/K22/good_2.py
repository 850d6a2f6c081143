from kfp import dsl


@dsl.component(base_image="python:3.12")
def count_rows(rows: dsl.Input[dsl.Dataset], parts: dsl.Input[list[dsl.Dataset]], model: dsl.Output[dsl.Model]) -> int:
    """Counts rows; a name that is given anew is another thing."""
    found = [open(part.path) for part in parts]
    rows = open(rows.path)
    model.framework = "none"
    with open(model.path, "w") as target:
        target.write(str(len(found)))
    return len(rows.readlines())


@dsl.component(base_image="python:3.12")
def book(rows: dsl.Input[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]):
    """Metrics have ways of their own."""
    metrics.log_metric("letters", len(rows.path))
