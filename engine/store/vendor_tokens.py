"""Single-use tokens of vendors: kept sealed, changed by compare-and-set, renewed by one process at a time.

Whoever renews holds a lock that dies with its process (``engine.store.locks``), never a transaction: a vendor is called
meanwhile. The compare-and-set holds even where that lock were lost.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from engine.clock import real
from engine.errors import LoaError
from engine.store.crypto import Keyring
from engine.store.database import Database
from engine.store.locks import LifeLock
from engine.store.tables import table_of
from engine.store.token_tables import VendorToken

_TOKEN = table_of(VendorToken)
_PATIENCE, _PAUSE = 30.0, 0.05  # seconds for another's renewal, which takes ten at most


class Stored(NamedTuple):
    """What is kept: its version and the text, which is secret."""

    version: int
    text: str


class VendorTokens:
    """The tokens of one account at one vendor; ``channels.token_keeper.TokenKeeper`` says what is promised."""

    def __init__(
        self, database: Database, keyring: Keyring, account: str, seconds: Callable[[], float] = real,
        patience: float = _PATIENCE,
    ) -> None:  # fmt: skip
        self._database, self._keyring, self._account, self._seconds = database, keyring, account, seconds
        self._patience = patience

    async def load(self) -> Stored | None:
        """What is kept now. Raises ``LoaError``."""
        return await asyncio.to_thread(self._load)

    async def replace(self, seen: int, text: str) -> bool:
        """Keep ``text`` if the version is still ``seen``; on the disk when this returns. Raises ``LoaError``."""
        return await asyncio.to_thread(self._replace, seen, text)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """The only one of all processes for the block. Raises ``LoaError`` (``store.token-locked``)."""
        # a name of the file system's and the server's alphabet, whatever is in an account's
        name = f"token-{hashlib.sha256(self._account.encode()).hexdigest()[:16]}"
        lock = LifeLock(self._database, name)
        tries = max(1, int(self._patience / _PAUSE))
        for _ in range(tries):
            if await _taken(lock):
                break
            await asyncio.sleep(_PAUSE)
        else:
            raise LoaError("store.token-locked")
        try:
            yield
        finally:
            await asyncio.to_thread(lock.let_go)

    def _load(self) -> Stored | None:
        with self._database.read() as connection:
            row = connection.execute(
                select(_TOKEN.c.version, _TOKEN.c.sealed).where(_TOKEN.c.account == self._account)
            ).first()
        return Stored(row.version, self._keyring.unseal(bytes(row.sealed))) if row else None

    def _replace(self, seen: int, text: str) -> bool:
        values = {"version": seen + 1, "sealed": self._keyring.seal(text), "changed_real": self._seconds()}
        try:
            with self._database.write() as connection:
                if seen == 0:
                    connection.execute(insert(_TOKEN).values(account=self._account, **values))
                    return True
                here = (_TOKEN.c.account == self._account) & (_TOKEN.c.version == seen)
                return connection.execute(update(_TOKEN).where(here).values(**values)).rowcount == 1
        except IntegrityError:  # somebody else was the first
            return False


async def _taken(lock: LifeLock) -> bool:
    """Try once, in a thread. Whoever is cancelled meanwhile leaves no lock behind that is nobody's."""
    trying = asyncio.ensure_future(asyncio.to_thread(lock.take))
    try:
        return await asyncio.shield(trying)
    except asyncio.CancelledError:
        trying.add_done_callback(lambda _: lock.let_go())
        raise
