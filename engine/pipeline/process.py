"""This process: what every stage of the road needs of it, opened once at the edge and passed inwards."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from engine.clock import Clock, campaign_clock
from engine.content.snapshot import Snapshot
from engine.settings import Settings
from engine.store import snapshots
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

    @property
    def slot(self) -> int:
        """The slot for tallies: the worker's, or 0 for a process that only plans or imports."""
        return self.worker.slot if self.worker else 0

    def snapshot(self, digest: str) -> Snapshot:
        """A stored snapshot; parsed once a process."""
        return _parsed(digest, self.database)


@lru_cache(maxsize=64)
def _parsed(digest: str, database: Database) -> Snapshot:
    with database.read() as connection:
        return Snapshot.from_json(snapshots.content_of(connection, digest))


@contextmanager
def opened(settings: Settings, *, clock: Clock | None = None, claims: bool = False) -> Iterator[Process]:
    """This process with its database open and checked; ``claims`` registers it as a worker for the block.

    Raises ``LoaError`` when the database is missing, old or locked, or the key is wrong.
    """
    database, keyring = open_store(settings)
    process = Process(settings, database, keyring, clock or campaign_clock(), os.environ)
    try:
        if not claims:
            yield process
            return
        with Registration(database, settings.state_folder / "locks") as worker:
            process.worker = worker
            yield process
    finally:
        database.close()
