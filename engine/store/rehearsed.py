"""What a rehearsal asks of its copy: when to look again, what went when, and whether any rule was broken.

The copy is an SQLite file of one process; the questions at the end each take one pass over the rows, 1 to 2 µs a row.
The proofs share no code with the gates they prove.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, text

from engine.store.instant import Instant
from engine.store.many import read_listed

# What a cap counts, said once more: handed over, or perhaps.
_COUNTED = "(status IN ('sending', 'accepted', 'delivered', 'unknown') OR handed_at IS NOT NULL)"
ROUNDING = 0.001  # seconds by which two floats for the same instant may differ


ANY_SIZE = 10**15  # deliveries, and VND


def approve_any_size(connection: Connection, campaign: str, names: Collection[str]) -> None:
    """Let the campaign's approvals speak of the runs ``names`` (step/occurrence) whatever their size."""
    figures = json.dumps({name: [ANY_SIZE, ANY_SIZE] for name in names})
    connection.execute(
        text("UPDATE approval SET figures = :figures WHERE campaign = :campaign AND voided_at IS NULL"),
        {"figures": figures, "campaign": campaign},
    )


class Movement(NamedTuple):
    """Deliveries of a run that went the same way in the same minutes (``2027-07-16 01:30``, UTC; None: never)."""

    run_id: int
    status: str
    reason: str | None
    handed: str | None
    finished: str | None
    deliveries: int
    cost_vnd: int


_MOVEMENTS = (
    "SELECT run_id, status, reason, substr(handed_at, 1, 16), substr(finished_at, 1, 16), count(*), sum(cost_vnd)"
    " FROM delivery WHERE run_id {listed} GROUP BY 1, 2, 3, 4, 5"
)
_RETRY = "SELECT min(not_before) FROM delivery WHERE run_id = :run AND status = 'queued' AND attempt > 0"
_SENDING = (
    "SELECT claimed_real, sender FROM delivery WHERE status IN ('sending', 'unknown') AND status = 'sending'"
    " ORDER BY claimed_real LIMIT 1"
)
_QUEUED = (
    "SELECT coalesce(sum(deliveries), 0) FROM tally_trait"
    " WHERE run_id = :run AND trait = 'language' AND status = 'queued'"
)


def movements(connection: Connection, run_ids: Collection[int]) -> Iterator[Movement]:
    """All deliveries of the runs, those alike together."""
    return (Movement(*row) for row in read_listed(connection, _MOVEMENTS, run_ids))


def next_retry(connection: Connection, run_id: int) -> float | None:
    """The real second at which the first row of a run may be tried again; None when none waits."""
    found: float | None = connection.execute(text(_RETRY), {"run": run_id}).scalar()
    return found


def oldest_sending(connection: Connection) -> tuple[float, str] | None:
    """(real second of the claim, sender) of the row that has been `sending` longest."""
    row = connection.execute(text(_SENDING)).first()
    return (row[0], row[1]) if row else None


def next_look_up(connection: Connection) -> float | None:
    """The real second at which the next delivery in doubt is looked up; None when none is left to us."""
    query = "SELECT min(due_real) FROM look_up l JOIN delivery d ON d.id = l.delivery_id"
    found: float | None = connection.execute(
        text(f"{query} WHERE d.status = 'unknown' AND l.waits_for IS NULL")
    ).scalar()
    return found


def queued(connection: Connection, run_id: int) -> int:
    """How many deliveries of a run wait in its queue, by its tallies."""
    return int(connection.execute(text(_QUEUED), {"run": run_id}).scalar_one())


def capped_people(connection: Connection, run_ids: Collection[int]) -> int:
    """How many distinct people a cap kept from at least one delivery of the runs."""
    query = (
        "SELECT count(DISTINCT contact_id) FROM delivery WHERE status = 'excluded' AND reason = 'capped'"
        " AND run_id {listed}"
    )
    return int(read_listed(connection, query, run_ids)[0][0])


