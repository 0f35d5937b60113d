"""How long a report takes, and that the number of deliveries does not matter to it.

100,000 and 10,000,000 deliveries, in ten runs over all 3,321 communes with two arms, written straight in SQL into an
SQLite file (10 million: 2.5 GB and some minutes). For each dimension the best of five, in milliseconds of the
processor (a busy machine leaves those alone) and of the clock, then what reads delivery rows, and the recount.

    python bench/report_bench.py [deliveries …]
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from engine.areas.registry import load
from engine.clock import VIETNAM, StoppedClock
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.process import Process, opened
from engine.reports.as_csv import csv_text
from engine.reports.measured import MEASURES
from engine.reports.measures import measure
from engine.reports.overview import overview
from engine.reports.recount import recount
from engine.reports.report import DIMENSIONS, Asked, make_report
from engine.settings import Settings
from engine.store import runs, snapshots
from engine.store.schema import prepare
from engine.store.tallies import Deltas

CAMPAIGN, RUNS, SIZES = "lang-son-30-7", 10, (100_000, 10_000_000)
DUE = datetime(2027, 7, 1, 8, 30, tzinfo=VIETNAM)
ROOT = Path(__file__).parent.parent
LIMIT, RATIO = 200, 1.5  # milliseconds of the processor, and times those at the smallest size
# Twenty fates of a delivery: status, reason, arm, prefix, language, hours until it was handed over, seconds of delay.
FATES = [
    *[("delivered", None, arm, prefix, "vi", hour, delay)
      for arm, prefix, hour, delay in zip(
          "abababababab", ("090", "086", "032", "035") * 3, range(12),
          (5, 20, 50, 70, 200, 290, 400, 1500, 3000, 8000, 50_000, 90_000), strict=True)],
    ("accepted", None, "a", "090", "vi", 1, None), ("accepted", None, "b", "086", "hmn", 2, None),
    ("failed", "unreachable", "a", "032", "hmn", 3, None), ("failed", "landline", "b", "035", "vi", 4, None),
    ("expired", "too_late", "a", "090", "vi", None, None), ("unknown", "no_answer", "b", "086", "vi", 5, None),
    ("excluded", "opted_out", "a", "032", "vi", None, None), ("queued", None, "b", "035", "vi", None, None),
]  # fmt: skip
ROWS = """
INSERT INTO delivery (run_id, contact_id, era, commune, language, variant, prefix, segments, sender, status, reason,
                      attempt, worker, claimed_at, handed_at, finished_at, cost_vnd)
SELECT :run, n.i + 1, '2025', c.code, f.language, f.variant, f.prefix, 2, 'brandname', f.status, f.reason,
       CASE WHEN f.status IN ('queued', 'excluded') THEN 0 ELSE 1 END, 'w', f.handed_at, f.handed_at, f.finished_at,
       1700
FROM number n CROSS JOIN commune c ON c.k = n.i % 3321 CROSS JOIN fate f ON f.j = (n.i / 3321 * 7 + n.i + :run * 3) % 20
"""
ALIKE = """
SELECT run_id, era, commune, language, variant, prefix, segments, sender, status, reason, handed_at, finished_at,
       cost_vnd, count(*) AS times
