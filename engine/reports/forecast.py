"""How fast open runs go, and when they will be through: by the tallies of the last minute and the hours of sending.

Pure. Runs of one sender go out one after the other, those due first at the front, as the claims take them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.content.values import QuietHours
from engine.pipeline.hours import MARGIN, claims_from, closes_at, may_claim
from engine.store.pace import LEAST, Sample


@dataclass(frozen=True, slots=True)
class Going:
    """An open run: deliveries ``waiting``, its sender's key and configured rate (a second), and its hours.

    ``quiet`` is None for a step that addresses nobody in person. Runs come in the order of their due times.
    """

    run_id: int
    waiting: int
    called: int
    sender: str
    sender_rate: float
    expires_at: datetime
    quiet: QuietHours | None
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Forecast:
    """``rate`` deliveries a second over the last minute (None: not known yet); ``finishes`` None: nobody can say.

    ``resumes``: when sending is allowed again, where it is not now.
    """

    rate: float | None = None
    finishes: datetime | None = None
    in_time: bool | None = None  # before the run expires
    resumes: datetime | None = None


def rate_of(sample: Sample | None, called: int, real_now: float) -> float | None:
    """Deliveries called a second since ``sample``; None without one that is old enough."""
    if sample is None or real_now - sample.at_real < LEAST:
        return None
    return max(0.0, (called - sample.called) / (real_now - sample.at_real))


def forecast(
    going: Iterable[Going], samples: Mapping[int, Sample], *, now: datetime, real_now: float
) -> dict[int, Forecast]:
    """Run → its forecast. What has not begun goes at its sender's configured rate."""
    runs = list(going)
    rates = {run.run_id: rate_of(samples.get(run.run_id), run.called, real_now) for run in runs}
    free_at: dict[str, datetime | None] = {}
    found = {}
    for run in runs:
        rate = rates[run.run_id]
        measured = [one for other in runs if other.sender == run.sender and (one := rates[other.run_id]) is not None]
        start = free_at.get(run.sender, now)
        if start is None or (measured and not any(measured) and _open(run, now)):
            finishes = None  # it could be sending and is not: a stall has no end that could be foretold
        else:
            finishes = _through(start, run, sum(measured) or run.sender_rate)
        free_at[run.sender] = finishes
        in_time = None if finishes is None else finishes <= run.expires_at
        found[run.run_id] = Forecast(rate, finishes, in_time, _resumes(run, now))
    return found


def _open(run: Going, now: datetime) -> bool:
    return run.quiet is None or may_claim(now, run.quiet, run.zone)


def _resumes(run: Going, now: datetime) -> datetime | None:
    return None if run.quiet is None or _open(run, now) else claims_from(now, run.quiet, run.zone)


def _through(start: datetime, run: Going, rate: float) -> datetime | None:
    """When ``run`` is through that begins at ``start``; None where its hours leave no time."""
    need = timedelta(seconds=run.waiting / rate)
    if run.quiet is None:
        return start + need
    at = start
    for _ in range(400):  # days; nothing is valid for longer
        opens = claims_from(at, run.quiet, run.zone)
        if opens is None:
            return None
        closes = closes_at(opens, run.quiet, run.zone) - MARGIN
        if need <= closes - opens:
            return opens + need
        need -= closes - opens
        at = closes
    return None