def over_cap(connection: Connection, run_ids: Collection[int], most: int, window: timedelta) -> int:
    """Deliveries of the runs that were one too many: ``most`` others to the person less than ``window`` before."""
    query = (
        "SELECT count(*) FROM (SELECT run_id, claimed_real - lag(claimed_real, {most})"
        " OVER (PARTITION BY contact_id ORDER BY claimed_real, id) AS since FROM delivery INDEXED BY ix_delivery_caps"
        f" WHERE attempt > 0 AND {_COUNTED}) WHERE since < {{window}} AND run_id {{listed}}"
    )
    words = query.replace("{most}", str(int(most))).replace("{window}", repr(window.total_seconds() - ROUNDING))
    return int(read_listed(connection, words, run_ids)[0][0])


class Handed(NamedTuple):
    """Of what was handed over in some runs: how many went to whom they must not have gone to, or when."""

    after_opt_out: int
    without_consent: int
    synthetic: int
    after_the_end: int  # claimed when the run's time was over


_HANDED = (
    "SELECT total(c.opted_out_at < d.claimed_at OR coalesce(o.at < d.claimed_at, 0)), total(NOT c.consent),"
    " total(c.synthetic), total(d.claimed_at >= r.expires_at) FROM delivery d JOIN run r ON r.id = d.run_id"
    " JOIN contact c ON c.id = d.contact_id LEFT JOIN opt_out o ON o.phone_hash = c.phone_hash"
    " WHERE d.handed_at IS NOT NULL AND d.run_id {listed}"
)


def handed(connection: Connection, run_ids: Collection[int]) -> Handed:
    """What of the runs' deliveries went out against a rule that each row can tell by itself; one pass."""
    return Handed(*(int(value) for value in read_listed(connection, _HANDED, run_ids)[0]))


def doubled_occurrences(connection: Connection, campaign: str) -> Sequence[tuple[str, str]]:
    """(step, UTC day) of which there are two runs: everybody in both would get it twice."""
    query = (
        "SELECT step, substr(due, 1, 10) FROM run WHERE campaign = :campaign AND status <> 'missed'"
        " AND occurrence NOT LIKE '%.reminder'"
        " GROUP BY step, due HAVING count(*) > 1"
    )
    return [(row[0], row[1]) for row in connection.execute(text(query), {"campaign": campaign})]


def ledger(connection: Connection, since: datetime, after_id: int = 0, limit: int = 50_000) -> list[tuple[int, bool]]:
    """(delivery, whether our row says that the vendor has it, or may have) of what was claimed from ``since`` on."""
    query = text(
        "SELECT id, handed_at IS NOT NULL OR status = 'unknown' FROM delivery"
        " WHERE id > :after AND attempt > 0 AND claimed_at >= :since ORDER BY id LIMIT :limit"
    ).bindparams(bindparam("since", type_=Instant))
    rows: Sequence[Any] = connection.execute(query, {"after": after_id, "since": since, "limit": limit}).all()
    return [(row[0], bool(row[1])) for row in rows]


def on_their_way(connection: Connection) -> list[tuple[int, int]]:
    """(delivery, attempt) of what a true worker was handing over when the copy was made."""
    rows = connection.execute(text("SELECT id, attempt FROM delivery WHERE status = 'sending'"))
    return [(row[0], row[1]) for row in rows]


def people_by_place(connection: Connection) -> dict[tuple[str, str], int]:
    """(era, commune) → people in the copy."""
    rows = connection.execute(text("SELECT era, commune, count(*) FROM contact GROUP BY 1, 2"))
    return {(row[0], row[1]): row[2] for row in rows}


def spent(connection: Connection, campaign: str) -> int:
    """What the campaign's deliveries have cost so far by its tallies, in VND."""
    query = text(
        "SELECT coalesce(sum(t.cost_vnd), 0) FROM tally_area t JOIN run r ON r.id = t.run_id WHERE r.campaign = :key"
    )
    return int(connection.execute(query, {"key": campaign}).scalar_one())
