"""Words that nobody has written: the hole of an assistant's command file that was not filled."""

from __future__ import annotations

import re

from ..errors import UserError

_HOLE = (
    r"\$(?:[A-Z][A-Z0-9_]*|[@*]|\d+)(?:\[[^\]\n]*\])?"  # $ARGUMENTS, $@, $1
    r"|\$\{[^{}\n]*\}"  # ${input:args}
    r"|\{\{[^{}\n]*\}\}"  # {{args}}
)
_ONLY_HOLES = re.compile(rf"(?:\s|[\"'`]|</?words>|{_HOLE})*")


def refuse_placeholder(words: str) -> None:
    """Words that are nothing but a placeholder pick nothing, so everything would be started.

    Raises:
        UserError: There is nothing else in the words.
    """
    hole = re.search(_HOLE, words)
    if hole and _ONLY_HOLES.fullmatch(words):
        raise UserError(
            f"the words are the placeholder {hole[0]}: the assistant has not put what you typed in its place",
            mend="Give the words themselves, or none at all for every open task. Command files are brought up to date "
            "by: kfpilot init",
        )
