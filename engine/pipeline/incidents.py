"""Incidents: what the state of things asks a person to see, what settles by itself, and what a person decides.

Raised where it happens (a stopped sender, a missed run, a receipt that cannot be true …) or noticed here, from rows: a
run that is held, an approval that fell while its campaign ran, a sender that has rested for long. What was noticed
settles when it is over. A delivery whose outcome nobody can find out waits for a person's word.
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.clock import real
from engine.errors import LoaError
from engine.i18n import sentence
from engine.log import redact
from engine.pipeline import breaker
from engine.pipeline.breaker import State
from engine.pipeline.post_outcomes import DOUBTFUL, EXPIRE, NO_LOG, TOKEN_LOST
from engine.pipeline.process import Process
from engine.pipeline.voiding import VOIDED
from engine.status import CampaignStatus, PostStatus, RunStatus, Status
from engine.store import audit, campaigns, look_ups, outbox, posts, runs, senders
from engine.store.audit import Found
from engine.store.database import Lock
from engine.store.outbox import Change
from engine.store.senders import Standing

HELD_LONG = 600.0  # seconds a breaker may be open before a person hears of it
# A delivery is in doubt and only a person can say whether it went.
DOUBTS = frozenset({"several_candidates", "clock_doubtful", "vanished", "erased", "no_log"})
POST_DOUBTS = frozenset({NO_LOG, DOUBTFUL})  # the same of a post
# Over when their cause is; closed by hand they would only come back.
SETTLE_THEMSELVES = frozenset({"sender_stopped", "sender_held", "run_held", "approval_void", "failover_budget", EXPIRE})
OF_SENDER = ("sender_stopped", "sender_held", "filtered", TOKEN_LOST)  # settled when a person releases the sender
ACCEPTED, NOT_SENT = "accepted", "not-sent"

Key = tuple[str, str]  # kind, subject


@dataclass(frozen=True, slots=True)
class Settled:
    """An incident that a person has settled. ``became`` is the delivery's status where one was in doubt."""

    id: int
    kind: str
    subject: str
    became: str | None = None


def notice(process: Process) -> None:
    """Raise what the rows ask a person to see, settle what is over. Writes only when something has changed."""
    with process.database.read() as connection:
        now_open = {(one.kind, one.subject) for one in audit.incidents(connection)}
        stand = senders.standings(connection)
        raised = _wanted(process, connection, stand) - now_open
        over = {key for key in now_open if _is_over(process, connection, stand, *key)} | _known_by_now(
            connection, now_open
        )
    if not raised and not over:
        return
    at = process.clock.now()
    with process.database.write() as connection:
        for kind, subject in sorted(raised):
            audit.raise_incident(connection, process.keyring, at=at, kind=kind, subject=subject)
        for kind, subject in sorted(over):
            audit.settle_incident(connection, at=at, kind=kind, subject=subject)


def _wanted(process: Process, connection: Connection, stand: Mapping[str, Standing]) -> set[Key]:
    wanted: set[Key] = set()
    now_real = real()
    for run in runs.in_status(connection, (RunStatus.HELD, RunStatus.PAUSED)):
        subject = f"run:{run['campaign']}/{run['step']}/{run['occurrence']}"
        if run["status"] == RunStatus.HELD:
            wanted.add(("run_held", subject))
        elif run["status"] == RunStatus.PAUSED and run["reason"] == VOIDED:
            wanted.add(("approval_void", f"campaign:{run['campaign']}"))
    for sender, standing in stand.items():
        open_long = standing.opened_real is not None and now_real - standing.opened_real > HELD_LONG
        if open_long and breaker.state_of(standing, now_real) is State.OPEN:
            wanted.add(("sender_held", f"sender:{sender}"))
    return wanted


def _is_over(process: Process, connection: Connection, stand: Mapping[str, Standing], kind: str, subject: str) -> bool:
    about = subject.partition(":")[2]
    if kind in ("sender_stopped", "sender_held"):
        standing = stand.get(about, Standing())
        return not standing.stopped and (kind == "sender_stopped" or standing.opened_real is None)
    if kind == "approval_void":
        paused = (
            run["status"] == RunStatus.PAUSED and run["reason"] == VOIDED for run in runs.of_campaign(connection, about)
        )
        return campaigns.status_of(connection, about) is not CampaignStatus.DRAFT and not any(paused)
    if kind in ("run_held", "failover_budget"):
        campaign, step, occurrence = about.split("/", 2)
        run = runs.of_step(connection, campaign, step, occurrence)
        if kind == "run_held" or run is None:
            return run is None or run["status"] != RunStatus.HELD
        if run["status"] not in (RunStatus.READY, RunStatus.RUNNING, RunStatus.PAUSED):
            return True
        snapshot = process.snapshot(run["digest"])
        roads = snapshot.roads(snapshot.campaign.step(step)).values()
        first = [road[0].key for road in roads if len(road) > 1]  # whoever has no stand-in needs no budget for one
        return all(breaker.state_of(stand.get(key, Standing()), real()) is State.FREE for key in first)
    return False


