"""Claiming deliveries for one sender: every gate and the rate, in one short transaction under one lock.

One lock, and not SKIP LOCKED: with SKIP LOCKED 68 of 2,000 people got past "3 per 7 days", with the lock none,
and a claim of one second's worth takes milliseconds. The rate is a theoretical arrival time (GCRA) without
burst credit: time in which nothing was sent is not caught up.

A step may name several senders. Then whoever acts for it at the moment takes rows that stand under another one over:
its name, its price, the tallies and the budget move with the row in the claim's transaction. A row that was ever in
doubt (an outcome unknown, an orphan) stays with the sender it was in doubt with, also when its absence was proven.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update

from engine.status import RunStatus, Status
from engine.store import budget, candidates, claim_gates, outbox, runs, senders
from engine.store.audit import Signature
from engine.store.claim_gates import Claimable as Claimable  # what a caller of ``claim`` needs besides
from engine.store.tables import CampaignState, Run, SenderState, table_of

RUN = table_of(Run)
SENDER = table_of(SenderState)
STATE = table_of(CampaignState)

HORIZON = 1.0  # seconds of the sender's rate that may be claimed and not yet due
MOST = 250  # rows in one claim
# Horizons that slots may be ahead: each of a dozen workers may have a second of claims and a second of slots anew.
FAR = 30


class Claimed(NamedTuple):
    """A delivery that is ours to send, at ``release_real`` and not before."""

    delivery_id: int
    attempt: int
    run_id: int
    release_real: float
    words: str
    personal: bool = False
    phone_sealed: bytes = b""
    name_sealed: bytes | None = None
    synthetic: bool = False
    email_sealed: bytes | None = None

    def __repr__(self) -> str:
        return f"Claimed(delivery_id={self.delivery_id}, attempt={self.attempt}, run_id={self.run_id})"


@dataclass(slots=True)
class Claim:
    """What one call of ``claim`` came to."""

    rows: list[Claimed] = field(default_factory=list)
    excluded: int = 0
    exhausted: list[int] = field(default_factory=list)  # runs with nothing left to claim now
    held: bool = False  # the sender rests
    over_budget: list[int] = field(default_factory=list)  # runs whose rows would cost too much through this sender


def claim(
    connection: Connection,
    *,
    sender: str,
    rate: float,
    runs: Sequence[Claimable],
    worker: str,
    now: datetime,
    real_now: float,
    slot: int,
    refuse_synthetic: bool = False,
    limit: int = MOST,
    price: int = 0,
    ahead: float = HORIZON,
) -> Claim:
    """Claim up to one second (``ahead``) of ``sender``'s rate from ``runs``, in their order; ``limit`` rows at most.

    ``rate`` is deliveries a second; ``now`` is campaign time, ``real_now`` real seconds; ``price`` of a segment in VND,
    for rows that are taken over from another sender. The caller holds the claim lock. Rows that a gate refuses
    become ``excluded`` with the reason and use up no rate; a run that was paused, cancelled or expired since the
    caller read its gates hands out nothing.
    """
    result = Claim()
    horizon = max(ahead, 1.0 / rate)  # a sender slower than one a second claims one at a time
    next_real = _next_release(connection, sender, real_now, horizon)
    if next_real is None:
        result.held = True
        return result
    wanted = min(limit, int((real_now + horizon - next_real) * rate + 1e-6))
    interval = 1.0 / rate
    still_open = claim_gates.open_runs(connection, runs, now)
    for run in runs:
        while wanted > 0 and run.run_id in still_open:
            rows = candidates.take(
                connection, run.run_id, sender, real_now, wanted,
                shared=run.shared, doubtful_only=run.doubtful_only, among=run.among,
            )  # fmt: skip
            reasons = claim_gates.refusals(connection, rows, run, now, refuse_synthetic)
            if run.shared and not _afford(connection, run, sender, price, rows, reasons.keys()):
                result.over_budget.append(run.run_id)
                # The cursor must not pass what stays: of this run only the sender's own rows that come back.
                rows = [row for row in rows if row["attempt"] > 0 and row["sender"] == sender]
            elif not rows:
                result.exhausted.append(run.run_id)
            if not rows:
                break
            before = {row["id"]: row for row in rows}
            after = {key: row.copy() for key, row in before.items()}
            for row in rows:
                new = after[row["id"]]
                if row["id"] in reasons:
                    new["status"], new["reason"] = str(Status.EXCLUDED), reasons[row["id"]]
                    new["finished_at"] = now
                    result.excluded += 1
                    continue
                new["status"], new["worker"] = str(Status.SENDING), worker
                if row["sender"] != sender:
                    new["sender"], new["cost_vnd"] = sender, row["segments"] * price
                new["attempt"] = row["attempt"] + 1
                new["claimed_at"], new["claimed_real"], new["not_before"] = now, real_now, None
                result.rows.append(_claimed(row, new["attempt"], next_real))
                next_real += interval
                wanted -= 1
            outbox.save(connection, before, after, slot=slot)
            _advance(connection, run, rows, Signature(now, worker))
            if run.run_id in result.over_budget:
                break
    connection.execute(update(SENDER).where(SENDER.c.sender == sender).values(next_real=next_real))
    return result


def _next_release(connection: Connection, sender: str, real_now: float, horizon: float) -> float | None:
    """The next free slot of the sender, or None while it is held."""
    state = connection.execute(select(SENDER).where(SENDER.c.sender == sender)).mappings().first()
    if state is None:
        senders.ensure(connection, sender)
        return real_now
    if senders.as_row(state).rests(real_now):
        return None
    return _after(float(state["next_real"]), real_now, horizon)


def _after(next_real: float, real_now: float, horizon: float) -> float:
    # A slot far ahead can only come from a wall clock that was set back: it must not stop the sender.
    return real_now if next_real > real_now + FAR * horizon else max(next_real, real_now)


def reserve(connection: Connection, sender: str, rate: float, slots: int, real_now: float) -> float:
    """Take that many slots of ``sender``'s rate for rows that missed theirs; the first, in real seconds.

    ``rate`` is deliveries a second. The caller holds the claim lock. A sender that rests has slots too: whoever makes
    the call sees that it rests.
    """
    state = connection.execute(select(SENDER.c.next_real).where(SENDER.c.sender == sender)).scalar()
    first = _after(float(state or 0.0), real_now, max(HORIZON, 1.0 / rate))
    connection.execute(update(SENDER).where(SENDER.c.sender == sender).values(next_real=first + slots / rate))
    return first


def _afford(
    connection: Connection,
    run: Claimable,
    sender: str,
    price: int,
    rows: Sequence[dict[str, Any]],
    refused: Collection[int],
) -> bool:
    """Move the reservation with the rows that are taken over; False when the budget has no room for their new price."""
    taken = [row for row in rows if row["sender"] != sender and row["id"] not in refused]
    more = sum(row["segments"] * price - row["cost_vnd"] for row in taken)
    if more == 0:
        return True
    if not budget.reserve(connection, run.campaign, more, run.budget if more > 0 else None):
        return False
    connection.execute(update(RUN).where(RUN.c.id == run.run_id).values(reserved_vnd=RUN.c.reserved_vnd + more))
    return True


def _claimed(row: dict[str, Any], attempt: int, release_real: float) -> Claimed:
    return Claimed(
        delivery_id=row["id"],
        attempt=attempt,
        run_id=row["run_id"],
        release_real=release_real,
        words=row["words"],
        personal=bool(row["personal"]),
        phone_sealed=row["phone_sealed"],
        name_sealed=row["name_sealed"],
        synthetic=bool(row["synthetic"]),
        email_sealed=row["email_sealed"],
    )


def _advance(connection: Connection, run: Claimable, rows: list[dict[str, Any]], signature: Signature) -> None:
    runs.move(connection, run.run_id, RunStatus.READY, RunStatus.RUNNING, signature)  # nothing beyond the first time
    fresh = [row["contact_id"] for row in rows if row["attempt"] == 0]
    if not fresh:
        return
    cursor = max(fresh)
    if run.among:  # the other road's rows lie in between: only what is fresh on neither is passed
        waiting = candidates.first_fresh(connection, run.run_id)
        cursor = cursor if waiting is None else (waiting - 1 or -1)  # not 0, which says that nothing was claimed
    connection.execute(update(RUN).where(RUN.c.id == run.run_id).values(claim_cursor=cursor))
