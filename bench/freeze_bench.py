"""How long a freeze takes: every dimension and pair of a nationwide campaign, published and exact.

Fourteen runs over all 3,321 communes with two arms, their tallies written straight (a freeze reads delivery rows for
coverage and opt-outs alone: see report_bench.py for these). Seconds of the processor, which a busy machine leaves
alone, and of the clock; then what the frozen document weighs, and how long it takes to tell one dimension again.

    python bench/freeze_bench.py [--profile]
"""

import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from report_bench import CAMPAIGN, DUE, FATES, ROOT

from engine.areas.registry import load
from engine.clock import StoppedClock
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.process import Process, opened
from engine.reports import frozen, keeping
from engine.reports.publication import publication_of
from engine.reports.report import Asked
from engine.settings import Settings
from engine.store import runs, snapshots
from engine.store.schema import prepare
from engine.store.tallies import Deltas

RUNS, LIMIT = 14, 20.0  # seconds of the processor for one freeze
Result = TypeVar("Result")


def fill(process: Process) -> None:
    """The tallies of fourteen runs: in each commune all fates, as often as its place in the list says."""
    snapshot = campaign_snapshot(load_workspace(Settings(ROOT, "sqlite://", None, None, False), None), CAMPAIGN)
    steps = [step.id for step in snapshot.campaign.steps]
    with process.database.write() as connection:
        snapshots.keep(connection, digest=snapshot.digest, campaign=CAMPAIGN, content=snapshot.to_json(), at=DUE)
        for number in range(RUNS):
            due = DUE + timedelta(days=number)
            runs.create(
                connection,
                {
                    "campaign": CAMPAIGN, "step": steps[number % len(steps)], "occurrence": due.date().isoformat(),
                    "channel": "sms", "due": due, "expires_at": due + timedelta(hours=10), "status": "finished",
                    "digest": snapshot.digest, "opened_at": due,
                },
            )  # fmt: skip
        found = runs.of_campaign(connection, CAMPAIGN)
    for run in found:
        deltas = Deltas()
        for place, area in enumerate(load().communes("2025")):
            for status, reason, arm, prefix, language, hours, delay in FATES:
                handed = run["due"] + timedelta(hours=hours) if hours is not None else None
                ended = handed + timedelta(seconds=delay) if handed is not None and delay is not None else None
                row = {
                    "run_id": run["id"], "era": "2025", "commune": area.code, "language": language, "variant": arm,
                    "prefix": prefix, "segments": 2, "sender": "brandname", "status": status, "reason": reason,
                    "handed_at": handed, "finished_at": ended, "cost_vnd": 1700,
                }  # fmt: skip
                deltas.count(row, 1 + place % 7)
        with process.database.write() as connection:
            deltas.write(connection, 0)


def timed(name: str, work: Callable[[], Result]) -> tuple[Result, float]:
    """What ``work`` gives, and its seconds of the processor; prints them."""
    began = time.process_time(), time.perf_counter()
    made = work()
    spent, wall = time.process_time() - began[0], time.perf_counter() - began[1]
    print(f"{name}: {spent:.1f} s ({wall:.1f})", flush=True)
    return made, spent


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder), f"sqlite:///{folder}/.loa/loa.db", None, None, False)
        prepare(settings)
        with opened(settings, clock=StoppedClock(DUE)) as process:
            timed("tallies written", lambda: fill(process))
            timed("units settled", lambda: publication_of(process.database, load, process.snapshot, (CAMPAIGN,)))
            for exact in (False, True):
                process.clock = StoppedClock(DUE + timedelta(days=30, seconds=exact))
                profile = cProfile.Profile() if "--profile" in sys.argv else None

                def freeze(exact: bool = exact) -> frozen.Frozen:
                    return keeping.keep(process, Asked((CAMPAIGN,), "district"), exact=exact, note=None)

                work = freeze if profile is None else lambda: profile.runcall(freeze)  # noqa: B023
                made, spent = timed(f"freeze, {'exact' if exact else 'published'}", work)
                print(f"  {len(made.kept.content) / 1e6:.1f} MB", "" if spent < LIMIT else "  <-- too slow", flush=True)
                timed("  told again by commune", lambda made=made: made.report(("commune",), "2025"))
                if profile is not None:
                    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
