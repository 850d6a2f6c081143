"""Whether two attempts failed in the same way."""

from __future__ import annotations

import re
from collections.abc import Sequence

CHANGING = re.compile(r"0x[0-9a-f]+|/tmp/[\w./-]+|\d+(?:\.\d+)?\s?(?:s|ms|seconds)\b|\blines? \d+", re.I)


def same_failures(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    """Whether two attempts failed in the same way; times, addresses and line numbers make no difference."""
    if not one or not other:
        return False
    return [CHANGING.sub("#", line) for line in one] == [CHANGING.sub("#", line) for line in other]
