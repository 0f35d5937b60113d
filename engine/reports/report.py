"""A report: what became of one or several campaigns' deliveries, along one dimension, from tallies alone."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection

from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.clock import VIETNAM
from engine.content.snapshot import Snapshot
from engine.reports import places, tally_queries
from engine.reports.figures import Figures, total
from engine.reports.places import Place
from engine.reports.publication import Publication
from engine.reports.tally_queries import RunRow, Summed
from engine.store.database import Database

By = Literal["district", "commune", "step", "day", "channel", "sender", "variant", "language"]
DIMENSIONS: tuple[By, ...] = ("district", "commune", "step", "day", "channel", "sender", "variant", "language")
Snapshots = Callable[[str], Snapshot]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be reported. ``since`` and ``until`` are local dates on which runs were due, both included.

    ``era`` says in which era's communes to count; districts exist in the legacy era only.
    """

    campaigns: tuple[str, ...]
    by: By
    era: Era = "2025"
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the value of the dimension (a place, or a word) and its figures."""

    key: Place | str
    figures: Figures


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
        name = "area" if self.asked.by in ("district", "commune") else self.asked.by
        rows = [
            {name: row.key.document() if isinstance(row.key, Place) else row.key} | row.figures.document()
            for row in self.rows
        ]
        return {
            "campaign": self.campaign,
            "by": self.asked.by,
            "as_of": self.as_of.isoformat(timespec="seconds"),
            "rows": rows,
            "totals": self.totals.document(),
            "published": self.published is not None,
        } | ({"frozen": self.frozen} if self.frozen else {})


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
        runs = tally_queries.runs_of(connection, asked.campaigns)
    zones = _Zones(snapshot_of)
    chosen = [run for run in runs if _within(asked, zones, run)]
    for allowed in (only, publication.runs if publication else None):
        chosen = [run for run in chosen if allowed is None or run.id in allowed]
    with database.read() as connection:
        if asked.by in ("district", "commune"):
            rows = _area_rows(connection, registry(), asked, chosen, publication)
        else:
            rows = _rows(connection, snapshot_of, zones, asked, chosen)
            rows = _published_values(connection, asked, runs, rows, publication) if publication else rows
    zone = zones.of(runs[-1]) if runs else VIETNAM
    return Report(asked, now.astimezone(zone), tuple(row for row in rows if not row.figures.empty), publication)


class _Zones:
    """The timezone in which a run's day is reckoned: that of the workspace when the run was opened."""

    def __init__(self, snapshot_of: Snapshots) -> None:
        self._snapshot_of = snapshot_of

    def of(self, run: RunRow) -> tzinfo:
        return self._snapshot_of(run.digest).zone

    def day(self, run: RunRow) -> date:
        return run.due.astimezone(self.of(run)).date()


def _within(asked: Asked, zones: _Zones, run: RunRow) -> bool:
    if asked.since is None and asked.until is None:
        return True
    day = zones.day(run)
    return (asked.since is None or day >= asked.since) and (asked.until is None or day <= asked.until)


def _area_rows(
    connection: Connection,
    registry: Registry,
    asked: Asked,
    runs: Sequence[RunRow],
    publication: Publication | None,
) -> list[Row]:
    if publication is not None:
        fold = publication.fold(registry, "district" if asked.by == "district" else "commune", asked.era)
    else:
        fold = places.districts(registry) if asked.by == "district" else places.communes(registry, asked.era)
    found: dict[Place, Figures] = {}
    folded: dict[tuple[str, str], Place] = {}
    for key, sums in tally_queries.by_commune(connection, [run.id for run in runs]):
        place = folded.get(key)
        if place is None:
            place = folded[key] = fold(*key)
        found.setdefault(place, Figures()).add(*sums)
    return [Row(place, found[place]) for place in sorted(found, key=lambda place: place.order)]


def _rows(
    connection: Connection, snapshot_of: Snapshots, zones: _Zones, asked: Asked, runs: Sequence[RunRow]
) -> list[Row]:
    ids, by_id = [run.id for run in runs], {run.id: run for run in runs}
    several = len(asked.campaigns) > 1

    def own(run: RunRow, name: str) -> str:
        return f"{run.campaign}/{name}" if several and name else name

    if asked.by == "step":
        order = _step_order(snapshot_of, asked.campaigns, runs)
        whole = tally_queries.by_run(connection, ids)
        steps = _summed(((by_id[run].campaign, by_id[run].step), sums) for run, sums in whole)
        return [
            Row(f"{campaign}/{step}" if several else step, steps[campaign, step])
            for campaign, step in order
            if (campaign, step) in steps
        ]
    if asked.by == "day":
        days = tally_queries.by_run(connection, ids)
        found = _summed((zones.day(by_id[run]).isoformat(), sums) for run, sums in days)
    elif asked.by == "channel":
        found = _summed((by_id[run].channel, sums) for run, sums in tally_queries.by_run(connection, ids))
    elif asked.by == "variant":
        found = _summed(
            (own(by_id[run], variant), sums) for (run, variant), sums in tally_queries.by_variant(connection, ids)
        )
    else:
        found = _summed(tally_queries.by_trait(connection, ids, asked.by))
    return [Row(key, found[key]) for key in sorted(found)]


def _published_values(
    connection: Connection, asked: Asked, runs: Sequence[RunRow], rows: Sequence[Row], publication: Publication
) -> list[Row]:
    """``rows`` with the values told together that the publication does not tell apart; whole runs are never small."""
    if asked.by in ("step", "day", "channel"):
        return list(rows)
    campaigns = {run.id: run.campaign for run in runs}
    prefixed = asked.by == "variant" and len(asked.campaigns) > 1

    def name(run: int, value: str) -> str:
        return f"{campaigns[run]}/{value}" if prefixed and value else value

    told = publication.value(connection, asked.by, name)
    found: dict[str, list[Figures]] = {}
    for row in rows:
        found.setdefault(told(str(row.key)), []).append(row.figures)
    return [Row(key, total(figures)) for key, figures in found.items()]


def _summed(pairs: Iterable[tuple[Key, Summed]]) -> dict[Key, Figures]:
    found: dict[Key, Figures] = {}
    for key, sums in pairs:
        found.setdefault(key, Figures()).add(*sums)
    return found


def _step_order(snapshot_of: Snapshots, campaigns: Sequence[str], runs: Sequence[RunRow]) -> list[tuple[str, str]]:
    """(campaign, step) in the campaigns' own order: the newest run's snapshot first, then steps no longer in it."""
    order: dict[tuple[str, str], None] = {}
    for campaign in campaigns:
        its_runs = [run for run in runs if run.campaign == campaign]
        if its_runs:
            newest = snapshot_of(its_runs[-1].digest)
            order |= {(campaign, step.id): None for step in newest.campaign.steps}
        order |= {(campaign, run.step): None for run in its_runs}
    return list(order)
