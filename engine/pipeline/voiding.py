"""The end of an approval: files that are not what was approved, said line by line, and what stops with it."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection

from engine.content.changes import WHOLE_FILE
from engine.content.snapshot import Difference, Snapshot
from engine.pipeline.approvals import is_approved
from engine.pipeline.changes import changes_since, said_all, to_json
from engine.pipeline.process import Process
from engine.status import CampaignStatus, RunStatus
from engine.store import audit, campaigns, runs, snapshots
from engine.store.audit import Signature
from engine.store.database import Lock

VOIDED = "approval_void"  # why a run is paused, and the kind of the incident
_OVER = (CampaignStatus.CANCELLED, CampaignStatus.FINISHED)
MOST_SAID = 4000  # characters of the audit log's line; the whole of it stands with the approval


def void_changed(
    process: Process, current: Mapping[str, Snapshot], known: Collection[str] | None = None
) -> dict[str, list[Difference]]:
    """Void what no longer is what was approved; campaign → what changed, unless it is over. ``current``: today's files.

    ``known`` are the campaigns that have a file at all (None: nobody can say): who takes the file away takes the
    campaign back. A campaign that is not in ``current`` although it has a file (it cannot be read just now) is left
    alone: its approved snapshot is complete, and half a file is not a decision.
    """
    changed: dict[str, list[Difference]] = {}
    for campaign, snapshot in current.items():
        with process.database.read() as connection:
            old = [
                row["digest"] for row in snapshots.standing(connection, campaign) if row["digest"] != snapshot.digest
            ]
            what = changes_since(process, connection, old[-1], snapshot) if old else []
        if old and _void(process, campaign, what, but_digest=snapshot.digest):
            changed[campaign] = what
    if known is not None:
        with process.database.read() as connection:
            gone = snapshots.approved_digests(connection).keys() - set(known)
        for campaign in sorted(gone):
            what = [Difference(f"campaigns/{campaign}.yaml", WHOLE_FILE, None)]
            if _void(process, campaign, what):
                changed[campaign] = what
    return changed


def _void(process: Process, campaign: str, what: Sequence[Difference], *, but_digest: str | None = None) -> bool:
    signature = process.signed()
    with process.database.write(Lock.APPROVE) as connection:
        where = "; ".join(change.path for change in what)[:1000]
        over = campaigns.status_of(connection, campaign, lock=True) in _OVER
        return void(process, connection, campaign, what, signature, reason=where, but_digest=but_digest) and not over


def void(
    process: Process,
    connection: Connection,
    campaign: str,
    what: Sequence[Difference],
    signature: Signature,
    *,
    reason: str,
    but_digest: str | None = None,
) -> bool:
    """Void the standing approvals of other digests, with all that follows; False when there were none.

    The campaign is a draft again (a paused one stays paused), its open runs are paused, and a person is told, unless
    the campaign is over: its files may be edited for another year.
    """
    at, said = signature.at, said_all(what)
    if not snapshots.void(connection, campaign, at=at, reason=reason, changes=to_json(what), but_digest=but_digest):
        return False
    audit.record(connection, process.keyring, at=at, action="void", subject=campaign, detail=said[:MOST_SAID])
    subject = f"campaign:{campaign}"
    audit.settle_incident(connection, at=at, kind=VOIDED, subject=subject)  # the newest edit is the one to look at
    stands = campaigns.status_of(connection, campaign, lock=True)
    if stands not in _OVER:  # nothing waits for a person there
        audit.raise_incident(connection, process.keyring, at=at, kind=VOIDED, subject=subject, detail=said)
    if stands in (CampaignStatus.APPROVED, CampaignStatus.RUNNING):
        campaigns.move(connection, campaign, CampaignStatus.DRAFT, signature, reason=VOIDED)
    for run in runs.of_campaign(connection, campaign):
        status = RunStatus(run["status"])
        if status in (RunStatus.READY, RunStatus.RUNNING):
            runs.move(connection, run["id"], status, RunStatus.PAUSED, signature, reason=VOIDED)
    return True


def pause_unapproved(process: Process, run_ids: Sequence[int]) -> None:
    """Pause runs whose approval has fallen while nobody watched; one that stands again by now is left alone."""
    signature = process.signed()
    with process.database.write(Lock.APPROVE) as connection:
        for run_id in run_ids:
            run = runs.get(connection, run_id)
            status = RunStatus(run["status"])
            if status in (RunStatus.READY, RunStatus.RUNNING) and not is_approved(
                process, connection, process.snapshot(run["digest"])
            ):
                runs.move(connection, run_id, status, RunStatus.PAUSED, signature, reason=VOIDED)
