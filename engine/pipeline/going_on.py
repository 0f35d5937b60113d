"""What becomes of open runs under another approval: which go on by themselves, which wait for a person, which never.

A run's rows and words were made from the snapshot it was opened under. Under a new one it goes on by itself only
where its step would send the same words to the same people on the same terms (time, validity, limits). Where only
the terms differ a person may let it go on (``loa resume``), on the new terms; with other words or people it stays.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, RowMapping

from engine.content.campaign import Step
from engine.content.occurrences import Occurrence
from engine.content.snapshot import Snapshot
from engine.pipeline.process import Process
from engine.pipeline.voiding import VOIDED
from engine.status import RunStatus, StepStatus
from engine.store import budget, campaigns, runs
from engine.store.audit import Signature

TERMS = "terms_changed"  # the run would send the same, but at another time or within other limits
BUDGET = "budget"
PAUSED = "paused"  # a person said so


def bring_under_approval(process: Process, connection: Connection, snapshot: Snapshot, signature: Signature) -> int:
    """Let the campaign's open runs stand on ``snapshot``, just approved, where they may; how many go on by it.

    Runs that are being enqueued, are held, or whose step a person paused only come under it; a run that was held for
    its cost goes on where the budget is enough now, and one that goes beyond a smaller budget is held.
    """
    resumed = 0
    stopped = campaigns.steps_of(connection, snapshot.campaign.key)
    for run in runs.of_campaign(connection, snapshot.campaign.key):
        status = RunStatus(run["status"])
        if status not in runs.OPEN:
            continue
        former = process.snapshot(run["digest"])
        if run["digest"] != snapshot.digest:
            if not same_words(former, snapshot, run["step"]):
                continue
            if not same_terms(former, snapshot, run):
                if status is RunStatus.PAUSED:
                    runs.explain(connection, run["id"], TERMS)
                continue
            runs.bring_under(connection, run["id"], snapshot.digest)
        if status is RunStatus.PAUSED and stopped.get(run["step"]) is StepStatus.PAUSED:
            runs.explain(connection, run["id"], PAUSED)
        elif status is RunStatus.PAUSED and run["reason"] in (VOIDED, TERMS):
            goes = go_on(connection, run, signature)
            resumed += goes and not hold_beyond_budget(connection, run["id"], snapshot, signature)
        elif status is RunStatus.HELD and run["reason"] == BUDGET:
            resumed += reserve_again(connection, run, snapshot.campaign.limits.budget, signature)
    return resumed


def go_on(connection: Connection, run: RowMapping, signature: Signature) -> bool:
    """Let a paused run go on from where it stood; False when somebody else moved it first."""
    after = RunStatus.READY if runs.untouched(run) else RunStatus.RUNNING
    return runs.move(connection, run["id"], RunStatus.PAUSED, after, signature)


def reserve_again(connection: Connection, run: RowMapping, budget_vnd: int | None, signature: Signature) -> bool:
    """Let a run that was held for its cost go on if that fits ``budget_vnd`` (None: a person stands above it)."""
    campaigns.status_of(connection, run["campaign"], lock=True)  # an approval and a resume at once reserve once
    if runs.get(connection, run["id"])["status"] != RunStatus.HELD:
        return False
    cost = budget.cost_of_queued(connection, run["id"])
    if not budget.reserve(connection, run["campaign"], cost, budget_vnd):
        return False
    budget.note(connection, run["id"], cost)
    return runs.move(connection, run["id"], RunStatus.HELD, RunStatus.READY, signature)


def hold_beyond_budget(connection: Connection, run_id: int, snapshot: Snapshot, signature: Signature) -> bool:
    """Hold a run that has just gone on if what is reserved no longer fits the campaign's budget."""
    campaign = snapshot.campaign
    if campaign.limits.budget is None or budget.reserved(connection, campaign.key) <= campaign.limits.budget:
        return False
    run = runs.get(connection, run_id)
    budget.give_back(connection, campaign.key, run_id)
    return runs.move(connection, run_id, RunStatus(run["status"]), RunStatus.HELD, signature, reason=BUDGET)


def same_words(before: Snapshot, after: Snapshot, step_id: str) -> bool:
    """Whether a step would send the same words through the same senders to the same people."""
    try:
        return _sending(before, before.campaign.step(step_id)) == _sending(after, after.campaign.step(step_id))
    except KeyError:
        return False


def _sending(snapshot: Snapshot, step: Step) -> Mapping[str, object]:
    campaign = snapshot.campaign
    return {
        "channel": step.channel,
        "senders": snapshot.senders_of(step),
        "audience": str(step.audience),
        "audiences": snapshot.audience_closure(step),
        "message": snapshot.messages[str(step.message)],
        "variants": campaign.variants,
        "kind": campaign.kind,
        "title": campaign.title,
        "theme": campaign.theme,
        "hotlines": snapshot.hotlines,
    }


def same_terms(before: Snapshot, after: Snapshot, run: RowMapping) -> bool:
    """Whether the run's occurrence has the same times, and the campaign the same hours and cap per person.

    The budget is no term of a run: it is reserved as a whole, and looked at again.
    """
    limits, others = before.campaign.limits, after.campaign.limits
    return (
        occurrence_of(after, run) == occurrence_of(before, run)
        and (limits.quiet_hours, limits.per_person) == (others.quiet_hours, others.per_person)
        and before.timezone == after.timezone
    )


def occurrence_of(snapshot: Snapshot, run: RowMapping) -> Occurrence | None:
    """The run's occurrence as ``snapshot`` has it; None when its step does not fall on that day there."""
    step = snapshot.campaign.step(run["step"])
    return next((one for one in snapshot.occurrences(step) if one.key == run["occurrence"]), None)
