"""Many rows by one statement, past SQLAlchemy's types: for the three or four statements that every message costs.

Measured on a batch of 500 moves: SQLAlchemy's executemany builds and converts a dictionary of parameters a row (8 to
12 µs), an ``IN`` of 500 values is rendered and prepared anew each time (3 µs a row), and ``dict(row)`` of a mapping
costs 8 µs. Plain tuples to and from the driver cost a tenth of that; instants then come and go as the database has
them, and ``stored`` and ``read_instant`` turn them.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, CursorResult

_TEXT = "%04d-%02d-%02d %02d:%02d:%02d.%06d"  # 0.6 µs, against 1.6 of ``isoformat`` without the zone
LISTED = "{listed}"  # the place of the list in a statement of ``read_listed``


def write_many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Execute ``statement``, whose values are ``?``, for each of ``rows``; how many rows of the table it met."""
    if not rows:
        return 0
    words = statement if _is_sqlite(connection) else _for_postgresql(statement)
    return connection.exec_driver_sql(words, rows).rowcount


def read_listed(
    connection: Connection, statement: str, values: Iterable[int | str], *, lock: bool = False
) -> Sequence[tuple[Any, ...]]:
    """The rows of ``statement``, in which ``x {listed}`` stands for "x is one of ``values``"; no other parameter.

    ``lock`` keeps them from other writers to the end of the transaction (on SQLite all of it does).
    """
    if _is_sqlite(connection):
        words, parameter = _for_sqlite(statement), json.dumps(list(values))
        return _plain(connection.exec_driver_sql(words, (parameter,)))
    words = _for_postgresql(statement) + (" FOR UPDATE" if lock else "")
    return _plain(connection.exec_driver_sql(words, (list(values),)))


def change_listed(
    connection: Connection, statement: str, values: Iterable[int | str], given: tuple[Any, ...] = ()
) -> int:
    """Execute a statement that changes the rows for which ``x {listed}`` holds; how many there were.

    ``given`` are the values of the ``?`` that stand before the list.
    """
    if _is_sqlite(connection):
        return connection.exec_driver_sql(_for_sqlite(statement), (*given, json.dumps(list(values)))).rowcount
    return connection.exec_driver_sql(_for_postgresql(statement), (*given, list(values))).rowcount


def _plain(result: CursorResult[Any]) -> Sequence[tuple[Any, ...]]:
    """The rows as the driver has them: a ``Row`` around each costs as much as reading it."""
    assert result.cursor is not None
    rows: Sequence[tuple[Any, ...]] = result.cursor.fetchall()
    result.close()
    return rows


def stored(connection: Connection) -> Callable[[datetime | None], Any]:
    """What turns an instant into the database's own form: sortable text on SQLite, itself on PostgreSQL.

    It raises ``ValueError`` for a naive one, as ``Instant`` does. Of a batch that has one instant it writes one text.
    """
    return _Texts() if _is_sqlite(connection) else _itself


def read_instant(value: Any) -> datetime | None:
    """An instant as the driver gives it, in UTC."""
    if value is None:
        return None
    if isinstance(value, str):
        return datetime.fromisoformat(value + "+00:00")
    instant: datetime = value
    return instant.astimezone(UTC)


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


@cache
def _for_sqlite(statement: str) -> str:
    return statement.replace(LISTED, "IN (SELECT value FROM json_each(?))")


@cache
def _for_postgresql(statement: str) -> str:
    return statement.replace(LISTED, "= ANY(?)").replace("?", "%s")


class _Texts:
    """Instants as SQLite's text; the last one is remembered."""

    __slots__ = ("_last", "_text")

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._text: str | None = None

    def __call__(self, instant: datetime | None) -> str | None:
        if instant is not self._last:
            self._last, self._text = instant, None if instant is None else _text_of(instant)
        return self._text


def _text_of(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise ValueError("an instant must be aware")
    at = instant.astimezone(UTC)
    return _TEXT % (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)


def _itself(instant: datetime | None) -> datetime | None:
    if instant is not None and instant.tzinfo is None:
        raise ValueError("an instant must be aware")
    return instant
