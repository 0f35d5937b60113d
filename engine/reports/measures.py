"""Makes the derived measures: coverage, delay, reasons, cost, opt-outs. docs/metrics.md says what each one means."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection

from engine.areas.registry import Registry
from engine.clock import VIETNAM
from engine.reports import coverage, opt_outs, places, tally_queries
from engine.reports.counting import Chosen, Keys, Naming, Snapshots, Zones, counted
from engine.reports.delays import MEDIAN, P95, quantile
from engine.reports.dimensions import By
from engine.reports.figures import Figures, total
from engine.reports.measured import Measure, Measured, MeasuredRow, Values
from engine.reports.publication import Publication, Telling
from engine.reports.reasons import REASONED
from engine.reports.report import Asked, choose
from engine.reports.tally_queries import Line
from engine.status import Status
from engine.store.database import Database


def measure(
    database: Database,
    registry: Callable[[], Registry],
    snapshot_of: Snapshots,
    what: Measure,
    asked: Asked,
    dimensions: tuple[By, ...],
    now: datetime,
    publication: Publication | None = None,
    only: frozenset[int] | None = None,
    read: dict[object, Any] | None = None,
) -> Measured:
    """``what`` over the campaigns and days of ``asked``, along ``dimensions`` (which must be ``measurable``).

    With ``publication`` they must be ``publishable`` too, and only its runs count; with ``only``, none but these.
    ``read`` keeps what several measures of the same runs share, so that rows are read once for all of them.
    Coverage and opt-outs read delivery rows (1 million: see bench/report_bench.py), the others tallies alone.
    """
    with database.read() as connection:
        runs = tally_queries.runs_of(connection, asked.campaigns)
        zones = Zones(snapshot_of)
        chosen = choose(asked, zones, runs, publication, only)
        work = _Work(connection, registry, snapshot_of, chosen, dimensions, asked, publication, read)
        rows, totals, more, retired = _MAKERS[what](work)
    zone = zones.of(runs[-1]) if runs else VIETNAM
    campaign = ", ".join(asked.campaigns)
    as_of, told = now.astimezone(zone), tuple(rows)
    return Measured(what, campaign, dimensions, as_of, told, totals, more, retired, publication)


Read = TypeVar("Read")
Made = tuple[Iterable[MeasuredRow], Values, dict[str, object], int]


class _Work:
    """What every maker needs."""

    def __init__(
        self,
        connection: Connection,
        registry: Callable[[], Registry],
        snapshot_of: Snapshots,
        chosen: Chosen,
        dimensions: tuple[By, ...],
        asked: Asked,
        publication: Publication | None,
        read: dict[object, Any] | None,
    ) -> None:
        self.connection, self.registry, self.snapshot_of = connection, registry, snapshot_of
        self.chosen, self.dimensions, self.asked = chosen, dimensions, asked
        self.publication = publication
        self._read = {} if read is None else read
        self.ids = [run.id for run in chosen.runs]
        self.retired = sum(run.retired for run in chosen.runs)
        naming = Naming(registry, snapshot_of, chosen, asked.era)
        self._key_of = [naming.key_of(by) for by in dimensions]
        self._order_of = [naming.order_of(by) for by in dimensions]

    def keys(self, line: Line) -> Keys:
        """What a line is counted under."""
        return tuple(key(line) for key in self._key_of)

    def in_order(self, keys: Iterable[Keys]) -> list[Keys]:
        """Keys as a report has them."""
        return sorted(keys, key=lambda one: tuple(order(key) for order, key in zip(self._order_of, one, strict=True)))

    def figures(self) -> list[tuple[Keys, Figures]]:
        """The report's own rows; without a dimension, one of everything."""
        by = self.dimensions or ("campaign",)
        found = counted(
            self.connection, self.registry, self.snapshot_of, self.chosen, by, self.asked.era, self.telling(by)
        )
        found = [(keys, figures) for keys, figures in found if not figures.empty]
        return found if self.dimensions else [((), total(figures for _, figures in found))]

    def telling(self, by: Sequence[By]) -> Telling | None:
        """How what is published is called along ``by``; None for exact figures."""
        if self.publication is None:
            return None
        return Telling(self.publication, self.connection, self.asked.campaigns, by)

    def once(self, name: object, make: Callable[[], Read]) -> Read:
        """What ``make`` gives, made once for all measures that share what was read."""
        if name not in self._read:
            self._read[name] = make()
        found: Read = self._read[name]
        return found

    @property
    def least(self) -> int:
        """Fewer deliveries than this have no delay of their own."""
        return self.publication.small_cell if self.publication is not None else 1


def cost_values(figures: Figures) -> Values:
    """The columns of cost: all of them follow from a report's own figures."""
    return {
        "delivered": figures.statuses[Status.DELIVERED],
        "segments": figures.segments,
        "cost_vnd": figures.cost_vnd,
        "cost_per_delivered_vnd": figures.cost_per_delivered_vnd,
    }


def _cost(work: _Work) -> Made:
    found = work.figures()
    rows = [(keys, cost_values(one)) for keys, one in found]
    return _told(work, rows), cost_values(total(one for _, one in found)), {}, 0


