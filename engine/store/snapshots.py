"""Snapshots and approvals as rows. What they mean is decided in engine.pipeline.approve."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, text, update

from engine.status import CampaignStatus
from engine.store import campaigns
from engine.store.crypto import Keyring
from engine.store.instant import Instant
from engine.store.tables import Approval, SnapshotFile, SnapshotRow, table_of

_SNAPSHOT = table_of(SnapshotRow)
_APPROVAL = table_of(Approval)
_FILE = table_of(SnapshotFile)
_KEEP = text(
    "INSERT INTO snapshot (digest, campaign, content, created_at) VALUES (:digest, :campaign, :content, :at)"
    " ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=Instant))
_KEEP_FILE = text(
    "INSERT INTO snapshot_file (digest, file, content) VALUES (:digest, :file, :content) ON CONFLICT DO NOTHING"
)


def keep(connection: Connection, *, digest: str, campaign: str, content: str, at: datetime) -> None:
    """Store a snapshot; the same digest is stored once."""
    connection.execute(_KEEP, {"digest": digest, "campaign": campaign, "content": content, "at": at})


def content_of(connection: Connection, digest: str) -> str:
    """The canonical JSON of a snapshot; ``LookupError`` when there is none."""
    content = connection.execute(select(_SNAPSHOT.c.content).where(_SNAPSHOT.c.digest == digest)).scalar()
    if content is None:
        raise LookupError(digest)
    return str(content)


def keep_files(connection: Connection, digest: str, files: Mapping[str, str]) -> None:
    """Store the files a snapshot was made from, as they were written; those of a digest are stored once."""
    rows = [{"digest": digest, "file": file, "content": content} for file, content in sorted(files.items())]
    if rows:
        connection.execute(_KEEP_FILE, rows)


def files_of(connection: Connection, digest: str) -> dict[str, str]:
    """The files a snapshot was made from; empty for one that nobody approved."""
    query = select(_FILE.c.file, _FILE.c.content).where(_FILE.c.digest == digest)
    return {row.file: row.content for row in connection.execute(query)}


def add_approval(connection: Connection, keyring: Keyring, by: str, values: dict[str, Any]) -> None:
    """Add one person's approval; the name is sealed. An earlier one by the same person of the same gives way.

    Names are one person's when they differ only in case.
    """
    by_hash = keyring.person_hash(by.casefold())
    same = (_APPROVAL.c.campaign == values["campaign"]) & (_APPROVAL.c.digest == values["digest"])
    connection.execute(
        update(_APPROVAL)
        .where(same, _APPROVAL.c.by_hash == by_hash, _APPROVAL.c.voided_at.is_(None))
        .values(voided_at=values["at"], void_reason="approved_again")
    )
    connection.execute(insert(_APPROVAL).values(by_sealed=keyring.seal(by), by_hash=by_hash, **values))


def standing(connection: Connection, campaign: str) -> Sequence[RowMapping]:
    """Approvals of a campaign that have not been voided, oldest first."""
    query = (
        select(_APPROVAL)
        .where(_APPROVAL.c.campaign == campaign, _APPROVAL.c.voided_at.is_(None))
        .order_by(_APPROVAL.c.id)
    )
    return connection.execute(query).mappings().all()


def all_approvals(connection: Connection, campaign: str) -> Sequence[RowMapping]:
    """Every approval a campaign has had, voided ones too, oldest first."""
    query = select(_APPROVAL).where(_APPROVAL.c.campaign == campaign).order_by(_APPROVAL.c.id)
    return connection.execute(query).mappings().all()


def approved_digests(connection: Connection) -> dict[str, str]:
    """Campaign → digest of its newest standing approval."""
    query = select(_APPROVAL.c.campaign, _APPROVAL.c.digest).where(_APPROVAL.c.voided_at.is_(None))
    return {row.campaign: row.digest for row in connection.execute(query.order_by(_APPROVAL.c.id))}


def void(
    connection: Connection,
    campaign: str,
    *,
    at: datetime,
    reason: str,
    changes: str | None = None,
    but_digest: str | None = None,
) -> int:
    """Void the campaign's standing approvals (of other digests than ``but_digest``); how many there were.

    ``changes`` (JSON) are the lines that are not as they were approved.
    """
    query = update(_APPROVAL).where(_APPROVAL.c.campaign == campaign, _APPROVAL.c.voided_at.is_(None))
    if but_digest is not None:
        query = query.where(_APPROVAL.c.digest != but_digest)
    return connection.execute(query.values(voided_at=at, void_reason=reason, void_changes=changes)).rowcount


def state_of(connection: Connection, campaign: str) -> str:
    """Whether a person has stopped a campaign: active, paused or cancelled. All of it: ``campaigns.status_of``."""
    status = campaigns.status_of(connection, campaign)
    return str(status) if status in (CampaignStatus.PAUSED, CampaignStatus.CANCELLED) else "active"
