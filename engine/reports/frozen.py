"""Frozen reports: figures kept for ever under an id, told again to the letter, compared with what came since.

Kept is what every form is written from: the rows of every dimension with the names of their places, the units, the
versions of definitions, area tables and program, and the digests of what the campaigns' runs were approved by. It
holds no person, so it outlives the campaign's retention. Published figures unless an officer keeps exact ones.
"""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from engine import __version__
from engine.areas.area import ERAS, Era
from engine.areas.registry import Registry
from engine.errors import LoaError
from engine.i18n import language
from engine.reports import broadcasts, frozen_parts, tally_queries
from engine.reports.activities import ActivityReport, AskedActivities
from engine.reports.broadcasts import BroadcastReport
from engine.reports.counting import ByRun, Keys, Snapshots
from engine.reports.definitions import DEFINITIONS
from engine.reports.dimensions import DIMENSIONS, By, partners
from engine.reports.figures import COUNTS, Figures
from engine.reports.measured import Measure, Measured, MeasuredRow
from engine.reports.measures import cost_values
from engine.reports.places import Place
from engine.reports.posts import AskedPosts, PostReport
from engine.reports.publication import Publication, from_document
from engine.reports.report import Asked, Report, Row, key_document, make_report, report_of
from engine.status import Status
from engine.store import publications
from engine.store.database import Database
from engine.store.publications import Kept
from engine.text.accents import strip

FORMAT = 2  # 1 kept deliveries alone
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: none that are read as another
_SUFFIX = 4