FROM delivery WHERE run_id = :run GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
"""


def fill(process: Process, deliveries: int) -> None:
    """Deliveries of ten runs with their tallies, a tenth of them each."""
    frozen = campaign_snapshot(load_workspace(Settings(ROOT, "sqlite://", None, None, False), None), CAMPAIGN)
    steps = [step.id for step in frozen.campaign.steps]
    people = deliveries // RUNS
    with process.database.write() as connection:
        snapshots.keep(connection, digest=frozen.digest, campaign=CAMPAIGN, content=frozen.to_json(), at=DUE)
        for number in range(RUNS):
            due = DUE + timedelta(days=number)
            runs.create(
                connection,
                {
                    "campaign": CAMPAIGN, "step": steps[number % len(steps)], "occurrence": due.date().isoformat(),
                    "channel": "sms", "due": due, "expires_at": due + timedelta(hours=10), "status": "finished",
                    "digest": frozen.digest, "opened_at": due,
                },
            )  # fmt: skip
        _people(connection, people)
        ids = [run["id"] for run in runs.of_campaign(connection, CAMPAIGN)]
    for number, run_id in enumerate(ids):
        with process.database.write(durable=False) as connection:
            _numbers(connection, people, DUE + timedelta(days=number))
            connection.execute(text(ROWS), {"run": run_id})
            deltas = Deltas()
            for row in connection.execute(text(ALIKE), {"run": run_id}).mappings():
                handed, ended = row["handed_at"], row["finished_at"]
                deltas.count({**row, "handed_at": _instant(handed), "finished_at": _instant(ended)}, row["times"])
            deltas.write(connection, 0)


def _people(connection: Connection, people: int) -> None:
    """Contacts, of whom one in a thousand has opted out two days after the first run."""
    connection.exec_driver_sql(
        "INSERT INTO contact_import (source, basis, consent, file_digest, started_at, rows, imported, updated,"
        " unchanged, rejected) VALUES ('x', 'x', 1, '', '2027-01-01 00:00:00.000000', 0, 0, 0, 0, 0)"
    )
    connection.exec_driver_sql(
        "INSERT INTO contact (id, phone_hash, phone_sealed, era, commune, language, consent, prefix, bucket, synthetic,"
        " import_id, updated_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " SELECT i, randomblob(16), x'00', '2025', '06184', 'vi', 1, '090', 0, 1, 1, '2027-01-01 00:00:00.000000'"
        " FROM n",
        (people,),
    )
    connection.exec_driver_sql(
        "INSERT INTO opt_out (phone_hash, at, source) SELECT phone_hash, '2027-07-03 01:30:00.000000', 'hotline'"
        " FROM contact WHERE id % 1000 = 0"
    )


def _numbers(connection: Connection, people: int, due: datetime) -> None:
    """Temporary tables to join: the people's numbers, the communes, and the fates with this run's instants."""
    for name in ("number", "commune", "fate"):
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS temp.{name}")
    connection.exec_driver_sql("CREATE TEMP TABLE number (i INTEGER PRIMARY KEY)")
    connection.exec_driver_sql(
        "INSERT INTO number WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " SELECT i FROM n",
        (people - 1,),
    )
    connection.exec_driver_sql("CREATE TEMP TABLE commune (k INTEGER PRIMARY KEY, code TEXT)")
    codes = [(place, area.code) for place, area in enumerate(load().communes("2025"))]
    connection.exec_driver_sql("INSERT INTO commune VALUES (?, ?)", codes)
    connection.exec_driver_sql(
        "CREATE TEMP TABLE fate (j INTEGER PRIMARY KEY, status, reason, variant, prefix, language, handed_at,"
        " finished_at)"
    )
    rows = []
    for place, (status, reason, arm, prefix, language, hours, delay) in enumerate(FATES):
        handed = due + timedelta(hours=hours) if hours is not None else None
        ended = handed + timedelta(seconds=delay) if handed is not None and delay is not None else None
        rows.append((place, status, reason, arm, prefix, language, _stored(handed), _stored(ended)))
    connection.exec_driver_sql("INSERT INTO fate VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _stored(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if instant else None


def _instant(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written + "+00:00") if written else None


def best(work: Callable[[], object], times: int = 5) -> tuple[float, float]:
    """Milliseconds of the processor and of the clock, the best of ``times``."""
    found = []
    for _ in range(times):
        began = time.process_time(), time.perf_counter()
        work()
        found.append(((time.process_time() - began[0]) * 1000, (time.perf_counter() - began[1]) * 1000))
    return min(one[0] for one in found), min(one[1] for one in found)


def measured(deliveries: int) -> dict[str, float]:
    """Dimension → milliseconds of the processor at this size; prints as it goes."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder), f"sqlite:///{folder}/.loa/loa.db", None, None, False)
        prepare(settings)
        with opened(settings, clock=StoppedClock(DUE)) as process:
            began = time.perf_counter()
            fill(process, deliveries)
            size = (Path(folder) / ".loa" / "loa.db").stat().st_size / 1e9
            print(
                f"\n{deliveries:,} deliveries written in {time.perf_counter() - began:.0f} s, {size:.1f} GB", flush=True
            )
            for by in DIMENSIONS:

                def work(by: str = by) -> int:
                    asked = Asked((CAMPAIGN,), by)  # type: ignore[arg-type]
                    made = make_report(process.database, load, process.snapshot, asked, DUE)
                    return len(json.dumps(made.document())) + len(csv_text(made))

                found[by], wall = best(work)
                print(f"report by {by}: {found[by]:.1f} ms ({wall:.1f})", flush=True)
            for what in MEASURES:

                def derive(what: str = what) -> object:
                    asked = Asked((CAMPAIGN,), "campaign")
                    return measure(process.database, load, process.snapshot, what, asked, (), DUE)  # type: ignore[arg-type]

                spent, wall = best(derive, 1)
                print(f"{what}: {spent:.0f} ms ({wall:.0f})", flush=True)
            print(
                "overview: {:.1f} ms ({:.1f})".format(
                    *best(lambda: overview(process, [CAMPAIGN], now=DUE, real_now=0.0))
                )
            )
            began = time.perf_counter()
            counted = recount(process.database)
            seconds = time.perf_counter() - began
            print(
                f"recount: {counted.deliveries:,} rows, {len(counted.differences)} differences, {seconds:.0f} s",
                flush=True,
            )
            assert counted.deliveries == deliveries and not counted.differences
    return found


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    print(f"area tables: {(best(load, 1))[0]:.0f} ms")
    by_size = [measured(size) for size in sizes]
    least, most = by_size[0], by_size[-1]
    print(f"\n{sizes[-1]:,} beside {sizes[0]:,}: milliseconds of the processor, and how many times as long")
    for by in DIMENSIONS:
        ratio = most[by] / least[by]
        verdict = "" if most[by] <= LIMIT and (ratio <= RATIO or most[by] < 10) else "  <-- too slow"
        print(f"  {by:<9} {least[by]:7.1f} {most[by]:7.1f}  {ratio:.2f}{verdict}")


if __name__ == "__main__":
    main()
