"""Retention: some days after a campaign's period nobody can tell any more whom it reached. The counts stay.

``privacy.retention_days`` (180 unless ``loa.yaml`` says otherwise) runs from the end of the campaign's period. Then
its delivery rows, receipts, attempts and look-ups go, by the chunk, wherever a kill left off; tallies, runs, words
(which hold no names), approvals and the audit log stay, and so do opt-outs, as hashes. Contacts are not the
campaign's: they are held on the ground of their list, and go by ``loa contacts erase``.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as clock_time

from sqlalchemy import Connection

from engine.log import get
from engine.pipeline.files import Files
from engine.pipeline.process import Process
from engine.pipeline.providers import any_live
from engine.store import audit, retention, runs
from engine.store.retention import Gone

CHUNK = 400  # deliveries a transaction: with what hangs on them 6 ms of SQLite's lock, 27 at worst (measured)
DETAILS_KEPT = timedelta(days=180)  # what a vendor said of a sender may hold a number as well
PAUSE = 0.02  # seconds between chunks: there is no hurry, and others want the lock

_log = get("retention")


@dataclass(slots=True)
class Retired:
    """What one pass came to."""

    runs: int = 0
    gone: Gone = field(default_factory=Gone)


def retire(process: Process, files: Files, stopped: Callable[[], bool] = lambda: False) -> Retired:
    """Delete what is older than its retention; resumable, and a second pass finds nothing to do.

    Raises ``LoaError`` when the database cannot be used.
    """
    result, now = Retired(), process.clock.now()
    with process.database.read() as connection:
        over = [run for run in retention.runs_over(connection) if retention.has_rows(connection, run["id"])]
        until = {
            campaign: kept_until(process, connection, files, campaign) for campaign in {r["campaign"] for r in over}
        }
    for run in over:
        if now < until[run["campaign"]] or _only_played(process, run["digest"]):
            continue
        subject = f"{run['campaign']}/{run['step']}/{run['occurrence']}"
        gone = _retire(process, run["id"], subject, now, stopped)
        result.gone, result.runs = result.gone.plus(gone), result.runs + 1
        if stopped():
            return result
    if result.runs:
        _log.info("retired", runs=result.runs, **result.gone._asdict())
    return result


def _only_played(process: Process, digest: str) -> bool:
    """Whether time is only played (``LOA_CLOCK``) while the run reached real people: that deletes nothing for good."""
    return process.settings.clock_turned and any_live(process, process.snapshot(digest))


def kept_until(process: Process, connection: Connection, files: Files, campaign: str) -> datetime:
    """The instant from which the campaign's deliveries are to go: the retention after its period's last day.

    The period is the longest that it ever had; the days are what ``loa.yaml`` says today, or, where that cannot be
    read, the most that an approved snapshot says.
    """
    stood_on = [process.snapshot(digest) for digest in runs.digests(connection, campaign)]
    stood_on += [snapshot for key, snapshot in files.campaigns.items() if key == campaign]
    days = files.privacy.retention_days if files.privacy else max(one.privacy.retention_days for one in stood_on)
    last = max(one.campaign.period.end for one in stood_on)
    return datetime.combine(last + timedelta(days=days + 1), clock_time.min, stood_on[-1].zone)


def _retire(process: Process, run_id: int, subject: str, now: datetime, stopped: Callable[[], bool]) -> Gone:
    """Delete a run's rows chunk by chunk; what this pass deleted, which is also written to the audit log."""
    gone, secure = Gone(), process.database.is_sqlite
    while not stopped():
        with process.database.write(durable=False) as connection:
            chunk = retention.delete_chunk(connection, run_id, now, CHUNK, secure=secure)
        if chunk is None:
            break
        gone = gone.plus(chunk)
        time.sleep(PAUSE)
    with process.database.write() as connection:
        retention.settle_incidents(connection, now, now - DETAILS_KEPT)
        counts = " ".join(f"{name}={count}" for name, count in gone._asdict().items())
        audit.record(connection, process.keyring, at=now, action="retention", subject=subject, detail=counts)
    return gone
