"""Keeping a report under an id, with its line in the audit log: the deliveries, and all that stands beside them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from engine.areas import registry as areas
from engine.areas.area import ERAS, Era
from engine.errors import LoaError
from engine.pipeline.process import Process
from engine.reports import broadcasts, frozen, frozen_parts
from engine.reports.activities import ACTIVITY_DIMENSIONS
from engine.reports.asking import Asking
from engine.reports.dimensions import OF_RUNS, By
from engine.reports.frozen_writing import freeze
from engine.reports.measured import Measure, publishable
from engine.reports.measures import measure
from engine.reports.posts import POST_DIMENSIONS
from engine.reports.publication import Publication, publication_of
from engine.reports.report import Asked
from engine.store import audit, publications

# Along what each measure is kept, where it may be. Cost is not kept: it follows from the deliveries' own tables.
_OF_RUNS: tuple[tuple[By, ...], ...] = ((), *((one,) for one in OF_RUNS))
MEASURED: dict[Measure, tuple[tuple[By, ...], ...]] = {
    "coverage": ((), ("district",), ("commune",)),
    "delay": _OF_RUNS,
    "reasons": _OF_RUNS,
    "opt-outs": (*_OF_RUNS, ("district",), ("commune",)),
}


def keep(process: Process, asked: Asked, *, exact: bool, note: str | None) -> frozen.Frozen:
    """Keep the figures of ``asked`` (its campaigns and days) and log it. ``exact``: not in publication units.

    Raises ``LoaError`` (``frozen.nothing``, ``frozen.again``).
    """
    now = process.clock.now()
    with process.database.one_moment():  # a receipt between two tables would stand in one of them only
        publication = None
        if not exact:
            publication = publication_of(process.database, areas.load, process.snapshot, asked.campaigns)

        def parts(only: frozenset[int]) -> dict[str, Any]:
            return _beside(process, asked, now, publication, only)

        kept = freeze(process.database, areas.load, process.snapshot, asked, now, publication, parts, note=note)
    try:
        with process.database.write() as connection:
            publications.freeze(connection, kept)
            detail = f"{kept.id} sha256={kept.digest} {'exact' if exact else 'published'}"
            audit.record(connection, process.keyring, at=now, action="freeze", subject=kept.campaigns, detail=detail)
    except IntegrityError:
        with process.database.read() as connection:
            there = publications.frozen(connection, kept.id)
        if there is None or there.digest != kept.digest:
            raise LoaError("frozen.again") from None  # another report got the same four letters: one in a million
    return frozen.opened(process.database, kept.id)


def _beside(
    process: Process, asked: Asked, now: datetime, publication: Publication | None, only: frozenset[int]
) -> dict[str, Any]:
    """Posts, broadcasts and activities along each of their dimensions, and the measures of the same runs."""

    def asking(era: Era) -> Asking:
        return Asking(process, asked.campaigns, era, asked.since, asked.until, publication is not None)

    posts = [asking(era).posts(by) for by, era in _views(POST_DIMENSIONS)]
    heard = [(asking(era).broadcasts(by), era) for by, era in _views(broadcasts.DIMENSIONS)]
    by_hand = [asking(era).activities(by) for by, era in _views(ACTIVITY_DIMENSIONS)]
    return {
        "posts": [frozen_parts.posts_kept(one) for one in posts if not one.empty],
        "broadcasts": [frozen_parts.broadcasts_kept(one, era) for one, era in heard if one is not None],
        "activities": [frozen_parts.activities_kept(one) for one in by_hand if one is not None],
        "measures": list(_measures(process, asked, now, publication, only)),
    }


def _views(dimensions: tuple[Any, ...]) -> Iterator[tuple[Any, Era]]:
    """Each dimension once; communes in each era."""
    return ((by, era) for by in dimensions for era in (ERAS if by == "commune" else ("2025",)))


def _measures(
    process: Process, asked: Asked, now: datetime, publication: Publication | None, only: frozenset[int]
) -> Iterator[dict[str, Any]]:
    read: dict[object, Any] = {}
    for what, every in MEASURED.items():
        for dimensions in every:
            if publication is not None and not publishable(what, dimensions, cut=asked.since or asked.until):
                continue
            for _, era in _views(("commune",) if "commune" in dimensions else ("",)):
                one = Asked(asked.campaigns, dimensions[0] if dimensions else "campaign", era, asked.since, asked.until)
                made = measure(
                    process.database, areas.load, process.snapshot, what, one, dimensions, now, publication, only, read
                )
                yield frozen_parts.measured_kept(made, era)
