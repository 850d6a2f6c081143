"""Whether a feature may be worked without a person: its checklists and its open clarifications."""

from __future__ import annotations

from ..documents.models import Feature
from ..reports.words import one_line, plural
from .models import Gate


def why_skipped(feature: Feature, gate: Gate) -> str:
    """Why the policy leaves a feature to a person; empty when it may be worked.

    Args:
        feature: The documents as they stand in the checkout.
        gate: `skip` leaves features with open checklist points or clarifications; `proceed` works them all the same.
    """
    return "; ".join(open_points(feature)) if gate == "skip" else ""


def open_points(feature: Feature) -> list[str]:
    """What a person has left open, in words, with file and line of the first."""
    found = []
    for checklist in feature.checklists:
        if checklist.open:
            first = checklist.open[0]
            where = f"{checklist.path.name}:{first.line}"
            found.append(
                f"{plural(len(checklist.open), 'open point')} in checklist {where} ({one_line(first.text, 80)})"
            )
    notes = feature.spec.clarifications if feature.spec else []
    if notes:
        where = f"{feature.spec.path.name}:{notes[0].line}" if feature.spec else ""
        found.append(f"{plural(len(notes), 'open clarification')} at {where} ({one_line(notes[0].text, 80)})")
    return found
