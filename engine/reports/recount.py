"""The proof of the tallies: every run counted anew from its delivery rows, and each difference named.

Counting is the database's work in two passes over a run's rows, a transaction a run, so that neither memory nor
SQLite's log grows with the number of deliveries. It says over again, in SQL, what engine.store.tallies says in
Python; a test holds the two together.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from engine.status import RunStatus
from engine.store.database import Database
from engine.store.tallies import DELAYS, Counted

_NONE = Counted(0, 0, 0)
_HANDED = (
    "count(*), sum(CASE WHEN handed_at IS NULL THEN 0 ELSE segments END),"
    " sum(CASE WHEN handed_at IS NULL THEN 0 ELSE cost_vnd END)"
)
_SUMS = "sum(deliveries), sum(segments), sum(cost_vnd)"
_NOT_ZERO = "HAVING sum(deliveries) <> 0 OR sum(segments) <> 0 OR sum(cost_vnd) <> 0"
# Runs that are opening have no tallies yet; those come with the transaction that makes them ready. A retired run's
# rows are gone or going, and its tallies are all there is.
_RUNS = text(
    "SELECT id, campaign, step, occurrence FROM run WHERE retired_at IS NULL AND status NOT IN"
    f" ('{RunStatus.PLANNED}', '{RunStatus.ENQUEUEING}') ORDER BY id"
)
_RETIRED = text("SELECT count(*) FROM run WHERE retired_at IS NOT NULL")
_STRAY = text(
    "SELECT DISTINCT run_id FROM tally_area WHERE run_id NOT IN (SELECT id FROM run) UNION"
    " SELECT DISTINCT run_id FROM tally_trait WHERE run_id NOT IN (SELECT id FROM run) ORDER BY 1"
)

_TRAITS = ("variant", "language", "sender", "prefix", "reason", "hour", "delay")
# The campaigns' own sums against those of their runs, which are held against the rows; retired ones count in both.
_PLACES = f"SELECT campaign, era, commune, status, {_SUMS} FROM tally_place GROUP BY 1, 2, 3, 4 {_NOT_ZERO}"
_OF_RUNS = (
    "SELECT r.campaign, a.era, a.commune, a.status, sum(a.deliveries), sum(a.segments), sum(a.cost_vnd)"
    " FROM tally_area a JOIN run r ON r.id = a.run_id GROUP BY 1, 2, 3, 4"
    " HAVING sum(a.deliveries) <> 0 OR sum(a.segments) <> 0 OR sum(a.cost_vnd) <> 0"
)

AreaKey = tuple[str, str, str, str]  # era, commune, variant, status
TraitKey = tuple[str, str, str]  # trait, value, status
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """One tally that is not what the rows say. ``key`` names its parts; ``run`` is None when there is no such run."""

    run_id: int  # 0: of a whole campaign
    run: str | None  # campaign/step/occurrence, or the campaign
    table: str  # tally_area, tally_trait or tally_place
    key: dict[str, str]
    tallied: Counted
    counted: Counted


@dataclass(slots=True)
class Recount:
    """What a recount came to."""

    runs: int = 0
    deliveries: int = 0
    retired: int = 0  # runs that were left out: their rows are gone by their retention
    differences: list[Difference] = field(default_factory=list)


def recount(database: Database, progress: Progress | None = None) -> Recount:
    """Compare both tally tables with the rows of every run that is not opening.

    ``progress`` is told (runs done, runs in all). Reads only; safe beside a dispatcher.
    """
    with database.read() as connection:
        runs: list[tuple[int, str | None]] = [(row.id, _named(row._mapping)) for row in connection.execute(_RUNS)]
        runs += [(row.run_id, None) for row in connection.execute(_STRAY)]
        result = Recount(retired=int(connection.execute(_RETIRED).scalar_one()))
    for done, (run_id, name) in enumerate(runs):
        if progress:
            progress(done, len(runs))
        with database.read() as connection:
            _one_moment(database, connection)
            areas = _counted_areas(connection, run_id)
            result.runs += 1
            result.deliveries += sum(counted.deliveries for counted in areas.values())
            for key, tallied, counted in _compared(_tallied_areas(connection, run_id), areas):
                parts = dict(zip(("era", "commune", "variant", "status"), key, strict=True))
                result.differences.append(Difference(run_id, name, "tally_area", parts, tallied, counted))
            traits = _counted_traits(database, connection, run_id)
            for key, tallied, counted in _compared(_tallied_traits(connection, run_id), traits):
                parts = dict(zip(("trait", "value", "status"), key, strict=True))
                result.differences.append(Difference(run_id, name, "tally_trait", parts, tallied, counted))
    with database.read() as connection:
        _one_moment(database, connection)
        places = _by_key(connection, _PLACES, None, 4), _by_key(connection, _OF_RUNS, None, 4)
    for key, tallied, counted in _compared(*places):
        parts = dict(zip(("campaign", "era", "commune", "status"), key, strict=True))
        result.differences.append(Difference(0, key[0], "tally_place", parts, tallied, counted))
    return result


def _named(run: RowMapping) -> str:
    return f"{run['campaign']}/{run['step']}/{run['occurrence']}"


def _one_moment(database: Database, connection: Connection) -> None:
    """Rows and tallies as they stood at one instant; SQLite's reading transactions are so by themselves."""
    if not database.is_sqlite:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _counted_areas(connection: Connection, run_id: int) -> dict[AreaKey, Counted]:
    query = f"SELECT era, commune, variant, status, {_HANDED} FROM delivery WHERE run_id = :run GROUP BY 1, 2, 3, 4"
    return _by_key(connection, query, run_id, 4)


