"""`# kfpilot: ignore[K03] reason` and `# kfpilot: ignore-file[K05] reason`: what people have decided to keep."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field

from .findings import Finding
from .kfp_catalogue import BY_ID
from .kfp_source import Function, parameters_of
from .syntax import parse_python

COMMENT = re.compile(
    r"#\s*kfpilot:\s*(?P<kind>ignore-file|ignore)\b\s*(?:\[(?P<rules>[^\]]*)\])?\s*[:,-]?\s*(?P<reason>.*)"
)


@dataclass
class Ignore:
    """One comment.

    Attributes:
        line: Where it stands.
        column: Where it begins.
        rules: The rules it names.
        reason: What it says about why.
        lines: The lines it is about; None for the whole file.
        used: The rules that it has suppressed.
    """

    line: int
    column: int
    rules: list[str]
    reason: str
    lines: range | None
    used: set[str] = field(default_factory=set)

    def fits(self, finding: Finding) -> bool:
        """Whether it is about a finding."""
        return finding.rule in self.rules and (self.lines is None or finding.line in self.lines)


def ignores_of(text: str) -> list[Ignore]:
    """The comments of a module."""
    if "kfpilot:" not in text:
        return []
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        tree = parse_python(text)
    except (SyntaxError, ValueError, tokenize.TokenError):
        return []
    code = {line for token in tokens if token.type not in NOT_CODE for line in range(token.start[0], token.end[0] + 1)}
    last = text.count("\n") + 1
    found = []
    for token in tokens:
        match = COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
        if match is None:
            continue
        line = token.start[0]
        target = line if line in code else next((number for number in range(line, last + 1) if number in code), line)
        lines = None if match["kind"] == "ignore-file" else extent(tree, target)
        rules = [item.strip().upper() for item in (match["rules"] or "").split(",") if item.strip()]
        found.append(Ignore(line, token.start[1] + 1, rules, match["reason"].strip(), lines))
    return found


NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def extent(tree: ast.Module, line: int) -> range:
    """The lines that a comment is about: the statement there; on a decorator or a `def` the whole function."""
    best = range(line, line + 1)
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        end = node.end_lineno or node.lineno
        if isinstance(node, Function):
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            if first <= line < max(node.body[0].lineno, first + 1):
                parameters = {item.lineno for item in parameters_of(node)} - {node.lineno}
                if line not in parameters:  # those stand on lines of their own
                    return range(first, end + 1)
        elif not hasattr(node, "body") and node.lineno <= line <= end:
            best = range(node.lineno, end + 1)
    return best


def apply(
    path: str,
    text: str,
    found: list[Finding],
    looked_for: set[str],
    untrusted: frozenset[int] | None = frozenset(),
) -> list[Finding]:
    """Leave out what comments suppress, and tell of comments that are wrong themselves.

    Args:
        path: The module.
        text: Its source.
        found: Its findings.
        looked_for: The rules that could have spoken; a comment for another one may well be needed.
        untrusted: Lines whose comments suppress nothing; None for all lines.
    """
    comments = [item for item in ignores_of(text) if untrusted is not None and item.line not in untrusted]
    if not comments:
        return found
    left = []
    for finding in found:
        fitting = [item for item in comments if item.fits(finding)]
        for item in fitting:
            item.used.add(finding.rule)
        if not fitting:
            left.append(finding)
    if "K00" in looked_for:
        left += [
            Finding(rule="K00", path=path, line=item.line, column=item.column, message=message, severity="note")
            for item in comments
            for message in complaints(item, looked_for)
            if not any(other.lines is None and "K00" in other.rules for other in comments)
        ]
    return left


def complaints(item: Ignore, looked_for: set[str]) -> Iterator[str]:
    """What is wrong with a comment."""
    if not item.rules:
        yield "this comment names no rule and suppresses nothing. Write `# kfpilot: ignore[K03] reason`."
        return
    for rule in item.rules:
        if rule not in BY_ID:
            yield f"there is no rule {rule}. `kfpilot lint --explain all` lists them."
        elif rule in looked_for and rule not in item.used and rule != "K00":
            yield f"this comment suppresses nothing: {rule} finds nothing here. Remove it."
    if not item.reason:
        yield f"{', '.join(item.rules)} is suppressed without a reason. Write why behind the bracket."
