"""Opt-outs: a number that must not be written to until the person opts in again."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, text, update

from engine.store.instant import Instant
from engine.store.tables import Contact, table_of

_CONTACT = table_of(Contact)
_INSERT = text(
    "INSERT INTO opt_out (phone_hash, at, source) VALUES (:phone_hash, :at, :source) ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=Instant))


def opt_out(connection: Connection, phone_hashes: Iterable[bytes], *, at: datetime, source: str) -> int:
    """Record opt-outs by the number's hash; how many contacts were marked by it.

    ``source`` says how it came (``vendor``, ``hotline``, ``import``). An earlier opt-out stays as it is. Contacts
    carry a mark too, so that the fan-out needs no look-up; numbers we do not hold are kept for later imports.
    """
    marked = 0
    for phone_hash in sorted(set(phone_hashes)):
        connection.execute(_INSERT, {"phone_hash": phone_hash, "at": at, "source": source})
        marked += connection.execute(
            update(_CONTACT)
            .where(_CONTACT.c.phone_hash == phone_hash, _CONTACT.c.opted_out_at.is_(None))
            .values(opted_out_at=at, updated_at=at)
        ).rowcount
    return marked