def _tallied_areas(connection: Connection, run_id: int) -> dict[AreaKey, Counted]:
    keys = "era, commune, variant, status"
    query = f"SELECT {keys}, {_SUMS} FROM tally_area WHERE run_id = :run GROUP BY {keys} {_NOT_ZERO}"
    return _by_key(connection, query, run_id, 4)


def _tallied_traits(connection: Connection, run_id: int) -> dict[TraitKey, Counted]:
    keys = "trait, value, status"
    query = f"SELECT {keys}, {_SUMS} FROM tally_trait WHERE run_id = :run GROUP BY {keys} {_NOT_ZERO}"
    return _by_key(connection, query, run_id, 3)


def _counted_traits(database: Database, connection: Connection, run_id: int) -> dict[TraitKey, Counted]:
    """All traits from one pass: few combinations, whose counts are then added up trait by trait."""
    hour, delay = _hour_and_delay(sqlite=database.is_sqlite)
    query = text(
        f"SELECT status, variant, language, sender, prefix, reason, {hour} AS hour, {delay} AS delay, {_HANDED}"
        " FROM delivery WHERE run_id = :run GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"
    )
    found: dict[TraitKey, Counted] = {}
    for status, *values, deliveries, segments, cost_vnd in connection.execute(query, {"run": run_id}):
        for trait, value in zip(_TRAITS, values, strict=True):
            if value is not None:
                before = found.get((trait, value, status), _NONE)
                found[trait, value, status] = Counted(
                    before.deliveries + deliveries, before.segments + int(segments), before.cost_vnd + int(cost_vnd)
                )
    return found


def _hour_and_delay(*, sqlite: bool) -> tuple[str, str]:
    """SQL for the hour of the hand-over in Vietnam (UTC+7, no summer time) and the bucket of the delay, else NULL.

    SQLite's own time functions round to milliseconds (23:59:59.9996 becomes the next day), so seconds and
    microseconds are taken from the text apart.
    """
    if sqlite:
        hour = "strftime('%H', substr(handed_at, 1, 19), '+7 hours')"

        def micros(name: str) -> str:
            seconds, fraction = f"strftime('%s', substr({name}, 1, 19))", f"substr({name}, 21)"
            return f"(CAST({seconds} AS INTEGER) * 1000000 + CAST({fraction} AS INTEGER))"

        within = [(f"{micros('finished_at')} - {micros('handed_at')} <= ", "{0}000000", *pair) for pair in DELAYS]
    else:
        hour = "to_char(handed_at AT TIME ZONE 'Asia/Ho_Chi_Minh', 'HH24')"
        within = [("finished_at - handed_at <= ", "interval '{0} seconds'", *pair) for pair in DELAYS]
    steps = "".join(
        f" WHEN {start}{limit.format(int(until.total_seconds()))} THEN '{name}'" for start, limit, until, name in within
    )
    known = "status <> 'delivered' OR handed_at IS NULL OR finished_at IS NULL"
    return hour, f"CASE WHEN {known} THEN NULL{steps} ELSE '>24h' END"


def _by_key(connection: Connection, query: str, run_id: int | None, parts: int) -> dict[Any, Counted]:
    found = connection.execute(text(query), {"run": run_id} if run_id is not None else {})
    return {tuple(row[:parts]): Counted(*(int(value) for value in row[parts:])) for row in found}


def _compared(
    tallied: dict[Any, Counted], counted: dict[Any, Counted]
) -> Iterator[tuple[tuple[str, ...], Counted, Counted]]:
    for key in sorted(tallied.keys() | counted.keys()):
        if tallied.get(key, _NONE) != counted.get(key, _NONE):
            yield key, tallied.get(key, _NONE), counted.get(key, _NONE)
