"""What an attempt at a post comes to, written in one transaction with all that follows from it."""

from sqlalchemy import Connection

from engine.channels.base import Decision
from engine.channels.publishing import PostOutcome
from engine.content.organisation import Sender
from engine.pipeline import breaker
from engine.pipeline.breaker import Said, Word
from engine.pipeline.process import Process
from engine.status import PostStatus, RunStatus
from engine.store import audit, posts, runs, senders

FIRST_WAIT, LONGEST_WAIT = 5.0, 900.0  # seconds between tries that are safe, doubling
REST = 300.0  # seconds a page rests that is overloaded and names no time itself
FIRST_LOOK, EARLIER = 60.0, 0.75  # seconds until the page's list is read first; a part of settle_after, if sooner

# Kinds of incidents. What has no list, or whose list cannot say it, only a person can decide.
FAILED, SUPERSEDED, CONTRADICTED = "post_failed", "post_superseded", "post_contradicted"
TOKEN_LOST = "token_lost"  # what nobody but a person at the vendor's own pages can mend  # noqa: S105
NO_LOG, DOUBTFUL, GONE, EXPIRE = "post_no_log", "post_doubtful", "post_gone", "credentials_expire"


def commit(process: Process, outcome: PostOutcome, sender: Sender, spread: float = 0.5) -> PostStatus | None:
    """Write an outcome; where the post stands then, None when the attempt was not the last one any more.

    ``spread`` (0…1) chooses the jitter of a wait. An id that another post of the page has is left out, and told.
    """
    at, real_now = process.clock.now(), process.seconds.real()
    with process.database.write() as connection:
        standing = senders.lock(connection, sender.key) if outcome.decision is Decision.STOP_SENDER else None
        post_id, vendor_id = outcome.post_id, outcome.vendor_id
        if vendor_id is not None and posts.bound(connection, sender.key, [vendor_id], post_id):
            vendor_id = None
            tell(connection, process, CONTRADICTED, post_id)
        values: dict[str, object] = {
            "reason": outcome.reason,
            "code": outcome.code,
            "detail_sealed": process.keyring.seal(outcome.detail) if outcome.detail else None,
        }
        if vendor_id is not None:
            values |= {"vendor_id": vendor_id, "address": outcome.address}
        if outcome.status is PostStatus.QUEUED:
            values["not_before"] = real_now + _wait(outcome, spread)
        if outcome.status is PostStatus.UNKNOWN:
            values["look_real"] = real_now + min(FIRST_LOOK, sender.settle_after.total_seconds()) * EARLIER
        became = posts.move(connection, post_id, outcome.attempt, outcome.status, at, **values)
        if became is None and outcome.status in (PostStatus.PUBLISHED, PostStatus.ACCEPTED):
            tell(connection, process, SUPERSEDED, post_id)
        if became is PostStatus.FAILED:
            tell(connection, process, FAILED, post_id, outcome.detail)
        if standing is not None:
            stop(connection, process, sender.key, outcome.reason, outcome.detail)
    return became


def stop(connection: Connection, process: Process, sender: str, reason: str | None, detail: str | None = None) -> None:
    """Stop a page until a person releases it: its credentials, or its account. As for senders of messages."""
    standing = senders.lock(connection, sender)
    told = Said(Word.REFUSED, reason or "credentials")
    senders.save(connection, sender, breaker.heard(standing, told, now=process.seconds.real()))
    audit.raise_incident(
        connection, process.keyring, at=process.clock.now(), kind="sender_stopped", subject=f"sender:{sender}",
        detail=detail,
    )  # fmt: skip
    if reason == TOKEN_LOST:  # beside it, because its mend is another: settled with the sender's release
        audit.raise_incident(
            connection, process.keyring, at=process.clock.now(), kind=TOKEN_LOST, subject=f"sender:{sender}"
        )


def tell(connection: Connection, process: Process, kind: str, post_id: int, detail: str | None = None) -> None:
    """An incident about one post."""
    audit.raise_incident(
        connection, process.keyring, at=process.clock.now(), kind=kind, subject=f"post:{post_id}", detail=detail
    )


def finish_runs(process: Process) -> None:
    """Close the runs of posts that have nothing left to publish or to find out."""
    with process.database.read() as connection:
        open_now = [
            run["id"]
            for run in runs.in_status(connection, (RunStatus.READY, RunStatus.RUNNING))
            if process.snapshot(run["digest"]).campaign.step(run["step"]).posted
            and not any(runs.still_open(connection, run["id"]))
        ]
    for run_id in open_now:
        with process.database.write() as connection:
            runs.finish(connection, run_id, process.clock.now(), process.name)


def _wait(outcome: PostOutcome, spread: float) -> float:
    """Seconds until the next try: at least what the vendor asks for, else doubling with every attempt, with jitter."""
    if outcome.retry_after:
        return outcome.retry_after * (1.0 + spread / 4)
    if outcome.decision is Decision.HOLD_SENDER:
        return REST * (1.0 + spread / 4)
    return min(FIRST_WAIT * 2.0 ** min(outcome.attempt - 1, 10), LONGEST_WAIT) * (0.75 + spread / 2)
