"""Stamps in real seconds that only a wrong clock can have written: found, and set to now.

A clock that ran years ahead for a minute would otherwise leave rows waiting for those years: being sent, due again,
to be looked up, to be polled. Early is harmless everywhere: an orphan is looked up before it is sent again, absence
is measured by the monotonic clock as well, and a vendor may always be asked.
"""

from sqlalchemy import Connection, text

from engine.store.senders import LONGEST_REST

SOON = 60.0  # seconds: how far clocks of two machines may be apart
DAY = 86_400.0

_WRONG = text(
    "SELECT EXISTS (SELECT 1 FROM delivery WHERE status IN ('sending', 'unknown') AND claimed_real > :soon)"
    " OR EXISTS (SELECT 1 FROM delivery WHERE status = 'queued' AND attempt > 0 AND not_before > :rest)"
    " OR EXISTS (SELECT 1 FROM delivery WHERE status = 'accepted' AND poll_real > :wait)"
    " OR EXISTS (SELECT 1 FROM look_up WHERE due_real > :wait OR absent_since > :soon)"
)
_MENDS = (
    ("UPDATE delivery SET claimed_real = :now WHERE status IN ('sending', 'unknown') AND claimed_real > :far", "soon"),
    ("UPDATE delivery SET not_before = :now WHERE status = 'queued' AND attempt > 0 AND not_before > :far", "rest"),
    ("UPDATE delivery SET poll_real = :now WHERE status = 'accepted' AND poll_real > :far", "wait"),
    ("UPDATE look_up SET due_real = :now WHERE due_real > :far", "wait"),
    # absence has to be shown anew, from the next listing on
    ("UPDATE look_up SET due_real = :now, absent_since = NULL WHERE absent_since > :far", "soon"),
)


def _limits(real_now: float, longest_wait: float) -> dict[str, float]:
    return {"soon": real_now + SOON, "rest": real_now + LONGEST_REST, "wait": real_now + longest_wait + DAY}


def implausible(connection: Connection, real_now: float, longest_wait: float) -> bool:
    """Whether any stamp lies further ahead than any rule puts it; ``longest_wait``: the longest configured, seconds.

    One question that four indexes answer, so that it may be asked every other second.
    """
    return bool(connection.execute(_WRONG, _limits(real_now, longest_wait)).scalar())


def mend(connection: Connection, real_now: float, longest_wait: float) -> int:
    """Let everything with such a stamp be due now; how many stamps there were."""
    limits = _limits(real_now, longest_wait)
    return sum(
        connection.execute(text(statement), {"now": real_now, "far": limits[limit]}).rowcount
        for statement, limit in _MENDS
    )
