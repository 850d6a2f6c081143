"""Secrets in the lines that a change adds. Their values are never given away: only kind, path and line."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from .findings import Finding, Rule, Severity
from .scratch import scratch_folder
from .secret_values import clean, judge_encoded, judge_password, placeholder
from .yaml_lines import documents

RULES = (
    Rule(id="SEC01", name="secret", summary="A token, key or private key of a known form stands in a file.",
         why="Whoever can read the repository, its history or an image made of it can use it."),
    Rule(id="SEC02", name="password", summary="A password or key is written out in a file.",
         why="Whoever can read the repository, its history or an image made of it can use it."),
    Rule(id="SEC03", name="random-string", summary="A string looks as random as a key.", severity="warning",
         why="It may be a secret; hashes and identifiers look alike."),
    Rule(id="SEC04", name="secret-file", summary="A file that is made to hold secrets is added.",
         why="What was meant for one machine goes to everybody who has the repository."),
)  # fmt: skip

KNOWN = {
    "AWSKeyDetector": "an AWS key", "AzureStorageKeyDetector": "a key of an Azure storage account",
    "DiscordBotTokenDetector": "a Discord token", "GitHubTokenDetector": "a GitHub token",
    "GitLabTokenDetector": "a GitLab token", "MailchimpDetector": "a Mailchimp key", "NpmDetector": "an npm token",
    "OpenAIDetector": "an OpenAI key", "PypiTokenDetector": "a PyPI token", "SendGridDetector": "a SendGrid key",
    "SlackDetector": "a Slack token", "SquareOAuthDetector": "a Square key", "StripeDetector": "a Stripe key",
    "TelegramBotTokenDetector": "a Telegram token",
}  # fmt: skip
MORE = {
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{35}(?![\w-])",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{34}\b",
    "an Anthropic key": r"\bsk-ant-[A-Za-z0-9_-]{30,}",
    "a Databricks token": r"\bdapi[0-9a-f]{32}\b",
    "a Google OAuth token": r"\bya29\.[0-9A-Za-z_-]{40,}",
    "a GitHub token": r"\bgithub_pat_[0-9A-Za-z_]{50,}",
}
"""Forms that detect-secrets does not know, of services that KFP teams use."""
WRITTEN_OUT = ("KeywordDetector", "BasicAuthDetector", "JwtTokenDetector")
ENTROPY = ("Base64HighEntropyString", "HexHighEntropyString")
FILTERS = ("is_sequential_string", "is_potential_uuid", "is_likely_id_string", "is_templated_secret",
           "is_prefixed_with_dollar_sign", "is_not_alphanumeric_string")  # fmt: skip
PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|[\"'+\\,]){1,60}"
                         r"(?:(?:[\w-]+: [^\n]*|\s|\\n)*?)[A-Za-z0-9+/=]{30,}")  # fmt: skip
PRAGMA = re.compile(r"pragma:?\s*(?:allow|white)list\s+(?P<next>nextline\s+)?secret", re.I)
FILES = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example$|sample$|template$|dist$|tmpl$|defaults$|schema$)[\w-]+)?|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|\.netrc|\.pgpass|\.htpasswd|\.dockercfg|\.docker/config\.json|\.aws/credentials|\.kube/config|kubeconfig"
    r"|[^/]+\.(?:p12|pfx|jks|keystore|kdbx|ppk))$"
)
NAMES_ONLY = re.compile(
    r"(?:secret|passw(?:or)?d|pwd|key|token)s?[-_]?(?:names?|refs?|paths?|files?|ids?|arn|envs?|to_?env|fields?|class"
    r"|mounts?|manager|provider|version|policy|column|rotation)\b|existingSecret|valueFrom|key_?ref",
    re.I,
)
"""Settings that say which secret or where it is, not what is in it."""
DATA_KEYS = re.compile(r"\b(?:db|database|account|client|service|auth)_?key\b", re.I)
"""In data pipelines this is mostly a column."""
DIGESTS = re.compile(
    r"sha\d{1,3}|md5|digest|integrity|checksum|hash|@[0-9a-f]{40}|commit|revision|uuid|\bid\b|uses:|data:image|https?://",
    re.I,
)
NO_ENTROPY = (".ipynb", ".svg", ".lock", ".csv", ".sum", ".snap")
LOCK_NAMES = re.compile(r"lock|requirements.*\.txt$|go\.sum$", re.I)
MEND = (
    "Its value is not shown here. Take it out and read it at run time (an environment variable, a Kubernetes Secret "
    "through kfp-kubernetes); revoke it if it is real."
)
LIMIT = 1_000_000
LONGEST = 20_000
"""Of a line: what is longer was not written by hand, and the patterns would take their time."""
_settings = threading.Lock()


def secret_findings(
    root: Path,
    added: Mapping[str, set[int]],
    *,
    before: Callable[[str], str | None] = lambda path: None,
    soft: Callable[[str], bool] = lambda path: False,
    moved_from: str = "",
) -> list[Finding]:
    """Secrets in added lines.

    Tokens of a known form are failures everywhere, also where the line itself says that it is allowed: whoever adds a
    secret must not be the one who allows it. What may be something else is a warning.

    Args:
        root: The repository.
        added: Path -> line numbers that the change added; the files exist.
        before: The text a path had before the change, None if it was not there. Its `.secrets.baseline` counts.
        soft: Says of a path that it belongs to tests or documentation, where passwords are mostly made up.
        moved_from: Text of files that the change removed: what stood there is not new.
    """
    baseline = Baseline(before(".secrets.baseline"))
    found: list[Finding] = []
    for path, numbers in added.items():
        if before(path) is None and FILES.search(path):
            message = (
                "a file like this holds secrets, and a commit gives them to everybody. Take it out of the change; "
            )
            message += "commit an example without values instead, and let .gitignore name it."
            found.append(Finding(rule="SEC04", path=path, message=message))
        if not numbers or baseline.excludes(path) or path == ".secrets.baseline":
            continue
        data = (root / path).read_bytes()
        if len(data) > LIMIT and PurePosixPath(path).suffix not in (".py", ".yaml", ".yml", ".env"):
            data = data[:LIMIT]
        if b"\0" in data[:8000]:
            continue
        text = data.decode("utf-8", "replace")
        lines = text.split("\n")  # As git counts them: Python knows more characters that end a line.
        for number, kind, rule, sure, value in hits(path, text, numbers):
            line = lines[number - 1] if number <= len(lines) else ""
            if (clean(value) and clean(value) in moved_from) or baseline.knows(path, value, line):
                continue
            severity: Severity = "error" if sure else "warning"
            if rule == "SEC02" and (soft(path) or allowed(lines, number)):
                severity = "warning"
            found.append(
                Finding(rule=rule, path=path, line=number, message=f"{kind} stands here. {MEND}", severity=severity)
            )
    return strongest(found)


def strongest(found: list[Finding]) -> list[Finding]:
    """One finding for each line: several detectors see the same secret."""
    best: dict[tuple[str, int], Finding] = {}
    for item in found:
        key = (item.path, item.line)
        old = best.get(key)
        if old is None or (item.severity != "error", item.rule) < (old.severity != "error", old.rule):
            best[key] = item
    return list(best.values())


def allowed(lines: list[str], number: int) -> bool:
    """Whether a comment of detect-secrets allows the line."""
    own = PRAGMA.search(lines[number - 1]) if number <= len(lines) else None
    above = PRAGMA.search(lines[number - 2]) if number >= 2 else None
    return bool((own and not own["next"]) or (above and above["next"]))


Hit = tuple[int, str, str, bool, str]
"""Line, what it is, rule, sure, value."""


def hits(path: str, text: str, numbers: set[int]) -> Iterator[Hit]:
    """Everything in the added lines that may be a secret."""
    lines = text.split("\n")
    for match in PRIVATE_KEY.finditer(text):
        first = text.count("\n", 0, match.start()) + 1
        last = text.count("\n", 0, match.end()) + 1
        if numbers & set(range(first, last + 1)):
            yield first, "a private key", "SEC01", True, ""
    for number in sorted(numbers):
        line = lines[number - 1] if number <= len(lines) else ""
        for kind, pattern in MORE.items():
            for token in re.findall(pattern, line):
                if not placeholder(token):
                    yield number, kind, "SEC01", True, token
    if path.endswith((".yaml", ".yml")):
        yield from manifest_hits(text, numbers)
    yield from detected(path, lines, numbers)


def manifest_hits(text: str, numbers: set[int]) -> Iterator[Hit]:
    """Values of Kubernetes Secrets."""
    if not re.search(r"^\s*kind:\s*[\"']?Secret\b", text, re.M):
        return
    for document in documents(text):
        data = document.data
        if not isinstance(data, dict) or data.get("kind") != "Secret":
            continue
        for part, judge in (("data", judge_encoded), ("stringData", judge_password)):
            for key, value in data[part].items() if isinstance(data.get(part), dict) else ():
                line = document.line_of([part, key])
                judgement = judge(str(value)) if isinstance(value, str) else "none"
                if line in numbers and judgement != "none":
                    yield line, f"the value of `{key}` of a Secret", "SEC02", judgement == "secret", str(value)


def detected(path: str, lines: list[str], numbers: set[int]) -> Iterator[Hit]:
    """What detect-secrets finds; it gets the added lines alone, in a file of their own."""
    from detect_secrets.core.scan import scan_file
    from detect_secrets.filters.heuristic import IGNORED_FILE_EXTENSIONS
    from detect_secrets.settings import transient_settings

    no_entropy = path.endswith(NO_ENTROPY) or LOCK_NAMES.search(PurePosixPath(path).name)
    plugins = [*KNOWN, *WRITTEN_OUT, *(() if no_entropy else ENTROPY)]
    config: dict[str, Any] = {
        "plugins_used": [{"name": name} for name in plugins],
        # Not those that ask the services whether a token is real: nothing of it leaves this machine.
        "filters_used": [{"path": f"detect_secrets.filters.heuristic.{name}"} for name in FILTERS],
    }
    kept = [
        re.sub(r"[\r\v\f]", " ", line)[:LONGEST] if number in numbers else "" for number, line in enumerate(lines, 1)
    ]
    with scratch_folder("scan") as folder:
        # The end of a name tells what is in it, and must not tell that nothing is looked at.
        end = PurePosixPath(path).suffix
        file = folder / f"added{'.txt' if end in IGNORED_FILE_EXTENSIONS else end}"
        file.write_text("\n".join(kept) + "\n", encoding="utf-8")
        # Its settings are one for the whole process.
        with _settings, transient_settings(config):
            found = list(scan_file(str(file)))
    names = plugin_names()
    for secret in found:
        line = lines[secret.line_number - 1] if 0 < secret.line_number <= len(lines) else ""
        hit = judged(names.get(secret.type, ""), secret.type, str(secret.secret_value or ""), line)
        if hit and secret.line_number in numbers:
            kind, rule, sure = hit
            yield secret.line_number, kind, rule, sure, str(secret.secret_value or "")


def plugin_names() -> dict[str, str]:
    """The type that a finding of detect-secrets carries -> the name of its plugin."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    plugins: dict[str, type] = get_mapping_from_secret_type_to_class()
    return {kind: plugin.__name__ for kind, plugin in plugins.items()}


