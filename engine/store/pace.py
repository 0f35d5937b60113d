"""The pace of open runs: samples of their tallies over the last minutes. Nothing here looks at a delivery."""

from typing import NamedTuple

from sqlalchemy import Connection, text

KEPT = 180.0  # seconds
WINDOW = 60.0  # a rate is that of the last minute
LEAST = 4.0  # seconds between two samples that make a rate

# A sample is taken by whoever comes first; a second process a moment later adds none. Language is the smallest trait
# under which every delivery counts exactly once.
_SAMPLE = text(
    "INSERT INTO pace (run_id, at_real, waiting, called)"
    " SELECT t.run_id, :now,"
    " sum(CASE WHEN t.status IN ('queued', 'sending') THEN t.deliveries ELSE 0 END),"
    " sum(CASE WHEN t.status IN ('accepted', 'delivered', 'failed', 'unknown') THEN t.deliveries ELSE 0 END)"
    " FROM tally_trait t JOIN run r ON r.id = t.run_id"
    " WHERE r.status IN ('ready', 'running') AND t.trait = 'language'"
    " AND NOT EXISTS (SELECT 1 FROM pace p WHERE p.at_real > :since AND p.at_real <= :now)"
    " GROUP BY t.run_id ON CONFLICT DO NOTHING"
)
# What lies ahead of now can only come from a clock that was set back.
_FORGET = text("DELETE FROM pace WHERE at_real < :before OR at_real > :now")
_SINCE = text(
    "SELECT run_id, at_real, waiting, called FROM pace p WHERE at_real >= :since AND at_real <= :now"
    " AND at_real = (SELECT min(at_real) FROM pace o WHERE o.run_id = p.run_id AND o.at_real >= :since)"
)


class Sample(NamedTuple):
    """A run at an instant of real seconds: deliveries still waiting, and called so far."""

    at_real: float
    waiting: int
    called: int


def sample(connection: Connection, now: float, *, every: float) -> None:
    """Take a sample of every open run unless one was taken within the last ``every`` seconds; forget old ones."""
    connection.execute(_FORGET, {"before": now - KEPT, "now": now})
    connection.execute(_SAMPLE, {"now": now, "since": now - 0.8 * every})


def oldest(connection: Connection, now: float) -> dict[int, Sample]:
    """Run → its oldest sample of the last minute."""
    rows = connection.execute(_SINCE, {"since": now - WINDOW, "now": now})
    return {row.run_id: Sample(row.at_real, int(row.waiting), int(row.called)) for row in rows}
