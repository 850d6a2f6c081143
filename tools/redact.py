"""Takes secrets out of text before it is sent, shown or kept.

What counts as one: the values of environment variables that are called like secrets, what stands in the `.env` files of
a repository, and everything with the form of a token. Each place where text leaves the process goes through here.
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .secret_scan import KNOWN, MORE, NAMES_ONLY, PRIVATE_KEY
from .secret_values import NAME, WEAK, judge_password, placeholder

MARK = "[redacted: "
"""How every replacement begins; whoever finds it in a text to be written knows that it is not the real text."""
ENV_FILE = re.compile(
    r"^(?:[\w-]+)?\.env(?:rc)?(?:\.(?!(?:example|sample|template|dist|tmpl|defaults|schema)$)[\w-]+)?$"
)
SECRET_NAME = re.compile(
    r"(?:KEY|TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|CREDENTIALS?|_PWD|_PAT)$|SECRET|PASSW(?:OR)?D|TOKEN_|ACCESS_KEY"
    r"|PRIVATE_KEY|API_?KEY",
    re.I,
)
SURE_NAME = re.compile(r"SECRET|PASSW|TOKEN|API_?KEY|PASSPHRASE|CREDENTIAL|PRIVATE", re.I)
EVERYDAY = frozenset(
    [
        "true",
        "false",
        "none",
        "null",
        "yes",
        "no",
        "on",
        "off",
        "empty",
        "default",
        "localhost",
        "not-needed",
        "changeme",
        "disabled",
    ]
)
SHORTEST = 6
FOLDERS = frozenset(
    {".git", ".kfpilot", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache"}
)
WHOLE_KEY = (
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:(?!-----BEGIN)[\s\S]){30,8000}?"
    r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|"
    + PRIVATE_KEY.pattern
    + r"(?:(?:\s|\\n|[\"'+,\\]){1,60}[A-Za-z0-9+/=]{16,})*"
)
FORMS = {
    "a JSON web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{8,}",
    "an API key": r"\bsk-(?=[\w-]*\d[\w-]*\d)[A-Za-z0-9_-]{20,}",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
}
IN_ADDRESS = re.compile(r"(://[^:/?#\[\]@!$&'()*+,;=\s\"]*:)([^:/?#\[\]@\s\"']{4,})(@)")
# Not those whose pattern is an assignment of any hexadecimal number.
PLUGINS = tuple(name for name in KNOWN if name != "NpmDetector")


@cache
def forms() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What each form of token is called, and its pattern; a group in it is the token."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    found: dict[str, type] = get_mapping_from_secret_type_to_class()
    plugins = {plugin.__name__: plugin for plugin in found.values()}
    known = [
        (KNOWN[name], pattern)
        for name in PLUGINS
        if name in plugins
        for pattern in getattr(plugins[name], "denylist", [])
    ]
    more = [(kind, re.compile(pattern)) for kind, pattern in {**MORE, **FORMS}.items()]
    return (("a private key", re.compile(WHOLE_KEY)), *known, *more)


def worth(name: str, value: str) -> bool:
    """Whether the value of something that is called like a secret is one, and no word that text is full of."""
    value = value.strip()
    if len(value) < SHORTEST or value.lower() in EVERYDAY or WEAK.fullmatch(value):
        return False
    if NAMES_ONLY.search(name) or re.fullmatch(r"[a-z]{1,11}|\d{1,8}|[\d.:]+", value):
        return False
    if value.startswith(("/", "~/", "./")) and " " not in value:
        return False  # a file that holds it
    if SURE_NAME.search(name):
        return not (re.fullmatch(r"[a-z][a-z0-9+.-]*://\S+", value) and not IN_ADDRESS.search(value))
    # "_KEY" is often a column or a path: SORT_KEY=created_at.
    return len(value) >= 16 or (not NAME.fullmatch(value) and judge_password(value) != "none")


def spellings(value: str) -> Iterator[str]:
    """A value as it may appear in text: as it is, in JSON, in an address, in base64, line by line."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield quote(value, safe="")
    yield base64.b64encode(value.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
    if "\n" in value:
        yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= 16)


