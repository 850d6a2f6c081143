"""Keeps secrets out of what a run writes into its record beside the journal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from ...tools.redact import redact_data
from ..reports.write import write_whole


@contextmanager
def clean_failure() -> Iterator[None]:
    """Around a node: the checkpointer keeps what it failed with."""
    try:
        yield
    except Exception as error:
        error.args = tuple(redact_data(error.args))
        raise


def write_clean(path: Path, data: BaseModel) -> None:
    """Write a model as JSON, without secrets, whole or not at all."""
    clean = redact_data(data.model_dump(mode="json"))
    write_whole(path, json.dumps(clean, indent=2, ensure_ascii=False) + "\n")
