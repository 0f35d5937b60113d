"""This process: what every stage of the road needs of it, opened once at the edge and passed inwards."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from engine.clock import Clock, MachineSeconds, Seconds, campaign_clock
from engine.content.snapshot import Snapshot
from engine.settings import Settings
from engine.store import snapshots
from engine.store.audit import Signature
from engine.store.crypto import Keyring
from engine.store.database import Database
from engine.store.schema import open_store
from engine.store.workers import Registration


@dataclass(slots=True)
class Process:
    """Database, key, clock and settings; ``worker`` is there only in processes that claim."""

    settings: Settings
    database: Database
    keyring: Keyring = field(repr=False)
    clock: Clock
    environment: Mapping[str, str] = field(repr=False)
    worker: Registration | None = None
    seconds: Seconds = field(default_factory=MachineSeconds)

    @property
    def slot(self) -> int:
        """The slot for tallies: the worker's, or 0 for a process that only plans or imports."""
        return self.worker.slot if self.worker else 0

    @property
    def name(self) -> str:
        """How the audit log names this process: the worker's id, or that of a command."""
        return self.worker.id if self.worker else f"{os.getpid():x}-command"

    def signed(self, at: datetime | None = None, *, who: str | None = None, why: str | None = None) -> Signature:
        """A signature for the audit log: of ``who`` (sealed), or of this process by itself; ``at`` defaults to now."""
        sealed = self.keyring.seal(who) if who else None
        return Signature(at or self.clock.now(), self.name, sealed, why)

    def snapshot(self, digest: str) -> Snapshot:
        """A stored snapshot; parsed once a process."""
        return _parsed(digest, self.database)

    def last_dues(self, digest: str) -> dict[str, datetime]:
        """Step → when a stored snapshot has it for the last time; worked out once a process."""
        return _last_dues(digest, self.database)


@lru_cache(maxsize=64)
def _parsed(digest: str, database: Database) -> Snapshot:
    with database.read() as connection:
        return Snapshot.from_json(snapshots.content_of(connection, digest))


@lru_cache(maxsize=256)
def _last_dues(digest: str, database: Database) -> dict[str, datetime]:
    snapshot = _parsed(digest, database)
    calendars = {step.id: snapshot.occurrences(step) for step in snapshot.campaign.steps}
    return {step: found[-1].due for step, found in calendars.items() if found}


@contextmanager
def opened(
    settings: Settings, *, clock: Clock | None = None, claims: bool = False, kind: str = "work"
) -> Iterator[Process]:
    """This process with its database open and checked; ``claims`` registers it as a worker for the block.

    ``kind`` says to people what sort of worker: ``run``, ``once`` …

    Raises ``LoaError`` when the database is missing, old or locked, or the key is wrong.
    """
    database, keyring = open_store(settings)
    process = Process(settings, database, keyring, clock or campaign_clock(), os.environ)
    try:
        if not claims:
            yield process
            return
        with Registration(database, kind) as worker:
            process.worker = worker
            yield process
    finally:
        database.close()
