"""What a frozen report would say otherwise today: late receipts, above all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.errors import LoaError
from engine.reports import tally_queries
from engine.reports.counting import Keys, Snapshots
from engine.reports.dimensions import By
from engine.reports.figures import COUNTS, Figures
from engine.reports.frozen import Frozen
from engine.reports.report import key_document, make_report
from engine.status import Status
from engine.store.database import Database


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
