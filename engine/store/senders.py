"""A sender's state: held for a while, stopped until a person acts, or free."""

from sqlalchemy import Connection, func, select, text, update

from engine.store.tables import SenderState, table_of

_SENDER = table_of(SenderState)
FOREVER = 1e18  # real seconds: until a person releases it


def hold(connection: Connection, sender: str, *, until_real: float, reason: str) -> None:
    """Claim nothing for ``sender`` before ``until_real``; a longer hold that stands is kept."""
    connection.execute(
        text("INSERT INTO sender_state (sender, next_real, holds) VALUES (:sender, 0, 0) ON CONFLICT DO NOTHING"),
        {"sender": sender},
    )
    connection.execute(
        update(_SENDER)
        .where(_SENDER.c.sender == sender, func.coalesce(_SENDER.c.held_until, 0.0) < until_real)
        .values(held_until=until_real, held_reason=reason, holds=_SENDER.c.holds + 1)
    )


def recovered(connection: Connection, sender: str, real_now: float) -> None:
    """Something went through again: the next hold is a short one."""
    connection.execute(
        update(_SENDER)
        .where(_SENDER.c.sender == sender, _SENDER.c.holds > 0, func.coalesce(_SENDER.c.held_until, 0.0) <= real_now)
        .values(holds=0, held_until=None, held_reason=None)
    )


def release(connection: Connection, sender: str) -> bool:
    """Let ``sender`` send again; False when it was not held."""
    freed = connection.execute(
        update(_SENDER)
        .where(_SENDER.c.sender == sender, _SENDER.c.held_until.is_not(None))
        .values(held_until=None, held_reason=None, holds=0)
    )
    return freed.rowcount == 1


def held(connection: Connection, real_now: float) -> dict[str, tuple[float, str, int]]:
    """Sender → (until, reason, how many times in a row) of those held now."""
    query = select(_SENDER).where(_SENDER.c.held_until > real_now)
    return {
        row["sender"]: (row["held_until"], row["held_reason"], row["holds"])
        for row in connection.execute(query).mappings()
    }
