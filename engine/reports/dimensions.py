"""Along what a report can count, alone and two by two, and which tallies carry it. Pure.

Tallies are kept per run with its commune and arm, and per run with one trait each. What stands together in one of these
can be crossed; what does not (a district with an hour, say) is known to the delivery rows only, and is not offered.
"""

from typing import Literal

By = Literal[
    "campaign", "district", "commune", "step", "day", "hour", "channel", "sender", "prefix", "variant", "language"
]
DIMENSIONS: tuple[By, ...] = (
    "campaign", "district", "commune", "step", "day", "hour", "channel", "sender", "prefix", "variant", "language",
)  # fmt: skip
AREAS: tuple[By, ...] = ("district", "commune")
OF_RUNS: tuple[By, ...] = ("campaign", "step", "day", "channel")  # a run has one of each
TRAITS: tuple[By, ...] = ("language", "sender", "prefix", "variant", "hour")

Source = Literal["place", "area", "run", "language", "sender", "prefix", "variant", "hour"]


def source_of(dimensions: tuple[By, ...]) -> Source | None:
    """The tallies that carry all of ``dimensions`` at once; None when none does.

    ``place``: sums of whole campaigns per commune. ``area``: per run, commune and arm. ``run``: whole runs.
    """
    traits = [one for one in dimensions if one in TRAITS]
    if any(one in AREAS for one in dimensions):
        return None if set(traits) - {"variant"} else "place" if len(dimensions) == 1 else "area"
    if len(traits) > 1:
        return None
    return _trait(traits[0]) if traits else "run"


def _trait(name: By) -> Source:
    assert name in ("language", "sender", "prefix", "variant", "hour")
    return name


def partners(first: By) -> tuple[By, ...]:
    """The dimensions that ``first`` can be crossed with."""
    return tuple(other for other in DIMENSIONS if other != first and source_of((first, other)) is not None)


def read_by(text: str) -> tuple[By, ...] | None:
    """``district`` or ``district,step`` as written; None for a word that is no dimension, or the same one twice."""
    words = [word.strip() for word in text.split(",")]
    found = tuple(one for word in words for one in DIMENSIONS if one == word)
    return found if len(found) == len(words) == len(set(words)) and len(words) <= 2 else None
