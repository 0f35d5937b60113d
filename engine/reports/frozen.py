"""Frozen reports: figures kept for ever under an id, told again to the letter, compared with what came since.

Kept is what every form is written from: the rows of every dimension with the names of their places, the units, the
versions of definitions, area tables and program, and the digests of what the campaigns' runs were approved by. It
holds no person, so it outlives the campaign's retention. Published figures unless an officer keeps exact ones.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from engine.areas.area import Era
from engine.errors import LoaError
from engine.reports import broadcasts, frozen_parts
from engine.reports.activities import ActivityReport, AskedActivities
from engine.reports.broadcasts import BroadcastReport
from engine.reports.dimensions import By
from engine.reports.figures import Figures
from engine.reports.measured import Measure, Measured, MeasuredRow
from engine.reports.measures import cost_values
from engine.reports.places import Place
from engine.reports.posts import AskedPosts, PostReport
from engine.reports.publication import Publication, from_document
from engine.reports.report import Asked, Report, Row
from engine.store import publications
from engine.store.database import Database
from engine.store.publications import Kept

FORMAT = 2  # 1 kept deliveries alone


def _figures(document: Mapping[str, int]) -> Figures:
    figures = Figures(segments=document.get("segments", 0), cost_vnd=document.get("cost_vnd", 0))
    for status in figures.statuses:
        figures.statuses[status] = document.get(str(status), 0)
    return figures


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen report that can be told again."""

    kept: Kept
    content: Mapping[str, Any]

    @property
    def campaigns(self) -> tuple[str, ...]:
        """The campaigns' keys, in the order in which they were asked for."""
        return tuple(campaign["key"] for campaign in self.content["campaigns"])

    @property
    def publication(self) -> Publication | None:
        """The units of then; None for exact figures."""
        document = self.content["publication"]
        return from_document(document) if document else None

    def asked(self, dimensions: tuple[By, ...], era: Era) -> Asked:
        """What was asked, along ``dimensions`` (one or two)."""
        days = [date.fromisoformat(day) if day else None for day in (self.content["since"], self.content["until"])]
        era = era if "commune" in dimensions else "2025"
        return Asked(self.campaigns, dimensions[0], era, days[0], days[1], *dimensions[1:])

    def report(self, dimensions: tuple[By, ...], era: Era) -> Report:
        """The report along ``dimensions``, as it stood. Raises ``LoaError`` (``frozen.no-dimension``) without it."""
        asked = self.asked(dimensions, era)
        rows = self._rows(dimensions, asked.era)
        if rows is None and len(dimensions) > 1:
            turned = self._rows(dimensions[::-1], asked.era)
            rows = self._in_order(dimensions, turned) if turned is not None else None
        if rows is None:
            raise LoaError("frozen.no-dimension", id=self.kept.id, by=",".join(dimensions))
        as_of = datetime.fromisoformat(self.content["as_of"])
        return Report(asked, as_of, tuple(rows), self.publication, self.kept.id)

    def posts(self, asked: AskedPosts) -> PostReport | None:
        """The posts as they stood; None where there were none, or none were kept (by an older program)."""
        kept = self._part("posts", asked.by or "campaign", asked.era)
        return frozen_parts.posts_read(kept, asked) if kept else None

    def broadcasts(self, by: str, era: Era) -> BroadcastReport | None:
        """What loudspeakers had done; None where nothing is kept of it."""
        lines = by in broadcasts.DIMENSIONS
        kept = self._part("broadcasts", by if lines else "step", era)
        return frozen_parts.broadcasts_read(kept, by, lines=lines) if kept else None

    def activities(self, asked: AskedActivities) -> ActivityReport | None:
        """What had been done by hand; None where nothing is kept of it."""
        kept = self._part("activities", asked.by or "kind", asked.era)
        return frozen_parts.activities_read(kept, asked) if kept else None

    def measured(self, what: Measure, dimensions: tuple[By, ...], era: Era) -> Measured:
        """A measure as it stood. Raises ``LoaError`` (``frozen.no-measure``) where it was not kept."""
        by, as_of = ",".join(dimensions), datetime.fromisoformat(self.content["as_of"])
        about = Measured(
            what, self.kept.campaigns, dimensions, as_of, (), {}, published=self.publication, frozen=self.kept.id
        )
        if what == "cost":  # it follows from the deliveries
            report = self.report(dimensions or ("campaign",), era)
            rows = tuple(MeasuredRow(row.keys, cost_values(row.figures)) for row in report.rows if dimensions)
            return replace(about, rows=rows, totals=cost_values(report.totals))
        era = era if "commune" in dimensions else "2025"
        for kept in self.content.get("measures", ()):
            if (kept["what"], kept["by"], kept["era"]) == (what, by, era):
                return frozen_parts.measured_read(kept, about)
        raise LoaError("frozen.no-measure", id=self.kept.id, what=what, by=by or "—")

    def _part(self, name: str, by: str, era: str) -> Mapping[str, Any] | None:
        its_era = era if by == "commune" else "2025"
        found = (one for one in self.content.get(name, ()) if (one["by"], one["era"]) == (by, its_era))
        return next(found, None)

    def _rows(self, dimensions: tuple[By, ...], era: Era) -> list[Row] | None:
        by = ",".join(dimensions)
        for table in self.content["tables"]:
            if (table["by"], table["era"]) == (by, era):
                return [_read_row(row) for row in table["rows"]]
        return None

    def _in_order(self, dimensions: tuple[By, ...], turned: list[Row]) -> list[Row]:
        """Rows of the pair kept the other way round, in the order of each dimension's own table."""
        ranks = []
        for one in dimensions:
            alone = self._rows((one,), "2025") or []
            ranks.append({row.key: place for place, row in enumerate(alone)})

        def order(row: Row) -> list[tuple[int, tuple[bool, str, str]]]:
            last = len(turned) + max(map(len, ranks))
            return [
                (rank.get(key, last), key.order if isinstance(key, Place) else (False, key, ""))
                for rank, key in zip(ranks, row.keys, strict=True)
            ]

        return sorted((Row(row.keys[1], row.figures, row.keys[0]) for row in turned), key=order)


def _read_row(stored: Mapping[str, Any]) -> Row:
    keys = [key if isinstance(key, str) else Place(*key) for key in stored["keys"]]
    return Row(keys[0], _figures(stored["figures"]), *keys[1:])


def opened(database: Database, report_id: str) -> Frozen:
    """The frozen report of this id. Raises ``LoaError`` for an unknown, a changed, or a newer program's one."""
    with database.read() as connection:
        kept = publications.frozen(connection, report_id.strip().upper())
    if kept is None:
        raise LoaError("frozen.unknown", id=report_id)
    if hashlib.sha256(kept.content.encode()).hexdigest() != kept.digest:
        raise LoaError("frozen.tampered", id=kept.id)
    content = json.loads(kept.content)
    if content["format"] > FORMAT:
        raise LoaError("frozen.newer", id=kept.id, program=kept.program)
    return Frozen(kept, content)
