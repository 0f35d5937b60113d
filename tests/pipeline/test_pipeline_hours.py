"""When people may be written to: an hour wrong here rings at night."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.content.campaign import NIGHT, QUIET_HOURS
from engine.content.values import QuietHours
from engine.pipeline.gates import LONGEST_VALIDITY
from engine.pipeline.hours import MARGIN, claims_from, closes_at, may_claim, opens_at

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")  # no summer time since 1975
MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))
INSTANTS = st.datetimes(datetime(2027, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds are asked for


@st.composite
def hours(draw: st.DrawFn) -> QuietHours:
    """Quiet hours, around midnight or within a day."""
    start, end = draw(MINUTES), draw(MINUTES)
    assume(start != end)
    return QuietHours(start=start, end=end)


def allowed(instant: datetime, quiet: QuietHours) -> bool:
    """The rule in its plainest form, by the minute."""
    at = instant.astimezone(ZONE).time()
    return not quiet.cover(at) and not NIGHT.cover(at)


def ever(quiet: QuietHours) -> bool:
    """Whether the quiet hours and the night leave more than the margin somewhere."""
    run = longest = 0
    for minute in range(24 * 60):  # nothing is allowed around midnight: no run goes over it
        at = time(minute // 60, minute % 60)
        run = 0 if quiet.cover(at) or NIGHT.cover(at) else run + 1
        longest = max(longest, run)
    return longest > MARGIN / timedelta(minutes=1)


@given(now=INSTANTS, quiet=hours())
def test_nothing_is_claimed_in_quiet_hours_nor_at_night_nor_in_the_margin_before(
    now: datetime, quiet: QuietHours
) -> None:
    if may_claim(now, quiet, ZONE):
        for second in range(0, int(MARGIN.total_seconds()) + 1, 30):
            assert allowed(now + timedelta(seconds=second), quiet)


@settings(max_examples=50)
@given(now=INSTANTS, quiet=hours())
def test_whoever_waits_is_let_through_at_the_first_moment_that_is_allowed(now: datetime, quiet: QuietHours) -> None:
    assume(ever(quiet))
    first = claims_from(now, quiet, ZONE)
    assert first is not None and first >= now and may_claim(first, quiet, ZONE)
    minute = now
    while minute < first - timedelta(minutes=1):
        assert not may_claim(minute, quiet, ZONE)
        minute += timedelta(minutes=17)


@settings(max_examples=50)
@given(now=INSTANTS, quiet=hours())
def test_hours_that_leave_no_time_at_all_are_said_to_and_never_loop(now: datetime, quiet: QuietHours) -> None:
    assert (claims_from(now, quiet, ZONE) is None) == (not ever(quiet))


@given(now=INSTANTS, quiet=hours())
def test_the_vendor_is_never_told_to_try_into_quiet_hours(now: datetime, quiet: QuietHours) -> None:
    assume(may_claim(now, quiet, ZONE))
    end = closes_at(now, quiet, ZONE)
    assert not allowed(end, quiet)
    assert allowed(end - timedelta(seconds=1), quiet)
    assert end - now < timedelta(days=1)


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2027-07-16 08:00", "2027-07-16 08:00"),
        ("2027-07-16 07:59", "2027-07-16 08:00"),
        ("2027-07-16 19:54", "2027-07-16 19:54"),
        ("2027-07-16 19:55", "2027-07-17 08:00"),  # five minutes before the quiet hours nothing new begins
        ("2027-07-16 20:00", "2027-07-17 08:00"),
        ("2027-07-16 23:59", "2027-07-17 08:00"),
    ],
)
def test_the_usual_quiet_hours(local: str, expected: str) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=ZONE)
    assert claims_from(now, QUIET_HOURS, ZONE) == datetime.fromisoformat(expected).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("quiet", "local", "opens"),
    [
        ("21:00-06:00", "2027-07-16 06:30", "2027-07-16 07:00"),  # the night's own limit
        ("12:00-14:00", "2027-07-16 12:00", "2027-07-16 14:00"),  # a midday rest that does not wrap
        ("12:00-14:00", "2027-07-16 22:00", "2027-07-17 07:00"),
        ("06:00-08:00", "2027-07-16 23:00", "2027-07-17 08:00"),  # night hands over to quiet hours
    ],
)
def test_quiet_hours_and_night_hand_over_to_one_another(quiet: str, local: str, opens: str) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=ZONE)
    hours_of = QuietHours.model_validate(quiet)
    assert opens_at(now, hours_of, ZONE) == datetime.fromisoformat(opens).replace(tzinfo=ZONE)


def test_twilio_takes_ten_hours_at_most() -> None:
    assert LONGEST_VALIDITY == 36_000
