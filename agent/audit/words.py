"""Patterns of the words around a path or name in a task."""

from __future__ import annotations

import re

_I = re.IGNORECASE
_OPEN = r"[`*\"'(\s]*$"
"""What may stand between the last word and a path."""

MAKING = r"(?:create|add|write|implement|scaffold|author|introduce|build|define|develop|make)"
_START = r"(?:^|[.;:]\s+|\band\s+|\bthen\s+|\s[-–—]\s+)[*_\s]*"
_ADJECTIVES = (
    r"(?:(?!in\b|to\b|at\b|for\b|from\b|into\b|of\b|on\b|with\b|via\b|by\b|per\b|using\b|and\b)[\w'’-]+[\s`*]+){0,3}"
)

MADE_OBJECT = re.compile(rf"{_START}{MAKING}[*_]*\s+[`*\s]*{_ADJECTIVES}{_OPEN}", _I)
"""Before a path: it is the object of "create", with at most three words between."""
STARTS_MAKING = re.compile(rf"^\W*(?:\[[^\]]*\]\s*)*{MAKING}\b", _I)
STARTS_TESTS = re.compile(
    rf"^\W*(?:{MAKING}\s+)?(?:(?:unit|integration|contract|e2e|end-to-end|regression|smoke|component|golden)\s+)+tests?\b",
    _I,
)
PLACE = re.compile(
    rf"(?:\b(?:in|at|to|into|under|inside|as)\s+(?:the\s+|a\s+|new\s+|file\s+|module\s+)*|[(→:—–]\s*|->\s*){_OPEN}", _I
)
JOINED = re.compile(r"^[\s`*\"',;&+()]*(?:and|or|plus|,|&)?[\s`*\"'(]*$", _I)
AFTER_OBJECT = re.compile(
    r"^[`*\"')]*\s*(?:$|[.;:—–(+&]|,(?!\s*\w+ing\b)"
    r"|\b(?:file|module|and|with|that|which|for|using|containing|to|from|based|per|by|including|defining|exporting|as)\b)",
    _I,
)
ENDS = re.compile(r"^[`*\"')]*\s*(?:$|[.;,(—–]|\band\b|\bfile\b)", _I)

CHECKS = re.compile(
    r"^\W*(?:verify|check|run|re-?run|execute|validate|ensure|confirm|review|test\s+that|manually|audit|inspect|read"
    r"|research|investigate|measure|benchmark|profile|compare|analy[sz]e|study|evaluate|decide|discuss|plan)\b",
    _I,
)
REMOVES = re.compile(
    rf"(?:^|[.;]\s+|\band\s+|\s[-–—]\s+)\W*(?:remove|delete|drop)\s+"
    rf"(?:(?:the|old|unused|legacy|obsolete|deprecated|dead|stale|existing|empty|temporary|whole|entire|now-unused"
    rf"|files?|modules?|scripts?)\s+){{0,3}}{_OPEN}",
    _I,
)
REMOVAL = re.compile(
    r"\b(?:remov\w+|delet\w+|drop(?:ped|s|ping)?|retir\w+|deprecat\w+|clean\w*\s*up|no longer|get rid)\b", _I
)
MOVES = re.compile(
    r"\b(?:renam\w+|mov(?:e|es|ed|ing)|migrat(?:e|es|ed|ing)|replac\w+|consolidat\w+|relocat\w+)\b"
    rf"|{_START}(?:convert|split|merge|extract|port|copy|transform|switch)\b",
    _I,
)
"""Words that take a file elsewhere. Those of the second line are nouns or mean something else inside a sentence."""
SOURCE = re.compile(
    rf"\b(?:renam\w+|mov(?:e|es|ed|ing)|migrate|convert|split|merge|replace|port|relocate|from|of|consolidate|switch)"
    rf"\s+(?:\w+\s+){{0,3}}{_OPEN}",
    _I,
)
TARGET = re.compile(rf"(?:\b(?:to|into|with|as|by)\s+(?:\w+\s+){{0,2}}|→\s*|->\s*){_OPEN}", _I)

