"""Broadcasts as rows: made with a run, found by their link, confirmed, and reminded of once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, or_, select, text, update

from engine.status import CampaignStatus, RunStatus, StepStatus
from engine.store.broadcast_tables import Broadcast
from engine.store.instant import Instant
from engine.store.tables import CampaignState, Delivery, Rendering, Run, StepState, table_of

BROADCAST = table_of(Broadcast)
_RUN, _DELIVERY, _RENDERING = table_of(Run), table_of(Delivery), table_of(Rendering)

_STATE, _STEP = table_of(CampaignState), table_of(StepState)
SCRIPT = "script|"  # before the key of the invitation's rendering: the words behind its link
REMINDED_WITHIN = timedelta(hours=24)  # of the hour for it; later than that nobody wants to hear of it

# A relay whose row is only excluded gets no link and has nothing to read.
_TO_MAKE = text(
    "SELECT d.id, d.contact_id, d.era, d.commune, s.id AS script_id, s.language, s.words FROM delivery d"
    " JOIN rendering r ON r.id = d.rendering_id JOIN rendering s ON s.run_id = d.run_id"
    f" AND s.tuple_key = '{SCRIPT}' || r.tuple_key WHERE d.run_id = :run AND d.status = 'queued'"
    " AND NOT EXISTS (SELECT 1 FROM broadcast b WHERE b.run_id = d.run_id AND b.contact_id = d.contact_id)"
    " ORDER BY d.contact_id LIMIT :most"
)
_MAKE = text(
    "INSERT INTO broadcast (run_id, contact_id, delivery_id, token_hash, era, commune, language, script_id, minutes,"
    " planned_at, remind_at, closes_at) VALUES (:run_id, :contact_id, :delivery_id, :token_hash, :era, :commune,"
    " :language, :script_id, :minutes, :planned_at, :remind_at, :closes_at) ON CONFLICT DO NOTHING"
).bindparams(*(bindparam(name, type_=Instant) for name in ("planned_at", "remind_at", "closes_at")))


def without(connection: Connection, run_id: int, most: int) -> Sequence[Row[Any]]:
    """Queued deliveries of a run that have no broadcast yet, with the script each leads to."""
    return connection.execute(_TO_MAKE, {"run": run_id, "most": most}).all()


def make(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert broadcasts; those that another process has made meanwhile stay."""
    connection.execute(_MAKE, list(rows))


def of_delivery(connection: Connection, delivery_id: int) -> tuple[int, int] | None:
    """(run, relay) whose link a delivery carries, the first or the reminder; None: it carries none."""
    query = select(BROADCAST.c.run_id, BROADCAST.c.contact_id).where(
        or_(BROADCAST.c.delivery_id == delivery_id, BROADCAST.c.reminder_id == delivery_id)
    )
    row = connection.execute(query).first()
    return (row.run_id, row.contact_id) if row is not None and row.contact_id is not None else None


# Whether somebody has cancelled it, also after its links had gone out: then the run itself is long finished.
_CALLED_OFF = or_(
    _RUN.c.status == str(RunStatus.CANCELLED),
    exists().where(_STATE.c.campaign == _RUN.c.campaign, _STATE.c.status == str(CampaignStatus.CANCELLED)),
    exists().where(
        _STEP.c.campaign == _RUN.c.campaign, _STEP.c.step == _RUN.c.step, _STEP.c.status == str(StepStatus.CANCELLED)
    ),
).label("called_off")
_SHOWN = (
    *BROADCAST.c, _RENDERING.c.words, _RUN.c.campaign, _RUN.c.step, _RUN.c.occurrence, _RUN.c.digest, _CALLED_OFF,
)  # fmt: skip


def one(connection: Connection, which: bytes | int, *, lock: bool = False) -> Row[Any] | None:
    """A broadcast with its script and run: behind a link (its token's hash), or by number. None: there is none."""
    found = BROADCAST.c.id == which if isinstance(which, int) else BROADCAST.c.token_hash == which
    query = (
        select(*_SHOWN)
        .join(_RUN, _RUN.c.id == BROADCAST.c.run_id)
        .join(_RENDERING, _RENDERING.c.id == BROADCAST.c.script_id)
        .where(found)
    )
    return connection.execute(query.with_for_update(of=BROADCAST) if lock else query).first()


def confirm(connection: Connection, broadcast_id: int, *, times: int, read_at: datetime, at: datetime, by: str) -> None:
    """Note that it was read; again: the newer word counts. ``by``: ``link`` or ``office``."""
    connection.execute(
        update(BROADCAST)
        .where(BROADCAST.c.id == broadcast_id)
        .values(times=times, read_at=read_at, confirmed_at=at, confirmed_by=by)
    )


def of_campaign(connection: Connection, campaign: str, step: str | None = None) -> Sequence[Any]:
    """Every broadcast of a campaign (or one step), in the order of the planned hours and places.

    Not of relays whom a gate left out at the claim (they had opted out): nobody has asked them.
    """
    query = select(*_SHOWN).join(_RUN, _RUN.c.id == BROADCAST.c.run_id)
    query = query.join(_RENDERING, _RENDERING.c.id == BROADCAST.c.script_id)
    query = query.where(_RUN.c.campaign == campaign)
    query = query.outerjoin(_DELIVERY, _DELIVERY.c.id == BROADCAST.c.delivery_id)
    query = query.where(or_(_DELIVERY.c.id.is_(None), _DELIVERY.c.status != "excluded", BROADCAST.c.times > 0))
    if step is not None:
        query = query.where(_RUN.c.step == step)
    order = (BROADCAST.c.planned_at, BROADCAST.c.era, BROADCAST.c.commune, BROADCAST.c.id)
    return connection.execute(query.order_by(*order)).all()


