"""Workers: processes that claim deliveries. Each holds a lock for life, so that its death can be proven.

Each has a row that says what it is, where it runs and when it was last heard of. The row is for people; whether a
worker lives is what its lock says (``engine.store.locks``).
"""

import os
import secrets
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy import delete, insert, select, update

from engine.clock import real
from engine.errors import LoaError
from engine.store.database import Database, Lock
from engine.store.locks import LifeLock, is_free
from engine.store.tables import Worker, table_of

_WORKER = table_of(Worker)
_TRIES, _PAUSE = 40, 0.05  # to hold our lock again while somebody is just asking whether it is free


@dataclass(frozen=True, slots=True)
class WorkerStands:
    """A worker as others see it. ``seen_real`` in real seconds; ``alive`` is what its lock says."""

    id: str
    kind: str
    host: str
    pid: int
    started_real: float
    seen_real: float
    leads: bool
    alive: bool


class Registration:
    """This process as a worker: ``id`` for claims, ``slot`` for tallies. A context manager, held for life.

    ``kind`` says to people what it is: ``run``, ``once`` …
    """

    def __init__(self, database: Database, kind: str = "work") -> None:
        self.id = f"{os.getpid():x}-{secrets.token_hex(4)}"
        self.slot = 0
        self._database, self._kind = database, kind
        self._life = LifeLock(database, self.id)

    def __enter__(self) -> Self:
        self._life.take()  # a name that nobody has ever used
        try:
            self._register()
        except BaseException:  # we must not look alive for as long as this process lives
            self._life.let_go(forget=True)
            raise
        return self

    def _register(self) -> None:
        with self._database.write(Lock.MIGRATE) as connection:
            known = connection.execute(select(_WORKER.c.id, _WORKER.c.slot).where(_WORKER.c.id != self.id)).all()
            dead = [row.id for row in known if self.is_dead(row.id)]
            taken = {row.slot for row in known if row.id not in dead}
            if not self._database.is_sqlite:  # one writer at a time needs one slot; many need one each
                self.slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
            connection.execute(delete(_WORKER).where(_WORKER.c.id.in_([*dead, self.id])))
            now = real()
            connection.execute(
                insert(_WORKER).values(
                    id=self.id, slot=self.slot, started_real=now, seen_real=now, kind=self._kind,
                    host=socket.gethostname(), pid=os.getpid(), leads=False,
                )
            )  # fmt: skip

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whoever ends in order leaves no row behind: one without a lock means a crash.
        with suppress(LoaError), self._database.write(Lock.MIGRATE) as connection:
            connection.execute(delete(_WORKER).where(_WORKER.c.id == self.id))
        self._life.let_go(forget=True)

    def beat(self, *, leads: bool) -> bool:
        """Say that we live, and hold our lock again if a server that restarted has lost it; True when it had.

        Without it everybody would take us for dead from then on, and our claims for orphans. Raises ``LoaError``.
        """
        lost = not self._life.held()
        if lost:
            self._take_again()
        with self._database.write(durable=False) as connection:
            query = update(_WORKER).where(_WORKER.c.id == self.id).values(seen_real=real(), leads=leads)
            known = connection.execute(query).rowcount == 1
        if not known:  # somebody has cleared us away meanwhile, and may have our slot
            self._register()
        return lost

    def _take_again(self) -> None:
        for _ in range(_TRIES):
            if self._life.take():
                return
            time.sleep(_PAUSE)
        raise LoaError("store.locked")

    def is_dead(self, worker: str) -> bool:
        """Whether that worker's lock is free. Our own never is."""
        return worker != self.id and is_free(self._database, worker, forget=True)


def leaders(database: Database) -> list[tuple[str, float]]:
    """(worker, when it was last heard of in real seconds) of those that say that they lead."""
    with database.read() as connection:
        rows = connection.execute(select(_WORKER.c.id, _WORKER.c.seen_real).where(_WORKER.c.leads))
        return [(row.id, row.seen_real or 0.0) for row in rows]


def workers(database: Database) -> list[WorkerStands]:
    """Every worker that has a row, those that started first at the front; nothing is cleared away."""
    with database.read() as connection:
        rows = connection.execute(select(_WORKER).order_by(_WORKER.c.started_real, _WORKER.c.id)).mappings().all()
    return [
        WorkerStands(
            id=row["id"],
            kind=row["kind"] or "work",
            host=row["host"] or "",
            pid=row["pid"] or 0,
            started_real=row["started_real"],
            seen_real=row["seen_real"] or row["started_real"],
            leads=bool(row["leads"]),
            alive=not is_free(database, row["id"]),
        )
        for row in rows
    ]
