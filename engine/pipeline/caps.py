"""Caps along the calendar: which of a person's planned deliveries would be one too many. Pure.

People fall under few patterns of steps; each pattern is worked out once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from engine.content.campaign import Step
from engine.content.occurrences import Occurrence
from engine.content.snapshot import Snapshot
from engine.pipeline.resolve import Resolved, Resolver
from engine.pipeline.rules import QUEUED


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """A run to come: when it starts, and what its campaign forbids. ``ours``: of the campaign being planned.

    ``opens`` is when its rows are written, and with that decided who was contacted lately; ``starts`` when the
    first may be claimed. Quiet hours lie between the two.
    """

    snapshot: Snapshot = field(repr=False)
    step: Step
    occurrence: Occurrence
    opens: datetime
    starts: datetime
    ours: bool
    resolver: Resolver = field(repr=False)
    cap: tuple[int, timedelta] | None
    contacted_within: timedelta | None
    expired: bool  # quiet hours last beyond its validity: it will never be handed over


class Made(NamedTuple):
    """A delivery of a run that is open or over. ``cap``: its campaign's, while it may still have to pass it."""

    at: datetime
    cap: tuple[int, timedelta] | None = None
    waits: bool = False  # until ``at``, for the end of quiet hours: not handed out before


def capped_events(
    events: Sequence[Event], statuses: Sequence[Resolved | None], past: tuple[Made, ...]
) -> dict[int, str]:
    """Number of the event → ``capped`` or ``contacted_recently``, for those that will not go out.

    ``past`` are deliveries already made or under way, in order. What comes counts for later ones only if it goes out
    itself.
    """
    if all(event.cap is None and event.contacted_within is None for event in events):
        return {}
    goes = tuple(
        number
        for number, resolved in enumerate(statuses)
        if resolved is not None and resolved.status == QUEUED and not events[number].expired
    )
    rules = tuple(
        (events[number].opens, events[number].starts, events[number].cap, events[number].contacted_within)
        for number in goes
    )
    return {goes[place]: reason for place, reason in _simulate(rules, past)}


Rules = tuple[tuple[datetime, datetime, tuple[int, timedelta] | None, timedelta | None], ...]


@lru_cache(maxsize=4096)
def _simulate(rules: Rules, past: tuple[Made, ...]) -> tuple[tuple[int, str], ...]:
    made: list[datetime] = []
    to_come: list[datetime] = []
    for at, cap, waits in past:
        if cap is None or sum(at - cap[1] < earlier for earlier in (*made, *to_come)) < cap[0]:
            (to_come if waits else made).append(at)
    blocked = []
    for place, (opens, starts, cap, within) in enumerate(rules):
        if within is not None and (
            any(opens - within < earlier <= opens for earlier in made)
            # what starts at that very instant, or waits for the end of quiet hours, has not been handed out yet
            or any(opens - within < earlier < opens for earlier in to_come)
        ):
            blocked.append((place, "contacted_recently"))
        elif cap is not None and sum(starts - cap[1] < earlier for earlier in (*made, *to_come)) >= cap[0]:
            blocked.append((place, "capped"))
        else:
            to_come.append(starts)
    return tuple(blocked)