class Redactor:
    """Knows secrets and replaces them.

    Args:
        env: Where secrets are looked for each time; None for the environment of the process.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._env = os.environ if env is None else env
        self._learned: dict[str, str] = {}
        self._lock = threading.Lock()
        self._seen: Any = None
        self._pattern: re.Pattern[str] | None = None
        self._labels: dict[str, str] = {}

    def learn(self, value: str, label: str) -> None:
        """Take a value for a secret from now on.

        Args:
            value: The secret.
            label: What the replacement says in its place.
        """
        if len(value.strip()) >= SHORTEST and value.strip().lower() not in EVERYDAY:
            with self._lock:
                self._learned[value.strip()] = label
                self._seen = None

    def learn_folder(self, root: Path) -> list[str]:
        """Read the `.env` files below a folder.

        Returns:
            The files, relative to it.
        """
        from dotenv import dotenv_values

        found = []
        for path in env_files(root):
            try:
                values = dotenv_values(path, interpolate=False)
            except (OSError, UnicodeDecodeError):
                continue
            found.append(path.relative_to(root).as_posix())
            for name, value in values.items():
                if not value:
                    continue
                named = SECRET_NAME.search(name) and worth(name, value)
                inside = IN_ADDRESS.search(value)
                if inside and judge_password(inside[2]) != "none":
                    self.learn(inside[2], f"{name} of {path.name}")
                elif named or judge_password(value) == "secret":
                    self.learn(value, f"{name} of {path.name}")
        return found

    def text(self, text: str) -> str:
        """The text with a mark in the place of each secret."""
        return _clean(text, *self._known())

    def data(self, data: Any) -> Any:
        """The same for everything in a structure of dicts and lists, keys included."""
        known = self._known()

        def clean(part: Any) -> Any:
            if isinstance(part, str):
                return _clean(part, *known)
            if isinstance(part, Mapping):
                return {clean(key): clean(value) for key, value in part.items()}
            if isinstance(part, list | tuple):
                return [clean(item) for item in part]
            return part

        return clean(data)

    def held(self, text: str) -> list[str]:
        """What the known secrets are called that stand in a text; forms of tokens are not looked for."""
        pattern, labels = self._known()
        return sorted({labels[found[0]] for found in pattern.finditer(text)}) if pattern else []

    def _known(self) -> tuple[re.Pattern[str] | None, dict[str, str]]:
        with self._lock:
            named = {name: value for name, value in self._env.items() if SECRET_NAME.search(name)}
            if self._seen == named:
                return self._pattern, self._labels
            labels: dict[str, str] = {}
            for value, label in [
                *((value.strip(), name) for name, value in named.items() if worth(name, value)),
                *self._learned.items(),
            ]:
                for spelling in spellings(value):
                    if len(spelling) >= SHORTEST:
                        labels.setdefault(spelling, label)
            longest = sorted(labels, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest))) if longest else None
            self._seen, self._labels = named, labels
            return self._pattern, labels


def _clean(text: str, pattern: re.Pattern[str] | None, labels: Mapping[str, str]) -> str:
    if len(text) < SHORTEST:
        return text
    if pattern is not None:
        text = pattern.sub(lambda found: f"{MARK}{labels[found[0]]}]", text)
    return without_tokens(text)


@lru_cache(maxsize=256)
def without_tokens(text: str) -> str:
    """A text without what has the form of a token. Kept: a conversation is sent again with each call."""
    for kind, form in forms():
        text = form.sub(partial(_without, kind), text)
    if "://" in text and "@" in text:
        text = IN_ADDRESS.sub(_address, text)
    return text


def _without(kind: str, found: re.Match[str]) -> str:
    whole = found[0]
    # Some patterns have the token in a group, with the name it was given before it.
    token = next((group for group in found.groups() if group and len(group) >= 20), whole)
    if placeholder(token) and kind != "a private key":
        return whole
    return whole.replace(token, f"{MARK}{kind}]")


def _address(found: re.Match[str]) -> str:
    if found[2].startswith("[") or judge_password(found[2]) != "secret":
        return found[0]
    return f"{found[1]}{MARK}a password]{found[3]}"


def env_files(root: Path) -> Iterator[Path]:
    """The `.env` files below a folder, those that git ignores included."""
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in FOLDERS)
        for name in sorted(names):
            path = Path(folder, name)
            if ENV_FILE.match(name) and path.is_file() and not path.is_symlink():
                yield path


def is_env_file(path: str) -> bool:
    """Whether a file of this name holds settings and secrets of one machine, and is shown to nobody."""
    return bool(ENV_FILE.match(path.rsplit("/", 1)[-1]))


SHARED = Redactor()
"""The one of this process; what one run teaches it, it keeps."""


def redact(text: str) -> str:
    """A text without secrets."""
    return SHARED.text(text)


def redact_data(data: Any) -> Any:
    """A structure of dicts and lists without secrets."""
    return SHARED.data(data)
