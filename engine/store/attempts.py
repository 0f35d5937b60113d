"""Vendor calls that did not simply end in acceptance: what was said (sealed), and that a row was once in doubt."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, text

from engine.store.instant import Instant

_KEEP = text(
    "INSERT INTO attempt (delivery_id, attempt, sender, status, code, vendor_id, detail_sealed, ended_at)"
    " VALUES (:delivery_id, :attempt, :sender, :status, :code, :vendor_id, :detail_sealed, :ended_at)"
    " ON CONFLICT DO NOTHING"
).bindparams(bindparam("ended_at", type_=Instant))
_NOTHING_SAID = {"code": None, "vendor_id": None, "detail_sealed": None}


def keep(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep attempts (``delivery_id, attempt, sender, status, ended_at``; ``code, vendor_id, detail_sealed`` if any).

    The first word on an attempt stays. A row with an attempt of status ``unknown`` never changes its sender again.
    """
    if rows:
        connection.execute(_KEEP, [_NOTHING_SAID | dict(row) for row in rows])
