"""Who asked to be left alone after a message: each opt-out belongs to the last delivery before it. Reads rows.

An opt-out is reckoned to the newest delivery that the operator confirmed and that was handed over in the seven days
before it, of whatever campaign. Without such a delivery it belongs to none: the person may have been asked at the door.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select

from engine.clock import VIETNAM
from engine.reports.dimensions import By
from engine.reports.measured import Values
from engine.store.tables import Contact, Delivery, OptOut, table_of

WINDOW = timedelta(days=7)  # from the hand-over to the opt-out
TRAITS: tuple[By, ...] = ("language", "sender", "prefix", "variant", "hour")
_AT_ONCE = 500
_CONTACT, _DELIVERY, _OPT_OUT = table_of(Contact), table_of(Delivery), table_of(OptOut)


class Attributed(NamedTuple):
    """The delivery an opt-out belongs to, as far as reports count it."""

    run_id: int
    era: str
    commune: str
    language: str
    sender: str
    prefix: str
    variant: str
    hour: str


def attributed(connection: Connection) -> Iterator[Attributed]:
    """One for each opt-out that follows a delivery within ``WINDOW``. Reads 500 people at a time, by indexes.

    An opt-out whose contact was erased, or that was taken back since, is not there any more and counts nowhere.
    """
    query = select(_CONTACT.c.id, _OPT_OUT.c.at).join_from(
        _OPT_OUT, _CONTACT, _OPT_OUT.c.phone_hash == _CONTACT.c.phone_hash
    )
    left: dict[int, datetime] = dict(map(tuple, connection.execute(query)))
    ids = sorted(left)
    for start in range(0, len(ids), _AT_ONCE):
        yield from _of(connection, {key: left[key] for key in ids[start : start + _AT_ONCE]})


def _of(connection: Connection, left: dict[int, datetime]) -> Iterator[Attributed]:
    at = _DELIVERY.c
    columns = (at.run_id, at.era, at.commune, at.language, at.sender, at.prefix, at.variant)
    query = (
        select(at.contact_id, at.handed_at, *columns)
        # attempt > 0 as the index of what was claimed has it
        .where(at.contact_id.in_(left), at.attempt > 0, at.status == "delivered", at.handed_at.is_not(None))
        .order_by(at.handed_at, at.id)
    )
    last: dict[int, Attributed] = {}
    for contact, handed_at, *values in connection.execute(query):
        if left[contact] - WINDOW < handed_at <= left[contact]:
            last[contact] = Attributed._make([*values, f"{handed_at.astimezone(VIETNAM).hour:02d}"])
    yield from last.values()


def trait_of(row: Attributed, trait: By) -> str:
    """The row's value of a trait."""
    found: str = getattr(row, trait)
    return found


def values(delivered: int, opt_outs: int | None) -> Values:
    """The measure's columns. ``opt_outs`` None: nobody can say any more."""
    per_1000 = opt_outs * 1000 / delivered if delivered and opt_outs is not None else None
    return {"delivered": delivered, "opt_outs": opt_outs, "opt_outs_per_1000": per_1000}
