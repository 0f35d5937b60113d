"""The gates at the moment of the claim, one entry each: of runs (may it hand out now?) and of rows (why not this one).

Both are asked inside the claim's transaction, under the claim lock, of the database as it stands: whatever the
dispatcher read before may have changed since. Runs that a gate stops keep their rows; a row that a gate refuses
becomes ``excluded`` with the gate's name as the reason. A test takes each entry out and sees its example fail.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from engine.status import CampaignStatus, RunStatus, StepStatus
from engine.store.tables import CampaignState, Delivery, DoNotCall, Run, StepState, table_of

DELIVERY, RUN = table_of(Delivery), table_of(Run)
_STATE, _STEP, DO_NOT_CALL = table_of(CampaignState), table_of(StepState), table_of(DoNotCall)

# Decree 91/2020/NĐ-CP, article 13: at most three advertising messages to a number in 24 hours. It binds over all
# advertising campaigns together, whatever limits their files have.
ADVERTISING_CAP = (3, timedelta(hours=24))
MOST_AHEAD = timedelta(hours=48)  # of a loudspeaker's script: engine.content.loudspeaker refuses more


@dataclass(frozen=True, slots=True)
class Claimable:
    """A run whose gates were open when the dispatcher looked.

    ``cap`` is its campaign's own (deliveries, window). Claims are made from ``opens`` until ``closes`` (quiet hours
    with their margin); None: at any hour. ``advertising``: Decree 91's rules hold. ``shared``: its step names several
    senders, and rows of the others may be taken over, within ``budget`` (VND) of ``campaign``. ``doubtful_only``:
    another sender acts for it; only our own rows that were once in doubt are taken. ``among``: its step has several
    roads, and these are the senders of ours; () where it has one. ``by_email``: ours is that of e-mail.
    """

    run_id: int
    cap: tuple[int, timedelta] | None = None
    opens: datetime | None = None
    closes: datetime | None = None
    advertising: bool = False
    shared: bool = False
    doubtful_only: bool = False
    among: tuple[str, ...] = ()
    by_email: bool = False
    campaign: str = ""
    budget: int | None = None


@dataclass(slots=True)
class Facts:
    """What the gates of rows know beside the row: counts by contact."""

    run: Claimable
    refuse_synthetic: bool
    recent: Counter[int] = field(default_factory=Counter)
    recent_advertising: Counter[int] = field(default_factory=Counter)


def _hours(run: Claimable, now: datetime) -> bool:
    return (run.opens is None or run.opens <= now) and (run.closes is None or now < run.closes)


# Gates of runs: those the database answers …
RUN_GATES: dict[str, Callable[[datetime], ColumnElement[bool]]] = {
    "run_open": lambda now: RUN.c.status.in_([str(RunStatus.READY), str(RunStatus.RUNNING)]),
    # A new approval may have put it off. A relay's link goes out ahead of the hour of reading: how long, the
    # dispatcher has looked up in the snapshot; here stands the most that one may say.
    "due": lambda now: or_(RUN.c.due <= now, and_(RUN.c.channel == "loudspeaker", RUN.c.due <= now + MOST_AHEAD)),
    "valid_for": lambda now: RUN.c.expires_at > now,
    "campaign_running": lambda now: exists().where(
        _STATE.c.campaign == RUN.c.campaign, _STATE.c.status == str(CampaignStatus.RUNNING)
    ),
    "step_active": lambda now: (
        ~exists().where(
            _STEP.c.campaign == RUN.c.campaign, _STEP.c.step == RUN.c.step, _STEP.c.status != str(StepStatus.ACTIVE)
        )
    ),
}
# … and those the clock answers: read again under the lock, for which the claim may have waited.
CLOCK_GATES: dict[str, Callable[[Claimable, datetime], bool]] = {"hours": _hours}

# Gates of rows, in the order of their reasons: the first one counts.
ROW_GATES: dict[str, Callable[[Mapping[str, Any], Facts], bool]] = {
    "erased": lambda row, facts: row["phone_sealed"] is None or row["words"] is None,
    "opted_out": lambda row, facts: row["opted_out_at"] is not None,
    "no_consent": lambda row, facts: facts.run.advertising and not row["consent"],
    "do_not_call": lambda row, facts: facts.run.advertising and bool(row["do_not_call"]),
    "no_email": lambda row, facts: facts.run.by_email and row["email_sealed"] is None,
    "synthetic": lambda row, facts: facts.refuse_synthetic and bool(row["synthetic"]),
    # one row a person in a run: nobody is counted twice within one claim's rows of a run
    "capped": lambda row, facts: facts.run.cap is not None and facts.recent[row["contact_id"]] >= facts.run.cap[0],
    "advertising_capped": lambda row, facts: (
        facts.run.advertising and facts.recent_advertising[row["contact_id"]] >= ADVERTISING_CAP[0]
    ),
}


def open_runs(connection: Connection, runs: Sequence[Claimable], now: datetime) -> set[int]:
    """Ids of those of ``runs`` that may hand out at ``now``, as the database stands under the caller's lock."""
    in_hours = [run.run_id for run in runs if all(gate(run, now) for gate in CLOCK_GATES.values())]
    query = select(RUN.c.id).where(RUN.c.id.in_(in_hours), *(gate(now) for gate in RUN_GATES.values()))
    return {row.id for row in connection.execute(query)}


def refusals(
    connection: Connection, candidates: Sequence[Mapping[str, Any]], run: Claimable, now: datetime, synthetic: bool
) -> dict[int, str]:
    """Delivery id → reason, for those of a run's candidates that must not go out now or ever.

    ``synthetic``: made-up people are refused (a live sender).
    """
    facts = Facts(run, synthetic)
    contacts = [row["contact_id"] for row in candidates]
    if run.cap is not None:
        facts.recent = counted_for_caps(connection, contacts, now - run.cap[1])
    if run.advertising:
        facts.recent_advertising = counted_for_caps(
            connection, contacts, now - ADVERTISING_CAP[1], advertising_only=True
        )
    reasons: dict[int, str] = {}
    for row in candidates:
        reason = next((name for name, refuses in ROW_GATES.items() if refuses(row, facts)), None)
        if reason is not None:
            reasons[row["id"]] = reason
    return reasons


def counted_for_caps(
    connection: Connection, contacts: Sequence[int], since: datetime, *, advertising_only: bool = False
) -> Counter[int]:
    """How many deliveries each contact has had, over all campaigns, that count against a cap.

    Counted are sending, accepted, delivered, unknown, and failed or expired after the vendor had taken them.
    """
    counts: Counter[int] = Counter()
    counted = and_(
        DELIVERY.c.attempt > 0,
        DELIVERY.c.claimed_at > since,
        or_(
            DELIVERY.c.status.in_(["sending", "accepted", "delivered", "unknown"]),
            and_(DELIVERY.c.status.in_(["failed", "expired"]), DELIVERY.c.handed_at.is_not(None)),
        ),
    )
    if advertising_only:
        counted = and_(counted, exists().where(RUN.c.id == DELIVERY.c.run_id, RUN.c.advertising))
    for start in range(0, len(contacts), 500):
        query = (
            select(DELIVERY.c.contact_id, func.count())
            .where(DELIVERY.c.contact_id.in_(contacts[start : start + 500]), counted)
            .group_by(DELIVERY.c.contact_id)
        )
        counts.update({row[0]: row[1] for row in connection.execute(query)})
    return counts
