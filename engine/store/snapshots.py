"""Snapshots and approvals as rows. What they mean is decided in engine.pipeline.approve."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, text, update

from engine.store.crypto import Keyring
from engine.store.instant import Instant
from engine.store.tables import Approval, CampaignState, SnapshotRow, table_of

_SNAPSHOT = table_of(SnapshotRow)
_APPROVAL = table_of(Approval)
_STATE = table_of(CampaignState)
_KEEP = text(
    "INSERT INTO snapshot (digest, campaign, content, created_at) VALUES (:digest, :campaign, :content, :at)"
    " ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=Instant))


def keep(connection: Connection, *, digest: str, campaign: str, content: str, at: datetime) -> None:
    """Store a snapshot; the same digest is stored once."""
    connection.execute(_KEEP, {"digest": digest, "campaign": campaign, "content": content, "at": at})


def content_of(connection: Connection, digest: str) -> str:
    """The canonical JSON of a snapshot; ``LookupError`` when there is none."""
    content = connection.execute(select(_SNAPSHOT.c.content).where(_SNAPSHOT.c.digest == digest)).scalar()
    if content is None:
        raise LookupError(digest)
    return str(content)


def add_approval(connection: Connection, keyring: Keyring, by: str, values: dict[str, Any]) -> None:
    """Add one person's approval; the name is sealed."""
    connection.execute(insert(_APPROVAL).values(by_sealed=keyring.seal(by), **values))


def standing(connection: Connection, campaign: str) -> Sequence[RowMapping]:
    """Approvals of a campaign that have not been voided, oldest first."""
    query = (
        select(_APPROVAL)
        .where(_APPROVAL.c.campaign == campaign, _APPROVAL.c.voided_at.is_(None))
        .order_by(_APPROVAL.c.id)
    )
    return connection.execute(query).mappings().all()


def approved_digests(connection: Connection) -> dict[str, str]:
    """Campaign → digest of its newest standing approval."""
    query = select(_APPROVAL.c.campaign, _APPROVAL.c.digest).where(_APPROVAL.c.voided_at.is_(None))
    return {row.campaign: row.digest for row in connection.execute(query.order_by(_APPROVAL.c.id))}


def void(connection: Connection, campaign: str, *, at: datetime, reason: str, but_digest: str | None = None) -> int:
    """Void the campaign's standing approvals (of other digests than ``but_digest``); how many there were."""
    query = update(_APPROVAL).where(_APPROVAL.c.campaign == campaign, _APPROVAL.c.voided_at.is_(None))
    if but_digest is not None:
        query = query.where(_APPROVAL.c.digest != but_digest)
    return connection.execute(query.values(voided_at=at, void_reason=reason)).rowcount


def ensure_state(connection: Connection, campaign: str) -> None:
    """A row for the campaign's budget and state; an existing one stays."""
    connection.execute(
        text(
            "INSERT INTO campaign_state (campaign, state, reserved_vnd) VALUES (:campaign, 'active', 0)"
            " ON CONFLICT DO NOTHING"
        ),
        {"campaign": campaign},
    )


def state_of(connection: Connection, campaign: str) -> str:
    """active, paused or cancelled."""
    return str(
        connection.execute(
            select(func.coalesce(func.max(_STATE.c.state), "active")).where(_STATE.c.campaign == campaign)
        ).scalar_one()
    )


def set_state(connection: Connection, campaign: str, state: str) -> None:
    """Stop or start a whole campaign."""
    ensure_state(connection, campaign)
    connection.execute(update(_STATE).where(_STATE.c.campaign == campaign).values(state=state))


def reserve(connection: Connection, campaign: str, cost_vnd: int, budget_vnd: int | None) -> bool:
    """Take ``cost_vnd`` from the budget by one conditional UPDATE; False when it does not fit."""
    ensure_state(connection, campaign)
    query = update(_STATE).where(_STATE.c.campaign == campaign)
    if budget_vnd is not None:
        query = query.where(_STATE.c.reserved_vnd + cost_vnd <= budget_vnd)
    return connection.execute(query.values(reserved_vnd=_STATE.c.reserved_vnd + cost_vnd)).rowcount == 1
