"""How long a look of ``loa status`` takes beside a run with a million deliveries, and beside the same run without them.

    python bench/status_bench.py [DELIVERIES]

Prints milliseconds for a look as ``--watch`` takes one every two seconds (files as they stand, processes, runs, pace,
what is to come), the best of five, and for the sample that the heartbeat writes. The goal is 200 ms: it reads tallies
only, so the number of deliveries must not matter.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, text

from engine.areas.registry import load
from engine.cli.status import document
from engine.clock import VIETNAM, StoppedClock, real
from engine.content.sample import copy_sample
from engine.pipeline.files import Files
from engine.pipeline.process import Process, opened
from engine.reports.overview import overview
from engine.settings import Settings
from engine.store import pace, runs, snapshots
from engine.store.schema import prepare
from engine.store.tables import TallyArea, TallyTrait, table_of

CAMPAIGN, STEP = "lang-son-30-7", "ngay-30-7"
DUE = datetime(2027, 7, 30, 8, 0, tzinfo=VIETNAM)
GOAL = 200.0
STATUSES = ("excluded", "queued", "sending", "accepted", "delivered", "failed", "expired", "unknown")
_ROWS = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
    " INSERT INTO delivery (run_id, contact_id, era, commune, language, variant, prefix, segments, sender, status,"
    " attempt, cost_vnd) SELECT 1, i, '2025', '06184', 'vi', '', '90', 1, 'brandname', 'queued', 0, 850 FROM n"
)


def fill(process: Process, files: Files) -> None:
    """A run that goes out, with the tallies of the whole country in it."""
    frozen = files.campaigns[CAMPAIGN]
    with process.database.write() as connection:
        snapshots.keep(connection, digest=frozen.digest, campaign=CAMPAIGN, content=frozen.to_json(), at=DUE)
        runs.create(
            connection,
            {
                "campaign": CAMPAIGN, "step": STEP, "occurrence": "once", "channel": "sms", "due": DUE,
                "expires_at": DUE.replace(hour=19), "status": "running", "digest": frozen.digest, "opened_at": DUE,
            },
        )  # fmt: skip
        counts = {"run_id": 1, "slot": 0, "deliveries": 40, "segments": 80, "cost_vnd": 68_000}
        areas = [
            {"era": "2025", "commune": commune.code, "variant": "", "status": status} | counts
            for commune in load().communes("2025")
            for status in STATUSES
        ]
        connection.execute(insert(table_of(TallyArea)), areas)
        traits = [
            {"trait": trait, "value": value, "status": status} | counts
            for trait, value in (("language", "vi"), ("language", "hmn"), ("sender", "brandname"), ("prefix", "90"))
            for status in STATUSES
        ]
        connection.execute(insert(table_of(TallyTrait)), traits)


def best(work: Callable[[], object]) -> float:
    """Milliseconds, the best of five."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return min(times)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder), f"sqlite:///{folder}/.loa/loa.db", None, None, True)
        copy_sample(settings.workspace)
        prepare(settings)
        files = Files(settings)
        began = time.perf_counter()
        files.refresh()
        print(f"the first look at the files: {(time.perf_counter() - began) * 1000:.0f} ms")
        with opened(settings, clock=StoppedClock(DUE), claims=True, kind="run") as process:
            fill(process, files)

            def look() -> str:
                files.refresh()
                seen = overview(process, sorted(files.campaigns), files, now=DUE, real_now=real())
                return json.dumps(document(seen))

            def sample() -> None:
                with process.database.write(durable=False) as connection:
                    pace.sample(connection, real(), every=0.0)

            for rows in (0, count):
                if rows:
                    with process.database.write() as connection:
                        connection.execute(_ROWS, {"count": rows})
                taken = best(look)
                print(f"a look beside {rows:,} deliveries: {taken:.1f} ms (goal {GOAL:.0f})")
                print(f"a heartbeat's sample beside {rows:,} deliveries: {best(sample):.1f} ms")
    if taken > GOAL:
        sys.exit(1)


if __name__ == "__main__":
    main()
