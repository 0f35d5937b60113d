"""How long a report takes: every dimension over all 3,321 communes × 14 runs × 2 variants × 5 statuses of tallies.

The number of deliveries behind the tallies does not matter to it. Prints the best of three for each dimension and
for the overview, with the tables read and the output written.
"""

import json
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from engine.areas.registry import load
from engine.clock import VIETNAM, StoppedClock
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.process import Process, opened
from engine.reports.as_csv import csv_text
from engine.reports.overview import overview
from engine.reports.report import DIMENSIONS, Asked, make_report
from engine.settings import Settings
from engine.store import runs, snapshots
from engine.store.schema import prepare
from engine.store.tables import TallyArea, TallyTrait, table_of

CAMPAIGN, RUNS, VARIANTS = "lang-son-30-7", 14, ("a", "b")
STATUSES = ("excluded", "accepted", "delivered", "failed", "expired")
DUE = datetime(2027, 7, 1, 8, 30, tzinfo=VIETNAM)
ROOT = Path(__file__).parent.parent


def fill(process: Process) -> int:
    """Tallies of 14 runs over the whole country; how many rows."""
    frozen = campaign_snapshot(load_workspace(Settings(ROOT, "sqlite://", None, None, False), None), CAMPAIGN)
    steps = [step.id for step in frozen.campaign.steps]
    written = 0
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
        for run in runs.of_campaign(connection, CAMPAIGN):
            counts = {"run_id": run["id"], "slot": 0, "deliveries": 90, "segments": 180, "cost_vnd": 153_000}
            areas = [
                {"era": "2025", "commune": commune.code, "variant": variant, "status": status} | counts
                for commune in load().communes("2025")
                for variant in VARIANTS
                for status in STATUSES
            ]
            traits = [
                {"trait": trait, "value": value, "status": status} | counts
                for trait, value in (("language", "vi"), ("language", "hmn"), ("sender", "brandname"))
                for status in STATUSES
            ]
            connection.execute(insert(table_of(TallyArea)), areas)
            connection.execute(insert(table_of(TallyTrait)), traits)
            written += len(areas) + len(traits)
    return written


def best(work: Callable[[], object]) -> float:
    """Milliseconds, the best of three."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return min(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder), f"sqlite:///{folder}/.loa/loa.db", None, None, False)
        prepare(settings)
        with opened(settings, clock=StoppedClock(DUE)) as process:
            began = time.perf_counter()
            print(f"area tables: {(load(), time.perf_counter() - began)[1] * 1000:.0f} ms")
            print(f"tallies: {fill(process):,} rows")
            for by in DIMENSIONS:
                asked = Asked((CAMPAIGN,), by)

                def work(asked: Asked = asked) -> int:
                    made = make_report(process.database, load, process.snapshot, asked, DUE)
                    return len(json.dumps(made.document())) + len(csv_text(made))

                print(f"report by {by}: {best(work):.1f} ms")
            seen = best(lambda: overview(process, [CAMPAIGN], now=DUE, real_now=0.0))
            print(f"overview: {seen:.1f} ms")


if __name__ == "__main__":
    main()
