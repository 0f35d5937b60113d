"""How senders stand: free, resting, probed, stopped. Rows only; what follows what is engine.pipeline.breaker's."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, RowMapping, func, select, text, update

from engine.store.tables import SenderState, TallyTrait, table_of

_SENDER = table_of(SenderState)
_TRAIT = table_of(TallyTrait)
FOREVER = 1e18  # real seconds: until a person releases it
LONGEST_REST = 3700.0  # no vendor's Retry-After and no pause of ours is longer: what is, a wrong clock has written


@dataclass(frozen=True, slots=True)
class Standing:
    """What is kept of a sender's breaker; all times are real seconds.

    ``held_until``/``held_reason``: nothing is claimed before. ``opened_real``: since when it has not been free (None:
    it is, or rests by the vendor's wish only). ``closed_real``: when it became free again. ``holds``: rests one after
    the other. ``failures``/``successes``: since the first failure of the present window; ``in_a_row``: failures
    without a success between; ``throttles``: 429s likewise, a burst counted once. ``probe_id``: the delivery that
    goes ahead to see whether the sender works again, until ``probe_until`` at most.
    """

    held_until: float | None = None
    held_reason: str | None = None
    holds: int = 0
    opened_real: float | None = None
    closed_real: float | None = None
    failures: int = 0
    successes: int = 0
    in_a_row: int = 0
    throttles: int = 0
    probe_id: int | None = None
    probe_until: float | None = None

    @property
    def stopped(self) -> bool:
        """Whether only a person lets it go on."""
        return self.held_until is not None and self.held_until >= FOREVER

    def rests(self, real_now: float) -> bool:
        """Whether nothing may be claimed at ``real_now``. A rest that no rule gives is a wrong clock's and is over."""
        if self.held_until is None or self.held_until <= real_now:
            return False
        return self.stopped or self.held_until <= real_now + LONGEST_REST


_FIELDS = tuple(Standing.__dataclass_fields__)
_COLUMNS = [_SENDER.c[name] for name in _FIELDS]
_ENSURE = text(
    "INSERT INTO sender_state (sender, next_real, holds, failures, successes, in_a_row, throttles)"
    " VALUES (:sender, 0, 0, 0, 0, 0, 0) ON CONFLICT (sender) DO NOTHING"
)


def ensure(connection: Connection, sender: str) -> None:
    """A row for the sender; an existing one stays."""
    connection.execute(_ENSURE, {"sender": sender})


def lock(connection: Connection, sender: str) -> Standing:
    """How a sender stands, and nobody else moves it before this transaction ends (SQLite: by its one lock)."""
    query = select(*_COLUMNS).where(_SENDER.c.sender == sender).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        ensure(connection, sender)
        row = connection.execute(query).one()
    return Standing(*row)


def save(connection: Connection, sender: str, standing: Standing) -> None:
    """Write what became of a sender that this transaction has locked."""
    connection.execute(update(_SENDER).where(_SENDER.c.sender == sender).values(**asdict(standing)))


def standings(connection: Connection) -> dict[str, Standing]:
    """Every sender that has a row, as it stands."""
    rows = connection.execute(select(_SENDER.c.sender, *_COLUMNS).order_by(_SENDER.c.sender))
    return {row[0]: Standing(*row[1:]) for row in rows}


def release(connection: Connection, sender: str) -> bool:
    """Let ``sender`` send again, as if it had never failed; False when it was free."""
    freed = connection.execute(
        update(_SENDER)
        .where(_SENDER.c.sender == sender, func.coalesce(_SENDER.c.held_until, _SENDER.c.opened_real).is_not(None))
        .values(**asdict(Standing()))
    )
    return freed.rowcount == 1


def held(connection: Connection, real_now: float) -> dict[str, tuple[float, str, int]]:
    """Sender → (until, reason, how many times in a row) of those held now."""
    return {
        sender: (standing.held_until or 0.0, standing.held_reason or "overloaded", standing.holds)
        for sender, standing in standings(connection).items()
        if standing.rests(real_now)
    }


def queues(connection: Connection) -> dict[str, dict[str, int]]:
    """Sender → status → deliveries that are queued, being sent or in doubt; from the tallies, whatever their number."""
    query = (
        select(_TRAIT.c.value, _TRAIT.c.status, func.sum(_TRAIT.c.deliveries))
        .where(_TRAIT.c.trait == "sender", _TRAIT.c.status.in_(["queued", "sending", "unknown"]))
        .group_by(_TRAIT.c.value, _TRAIT.c.status)
    )
    found: dict[str, dict[str, int]] = {}
    for sender, status, deliveries in connection.execute(query):
        if deliveries:
            found.setdefault(sender, {})[status] = int(deliveries)
    return found


def as_row(row: RowMapping) -> Standing:
    """The standing in a row of the whole table."""
    return Standing(**{name: row[name] for name in _FIELDS})
