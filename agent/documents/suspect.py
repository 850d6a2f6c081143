"""Text that speaks to a model instead of a reader: looked for so that a report can name it. It decides nothing.

What holds an injected wish is that no tool could carry it out (THREAT_MODEL.md); a list of phrases never is complete.
"""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict

LONGEST_LINE = 4_000
MOST = 20
"""Findings a text; more say nothing new."""

_YOUR = r"(?:your|the|all|any|these|those|previous|prior|earlier|above|preceding|system|other|existing)"
_RULES = r"(?:instructions?|rules?|prompts?|directions?|guidelines?|guardrails?|constraints?|restrictions?)"
_AGENT = r"(?:ai|llm|model|agent|assistant|copilot|bot|claude|gpt|chatgpt|kfpilot|verifier|reviewer)"
_MODEL = r"(?:ai|llm|language model|(?:ai|coding|automated) (?:agent|assistant)|copilot|claude|chatgpt)"

DROP, SPEAKER, SPEAKS = "asks to drop the rules", "plays another speaker", "speaks to a model"
TICK, SECRETS, ACTION = "asks for a tick that was not earned", "asks for secrets", "asks for what no tool here does"
SILENCE, MARKS, HIDDEN = "asks to keep silent", "imitates the marks of a prompt", "hides characters"

