"""`kfpilot nightly schedule`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EXIT_OK, UserError
from .common import root_of

if TYPE_CHECKING:
    from ..night.schedule import Kind

HINTS = {
    "github": "Commit it; it runs once it is on the default branch.",
    "cron": "Add the line with: crontab -e",
    "systemd": "Then: cp {folder}/kfpilot-nightly.* ~/.config/systemd/user/ && systemctl --user daemon-reload && "
    "systemctl --user enable --now kfpilot-nightly.timer",
    "k8s": "Then: kubectl apply -f {folder}/kfpilot-nightly.yaml",
}


def schedule_command(
    repo: Path,
    kinds: list[Kind],
    *,
    at: str,
    until: str,
    land: str,
    image: str,
    url: str,
    branch: str,
    out: Path | None,
    write: bool,
    force: bool,
    json: bool,
) -> int:
    """Print or write the files of one kind."""
    from pydantic import ValidationError

    from ..night.models import CLOCK
    from ..night.schedule import Schedule, files_of

    if len(kinds) != 1:
        raise UserError(
            "which schedule?" if not kinds else "only one at a time",
            mend="Give one of --github, --cron, --systemd, --k8s.",
        )
    for name, text in (("--at", at), ("--until", until)):
        if not CLOCK.fullmatch(text):
            raise UserError(f"{name} {text}: not a time", mend="Write it like 22:00.")
    kind, root = kinds[0], root_of(repo)
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise UserError(
            "the address holds a user or a password, which would stand in the file",
            mend="Take it out; the token comes from the secret (GITHUB_TOKEN or GITLAB_TOKEN).",
        )
    try:
        schedule = Schedule.model_validate(
            {"root": root, "at": at, "until": until, "land": land, "image": image, "url": url, "branch": branch}
        )
    except ValidationError as error:
        raise UserError(f"--{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from None
    files = files_of(kind, schedule)
    if not write and out is None:
        if json:
            import json as jsonlib

            sys.stdout.write(jsonlib.dumps(files, indent=2) + "\n")
            return EXIT_OK
        for name, text in files.items():
            sys.stdout.write(text if len(files) == 1 else f"# --- {name}\n{text}\n")
        return EXIT_OK
    folder = out or root
    for name, text in files.items():
        target = folder / name
        if target.exists() and target.read_text(encoding="utf-8", errors="replace") != text and not force:
            raise UserError("the file is there and says something else", where=target, mend="Overwrite it: --force.")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target}")
    print(HINTS[kind].format(folder=folder))
    return EXIT_OK
