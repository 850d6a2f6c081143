"""The user's own words: from the command line, from a file or from standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from ..documents import leading_feature, unquoted
from ..errors import UserError
from ..workflow.place import RECORDS, records

LIMIT = 64_000
"""Bytes; more is no wish but a document, which belongs into the feature's folder."""


def words_of(root: Path, feature: str | None, words: list[str], file: Path | None) -> tuple[str | None, list[str]]:
    """The feature and the words, line by line as they were written. Those of a file may begin with the feature.

    Args:
        root: The repository.
        feature: The feature named on the command line.
        words: The words of the command line.
        file: The file of `--words-file`; `-` is standard input.

    Raises:
        UserError: Words are given twice, the file cannot be read as text, or it begins with a feature that is not here.
    """
    if file is None:
        return feature, words
    if words:
        raise UserError("words are given twice: as arguments and by --words-file", mend="Give them once.")
    if file.parent.resolve() == (root / RECORDS).resolve():
        # The command files have assistants write there; git must not see it.
        records(root)
    text = unquoted(read_words(file))
    if feature is None:
        feature, text = leading_feature(root, text)
    return feature, [text] if text else []


def read_words(file: Path) -> str:
    """The text of the file, or of standard input.

    Raises:
        UserError: It cannot be read, is too long or no text.
    """
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(LIMIT + 1)
        else:
            with file.open("rb") as source:
                data = source.read(LIMIT + 1)
    except OSError as error:
        raise UserError(
            f"the words cannot be read: {error.strerror}", where=file, mend="Write them there, or use -."
        ) from None
    if len(data) > LIMIT:
        raise UserError(
            f"more than {LIMIT // 1000} kB of words", where=file, mend="Put what is that long into spec.md or plan.md."
        )
    try:
        return data.decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 at byte {error.start}", where=file, mend="Save it as UTF-8.") from None