def _delay(work: _Work) -> Made:
    found: dict[Keys, Counter[str]] = {}
    for line in tally_queries.by_trait(work.connection, work.ids, "delay"):
        found.setdefault(work.keys(line), Counter())[line.value] += line.sums.deliveries

    def values(counts: Counter[str]) -> Values:
        enough = counts if sum(counts.values()) >= work.least else {}
        median, p95 = quantile(enough, MEDIAN), quantile(enough, P95)
        return {
            "delivered": sum(counts.values()),
            "delay_median_s": median.seconds if median else None,
            "delay_median_from_s": median.from_s if median else None,
            "delay_median_to_s": median.to_s if median else None,
            "delay_p95_s": p95.seconds if p95 else None,
            "delay_p95_from_s": p95.from_s if p95 else None,
            "delay_p95_to_s": p95.to_s if p95 else None,
        }

    rows = [(keys, values(found[keys])) for keys in work.in_order(found) if sum(found[keys].values())]
    return _told(work, rows), values(sum(found.values(), Counter())), {}, 0


def _reasons(work: _Work) -> Made:
    telling = work.telling(("campaign",))
    told = telling.together("reason") if telling is not None else lambda reason: reason
    found: Counter[tuple[Keys, str, str]] = Counter()
    wholes: Counter[tuple[Keys, str]] = Counter()
    for line in tally_queries.by_run(work.connection, work.ids):
        if line.sums.status in REASONED:
            wholes[work.keys(line), line.sums.status] += line.sums.deliveries
            found[work.keys(line), line.sums.status, told("")] += line.sums.deliveries
    for line in tally_queries.by_trait(work.connection, work.ids, "reason"):
        if line.sums.status in REASONED:
            keys, status = work.keys(line), line.sums.status
            found[keys, status, told(line.value)] += line.sums.deliveries
            found[keys, status, told("")] -= line.sums.deliveries
    by_keys: dict[Keys, list[tuple[str, str]]] = {}
    for (keys, status, reason), count in found.items():
        if count:
            by_keys.setdefault(keys, []).append((status, reason))
    rows = []
    for keys in work.in_order(by_keys):
        mine = sorted(by_keys[keys], key=lambda one: (REASONED.index(one[0]), -found[keys, *one], one[1]))
        for status, reason in mine:
            count = found[keys, status, reason]
            share = count / wholes[keys, status]
            rows.append(MeasuredRow(keys, {"status": status, "reason": reason, "deliveries": count, "share": share}))
    totals = {"status": None, "reason": None, "deliveries": sum(wholes.values()), "share": None}
    return rows, totals, {}, 0


def _coverage(work: _Work) -> Made:
    named = work.dimensions[0] if work.dimensions else None
    more: dict[str, object] = {}
    if work.publication is None:  # names of communes with nobody would tell more than publication units do
        more["communes"] = work.once(("communes", work.asked.era), lambda: _communes(work))
    if work.retired:  # whom the runs reached is forgotten, so nobody can say how many people in all
        return [], coverage.values(None), more, work.retired
    found: dict[Keys, coverage.People] = {}
    whole = coverage.People()
    for era, commune, people in work.once(
        "people", lambda: list(coverage.people_by_commune(work.connection, work.ids))
    ):
        whole = whole.plus(people)
        if named is not None:
            keys = work.keys(Line(tally_queries.NOTHING, 0, era, commune))
            found[keys] = found.get(keys, coverage.People()).plus(people)
    rows = [(keys, coverage.values(found[keys])) for keys in work.in_order(found)]
    return _told(work, rows), coverage.values(whole), more, 0


def _communes(work: _Work) -> dict[str, object]:
    registry, era = work.registry(), work.asked.era
    fold = places.communes(registry, era)
    sums: dict[places.Place, Figures] = {}
    for line in tally_queries.by_area(work.connection, work.ids, runs_apart=False, variants=False):
        sums.setdefault(fold(line.era, line.commune), Figures()).add(*line.sums)
    provinces = {work.snapshot_of(run.digest).organisation.province for run in work.chosen.runs}
    return coverage.communes(registry, era, sums, provinces)


def _opt_outs(work: _Work) -> Made:
    rows = work.figures()
    if work.retired:
        missing = {keys: None for keys, _ in rows}
        told = [(keys, opt_outs.values(one.statuses[Status.DELIVERED], missing[keys])) for keys, one in rows]
        whole = total(one for _, one in rows).statuses[Status.DELIVERED]
        return _told(work, told), opt_outs.values(whole, None), {}, work.retired
    found: Counter[Keys] = Counter()
    wanted = {run.id for run in work.chosen.runs}
    for row in work.once("opt-outs", lambda: list(opt_outs.attributed(work.connection))):
        if row.run_id in wanted:
            trait = next((by for by in work.dimensions if by in opt_outs.TRAITS), None)
            value = opt_outs.trait_of(row, trait) if trait else ""
            found[work.keys(Line(tally_queries.NOTHING, row.run_id, row.era, row.commune, value))] += 1
    told = [(keys, opt_outs.values(one.statuses[Status.DELIVERED], found[keys])) for keys, one in rows]
    delivered = total(one for _, one in rows).statuses[Status.DELIVERED]
    return _told(work, told), opt_outs.values(delivered, found.total()), {"days": opt_outs.WINDOW.days}, 0


def _told(work: _Work, rows: Sequence[tuple[Keys, Values]]) -> list[MeasuredRow]:
    return [MeasuredRow(keys, values) for keys, values in rows] if work.dimensions else []


_MAKERS: dict[Measure, Callable[[_Work], Made]] = {
    "coverage": _coverage,
    "delay": _delay,
    "reasons": _reasons,
    "cost": _cost,
    "opt-outs": _opt_outs,
}
