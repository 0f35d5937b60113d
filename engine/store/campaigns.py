"""Where campaigns and their steps stand: rows moved along their tables of transitions, each move in the audit log."""

from sqlalchemy import Connection, exists, select, text, update

from engine.status import CampaignStatus, RunStatus, StepStatus, campaign_may_become, step_may_become
from engine.store import audit
from engine.store.audit import Signature
from engine.store.runs import OPEN
from engine.store.tables import CampaignState, Run, StepState, table_of

_STATE, _STEP, _RUN = table_of(CampaignState), table_of(StepState), table_of(Run)
# What is over, or has not begun, needs no look whether it has come to its end.
_UNDER_WAY = (CampaignStatus.APPROVED, CampaignStatus.RUNNING, CampaignStatus.PAUSED)


def ensure(connection: Connection, campaign: str) -> None:
    """A row for the campaign, a draft; an existing one stays."""
    connection.execute(
        text(
            "INSERT INTO campaign_state (campaign, status, reserved_vnd) VALUES (:campaign, 'draft', 0)"
            " ON CONFLICT DO NOTHING"
        ),
        {"campaign": campaign},
    )


def status_of(connection: Connection, campaign: str, *, lock: bool = False) -> CampaignStatus:
    """Where a campaign stands; one that nobody has heard of is a draft.

    ``lock`` keeps it there until the transaction ends (PostgreSQL; there must be a row).
    """
    query = select(_STATE.c.status).where(_STATE.c.campaign == campaign)
    status = connection.execute(query.with_for_update() if lock else query).scalar()
    return CampaignStatus.DRAFT if status is None else CampaignStatus(status)


def move(
    connection: Connection, campaign: str, after: CampaignStatus, signature: Signature, *, reason: str | None = None
) -> bool:
    """Move a campaign and log it; False when it stands there already.

    ``ValueError`` for a move that the table of transitions does not have.
    """
    ensure(connection, campaign)
    before = status_of(connection, campaign, lock=True)
    if before is after:
        return False
    if not campaign_may_become(before, after):
        raise ValueError(f"a campaign cannot go from {before} to {after}")
    connection.execute(update(_STATE).where(_STATE.c.campaign == campaign).values(status=str(after)))
    audit.record_move(
        connection, signature, kind="campaign", subject=campaign, before=before, after=after, reason=reason
    )
    return True


def steps_of(connection: Connection, campaign: str) -> dict[str, StepStatus]:
    """Step → a person's decision about it, for the steps that there ever was one about."""
    query = select(_STEP.c.step, _STEP.c.status).where(_STEP.c.campaign == campaign)
    return {row.step: StepStatus(row.status) for row in connection.execute(query)}


def step_status(connection: Connection, campaign: str, step: str) -> StepStatus:
    """A person's decision about one step; active when there is none."""
    return steps_of(connection, campaign).get(step, StepStatus.ACTIVE)


def move_step(connection: Connection, campaign: str, step: str, after: StepStatus, signature: Signature) -> bool:
    """Move a step and log it; False when it stands there already.

    ``ValueError`` for a move that the table of transitions does not have.
    """
    before = step_status(connection, campaign, step)
    if before is after:
        return False
    if not step_may_become(before, after):
        raise ValueError(f"a step cannot go from {before} to {after}")
    connection.execute(
        text(
            "INSERT INTO step_state (campaign, step, status) VALUES (:campaign, :step, 'active') ON CONFLICT DO NOTHING"
        ),
        {"campaign": campaign, "step": step},
    )
    here = (_STEP.c.campaign == campaign) & (_STEP.c.step == step)
    connection.execute(update(_STEP).where(here).values(status=str(after)))
    audit.record_move(connection, signature, kind="step", subject=f"{campaign}/{step}", before=before, after=after)
    return True


def without_open_run(connection: Connection) -> list[str]:
    """Campaigns under way none of whose runs is open: they wait for their next one, or have come to their end."""
    is_open = exists().where(_RUN.c.campaign == _STATE.c.campaign, _RUN.c.status.in_([str(one) for one in OPEN]))
    query = select(_STATE.c.campaign).where(_STATE.c.status.in_([str(one) for one in _UNDER_WAY]), ~is_open)
    return [row.campaign for row in connection.execute(query.order_by(_STATE.c.campaign))]


def has_sent(connection: Connection, campaign: str) -> bool:
    """Whether any run of the campaign was ever opened (not missed, not cancelled before it began)."""
    never = [str(RunStatus.MISSED), str(RunStatus.CANCELLED), str(RunStatus.PLANNED)]
    return bool(
        connection.execute(
            select(exists().where(_RUN.c.campaign == campaign, _RUN.c.status.not_in(never)))
        ).scalar_one()
    )