_ASTRAY = (
    r"~~",
    r"\bn/?a\b",
    r"\bnot\s+(?:needed|applicable|required|implemented|done|necessary|created|used|in\s+scope|relevant)\b",
    r"\bno(?:t)?\s+longer\b",
    r"\bobsolete|\bsupersed|\bcancel|\bwon['’]?t\b|\bwontfix\b|\bpostponed\b|\bdeferred\b|\bunnecessary\b",
    r"\bmerged\s+(?:in)?to\b|\bmoved\s+to\b|\bcovered\s+(?:by|in)\b|\bout\s+of\s+scope\b|\bde-?scoped\b",
    r"\binstead\b|\balready\b|\bactually\b|\balternative|\bsimplified\b|\bpartial|\bconsolidated\b|\brenamed\b",
    r"\bremoved\b|\bdropped\b|\breplaced\b|\bSKIP|[(\[*—–-]\s*skip(?:ped)?\b|\bskipped\s*$",
    r"\bno\s+(?:separate|dedicated)\b|\bvia\s+existing\b|\bmanually\b|[(\[]\s*optional",
    r"\bif\s+(?:needed|necessary|required|missing|not|it|any|present|applicable|absent|desired)\b",
    r"\bor\s+(?:similar|equivalent|equiv)\b|\be\.?\s?g\.|\bsuch\s+as\b|\bfor\s+example\b|\bor\s+[`*]*[\w./-]+\.\w{1,5}\b",
    r"[(\[*—–→:✅-]\s*(?:\w+\s+){0,3}(?:implemented|done|exists?|handled|included|integrated|located|placed|combined"
    r"|created|lives?|found|inlined?|embedded|defined|present|part)\s+(?:\w+\s+)?"
    r"(?:in|as|at|within|inside|with|under|into|via|by|of)\b",
)
ASTRAY = re.compile("|".join(_ASTRAY), _I)
"""The task's own words say that it was not done, or done otherwise, or leave open where."""

PLACEHOLDER = re.compile(
    r"(?:^|/)(?:path/to|your[_-]|my[_-]?(?:file|module|app)\b|x{2,}\b|foo|bar|baz|nnn|yyyy|example\.\w+$|file\.\w+$"
    r"|filename\.)|XXX|NNN|YYYY|TIMESTAMP|\bTODO\b|…|\.\.\.|/-|_\.\w+$|/_?\.(?:py|ts|tsx|js|go|rs|java)$|^[_.-]",
    _I,
)
"""Names that stand for other names: `path/to/x.py`, `NNN_migration.sql`, the rest of `[entity]_service.py`."""

CODE_NAME = re.compile(
    r"\b(?:[A-Z]{2,}[a-z][A-Za-z0-9]*|[a-z]+(?:[A-Z][a-z0-9]+)+|[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+|[a-z][a-z0-9]*(?:_[a-z0-9]+)+)\b"
)
NAME = re.compile(r"`([A-Za-z_][\w.]*)(?:\([^`]*\))?`")
REMOVED_NAMES = re.compile(
    rf"^\W*(?:remove|delete|drop)\s+(?:the\s+|old\s+|unused\s+|legacy\s+)*{NAME.pattern}(?:(?:,|\s|and)+{NAME.pattern})*",
    _I,
)
"""A task that takes names away; the names follow at once."""
_THING = (
    r"(?:function|method|class|component|pipeline|fixture|decorator|dataclass|coroutine|enum|exception|protocol|helper"
    r"|model)"
)
DEFINES = re.compile(
    rf"{_START}\W*(?P<verb>{MAKING})\s+(?:(?:a|an|the|new|kfp|async|abstract|base|pydantic|utility|lightweight|container|main"
    rf"|helper)\s+)*(?P<before>{_THING}\s+)?`@?(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?P<call>\([^`]*\))?`"
    rf"(?P<after>\s+{_THING}\b)?",
    _I,
)
