"""What must hold of the audiences, by themselves and together."""

from collections.abc import Mapping
from datetime import timedelta

from engine.content.audience import Audience
from engine.content.reading import Reading
from engine.content.risk_words import risk_word
from engine.content.words import suggestion


def check_audience(
    reading: Reading[Audience], readings: Mapping[str, Reading[Audience]], retention_days: int | None = None
) -> None:
    """Report what is wrong with one audience; ``readings`` are all of them, by key.

    ``retention_days``: whom a campaign reached is known until so long after its period; None: not known yet.
    """
    audience = reading.value
    if audience is None:
        return
    if word := risk_word(audience.key):
        reading.report((), "error", "content.names-a-risk", text=audience.key, word=word)
    if reading.intact(("title",)) and (word := risk_word(audience.title)):
        reading.report(("title",), "error", "content.names-a-risk", text=audience.title, word=word)
    for index, group in enumerate(audience.groups.any):
        if word := risk_word(group):
            reading.report(("groups", "any", index), "error", "content.names-a-risk", text=group, word=word)
    within = audience.exclude.contacted_within
    if within is not None and retention_days is not None and within > timedelta(days=retention_days):
        values = {"days": within.days, "retention": retention_days}
        reading.report(("exclude", "contacted_within"), "warning", "content.contacted-beyond-retention", **values)
    for index, key in enumerate(audience.exclude.audiences):
        path = ("exclude", "audiences", index)
        if key not in readings:
            near = suggestion(key, sorted(readings))
            code = "content.unknown-audience-near" if near else "content.unknown-audience"
            reading.report(path, "error", code, key=key, near=near)
        elif _leads_back(audience.key, key, readings):
            reading.report(path, "error", "content.excludes-itself", key=key)


def _leads_back(key: str, start: str, readings: Mapping[str, Reading[Audience]]) -> bool:
    """Whether following ``exclude`` from ``start`` comes to ``key``."""
    seen, waiting = set[str](), [start]
    while waiting:
        current = waiting.pop()
        if current == key:
            return True
        found = readings.get(current)
        if current not in seen and found is not None and found.value is not None:
            seen.add(current)
            waiting += found.value.exclude.audiences
    return False
