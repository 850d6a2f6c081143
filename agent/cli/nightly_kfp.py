"""`kfpilot nightly --engine kfp`."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EXIT_OK, UserError

if TYPE_CHECKING:
    from .nightly import Plan


def kfp_command(
    plan: Plan,
    *,
    url: str | None,
    revision: str,
    image: str,
    package: Path,
    secret: str,
    parallel: int,
    submit: bool,
    recurring: str | None,
    host: str | None,
    json: bool,
) -> int:
    """Compile the backlog to a pipeline, and submit it if that is asked for."""
    from ..night.pipeline import Settings, build, compile_to
    from ..night.submit import submit as send

    if submit and recurring:
        raise UserError("--submit starts one run now, --recurring many later", mend="Give one of the two.")
    minutes = plan.budget.minutes or Settings().minutes
    land = "pull-request" if plan.landing.mode == "branch" else plan.landing.mode
    settings = Settings(image=image, url=url, revision=revision, land=land, remote=plan.landing.remote, secret=secret,
                        parallel=parallel, minutes=minutes)  # fmt: skip
    compile_to(build(plan.entries, settings), package)
    done = send(package, host=host, cron=recurring) if submit or recurring else None
    if json:
        data = {
            "package": str(package),
            "features": [entry.name for entry in plan.entries],
            "submitted": done.model_dump() if done else None,
        }
        sys.stdout.write(jsonlib.dumps(data, indent=2) + "\n")
        return EXIT_OK
    print(f"compiled {len(plan.entries)} features to {package}")
    if done:
        print(f"{done.kind} {done.name}: {done.url}")
    else:
        print("Start it: --submit, or every night: --recurring '0 22 * * *'")
    return EXIT_OK