def _known_by_now(connection: Connection, now_open: Collection[Key]) -> set[Key]:
    """Doubts about deliveries whose outcome came to light after all, by a late receipt."""
    doubts = {(kind, subject): int(subject.partition(":")[2]) for kind, subject in now_open if kind in DOUBTS}
    rows = outbox.load(connection, doubts.values(), lock=False)
    known = {key for key, delivery in doubts.items() if rows.get(delivery, {}).get("status") != Status.UNKNOWN}
    unknown_posts = {f"post:{row['id']}" for row in posts.in_doubt(connection)} if now_open else set()
    return known | {key for key in now_open if key[0] in POST_DOUBTS and key[1] not in unknown_posts}


def settle(process: Process, ids: Sequence[int], *, by: str, why: str | None, went: str | None) -> list[Settled]:
    """Settle incidents, all or none; what became of each. Written to the audit log with who and why.

    ``went`` is needed for a delivery in doubt: ``accepted`` (it went) or ``not-sent`` (it certainly did not; with a
    reason). The latter queues it again with the sender it had, while its run is valid. Raises ``LoaError``: no such
    incident, one that is settled already or settles by itself, a word or a name or a reason missing.
    """
    by = " ".join(unicodedata.normalize("NFC", by).split())
    why = redact(why.strip()) if why and why.strip() else None
    if not by:
        raise LoaError("incidents.no-name")
    at = process.clock.now()
    with process.database.write() as connection:
        found = [_to_settle(connection, incident_id, went, why) for incident_id in dict.fromkeys(ids)]
        done = []
        for one in found:
            became = _decide(connection, process, one, went) if went is not None else None
            audit.settle_incident(connection, at=at, kind=one.kind, subject=one.subject)
            detail = "; ".join(part for part in (f"{one.kind} {one.subject}", went and f"as {went}", why) if part)
            audit.record(
                connection, process.keyring, at=at, action="settle_incident", subject=f"incident:{one.id}", who=by,
                detail=detail,
            )  # fmt: skip
            done.append(Settled(one.id, one.kind, one.subject, became))
    return done


def _to_settle(connection: Connection, incident_id: int, went: str | None, why: str | None) -> Found:
    found = audit.incident(connection, incident_id)
    if found is None:
        raise LoaError("incidents.no-such", id=incident_id)
    if found.settled_at is not None:
        raise LoaError("incidents.already-settled", id=incident_id)
    if found.kind in SETTLE_THEMSELVES:
        raise LoaError("incidents.settles-itself", id=incident_id, what=what(found.kind))
    if found.kind in DOUBTS | POST_DOUBTS and went is None:
        raise LoaError("incidents.needs-word", id=incident_id)
    if found.kind not in DOUBTS | POST_DOUBTS and went is not None:
        raise LoaError("incidents.word-not-asked", id=incident_id)
    if went == NOT_SENT and why is None:
        raise LoaError("incidents.needs-why")
    return found


def _decide(connection: Connection, process: Process, incident: Found, went: str) -> str | None:
    """Move a delivery or a post in doubt by a person's word; its status, None where it was known by now."""
    if incident.kind in POST_DOUBTS:
        return _decide_post(connection, process, incident, went)
    delivery_id, at = int(incident.subject.partition(":")[2]), process.clock.now()
    row = outbox.load(connection, [delivery_id], lock=True).get(delivery_id)
    if row is None or row["status"] != Status.UNKNOWN:
        return None
    accepted = went == ACCEPTED
    status = Status.ACCEPTED if accepted else Status.QUEUED
    outbox.apply(connection, [Change(delivery_id, row["attempt"], status, at, handed=accepted)], slot=process.slot)
    look_ups.settle(connection, [delivery_id])
    return str(outbox.load(connection, [delivery_id], lock=False)[delivery_id]["status"])


def _decide_post(connection: Connection, process: Process, incident: Found, went: str) -> str | None:
    """Published as somebody has seen it there, or queued again as it certainly is not."""
    row = posts.get(connection, int(incident.subject.partition(":")[2]))
    if row is None:
        return None
    after = PostStatus.PUBLISHED if went == ACCEPTED else PostStatus.QUEUED
    became = posts.move(
        connection, row["id"], row["attempt"], after, process.clock.now(), reason="person", not_before=None
    )
    return str(became) if became is not None else None


def release(process: Process, sender: str, *, by: str, why: str | None) -> None:
    """Let a sender send again that rests or was stopped, and settle what was raised about it; audited.

    Raises ``LoaError``: no name given, or the sender is free.
    """
    by = " ".join(unicodedata.normalize("NFC", by).split())
    if not by:
        raise LoaError("incidents.no-name")
    at = process.clock.now()
    with process.database.write(Lock.CLAIM) as connection:
        if not senders.release(connection, sender):
            raise LoaError("incidents.sender-free", sender=sender)
        for kind in OF_SENDER:
            audit.settle_incident(connection, at=at, kind=kind, subject=f"sender:{sender}")
        audit.record(
            connection, process.keyring, at=at, action="release_sender", subject=f"sender:{sender}", who=by,
            detail=redact(why) if why else None,
        )  # fmt: skip


def what(kind: str) -> str:
    """What an incident of this kind means and asks for, as a sentence; a kind without one stands for itself."""
    try:
        return sentence(f"incidents.kind-{kind}")
    except KeyError:
        return sentence("incidents.kind-other", code=kind)


def about(subject: str) -> str:
    """What an incident is about, in words."""
    sort, _, name = subject.partition(":")
    try:
        return sentence(f"incidents.subject-{sort}", name=name)
    except KeyError:
        return subject
