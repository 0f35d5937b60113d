"""One claim for a sender by its breaker's leave, under the claim lock: the true sending's and a rehearsal's alike."""

from sqlalchemy import Connection

from engine.pipeline import breaker
from engine.pipeline.breaker import Permit
from engine.pipeline.failover import Turn
from engine.pipeline.process import Process
from engine.store import claims, look_ups, senders
from engine.store.claims import Claim


def claim_for(
    process: Process,
    connection: Connection,
    turn: Turn,
    *,
    worker: str,
    real_now: float,
    spread: float,
    refuse_synthetic: bool,
    limit: int = claims.MOST,
    ahead: float = claims.HORIZON,
) -> tuple[Permit, Claim]:
    """What ``turn``'s sender may claim now, and the claim; what that makes of the sender is saved with it.

    ``real_now`` in real seconds, read under the lock; ``spread`` (0…1) chooses the jitter of a rest; at most ``limit``
    rows and ``ahead`` seconds of the rate. The caller holds the claim lock.
    """
    sender = turn.sender
    rest, doubts = breaker.rest_of(sender.orphan_after.total_seconds()), breaker.doubt_limit(sender.rate)
    before = senders.lock(connection, sender.key)
    permit, standing = breaker.asked(
        before,
        now=real_now,
        in_doubt=look_ups.in_doubt(connection, sender.key, doubts),
        limit=doubts,
        rest=rest,
        spread=spread,
    )
    if permit is Permit.NONE:
        claim = Claim(held=True)
    else:
        claim = claims.claim(
            connection,
            sender=sender.key,
            rate=sender.rate,
            runs=turn.runs,
            worker=worker,
            now=process.clock.now(),
            real_now=real_now,
            slot=process.slot,
            refuse_synthetic=refuse_synthetic,
            limit=1 if permit is Permit.PROBE else limit,
            price=sender.price_per_segment,
            ahead=ahead,
        )
    if permit is Permit.PROBE and claim.rows:
        standing = breaker.probing(standing, claim.rows[0].delivery_id, now=real_now, rest=rest)
    if standing != before:
        senders.save(connection, sender.key, standing)
    return permit, claim
