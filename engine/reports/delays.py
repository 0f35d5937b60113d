"""How long the operator's word took: quantiles from the buckets that tallies keep. Pure.

A tally knows how many words came within a minute, five, thirty …, not when. So a quantile is known to a bucket: it lies
above ``from_s`` and at or below ``to_s``, for certain. ``seconds`` is an estimate between the two, as if the words of
the bucket had come evenly; its error is at most the width of the bucket.
"""

from collections.abc import Mapping
from typing import NamedTuple

from engine.store.tallies import DELAYS, OVER

MEDIAN, P95 = 50, 95  # percent
# Bucket → its ends in seconds, in their order. Beyond a day nobody knows the end.
BUCKETS: dict[str, tuple[int, int | None]] = {
    name: (int(DELAYS[place - 1][0].total_seconds()) if place else 0, int(limit.total_seconds()))
    for place, (limit, name) in enumerate(DELAYS)
} | {OVER: (int(DELAYS[-1][0].total_seconds()), None)}


class Quantile(NamedTuple):
    """A delay in seconds: an estimate, and the ends between which it lies. ``to_s`` None: more than a day."""

    seconds: int | None
    from_s: int
    to_s: int | None


def quantile(counts: Mapping[str, int], percent: int) -> Quantile | None:
    """The delay that ``percent`` % of the deliveries did not exceed, by nearest rank; None where there are none.

    ``counts``: bucket → deliveries.
    """
    total = sum(counts.values())
    if total <= 0:
        return None
    rank, before = -(-total * percent // 100), 0
    for name, (start, end) in BUCKETS.items():
        inside = counts.get(name, 0)
        if inside and before + inside >= rank:
            estimate = None if end is None else round(start + (end - start) * (rank - before) / inside)
            return Quantile(estimate, start, end)
        before += inside
    raise ValueError("a bucket that nobody knows")
