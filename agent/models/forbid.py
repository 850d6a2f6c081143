"""The switch that keeps real models out of tests."""

from __future__ import annotations

import os

from ..errors import ModelError

SWITCH = "KFPILOT_FORBID_MODELS"


def check_allowed(name: str) -> None:
    """Raise if real models are forbidden.

    Raises:
        ModelError: KFPILOT_FORBID_MODELS is set.
    """
    if os.environ.get(SWITCH, "").strip() not in ("", "0"):
        raise ModelError(
            f"a real model ({name}) was asked although {SWITCH} is set",
            mend=f"Use replay:FILE or a scripted model, or unset {SWITCH}.",
        )
