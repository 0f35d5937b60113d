"""Numbers that come twice in one list, found in constant memory.

A first pass over the list puts the keyed hash of each number, a fingerprint of its row and the row's place into
a private scratch database of SQLite (an unnamed file, gone when closed); one GROUP BY then finds the repeats.
What stays in memory is four bytes a row: 4 MB for a million.
"""

import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from itertools import islice

from engine.errors import LoaError

_BATCH = 5000


class Repeats:
    """For each row of a list: nothing, a repeat of an earlier row, or in conflict with another one."""

    def __init__(self, marks: Sequence[int]) -> None:
        self._marks = marks
        self.conflicts = sum(mark > 0 for mark in marks)

    def is_repeat(self, row: int) -> bool:
        """Whether an earlier row says exactly the same of this number."""
        return row < len(self._marks) and self._marks[row] < 0

    def conflict(self, row: int) -> int | None:
        """Another row that has this row's number with different data."""
        mark = self._marks[row] if row < len(self._marks) else 0
        return mark if mark > 0 else None


def find_repeats(rows: Iterable[tuple[bytes, int, int]]) -> Repeats:
    """Repeats among (hash of the number, fingerprint of the data, row number).

    Raises ``LoaError`` (``contacts.no-scratch``) when the disk has no room for the scratch file.
    """
    scratch = sqlite3.connect("", isolation_level=None)
    try:
        scratch.execute("PRAGMA journal_mode = OFF")
        scratch.execute("PRAGMA cache_size = -8192")
        scratch.execute("CREATE TABLE seen (hash BLOB, fingerprint INTEGER, row INTEGER)")
        scratch.execute("BEGIN")
        waiting = iter(rows)
        last = 0
        while batch := list(islice(waiting, _BATCH)):
            scratch.executemany("INSERT INTO seen VALUES (?, ?, ?)", batch)
            last = batch[-1][2]
        marks = array("i", bytes(4 * (last + 1)))
        found = scratch.execute(
            "SELECT s.row, d.first, d.last, d.differ FROM seen s JOIN ("
            "SELECT hash, min(row) AS first, max(row) AS last, min(fingerprint) <> max(fingerprint) AS differ"
            " FROM seen GROUP BY hash HAVING count(*) > 1) d ON d.hash = s.hash"
        )
        for row, first, final, differ in found:
            if differ:
                marks[row] = final if row == first else first
            elif row != first:
                marks[row] = -first
        return Repeats(marks)
    except sqlite3.OperationalError:
        raise LoaError("contacts.no-scratch") from None
    finally:
        scratch.close()
