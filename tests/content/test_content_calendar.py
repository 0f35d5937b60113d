"""Occurrences against an independent calendar: python-dateutil's recurrence rules (RFC 5545)."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from dateutil.rrule import DAILY, MO, MONTHLY, WEEKLY, rrule, weekday
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import VIETNAM
from engine.content.campaign import Campaign
from engine.content.occurrences import occurrences

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NGAY = ("thứ hai", "thứ ba", "thứ tư", "thứ năm", "thứ sáu", "thứ bảy", "chủ nhật")
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
STARTS = st.dates(date(2024, 1, 1), date(2032, 12, 31))  # three leap days among them


@st.composite
def schedules(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A schedule as written, in either language, and what dateutil must be told for the same."""
    vietnamese, at = draw(st.booleans()), draw(TIMES)
    unit = draw(st.sampled_from(["day", "week", "week", "week", "month", "last"]))
    every = draw(st.integers(1, 40 if unit == "day" else 6)) if unit in ("day", "week") else 1
    clock = f"lúc {at:%H:%M}" if vietnamese else f"at {at:%H:%M}"
    if unit == "day":
        said = f"mỗi {every} ngày" if vietnamese else f"every {every} days"
        return f"{said} {clock}", {"freq": DAILY, "interval": every}
    if unit == "week":
        chosen = sorted(draw(st.sets(st.integers(0, 6), min_size=1, max_size=3)))
        names = (" và " if vietnamese else " and ").join((NGAY if vietnamese else DAYS)[day] for day in chosen)
        said = f"mỗi {every} tuần vào {names}" if vietnamese else f"every {every} weeks on {names}"
        by = [weekday(day) for day in chosen]
        return f"{said} {clock}", {"freq": WEEKLY, "interval": every, "byweekday": by, "wkst": MO}
    if unit == "month":
        day = draw(st.integers(1, 31))
        said = f"ngày {day} hằng tháng" if vietnamese else f"every month on {day}"
        return f"{said} {clock}", {"freq": MONTHLY, "bymonthday": day}
    said = "ngày cuối hằng tháng" if vietnamese else "every month on the last day"
    return f"{said} {clock}", {"freq": MONTHLY, "bymonthday": -1}


def independent(rule: dict[str, Any], first: date, last: date) -> list[date]:
    """The days of ``rule`` as dateutil counts them, begun at its first day on or after ``first``."""
    begin = datetime(first.year, first.month, first.day)  # noqa: DTZ001 - a day, not an instant
    begun = {key: value for key, value in rule.items() if key != "interval"}
    start = next(iter(rrule(dtstart=begin, count=1, **begun)))
    return [found.date() for found in rrule(dtstart=start, **rule).between(start, _end(last), inc=True)]


def _end(last: date) -> datetime:
    return datetime(last.year, last.month, last.day)  # noqa: DTZ001


def campaign(period: tuple[date, date], when: str, **step: Any) -> Campaign:
    written = {"id": "a", "when": when, "channel": "sms", **step}
    head = {"key": "thu", "title": "Thử", "owner": "BCĐ", "legal_basis": ["1"], "class": "thong_bao"}
    return Campaign.model_validate(
        head | {"period": {"from": f"{period[0]}", "to": f"{period[1]}"}, "anchor": f"{period[0]}", "steps": [written]}
    )


@given(schedules(), STARTS, st.integers(0, 800), st.data())
def test_every_occurrence_is_the_one_another_calendar_finds(
    schedule: tuple[str, dict[str, Any]], start: date, days: int, data: st.DataObject
) -> None:
    when, rule = schedule
    end = start + timedelta(days=days)
    around = st.integers(-20, days + 20).map(lambda day: start + timedelta(days=day))
    since, until = sorted((data.draw(around), data.draw(around)))
    left_out = data.draw(st.sets(around, max_size=5))
    made = campaign(
        (start, end),
        when,
        **{"from": f"{since}", "until": f"{until:%d/%m/%Y}", "except": [f"{day}" for day in left_out]},
    )
    found = occurrences(made.steps[0], made, VIETNAM)
    first, last = max(start, since), min(end, until)
    expected = [day for day in independent(rule, first, last) if day not in left_out]
    assert [once.key for once in found] == [day.isoformat() for day in expected]
    local = [once.due.astimezone(VIETNAM) for once in found]
    assert [at.date() for at in local] == expected and {at.time() for at in local} <= {made.steps[0].when.at}
    assert len({once.key for once in found}) == len(found) and found == sorted(found, key=lambda once: once.due)
    for once in found:
        assert once.due.utcoffset() == timedelta(0) and once.due < once.expires <= once.due + timedelta(hours=24)
    assert all(once.expires <= after.due for once, after in pairwise(found))


@given(st.integers(1, 40), STARTS, st.integers(0, 400))
def test_every_few_days_is_plain_counting(every: int, start: date, days: int) -> None:
    made = campaign((start, start + timedelta(days=days)), f"every {every} days at 08:00")
    found = [once.key for once in occurrences(made.steps[0], made, VIETNAM)]
    assert found == [(start + timedelta(days=day)).isoformat() for day in range(0, days + 1, every)]
