"""Whether a value that stands where a secret may stand is one: names, references and placeholders are none."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal

Judgement = Literal["secret", "doubt", "none"]

PLACEHOLDER = re.compile(
    r"example|sample|placeholder|change.?me|replace.?me|dummy|fake|redacted|insert|your[-_ ]|xxx|todo|fixme"
    r"|secret.?here|\bnone\b|\bnull\b|\btrue\b|\bfalse\b|\.\.\.|…|\*\*\*|not.?a.?(?:real.?)?(?:secret|password|key|token)|canary",
    re.I,
)
WEAK = re.compile(r"passw(?:or)?d|pass|pwd|secret|test|demo|admin|root|user|guest|minio|postgres|mysql|default", re.I)
"""Values that everybody knows, such as the `minio123` of a Kubeflow that was just installed."""
NAME = re.compile(r"[A-Za-z]+\d{0,2}(?:[-_.:/][A-Za-z]*\d{0,2})+|[A-Z][A-Z0-9_]*|[A-Za-z]+")
"""What is called like a secret, a variable or a file, not what is in it: `db-secret`, `DB_PASSWORD`, `password`."""
REFERENCE = re.compile(r"[${}<>()%\[\]]|^[/~.]|^[a-z][a-z0-9+.-]*://|\s")
SEQUENCES = "abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop"


def clean(value: str) -> str:
    """A value as the detector gives it, without quotes, commas and comments around it."""
    value = re.sub(r"\s+#.*$", "", value.strip())
    return value.strip().strip("\"'`,;").strip()


def placeholder(value: str) -> bool:
    """Whether a token only shows what tokens look like: `AKIAXXXXXXXXXXXXXXXX`, `ghp_123456789…`, `…EXAMPLE`."""
    body = re.sub(r"^[A-Za-z]{2,6}[-_]|^(?:AKIA|ASIA|AIza)", "", value)
    lower = body.lower()
    if PLACEHOLDER.search(value) or len(set(body)) < 8:
        return True
    return any(lower.count(run[at : at + 8]) for run in SEQUENCES for at in range(len(run) - 7))


def judge_password(value: str) -> Judgement:
    """What to think of the value of something that is called a password, a secret or a key.

    Returns:
        `secret` when it can hardly be anything else, `doubt` when it may be a name or a value that everybody knows,
        `none` for references, placeholders and text.
    """
    value = clean(value)
    if len(value) < 4 or REFERENCE.search(value) or PLACEHOLDER.search(value):
        return "none"
    if re.fullmatch(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", value) or re.fullmatch(r"\d+(?:\.\d+)?", value):
        return "none"
    if NAME.fullmatch(value):
        return "none" if re.search(r"[-_.:/]", value) or WEAK.search(value) else "doubt"
    if len(value) < 6 or WEAK.search(value) or len(set(value)) < 4:
        return "doubt"
    return "secret"


def judge_encoded(value: str) -> Judgement:
    """The same for a value of a Secret's `data`, which is base64."""
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return "none" if REFERENCE.search(value) else "doubt"
    return judge_password(text)
