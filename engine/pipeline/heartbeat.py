"""The heartbeat: what others see of this process, and how far the open runs are, every few seconds.

The pace of a run is kept as samples of its tallies, so that ``loa status`` can tell a rate without a look at
deliveries and without a word from the dispatcher.
"""

from engine.clock import real
from engine.log import get
from engine.pipeline.process import Process
from engine.store import audit, pace

EVERY = 5.0  # seconds
WELL_AFTER = 600.0  # seconds of life after which the incident of a process that had died is over
PARTS = ("loop", "scheduler", "dispatcher", "writer", "opening", "finding_out", "web")  # what may die

_log = get("heartbeat")


def beat(process: Process, *, leads: bool, alive_for: float) -> None:
    """One beat. ``alive_for`` seconds of this process. Raises ``LoaError`` when the database cannot be used."""
    worker = process.worker
    if worker is None:
        return
    if worker.beat(leads=leads):
        _log.warning("lock_taken_again")
    with process.database.write(durable=False) as connection:
        pace.sample(connection, real(), every=EVERY)
        if alive_for > WELL_AFTER:
            for part in PARTS:
                audit.settle_incident(connection, at=process.clock.now(), kind="scheduler_dead", subject=_subject(part))


def tell_death(process: Process, part: str) -> None:
    """Leave word of a part that died, for ``loa status`` and the duty officer."""
    with process.database.write() as connection:
        audit.raise_incident(
            connection, process.keyring, at=process.clock.now(), kind="scheduler_dead", subject=_subject(part)
        )


def _subject(part: str) -> str:
    return f"process:{part}"
