"""Approval: a named person answers for a snapshot and the figures of its plan. Running code reads only that.

A file that differs afterwards voids the approval and pauses the campaign's open runs, saying what changed.
Approving again lets those runs go on whose step is still what it was; a run with other words stays paused.
"""

import json
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.content.campaign import Step
from engine.content.snapshot import Difference, Snapshot, differences
from engine.errors import LoaError
from engine.pipeline.plan import Plan
from engine.pipeline.process import Process
from engine.pipeline.providers import is_live
from engine.status import RunStatus
from engine.store import audit, runs, snapshots
from engine.store.database import Lock

VOIDED = "approval_void"


@dataclass(frozen=True, slots=True)
class Approved:
    """What an approval came to."""

    campaign: str
    digest: str
    people: int  # how many have approved this snapshot
    needed: int
    resumed: int  # runs that go on

    @property
    def complete(self) -> bool:
        """Whether enough people have approved."""
        return self.people >= self.needed


def approve(process: Process, snapshot: Snapshot, plan: Plan, *, by: str, document: str | None) -> Approved:
    """Record ``by``'s approval of ``snapshot`` with the figures of ``plan``.

    Raises ``LoaError``: no name, the same person twice where two are needed, unreviewed texts for a live sender, or
    a campaign that was cancelled.
    """
    by = " ".join(unicodedata.normalize("NFC", by).split())
    if not by:
        raise LoaError("pipeline.approve-no-name")
    refuse_unreviewed(process, snapshot)
    refuse_renamed(process, snapshot)
    campaign, digest, now = snapshot.campaign.key, snapshot.digest, process.clock.now()
    # What the fan-out will write, before caps stop some of it at the claim: that is what it is compared with.
    figures = {f"{run.step}/{run.occurrence}": [run.queued, run.queued_cost_vnd] for run in plan.runs}
    with process.database.write(Lock.APPROVE) as connection:
        if snapshots.state_of(connection, campaign) == "cancelled":
            raise LoaError("pipeline.already-cancelled", key=campaign)
        snapshots.keep(connection, digest=digest, campaign=campaign, content=snapshot.to_json(), at=now)
        if snapshots.void(connection, campaign, at=now, reason="approved_anew", but_digest=digest):
            _pause_open(connection, campaign)  # nobody may have looked at the files since they changed
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
        snapshots.ensure_state(connection, campaign)
        audit.record(connection, process.keyring, at=now, action="approve", subject=campaign, who=by, detail=digest)
        people.add(by.casefold())
        resumed = _go_on(connection, process, snapshot) if len(people) >= needed else 0
    return Approved(campaign, digest, len(people), needed, resumed)


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


def is_approved(process: Process, connection: Connection, snapshot: Snapshot) -> bool:
    """Whether enough people have approved exactly this snapshot and nothing has voided it."""
    return count_approvals(process, connection, snapshot) >= snapshot.approvals.people


def count_approvals(process: Process, connection: Connection, snapshot: Snapshot) -> int:
    """How many different people's approvals of this snapshot stand."""
    return len(
        {
            process.keyring.unseal(row["by_sealed"]).casefold()
            for row in snapshots.standing(connection, snapshot.campaign.key)
            if row["digest"] == snapshot.digest
        }
    )


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


def void_changed(
    process: Process, current: Mapping[str, Snapshot], known: Collection[str] | None = None
) -> dict[str, list[Difference]]:
    """Void what no longer is what was approved; campaign → what changed. ``current`` are today's files.

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
        if old:
            what = differences(process.snapshot(old[-1]), snapshot)
            if _void(process, campaign, what, but_digest=snapshot.digest):
                changed[campaign] = what
    if known is not None:
        with process.database.read() as connection:
            gone = snapshots.approved_digests(connection).keys() - set(known)
        for campaign in sorted(gone):
            what = [Difference(f"campaigns/{campaign}.yaml", "…", None)]
            if _void(process, campaign, what):
                changed[campaign] = what
    return changed


def _void(process: Process, campaign: str, what: Sequence[Difference], *, but_digest: str | None = None) -> bool:
    now = process.clock.now()
    detail = "; ".join(sorted({difference.path for difference in what}))[:1000]
    with process.database.write(Lock.APPROVE) as connection:
        if not snapshots.void(connection, campaign, at=now, reason=detail, but_digest=but_digest):
            return False
        audit.record(connection, process.keyring, at=now, action="void", subject=campaign, detail=detail)
        _pause_open(connection, campaign)
    return True


def pause_unapproved(process: Process, run_ids: Sequence[int]) -> None:
    """Pause runs whose approval has fallen while nobody watched; one that stands again by now is left alone."""
    with process.database.write(Lock.APPROVE) as connection:
        for run_id in run_ids:
            run = runs.get(connection, run_id)
            status = RunStatus(run["status"])
            if status in (RunStatus.READY, RunStatus.RUNNING) and not is_approved(
                process, connection, process.snapshot(run["digest"])
            ):
                runs.move(connection, run_id, status, RunStatus.PAUSED, reason=VOIDED)


def _pause_open(connection: Connection, campaign: str) -> None:
    for run in runs.of_campaign(connection, campaign):
        status = RunStatus(run["status"])
        if status in (RunStatus.READY, RunStatus.RUNNING):
            runs.move(connection, run["id"], status, RunStatus.PAUSED, reason=VOIDED)


def _go_on(connection: Connection, process: Process, snapshot: Snapshot) -> int:
    """Let paused runs go on under the new approval where their step would send the same to the same people.

    Runs that are being opened, are held, or were paused by a person only come under the new approval.
    """
    resumed = 0
    for run in runs.of_campaign(connection, snapshot.campaign.key):
        status = RunStatus(run["status"])
        same = run["digest"] == snapshot.digest or (
            status in runs.OPEN and _same_sending(process.snapshot(run["digest"]), snapshot, run["step"])
        )
        if status not in runs.OPEN or not same:
            continue
        if status is RunStatus.PAUSED and run["reason"] == VOIDED:
            runs.move(connection, run["id"], status, RunStatus.RUNNING, digest=snapshot.digest)
            resumed += 1
        else:
            runs.bring_under(connection, run["id"], snapshot.digest)
    return resumed


def _same_sending(before: Snapshot, after: Snapshot, step_id: str) -> bool:
    try:
        old, new = before.campaign.step(step_id), after.campaign.step(step_id)
    except KeyError:
        return False

    def content(snapshot: Snapshot, step: Step) -> Sequence[object]:
        return (
            step.channel,
            step.sender,
            snapshot.senders_of(step),
            snapshot.audiences[str(step.audience)],
            snapshot.messages[str(step.message)],
            snapshot.campaign.variants,
            snapshot.campaign.title,
            snapshot.campaign.theme,
            snapshot.hotlines,
        )

    return content(before, old) == content(after, new)
