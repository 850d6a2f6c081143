# title: Component that reads JSON Lines and writes the records it keeps
# use when: a component reads or writes a file with one JSON object in each line: records, events, log entries, documents
# keywords: component, json lines, jsonl, json, ndjson, records, record, fields, field, filter, keep, keeps, select, dataset, Input[Dataset], Output[Dataset]
# roles: code
# path: pipelines/components/keep_kind.py
"""Component that keeps the events of one kind."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def keep_kind(events: dsl.Input[dsl.Dataset], kept: dsl.Output[dsl.Dataset], kind: str = "alarm"):
    """Keeps the events of one kind.

    Args:
        events: JSON Lines with the fields kind, sensor and value.
        kept: The kept events, in the same order and with the same fields.
        kind: The kind to keep.
    """
    import json

    with open(events.path) as source:
        records = [json.loads(line) for line in source if line.strip()]
    with open(kept.path, "w") as target:
        for record in records:
            if record["kind"] == kind:
                target.write(json.dumps(record) + "\n")