def freeze(
    database: Database,
    registry: Callable[[], Registry],
    snapshot_of: Snapshots,
    asked: Asked,
    now: datetime,
    publication: Publication | None,
    parts: Callable[[frozenset[int]], Mapping[str, Any]],
    *,
    note: str | None = None,
) -> Kept:
    """The figures of ``asked`` (its campaigns and days) along every dimension as they stand, ready to be stored.

    ``publication`` None keeps exact figures. ``parts`` gives what is kept beside them, from the runs that count
    (``engine.reports.keeping``). Raises ``LoaError`` (``frozen.nothing``) when there is nothing to keep.
    """
    now = now.replace(microsecond=0)  # as the forms write it
    tables, by_run = [], ByRun()
    with database.read() as connection:  # every table speaks of the same runs, and of the same moment
        runs = tally_queries.runs_of(connection, asked.campaigns)
        begun = frozenset(run.id for run in runs)
        only = begun & frozenset(publication.runs) if publication else begun
        for dimensions in every():
            for era in ERAS if "commune" in dimensions else ("2025",):
                one = replace(asked, by=dimensions[0], second=dimensions[1] if len(dimensions) > 1 else None, era=era)
                made = report_of(connection, registry, snapshot_of, one, now, publication, only, by_run)
                tables.append({"by": ",".join(dimensions), "era": era, "rows": [_row(row) for row in made.rows]})
    beside = parts(only)
    if not any(table["rows"] for table in tables) and not beside["posts"] and not beside["broadcasts"]:
        raise LoaError("frozen.nothing")
    newest = snapshot_of(runs[-1].digest)
    content = {
        "format": FORMAT,
        "definitions": DEFINITIONS,
        "program": __version__,
        "area_table": registry().version,
        "language": language(),
        "campaigns": [
            {"key": key, "digests": list(dict.fromkeys(run.digest for run in runs if run.campaign == key))}
            for key in asked.campaigns
        ],
        "as_of": now.astimezone(newest.zone).isoformat(),
        "since": asked.since.isoformat() if asked.since else None,
        "until": asked.until.isoformat() if asked.until else None,
        "runs": sorted(only),
        "publication": publication.document() if publication else None,
        "tables": tables,
        **beside,
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    text = unicodedata.normalize("NFC", text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Kept(
        _id(registry(), newest.organisation.province, now.astimezone(newest.zone).date(), digest),
        digest,
        ", ".join(asked.campaigns),
        now.astimezone(UTC),
        publication is not None,
        note,
        DEFINITIONS,
        registry().version,
        __version__,
        text,
    )


def _id(registry: Registry, province: str, day: date, digest: str) -> str:
    """``LS-2027-0930-7K3F``: whose, of which day, and four letters of the figures' own digest."""
    name = registry.get("2025", province).name if registry.has("2025", province) else "Loa"
    words = [word for word in strip(name).upper().split() if word.isalpha()]
    number, letters = int(digest, 16), ""
    for _ in range(_SUFFIX):
        number, place = divmod(number, len(_LETTERS))
        letters += _LETTERS[place]
    return f"{''.join(word[0] for word in words[-2:])}-{day:%Y-%m%d}-{letters}"


def every() -> list[tuple[By, ...]]:
    """What is kept: every dimension, and every two that the tallies carry together, once each (see ``turned``).

    Communes are not crossed: 3,000 of them on each day of a year would be most of the database.
    """
    found: list[tuple[By, ...]] = [(one,) for one in DIMENSIONS]
    for place, one in enumerate(DIMENSIONS):
        found += [(one, other) for other in DIMENSIONS[place + 1 :] if other in partners(one)]
    return [dimensions for dimensions in found if len(dimensions) == 1 or "commune" not in dimensions]


def _row(row: Row) -> dict[str, Any]:
    keys = [list(key) if isinstance(key, Place) else key for key in row.keys]
    figures = row.figures.document()
    return {"keys": keys, "figures": {name: value for name, value in figures.items() if name in COUNTS and value}}


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


@dataclass(frozen=True, slots=True)
class Difference:
    """What a frozen report would say otherwise today: (keys, figure → change) for rows that changed."""

    frozen: Frozen
    dimensions: tuple[By, ...]
    now: datetime
    rows: tuple[tuple[Keys, dict[str, int]], ...]
    totals: dict[str, int]
    later_runs: int  # runs that have begun since; they are not part of the report

    def document(self) -> dict[str, Any]:
        """As JSON: the contract's keys, with changes instead of figures."""
        return {
            "frozen": self.frozen.kept.id,
            "campaign": self.frozen.kept.campaigns,
            "by": ",".join(self.dimensions),
            "as_of": datetime.fromisoformat(self.frozen.content["as_of"]).isoformat(timespec="seconds"),
            "now": self.now.isoformat(timespec="seconds"),
            "rows": [key_document(self.dimensions, keys) | {"change": change} for keys, change in self.rows],
            "change": self.totals,
            "later_runs": self.later_runs,
            "published": self.frozen.kept.published,
        }


def difference(
    database: Database,
    registry: Callable[[], Registry],
    snapshot_of: Snapshots,
    frozen: Frozen,
    dimensions: tuple[By, ...],
    era: Era,
    now: datetime,
) -> Difference:
    """What became of the same runs since, in the units of then: late receipts, above all.

    Raises ``LoaError`` (``frozen.other-tables``) where the area tables are not those of then: the units of then are
    nodes of their tree.
    """
    if frozen.kept.area_table != registry().version:
        raise LoaError("frozen.other-tables", id=frozen.kept.id)
    then, asked = frozen.report(dimensions, era), frozen.asked(dimensions, era)
    only = frozenset(frozen.content["runs"])
    today = make_report(database, registry, snapshot_of, asked, now, frozen.publication, only)
    before = {row.keys: row.figures for row in then.rows}
    after = {row.keys: row.figures for row in today.rows}
    keys = list(dict.fromkeys([*before, *after]))
    rows = [(key, _change(before.get(key, Figures()), after.get(key, Figures()))) for key in keys]
    with database.read() as connection:
        later = sum(run.id not in only for run in tally_queries.runs_of(connection, frozen.campaigns))
    changed = tuple((key, change) for key, change in rows if change)
    return Difference(frozen, dimensions, today.as_of, changed, _change(then.totals, today.totals), later)


def _change(before: Figures, after: Figures) -> dict[str, int]:
    counts = {str(status): after.statuses[status] - before.statuses[status] for status in Status}
    counts |= {"segments": after.segments - before.segments, "cost_vnd": after.cost_vnd - before.cost_vnd}
    return {name: counts[name] for name in COUNTS if counts.get(name)}
