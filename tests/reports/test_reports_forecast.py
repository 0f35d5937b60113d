"""How long a run still takes: by the last minute, the hours of sending, and who is first in line."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.clock import VIETNAM
from engine.content.values import QuietHours
from engine.reports.forecast import Going, forecast, rate_of
from engine.store.pace import Sample

QUIET = QuietHours(start=datetime.strptime("20:00", "%H:%M").time(), end=datetime.strptime("08:00", "%H:%M").time())  # noqa: DTZ007
MORNING = datetime(2027, 7, 16, 9, 0, tzinfo=VIETNAM)
REAL = 5000.0


def going(run_id: int = 1, waiting: int = 1200, *, called: int = 600, sender: str = "a", hours: float = 12) -> Going:
    return Going(run_id, waiting, called, sender, 40.0, MORNING + timedelta(hours=hours), QUIET, VIETNAM)


def sample(called: int, ago: float = 60.0) -> Sample:
    return Sample(REAL - ago, 0, called)


def at(local: str) -> datetime:
    return datetime.fromisoformat(f"2027-07-{local}").replace(tzinfo=VIETNAM)


def one(run: Going, *, now: datetime = MORNING, samples: dict[int, Sample] | None = None):
    return forecast([run], samples or {}, now=now, real_now=REAL)[run.run_id]


def test_the_rate_is_that_of_the_last_minute() -> None:
    found = one(going(), samples={1: sample(0)})
    assert (found.rate, found.finishes, found.in_time) == (10.0, MORNING + timedelta(minutes=2), True)


@pytest.mark.parametrize("found", [None, sample(0, ago=1.0)])
def test_before_there_is_a_minute_the_senders_own_rate_is_taken(found: Sample | None) -> None:
    told = one(going(), samples={1: found} if found else {})
    assert (told.rate, told.finishes) == (None, MORNING + timedelta(seconds=30))


def test_receipts_that_expire_what_was_accepted_make_no_negative_rate() -> None:
    assert rate_of(sample(900), 600, REAL) == 0.0


def test_quiet_hours_are_waited_for() -> None:
    """Claims end five minutes before them; the rest goes out next morning."""
    found = one(going(waiting=40 * 3600 * 2, hours=48), now=at("16 18:55"))
    assert found.finishes == at("17 09:00")
    within = one(going(waiting=400, hours=48), now=at("16 22:00"))
    assert (within.resumes, within.finishes) == (at("17 08:00"), at("17 08:00") + timedelta(seconds=10))


def test_in_quiet_hours_a_silent_minute_is_no_stall() -> None:
    assert one(going(hours=48), now=at("16 22:00"), samples={1: sample(600)}).finishes is not None


def test_a_run_that_could_send_and_does_not_has_no_end_that_is_foretold() -> None:
    found = one(going(), samples={1: sample(600)})
    assert (found.rate, found.finishes, found.in_time) == (0.0, None, None)


def test_what_will_not_be_through_in_time_is_said_beforehand() -> None:
    assert one(going(waiting=40 * 3600 * 3, hours=2)).in_time is False


def test_runs_of_one_sender_wait_for_each_other_and_others_do_not() -> None:
    runs = [going(1, 1200), going(2, 600), going(3, 1200, sender="b")]
    samples = {1: sample(0), 2: sample(600), 3: sample(0)}
    found = forecast(runs, samples, now=MORNING.astimezone(UTC), real_now=REAL)
    assert [found[run].finishes - MORNING for run in (1, 2, 3)] == [timedelta(minutes=length) for length in (2, 3, 2)]
    assert found[2].rate == 0.0