def _to_remind(now: datetime) -> Any:
    return (
        BROADCAST.c.confirmed_at.is_(None),
        BROADCAST.c.reminded_at.is_(None),
        BROADCAST.c.contact_id.is_not(None),
        BROADCAST.c.remind_at > now - REMINDED_WITHIN,
    )


def runs_to_remind(connection: Connection, now: datetime) -> list[int]:
    """Runs with relays who have not confirmed, whose hour for the reminder has come."""
    query = select(BROADCAST.c.run_id).distinct().where(*_to_remind(now), BROADCAST.c.remind_at <= now)
    return sorted(connection.execute(query).scalars())


def next_reminder(connection: Connection, now: datetime, campaign: str | None = None) -> datetime | None:
    """When the next reminder comes due, also one that has; None: nobody is left to be reminded."""
    query = select(BROADCAST.c.remind_at).where(*_to_remind(now)).order_by(BROADCAST.c.remind_at).limit(1)
    if campaign is not None:
        query = query.where(exists().where(_RUN.c.id == BROADCAST.c.run_id, _RUN.c.campaign == campaign))
    found: datetime | None = connection.execute(query).scalar()
    return found


_REMIND = text(
    "INSERT INTO delivery (run_id, contact_id, era, commune, language, variant, prefix, rendering_id, segments, sender,"
    " status, attempt, cost_vnd) SELECT :reminder, d.contact_id, d.era, d.commune, d.language, d.variant, d.prefix,"
    " :rendering, CAST(:segments AS INTEGER), :sender, 'queued', 0, :cost FROM broadcast b"
    " JOIN delivery d ON d.id = b.delivery_id WHERE b.run_id = :run AND b.confirmed_at IS NULL"
    " AND b.reminded_at IS NULL AND d.status NOT IN ('excluded', 'cancelled', 'queued', 'sending') AND {language}"
    " AND d.sender IN :among"
)
_LINK = text(
    "UPDATE broadcast SET reminder_id = (SELECT d.id FROM delivery d WHERE d.run_id = :reminder"
    " AND d.contact_id = broadcast.contact_id) WHERE run_id = :run AND EXISTS (SELECT 1 FROM delivery d"
    " WHERE d.run_id = :reminder AND d.contact_id = broadcast.contact_id)"
)


def remind(
    connection: Connection, run_id: int, reminder: int, *, english: bool, rendering: int, segments: int,
    sender: str, cost_vnd: int, among: Sequence[str],
) -> int:  # fmt: skip
    """Queue the reminder of a run for those who got its link and have not confirmed; how many.

    ``english``: those who read English, else the others. ``among``: the senders of the road by which the link went.
    The caller's transaction holds the run.
    """
    which = "d.language LIKE 'en%'" if english else "d.language NOT LIKE 'en%'"
    statement = text(_REMIND.text.replace("{language}", which)).bindparams(bindparam("among", expanding=True))
    values = {
        "reminder": reminder, "rendering": rendering, "segments": segments, "sender": sender, "cost": cost_vnd,
        "run": run_id, "among": list(among),
    }  # fmt: skip
    return connection.execute(statement, values).rowcount


def note_reminded(connection: Connection, run_id: int, reminder: int, at: datetime) -> None:
    """Nobody of a run is reminded again; those who were know by which delivery."""
    connection.execute(_LINK, {"run": run_id, "reminder": reminder})
    waiting = (BROADCAST.c.run_id == run_id) & BROADCAST.c.confirmed_at.is_(None) & BROADCAST.c.reminded_at.is_(None)
    connection.execute(update(BROADCAST).where(waiting).values(reminded_at=at))


def forget_people(connection: Connection, run_id: int) -> None:
    """Let go of who was to read: the run's retention is over. What was read, where and how often, stays."""
    connection.execute(
        update(BROADCAST)
        .where(BROADCAST.c.run_id == run_id)
        .values(contact_id=None, delivery_id=None, reminder_id=None, token_hash=None)
    )


def after(connection: Connection, broadcast_id: int) -> list[tuple[int, datetime]]:
    """(number, planned hour) of the broadcasts made after that one, in order."""
    query = select(BROADCAST.c.id, BROADCAST.c.planned_at).where(BROADCAST.c.id > broadcast_id)
    return [(row.id, row.planned_at) for row in connection.execute(query.order_by(BROADCAST.c.id))]


def reminded_by(connection: Connection, reminder: int) -> list[int]:
    """The broadcasts whose relays a reminder's run goes to."""
    query = select(BROADCAST.c.id).join(_DELIVERY, _DELIVERY.c.id == BROADCAST.c.reminder_id)
    return list(connection.execute(query.where(_DELIVERY.c.run_id == reminder).order_by(BROADCAST.c.id)).scalars())


def was_handed(connection: Connection, broadcast_id: int) -> bool:
    """Whether its link has been handed over, at first or by the reminder."""
    query = select(_DELIVERY.c.id).where(
        or_(_DELIVERY.c.id == BROADCAST.c.delivery_id, _DELIVERY.c.id == BROADCAST.c.reminder_id),
        BROADCAST.c.id == broadcast_id,
        _DELIVERY.c.handed_at.is_not(None),
    )
    return connection.execute(query).first() is not None
