"""A report: what became of one or several campaigns' deliveries, along one dimension or two, from tallies alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.clock import VIETNAM
from engine.reports import tally_queries
from engine.reports.counting import ByRun, Chosen, Keys, Snapshots, Zones, counted, within
from engine.reports.dimensions import AREAS, DIMENSIONS, By
from engine.reports.figures import Figures, total
from engine.reports.places import Place
from engine.reports.publication import Publication, Telling
from engine.store.database import Database

__all__ = ["DIMENSIONS", "Asked", "By", "Report", "Row", "make_report"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be reported. ``since`` and ``until`` are local dates on which runs were due, both included.

    ``era`` says in which era's communes to count; districts exist in the legacy era only. ``second`` crosses ``by``
    with another dimension that the same tallies carry (``engine.reports.dimensions.partners``).
    """

    campaigns: tuple[str, ...]
    by: By
    era: Era = "2025"
    since: date | None = None
    until: date | None = None
    second: By | None = None

    @property
    def dimensions(self) -> tuple[By, ...]:
        """The one dimension, or both."""
        return (self.by,) if self.second is None else (self.by, self.second)


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the value of the dimension (a place, or a word), that of a second one, and its figures."""

    key: Place | str
    figures: Figures
    second: Place | str | None = None

    @property
    def keys(self) -> Keys:
        """The values of the dimensions, in their order."""
        return (self.key,) if self.second is None else (self.key, self.second)


@dataclass(frozen=True, slots=True)
class Report:
    """Rows in their settled order, and their sum. ``as_of`` is the instant it was asked for, in local time."""

    asked: Asked
    as_of: datetime
    rows: tuple[Row, ...]
    published: Publication | None = None  # whose units the rows are; None: exact figures, for the office
    frozen: str | None = None  # the id under which these figures are kept

    @property
    def totals(self) -> Figures:
        """The sum of all rows."""
        return total(row.figures for row in self.rows)

    @property
    def campaign(self) -> str:
        """The campaign's key; several are joined by ", "."""
        return ", ".join(self.asked.campaigns)

    def document(self) -> dict[str, Any]:
        """The contract's JSON document. ``published`` is true where the rows are publication units."""
        document = {
            "campaign": self.campaign,
            "by": ",".join(self.asked.dimensions),
            "as_of": self.as_of.isoformat(timespec="seconds"),
            "rows": [key_document(self.asked.dimensions, row.keys) | row.figures.document() for row in self.rows],
            "totals": self.totals.document(),
            "published": self.published is not None,
        }
        return document | ({"frozen": self.frozen} if self.frozen else {})


def key_names(dimensions: tuple[By, ...]) -> tuple[str, ...]:
    """Under which keys JSON has the dimensions: ``area`` for a place, unless both are places."""
    both = all(by in AREAS for by in dimensions) and len(dimensions) > 1
    return tuple("area" if by in AREAS and not both else by for by in dimensions)


def key_document(dimensions: tuple[By, ...], keys: Keys) -> dict[str, Any]:
    """What a line is about, as JSON has it."""
    return {
        name: key.document() if isinstance(key, Place) else key
        for name, key in zip(key_names(dimensions), keys, strict=True)
    }


def make_report(
    database: Database,
    registry: Callable[[], Registry],
    snapshot_of: Snapshots,
    asked: Asked,
    now: datetime,
    publication: Publication | None = None,
    only: frozenset[int] | None = None,
) -> Report:
    """Sum the tallies of ``asked.campaigns``. A campaign that has never run adds nothing.

    ``snapshot_of`` gives the snapshot of a digest, ``registry`` the area tables (called only when areas are asked
    for). A line appears where something was targeted. With several campaigns, steps and variants, which are names
    a campaign gives, are told apart as ``campaign/step``; everything else is summed. With ``publication`` only what
    it allows to be told apart is; with ``only`` no other runs than these are counted.
    """
    with database.read() as connection:
        return report_of(connection, registry, snapshot_of, asked, now, publication, only)


def report_of(
    connection: Connection,
    registry: Callable[[], Registry],
    snapshot_of: Snapshots,
    asked: Asked,
    now: datetime,
    publication: Publication | None = None,
    only: frozenset[int] | None = None,
    by_run: ByRun | None = None,
) -> Report:
    """``make_report`` inside a transaction: runs and tallies of one moment, none counted that is not known.

    ``by_run`` is shared by several reports of the same transaction and publication.
    """
    runs = tally_queries.runs_of(connection, asked.campaigns)
    zones = Zones(snapshot_of)
    chosen = choose(asked, zones, runs, publication, only)
    telling = Telling(publication, connection, asked.campaigns, asked.dimensions) if publication else None
    found = counted(connection, registry, snapshot_of, chosen, asked.dimensions, asked.era, telling, by_run)
    zone = zones.of(runs[-1]) if runs else VIETNAM
    rows = tuple(Row(keys[0], figures, *keys[1:]) for keys, figures in found if not figures.empty)
    return Report(asked, now.astimezone(zone), rows, publication)


def choose(
    asked: Asked,
    zones: Zones,
    runs: list[tally_queries.RunRow],
    publication: Publication | None = None,
    only: frozenset[int] | None = None,
) -> Chosen:
    """The runs that ``asked`` means, of all there are; those alone that may be published, and that are in ``only``."""
    chosen = within(zones, runs, asked.since, asked.until)
    allowed = [set(one) for one in (publication.runs if publication else None, only) if one is not None]
    chosen = [run for run in chosen if all(run.id in some for some in allowed)] if allowed else chosen
    ids = {run.id for run in chosen}
    return Chosen(asked.campaigns, chosen, [run for run in runs if run.id not in ids], alone=bool(allowed))
