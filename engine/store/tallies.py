"""Counts kept as statuses change, in the same transaction as the rows, so that a report never counts rows.

A report over 10 million deliveries reads a few thousand tally rows (1.7 ms, against 3.1 s for a covering
index). Each writing process has a slot of its own and reads sum the slots; upserts go in key order, because
unsorted ones deadlock on PostgreSQL (2.6k rows/s against 42k sorted, 56k with slots).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection

from engine.clock import VIETNAM
from engine.store.many import LISTED, read_listed, write_many

_AREA = (
    "INSERT INTO tally_area (run_id, era, commune, variant, status, slot, deliveries, segments, cost_vnd)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (run_id, era, commune, variant, status, slot) DO UPDATE SET"
    " deliveries = tally_area.deliveries + excluded.deliveries,"
    " segments = tally_area.segments + excluded.segments, cost_vnd = tally_area.cost_vnd + excluded.cost_vnd"
)
_TRAIT = (
    "INSERT INTO tally_trait (run_id, trait, value, status, slot, deliveries, segments, cost_vnd)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (run_id, trait, value, status, slot) DO UPDATE SET"
    " deliveries = tally_trait.deliveries + excluded.deliveries,"
    " segments = tally_trait.segments + excluded.segments, cost_vnd = tally_trait.cost_vnd + excluded.cost_vnd"
)

_PLACE = (
    "INSERT INTO tally_place (campaign, era, commune, status, slot, deliveries, segments, cost_vnd)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (campaign, era, commune, status, slot) DO UPDATE SET"
    " deliveries = tally_place.deliveries + excluded.deliveries,"
    " segments = tally_place.segments + excluded.segments, cost_vnd = tally_place.cost_vnd + excluded.cost_vnd"
)
_CAMPAIGNS = f"SELECT id, campaign FROM run WHERE id {LISTED}"

_TRAITS = ("variant", "language", "sender", "prefix", "reason", "hour", "delay")
_HOURS = tuple(f"{hour:02d}" for hour in range(24))
# Upper ends of the delay buckets: from handing over to the operator's word.
DELAYS = (
    (timedelta(minutes=1), "1m"),
    (timedelta(minutes=5), "5m"),
    (timedelta(minutes=30), "30m"),
    (timedelta(hours=2), "2h"),
    (timedelta(hours=12), "12h"),
    (timedelta(days=1), "24h"),
)
OVER = ">24h"


class Counted(NamedTuple):
    """What one delivery adds to a tally: itself, and what has been handed over of it."""

    deliveries: int
    segments: int
    cost_vnd: int


def delay_bucket(handed_at: datetime, delivered_at: datetime) -> str:
    """The bucket of a delivery's delay; a receipt stamped before its hand-over counts as at once."""
    delay = delivered_at - handed_at
    return next((name for limit, name in DELAYS if delay <= limit), OVER)


class Deltas:
    """Changes of tallies gathered over a batch, written once, in key order."""

    def __init__(self) -> None:
        self._areas: dict[tuple[int, str, str, str, str], list[int]] = {}
        self._traits: dict[tuple[int, str, str, str], list[int]] = {}
        # Deliveries alike in all that tallies are made of, before and after a move, with how many there are of them.
        self._alike: dict[tuple[Any, ...], int] = {}

    def count(self, row: Mapping[str, Any], sign: int) -> None:
        """Add (``sign`` 1) or take away (−1) a delivery as it stands in ``row``."""
        key = (_fixed(row), _marks(row))
        self._alike[key] = self._alike.get(key, 0) + sign

    def move(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Take a delivery away as it stood in ``before`` and add it as it stands in ``after``.

        Rows of a batch are much alike (a commune's people, a few prefixes): each is counted under all its marks, 1.5
        µs, and only the sums are spread over the tallies when they are written (row by row: 20 µs).
        """
        key = (_fixed(after), _marks(after), _marks(before))
        self._alike[key] = self._alike.get(key, 0) + 1

    def add_area(self, key: tuple[int, str, str, str, str], counted: Counted) -> None:
        """Add to the tally of (run, era, commune, variant, status)."""
        _add(self._areas.setdefault(key, [0, 0, 0]), counted)

    def add_trait(self, key: tuple[int, str, str, str], counted: Counted) -> None:
        """Add to the tally of (run, trait, value, status)."""
        _add(self._traits.setdefault(key, [0, 0, 0]), counted)

    def people(self, run_id: int) -> dict[tuple[str, str], int]:
        """(era, commune) → deliveries of a run that only these deltas have counted: each is another person's."""
        self._spread()
        found: dict[tuple[str, str], int] = {}
        for (run, era, commune, _, _), counts in self._areas.items():
            if run == run_id:
                found[era, commune] = found.get((era, commune), 0) + counts[0]
        return found

    def write(self, connection: Connection, slot: int) -> None:
        """Upsert what changed into this process's slot; the caller commits it with the rows."""
        self._spread()
        for statement, found in ((_AREA, self._areas), (_TRAIT, self._traits), (_PLACE, self._places(connection))):
            rows = [(*key, slot, *counts) for key, counts in sorted(found.items()) if any(counts)]
            write_many(connection, statement, rows)

    def _places(self, connection: Connection) -> dict[tuple[str, str, str, str], list[int]]:
        """The changes of the areas once more, per campaign instead of run and arm."""
        found: dict[tuple[str, str, str, str], list[int]] = {}
        if self._areas:
            campaigns = dict(map(tuple, read_listed(connection, _CAMPAIGNS, sorted({key[0] for key in self._areas}))))
            for (run_id, era, commune, _, status), counts in self._areas.items():
                if run_id in campaigns:
                    place = found.setdefault((campaigns[run_id], era, commune, status), [0, 0, 0])
                    for at, count in enumerate(counts):
                        place[at] += count
        return found

    def _spread(self) -> None:
        """Bring what was counted as alike under its tallies: first the areas, then what is alike but for the area."""
        elsewhere: dict[tuple[Any, ...], int] = {}
        for ((run_id, era, commune, variant, language, prefix), *moved), times in self._alike.items():
            for marks, sign in zip(moved, (times, -times), strict=False):
                self.add_area((run_id, era, commune, variant, marks[0]), _counted(marks, sign))
                key = (run_id, variant, language, prefix, marks)
                elsewhere[key] = elsewhere.get(key, 0) + sign
        for (run_id, variant, language, prefix, marks), times in elsewhere.items():
            status, sender, reason, _, _, hour, delay = marks
            values = (variant, language, sender, prefix, reason, hour, delay)
            for trait, value in zip(_TRAITS, values, strict=True):
                if value is not None:  # at most one value a trait
                    self.add_trait((run_id, trait, value, status), _counted(marks, times))
        self._alike.clear()


def _counted(marks: tuple[Any, ...], times: int) -> Counted:
    return Counted(times, times * marks[3], times * marks[4])


# What of a delivery no move ever changes.
_fixed = itemgetter("run_id", "era", "commune", "variant", "language", "prefix")


def _marks(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a move may change: status, sender, reason, and of what was handed over segments, cost, hour and delay."""
    handed_at, status = row["handed_at"], row["status"]
    if handed_at is None:
        return status, row["sender"], row["reason"], 0, 0, None, None
    hour, delay = _HOURS[handed_at.astimezone(VIETNAM).hour], None
    if status == "delivered" and row["finished_at"] is not None:
        delay = delay_bucket(handed_at, row["finished_at"])
    return status, row["sender"], row["reason"], row["segments"], row["cost_vnd"], hour, delay


def _add(counts: list[int], counted: Counted) -> None:
    for place, value in enumerate(counted):
        counts[place] += value
