"""Approval: a named person answers for a snapshot and the figures of its plan. Running code reads only that.

A file that differs afterwards voids the approval and pauses the campaign's open runs (``voiding.py``); what becomes
of those under the next approval: ``going_on.py``.
"""

import json
import unicodedata
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.content.snapshot import Difference, Snapshot
from engine.errors import LoaError
from engine.pipeline.approvals import count_approvals as count_approvals  # the whole of approving is asked for here
from engine.pipeline.approvals import is_approved as is_approved
from engine.pipeline.changes import changes_since, files_behind
from engine.pipeline.going_on import bring_under_approval
from engine.pipeline.plan import Plan
from engine.pipeline.process import Process
from engine.pipeline.providers import is_live
from engine.pipeline.rules import ADVERTISING_TEXT
from engine.pipeline.voiding import VOIDED, void
from engine.pipeline.voiding import pause_unapproved as pause_unapproved
from engine.pipeline.voiding import void_changed as void_changed
from engine.status import CampaignStatus, RunStatus
from engine.store import audit, campaigns, runs, snapshots
from engine.store.audit import Signature
from engine.store.database import Lock


@dataclass(frozen=True, slots=True)
class Approved:
    """What an approval came to."""

    campaign: str
    digest: str
    people: int  # how many have approved this snapshot
    needed: int
    resumed: int  # runs that go on
    status: CampaignStatus
    changes: tuple[Difference, ...] = ()  # since the version that was approved before, line by line

    @property
    def complete(self) -> bool:
        """Whether enough people have approved."""
        return self.people >= self.needed


def approve(process: Process, snapshot: Snapshot, plan: Plan, *, by: str, document: str | None) -> Approved:
    """Record ``by``'s approval of ``snapshot`` with the figures of ``plan``.

    Raises ``LoaError``: no name, the same person twice where two are needed, unreviewed texts for a live sender,
    advertising without its mark, a renamed step, or a campaign that was cancelled.
    """
    by = " ".join(unicodedata.normalize("NFC", by).split())
    if not by:
        raise LoaError("pipeline.approve-no-name")
    refuse_unreviewed(process, snapshot)
    refuse_unmarked(plan)
    refuse_renamed(process, snapshot)
    campaign, digest, now = snapshot.campaign.key, snapshot.digest, process.clock.now()
    signature = process.signed(now, who=by, why=document)
    files = files_behind(process.settings.workspace, snapshot)
    # What the fan-out will write, before caps stop some of it at the claim: that is what it is compared with.
    figures = {f"{run.step}/{run.occurrence}": [run.queued, run.queued_cost_vnd] for run in plan.runs}
    with process.database.read() as connection:
        former = snapshots.all_approvals(connection, campaign)
        changes = changes_since(process, connection, former[-1]["digest"], snapshot) if former else []
    with process.database.write(Lock.APPROVE) as connection:
        campaigns.ensure(connection, campaign)
        if campaigns.status_of(connection, campaign, lock=True) is CampaignStatus.CANCELLED:
            raise LoaError("pipeline.already-cancelled", key=campaign)
        snapshots.keep(connection, digest=digest, campaign=campaign, content=snapshot.to_json(), at=now)
        snapshots.keep_files(connection, digest, files)
        # Nobody may have looked at the files since they changed.
        void(process, connection, campaign, changes, signature, reason="approved_anew", but_digest=digest)
        standing = snapshots.standing(connection, campaign)
        people = {process.keyring.unseal(row["by_sealed"]).casefold() for row in standing}
        needed = snapshot.approvals.people
        if by.casefold() in people and needed > 1 and len(people) < needed:
            raise LoaError("pipeline.approve-same-person")
        totals = plan.totals
        snapshots.add_approval(
            connection,
            process.keyring,
            by,
            {
                "campaign": campaign,
                "digest": digest,
                "document": document,
                "at": now,
                "recipients": totals.recipients,
                "segments": totals.segments,
                "cost_vnd": totals.cost_vnd,
                "figures": json.dumps(figures, sort_keys=True),
            },
        )
        audit.record(connection, process.keyring, at=now, action="approve", subject=campaign, who=by, detail=digest)
        people.add(by.casefold())
        resumed = 0
        if len(people) >= needed:
            _stand_approved(connection, campaign, signature, something_to_come=bool(plan.runs))
            resumed = bring_under_approval(process, connection, snapshot, signature)
        status = campaigns.status_of(connection, campaign)
    return Approved(campaign, digest, len(people), needed, resumed, status, tuple(changes))


def _stand_approved(connection: Connection, campaign: str, signature: Signature, *, something_to_come: bool) -> None:
    """The campaign is approved, or running if it has been; one that a person paused stays paused."""
    status = campaigns.status_of(connection, campaign)
    if status is CampaignStatus.DRAFT:
        runs_before = campaigns.has_sent(connection, campaign)
        after = CampaignStatus.RUNNING if runs_before else CampaignStatus.APPROVED
        campaigns.move(connection, campaign, after, signature)
    elif status is CampaignStatus.FINISHED and something_to_come:
        campaigns.move(connection, campaign, CampaignStatus.APPROVED, signature)
    at = signature.at
    audit.settle_incident(connection, at=at, kind=VOIDED, subject=f"campaign:{campaign}")
    audit.settle_incidents_of(connection, at=at, kind="run_missed", campaign=campaign)


def refuse_renamed(process: Process, snapshot: Snapshot) -> None:
    """A step that has sent keeps its id: under another one everybody would get it again. Raises ``LoaError``."""
    with process.database.read() as connection:
        had_runs = {
            run["step"]: run["digest"]
            for run in runs.of_campaign(connection, snapshot.campaign.key)
            if run["status"] not in (RunStatus.MISSED, RunStatus.CANCELLED)
        }
    now_there = {step.id for step in snapshot.campaign.steps}
    for old_id in sorted(had_runs.keys() - now_there):
        old = process.snapshot(had_runs[old_id]).campaign.step(old_id)
        for step in snapshot.campaign.steps:
            same = (step.channel, step.audience, step.message) == (old.channel, old.audience, old.message)
            if same and step.id not in had_runs:
                raise LoaError("pipeline.step-renamed", old=old_id, new=step.id)


def refuse_unreviewed(process: Process, snapshot: Snapshot) -> None:
    """A live sender never gets a text that nobody has reviewed. Raises ``LoaError`` naming the files."""
    live = [step for step in snapshot.campaign.steps if any(is_live(process, one) for one in snapshot.senders_of(step))]
    files = sorted(
        {
            message.file
            for step in live
            for message in snapshot.messages[str(step.message)].messages
            if message.channel == step.channel and not message.reviewed
        }
    )
    if files:
        raise LoaError("pipeline.unreviewed", files=", ".join(files))


def refuse_unmarked(plan: Plan) -> None:
    """Advertising whose rendered words lack the mark or a way to refuse is not approved. Raises ``LoaError``."""
    steps = sorted({run.step for run in plan.runs if run.excluded[ADVERTISING_TEXT]})
    if steps:
        raise LoaError("pipeline.advertising-text", steps=", ".join(steps))