def judged(plugin: str, kind: str, value: str, line: str) -> tuple[str, str, bool] | None:
    """What a finding of detect-secrets is worth: (what it is, rule, sure), or None."""
    if plugin in KNOWN:
        # Some detectors give only the part of the token that tells its kind.
        whole = max((word for word in re.findall(r"[\w+-]+", line) if value in word), key=len, default=value)
        return None if placeholder(whole) else (KNOWN[plugin], "SEC01", True)
    if plugin in ENTROPY:
        return None if DIGESTS.search(line) or placeholder(value) else ("a string as random as a key", "SEC03", False)
    if plugin == "JwtTokenDetector":
        return None if placeholder(value) else ("a JSON web token", "SEC02", True)
    judgement = judge_password(value)
    if judgement == "none" or (plugin == "KeywordDetector" and NAMES_ONLY.search(line)):
        return None
    what = "a password in an address" if plugin == "BasicAuthDetector" else "a password or key"
    column = DATA_KEYS.search(line) and len(clean(value)) < 20
    return what, "SEC02", judgement == "secret" and not column


class Baseline:
    """The `.secrets.baseline` of a repository: secrets that somebody has looked at.

    Only its list and its patterns are used; plugins and filters of its own would be code of the repository.

    Args:
        text: The file as it was before the change; None without one.
    """

    def __init__(self, text: str | None) -> None:
        try:
            data = json.loads(text) if text else {}
        except json.JSONDecodeError:
            data = {}
        data = data if isinstance(data, dict) else {}
        results = data.get("results")
        self.hashes = {
            (path, item.get("hashed_secret"))
            for path, items in (results.items() if isinstance(results, dict) else ())
            for item in items
        }
        self.patterns: dict[str, list[str]] = {}
        for item in data.get("filters_used") or []:
            name = str(item.get("path", "")).rpartition(".")[2]
            pattern = item.get("pattern", [])
            self.patterns[name] = pattern if isinstance(pattern, list) else [str(pattern)]

    def excludes(self, path: str) -> bool:
        """Whether the file is not looked at."""
        return self._matches("should_exclude_file", path)

    def knows(self, path: str, value: str, line: str) -> bool:
        """Whether this secret is known, or its line excluded."""
        digest = hashlib.sha1(value.encode(), usedforsecurity=False).hexdigest()
        known = (path, digest) in self.hashes
        return known or self._matches("should_exclude_line", line) or self._matches("should_exclude_secret", value)

    def _matches(self, name: str, text: str) -> bool:
        for pattern in self.patterns.get(name, []):
            try:
                if re.search(pattern, text):
                    return True
            except re.error:
                continue
        return False
