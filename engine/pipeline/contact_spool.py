"""Good rows of a list, put aside on disk and taken back in the order of their numbers' hashes.

That order finds numbers that come twice (they stand together) in constant memory, and makes the store's unique
index grow at one end of what is new: at a million contacts a chunk in the order of the list touches a page of it
a row. The spool is an unnamed scratch database of SQLite, gone when closed; numbers and names are sealed in it.
"""

import json
import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

from engine.errors import LoaError
from engine.pipeline.contact_row import Rest

_BATCH = 2000
_KEPT = 50_000


class Spooled(NamedTuple):
    """A good row. ``name_mark`` and ``mark`` are keyed 64-bit marks of the name and of all that the row says."""

    phone_hash: bytes
    row: int
    mark: int
    phone_sealed: bytes
    name_sealed: bytes | None
    name_mark: int | None
    prefix: str
    rest: str


class Together(NamedTuple):
    """All rows of one number: the first of them, how many there are, and whether they say different things."""

    first: Spooled
    count: int
    differ: bool


class Spool:
    """Filled once, then read once. A context manager; errors of the disk become ``contacts.no-scratch``."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._others = array("i")  # for each row in conflict, another row of its number
        self.conflicts = 0

    def __enter__(self) -> "Spool":
        for pragma in ("journal_mode = OFF", "cache_size = -16384"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(
            "CREATE TABLE spool (phone_hash BLOB, row INTEGER, mark INTEGER, phone_sealed BLOB, name_sealed BLOB,"
            " name_mark INTEGER, prefix TEXT, rest TEXT)"
        )
        self._database.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self._database.close()
        if isinstance(error, sqlite3.OperationalError):
            raise LoaError("contacts.no-scratch") from None

    def fill(self, rows: Iterable[Spooled]) -> int:
        """Put every row aside; gives how many."""
        waiting, count = iter(rows), 0
        while batch := list(islice(waiting, _BATCH)):
            self._database.executemany("INSERT INTO spool VALUES (?, ?, ?, ?, ?, ?, ?, ?)", batch)
            count += len(batch)
        return count

    def numbers(self) -> Iterator[Together]:
        """Every number once, in the order of hashes. Numbers whose rows differ are remembered as conflicts."""
        found = self._database.execute("SELECT * FROM spool ORDER BY phone_hash, row")
        for _, rows in groupby(found, itemgetter(0)):
            first = Spooled._make(next(rows))
            places, differ = [first.row], False
            for row in rows:
                places.append(row[1])
                differ = differ or row[2] != first.mark
            if differ:
                self._remember(places)
            yield Together(first, len(places), differ)

    def _remember(self, places: list[int]) -> None:
        if len(self._others) <= places[-1]:
            self._others.extend([0] * (places[-1] + 1 - len(self._others)))
        for place in places:
            self._others[place] = places[0]
        self._others[places[0]] = places[-1]
        self.conflicts += len(places)

    def other_row(self, row: int) -> int | None:
        """For a row in conflict, another row of the same number; known when ``numbers`` has gone through."""
        return (self._others[row] or None) if row < len(self._others) else None


class RestWords:
    """``Rest`` as text and back, each distinct one worked out once."""

    def __init__(self) -> None:
        self._words: dict[Rest, str] = {}
        self._rests: dict[str, Rest] = {}

    def write(self, rest: Rest) -> str:
        words = self._words.get(rest)
        if words is None:
            if len(self._words) >= _KEPT:
                self._words.clear()
            words = self._words[rest] = json.dumps(rest)
        return words

    def read(self, words: str) -> Rest:
        rest = self._rests.get(words)
        if rest is None:
            if len(self._rests) >= _KEPT:
                self._rests.clear()
            era, commune, language, consent, groups = json.loads(words)
            rest = self._rests[words] = Rest(era, commune, language, consent, groups and tuple(groups))
        return rest