PATTERNS: tuple[tuple[str, str, str], ...] = (
    (
        DROP,
        "ignore|disregard|forget|override|bypass|skip|drop|discard",
        rf"\b(?:ignore|disregard|forget|override|bypass|skip|drop|discard)\s+(?:\w+\s+){{0,2}}?{_YOUR}\s+"
        rf"(?:(?!and\b|or\b)\w+\s+){{0,3}}?{_RULES}\b",
    ),
    (
        DROP,
        "ignoriere|vergiss|missachte",
        r"\b(?:ignoriere|vergiss|missachte)\s+(?:\w+\s+){0,3}?(?:anweisungen|regeln|vorgaben)\b",
    ),
    (
        DROP,
        "忽略|无视|忘记|無視|忘れ",
        r"(?:忽略|无视|忘记).{0,12}(?:指令|指示|规则|提示)|(?:指示|命令|ルール).{0,8}(?:無視|忘れ)",
    ),
    (SPEAKER, "<", r"<\|?/?(?:im_start|im_end|system|endoftext|eot_id|start_header_id|end_header_id)\|?>|<</?SYS>>"),
    (SPEAKER, "[inst|[/inst|[sys", r"(?:^|[#\s>*])\[/?(?:INST|SYS)\]"),
    (
        SPEAKER,
        "system|assistant",
        r"^\W*(?:system|assistant)\s*:\s*(?:you|your|new|ignore|the user|i will|sure|override)\b",
    ),
    (
        SPEAKS,
        "you are|act as|pretend|behave as",
        rf"\b(?:you are|act as|pretend to be|behave as)\s+(?:now\s+|no longer\s+)(?:an?\s+|the\s+|in\s+)?"
        r"(?:\w+\s+){0,4}?"
        rf"(?:{_AGENT}|mode|admin(?:istrator)?|root|developer)\b",
    ),
    (
        SPEAKS,
        "note|message|instruction|attention|important|dear|hey|hello",
        rf"\b(?:note|message|instructions?|attention|important|dear|hey|hello)\b[\s,:(]*(?:to|for)?\s*"
        rf"(?:the|any|all|every)?\s*{_MODEL}s?\b(?:\s+\w+)?\s*[:,!)]",
    ),
    (SPEAKS, ":", rf"^\W*{_MODEL}s?\s*:\s*(?:you|please|do|never|always|ignore|write|run|when|if)\b"),
    (
        SPEAKS,
        "if you are|when you are|any|every|all",
        rf"\b(?:if you are|when you are|any|every|all)\s+(?:an?\s+)?{_MODEL}s?\b[^.]{{0,60}}"
        r"\b(?:must|should|shall|has to|have to)\b",
    ),
    (
        TICK,
        "mark|tick|check|set|report",
        r"\b(?:mark|tick|check|set|report)\b[^.\n]{0,40}\b(?:all|every|each|remaining|this)\b[^.\n]{0,25}"
        r"\b(?:tasks?|box(?:es)?|requirements?|gates?)\b[^.\n]{0,30}(?:\b(?:done|completed?|passed|verified|met)\b|\[x\])"
        r"[^.\n]{0,40}\b(?:without|regardless|even if|no matter|immediately|now)\b",
    ),
    (
        TICK,
        "skip|disable|turn off|bypass|not run|n't run|never run",
        r"\b(?:skip|disable|turn off|bypass|do not run|don't run|never run)\s+(?:\w+\s+){0,2}?"
        r"(?:the\s+)?(?:verifier|all gates|every gate|the gates|reviewer)\b",
    ),
    (
        SECRETS,
        "key|credential|environ|system prompt|~/.|/etc/|.env",
        r"\b(?:print|send|post|upload|exfiltrate|leak|reveal|include|paste|copy|write|dump|echo|read|cat)\b[^\n]{0,50}"
        r"(?:\b(?:api[ _-]?keys?|OPENAI_API_KEY|ssh keys?|private keys?|credentials|environment variables|os\.environ|"
        r"system prompt)\b|~/\.(?:ssh|aws|netrc|kube|config)|/etc/(?:passwd|shadow)|\.env\b)[^\n]{0,80}(?:https?://|"
        r"\b(?:to|into|in) (?:the |a |this |your )?(?:docs?|page|file|output|report|answer|summary|readme|comment|url|"
        r"server)\b)",
    ),
    (
        ACTION,
        "curl|wget|bash -c|sh -c|rm -rf|git push|git remote|sudo|git config",
        r"\b(?:run|execute|call|invoke|use)\b[^.\n]{0,40}(?:curl|wget|bash -c|sh -c|rm -rf|git push|git remote|"
        r"git config|sudo)\b[^\n]{0,160}\b(?:before|first|then|now|immediately|instead|silently|without)\b",
    ),
    (
        ACTION,
        "curl|wget|bash -c|sh -c|rm -rf|git push|git remote|sudo|git config",
        r"\b(?:before|first|then|now|immediately|instead|silently)\b[^.\n]{0,60}\b(?:run|execute|call|invoke)\b[^.\n]{0,30}"
        r"(?:curl|wget|bash -c|sh -c|rm -rf|git push|git remote add|git config|sudo)\b",
    ),
    (
        SILENCE,
        "not|n't|never",
        r"\b(?:do not|don't|never)\s+(?:(?:tell|inform|alert|notify)\s+|(?:mention|reveal|report|show)\s+"
        r"(?:this|it|that|these|them|anything)\b[^.\n]{0,20}\bto\s+)(?:the\s+|a\s+|any\s+)?"
        r"(?:user|human|developer|operator|reviewer|maintainer)s?\b",
    ),
    (MARKS, "<<<|>>>", r"^\s*(?:<<<|>>>)\s*(?:[a-z]+ )?[0-9a-f]{8,}\s*$"),
    (HIDDEN, "", "[\u202a-\u202e\u2066-\u2069\U000e0020-\U000e007f]"),
)
"""What a line asks for, words of which one must be in it (looked for first, since that is quick), and the pattern."""
_COMPILED = [(what, tuple(words.split("|")), re.compile(pattern, re.I)) for what, words, pattern in PATTERNS]


class Suspicion(BaseModel):
    """A line that speaks to a model."""

    model_config = ConfigDict(extra="forbid")

    line: int
    what: str
    text: str


def suspicions(text: str) -> list[Suspicion]:
    """The lines of a text that read as if they were meant for a model, each once.

    Args:
        text: A document, a source file, a file name or the output of tests.
    """
    lowered = text.lower()
    candidates = [entry for entry in _COMPILED if any(word in lowered for word in entry[1])]
    found: list[Suspicion] = []
    for number, line in enumerate(text.split("\n") if candidates else [], 1):
        part = line[:LONGEST_LINE]
        low = part.lower()
        for what, words, pattern in candidates:
            if any(word in low for word in words) and pattern.search(part):
                shown = " ".join("".join(char if char.isprintable() else "�" for char in line).split())
                found.append(Suspicion(line=number, what=what, text=shown if len(shown) <= 100 else shown[:99] + "…"))
                break
        if len(found) == MOST:
            break
    return found
