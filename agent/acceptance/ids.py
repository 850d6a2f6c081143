"""Whether a test names a requirement, a success criterion or a scenario."""

from __future__ import annotations

import re
from functools import lru_cache

from ..documents.refs import find_refs
from ..planner.cover import Criterion

_ID = re.compile(r"([A-Za-z]+)-(\d+(?:\.\d+)*)([a-z]?)$")
_SCENARIO = re.compile(r"US(\d+(?:\.\d+)?)/AS(\d+)$")
_NUMBER = re.compile(r"\d+(?:\.\d+)+$|\d+$")
TITLE_WORDS = 3
"""A scenario's title of so many words is taken as its name."""


def names_it(criterion: Criterion, text: str) -> bool:
    """Whether a text (a test's source, a node id) names a criterion.

    `FR-003`, `fr_003`, `FR3` and `FR-001 to FR-004` name FR-003; `US1/AS2`, `us1_as2`, `US1 scenario 2` and
    `test_us1_scenario_2` name the second scenario of the first story; Kiro's 1.2 needs the word requirement before it.
    """
    return bool(_pattern(criterion.ref).search(text)) or criterion.ref in find_refs(text)


@lru_cache(maxsize=4096)
def _pattern(ref: str) -> re.Pattern[str]:
    scenario = _SCENARIO.match(ref)
    if scenario:
        story, which = re.escape(scenario[1]), int(scenario[2])
        return re.compile(
            rf"(?<![A-Za-z0-9])(?:US|(?:user[ _-]?)?story)[ _-]?0*{story}[\s_/,:.-]*"
            rf"(?:AS|(?:acceptance[ _-]?)?scenario)[ _#-]*0*{which}(?!\d)",
            re.I,
        )
    plain = _ID.match(ref)
    if plain:
        kind, number, suffix = plain.groups()
        digits = re.escape(number).replace(r"\.", r"[._]")
        zeros = "0*" if "." not in number else ""
        digits = digits.lstrip("0") or "0" if zeros else digits
        # FR-001c is a part of FR-001, so whoever names it names FR-001 in part.
        tail = re.escape(suffix) + r"(?![A-Za-z0-9])" if suffix else r"(?![\d])(?:[a-z](?![A-Za-z])|(?![A-Za-z]))"
        return re.compile(rf"(?<![A-Za-z0-9]){kind}[-_ ]?{zeros}{digits}{tail}", re.I)
    if _NUMBER.match(ref):
        digits = re.escape(ref).replace(r"\.", "[._]")
        return re.compile(rf"(?<![A-Za-z])req(?:uirement)?s?[\s_:*]*{digits}(?![\d._]*\d)", re.I)
    # OpenSpec's requirements have titles: the title, or the title as a name. Of "Late orders: A day without orders"
    # the scenario's title alone will do, where it is long enough to be nothing else.
    titles = [re.findall(r"[^\W_]+", title) for title in (ref, ref.partition(": ")[2])]
    least = (2, TITLE_WORDS)
    names = [r"[\W_]+".join(words) for words, few in zip(titles, least, strict=True) if len(words) >= few]
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(names)})(?![^\W_])" if names else r"(?!)", re.I)
