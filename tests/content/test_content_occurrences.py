"""When steps fall: period edges, month ends, leap days, periods over years, summer time, the machine's own zone."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.clock import VIETNAM
from engine.content.campaign import Campaign
from engine.content.occurrences import Occurrence, occurrences
from engine.content.when import read_instant
from engine.errors import LoaError


def campaign(
    when: str, *, period: tuple[str, str] = ("2027-07-01", "2027-09-30"), anchor: str = "30/7", **step: Any
) -> Campaign:
    written = {"id": "a", "when": when, "channel": "sms", **step}
    return Campaign.model_validate(
        {
            "key": "thu",
            "title": "Thử",
            "owner": "BCĐ",
            "legal_basis": ["1"],
            "class": "thong_bao",
            "period": {"from": period[0], "to": period[1]},
            "anchor": anchor,
            "steps": [written],
        }
    )


def falls(when: str, zone: ZoneInfo = VIETNAM, **given: Any) -> list[Occurrence]:
    made = campaign(when, **given)
    return occurrences(made.steps[0], made, zone)


def keys(when: str, **given: Any) -> list[str]:
    return [found.key for found in falls(when, **given)]


@pytest.mark.parametrize(
    ("when", "due"),
    [
        ("anchor - 14 days at 08:30", datetime(2027, 7, 16, 1, 30, tzinfo=UTC)),
        ("mốc lúc 07:00", datetime(2027, 7, 30, 0, 0, tzinfo=UTC)),
        ("2027-07-16 08:30", datetime(2027, 7, 16, 1, 30, tzinfo=UTC)),
        ("31/8 at 20:00", datetime(2027, 8, 31, 13, 0, tzinfo=UTC)),
    ],
)
def test_a_single_step_is_due_once_in_the_local_hour(when: str, due: datetime) -> None:
    assert [(found.key, found.due) for found in falls(when)] == [("once", due)]


def test_an_edited_time_keeps_the_occurrence_key() -> None:
    assert keys("every day at 08:30") == keys("every day at 17:00")
    assert keys("2027-07-16 08:30") == keys("2027-08-16 17:00") == ["once"]


def test_a_daily_step_fills_the_period_edges_included() -> None:
    assert keys("every day at 17:00", period=("2027-07-01", "2027-07-03")) == ["2027-07-01", "2027-07-02", "2027-07-03"]


def test_local_midnight_hours_keep_their_local_date() -> None:
    (first, *_) = falls("every day at 00:30")
    assert first.key == "2027-07-01"
    assert first.due == datetime(2027, 6, 30, 17, 30, tzinfo=UTC)


def test_from_until_and_except_are_all_days_included_or_left_out_whole() -> None:
    given = {"from": "anchor - 2 days", "until": "anchor + 1 day", "except": ["30/7"]}
    assert keys("every day at 17:00", **given) == ["2027-07-28", "2027-07-29", "2027-07-31"]


def test_from_and_until_beyond_the_period_do_not_widen_it() -> None:
    given = {"from": "2027-01-01", "until": "2028-01-01", "period": ("2027-07-01", "2027-07-02")}
    assert keys("every day at 17:00", **given) == ["2027-07-01", "2027-07-02"]


def test_weekly_steps_fall_on_their_weekdays_only() -> None:
    found = keys("thứ hai và thứ năm hằng tuần lúc 19:00", period=("2027-07-01", "2027-07-12"))
    assert found == ["2027-07-01", "2027-07-05", "2027-07-08", "2027-07-12"]


def test_every_two_weeks_counts_from_the_first_such_weekday() -> None:
    found = keys("every 2 weeks on monday at 19:00", period=("2027-07-01", "2027-08-08"))
    assert found == ["2027-07-05", "2027-07-19", "2027-08-02"]


def test_every_two_weeks_keeps_its_weekdays_in_the_same_weeks() -> None:
    """1 July 2027 is a Thursday: the week counted from is that one, whose Monday lies before the period."""
    found = keys("every 2 weeks on monday and thursday at 19:00", period=("2027-07-01", "2027-08-01"))
    assert found == ["2027-07-01", "2027-07-12", "2027-07-15", "2027-07-26", "2027-07-29"]


def test_every_two_weeks_counts_from_the_step_not_from_the_period() -> None:
    given = {"from": "2027-07-06", "period": ("2027-07-01", "2027-08-08")}
    assert keys("every 2 weeks on monday at 19:00", **given) == ["2027-07-12", "2027-07-26"]


def test_every_three_days_counts_from_the_first_day() -> None:
    assert keys("mỗi 3 ngày lúc 19:00", **{"from": "2027-07-02", "until": "2027-07-09"}) == [
        "2027-07-02",
        "2027-07-05",
        "2027-07-08",
    ]


def test_a_month_without_the_day_is_skipped() -> None:
    assert keys("every month on 31 at 08:00", period=("2027-01-01", "2027-12-31"), anchor="30/7") == [
        f"2027-{month:02}-31" for month in (1, 3, 5, 7, 8, 10, 12)
    ]


def test_the_last_day_of_the_month_knows_leap_years() -> None:
    found = keys("ngày cuối hằng tháng lúc 08:00", period=("2028-01-01", "2028-04-30"), anchor="30/4")
    assert found == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]


def test_day_29_falls_in_february_of_leap_years_only() -> None:
    found = keys("ngày 29 hằng tháng lúc 08:00", period=("2027-02-01", "2028-03-31"), anchor="2027-07-30")
    assert "2028-02-29" in found and not any(key.startswith("2027-02") for key in found) and len(found) == 13


def test_a_daily_step_passes_over_no_leap_day() -> None:
    found = keys("every day at 08:00", period=("2028-02-28", "2028-03-01"), anchor="29/2")
    assert found == ["2028-02-28", "2028-02-29", "2028-03-01"]


@pytest.mark.parametrize(
    ("when", "period", "expected"),
    [
        ("every month on 1 at 08:00", ("2027-07-01", "2027-08-01"), ["2027-07-01", "2027-08-01"]),
        ("every month on 1 at 08:00", ("2027-07-02", "2027-07-31"), []),
        ("every month on the last day at 08:00", ("2027-07-31", "2027-08-30"), ["2027-07-31"]),
        ("every month on 30 at 08:00", ("2027-01-31", "2027-03-29"), []),
        ("every thursday at 00:00", ("2027-07-01", "2027-07-08"), ["2027-07-01", "2027-07-08"]),
        ("every friday at 23:59", ("2027-07-01", "2027-07-01"), []),
        ("every day at 23:59", ("2027-12-31", "2028-01-01"), ["2027-12-31", "2028-01-01"]),
        ("every 366 days at 08:00", ("2027-07-01", "2028-07-01"), ["2027-07-01", "2028-07-01"]),
    ],
)
def test_the_first_and_the_last_day_of_a_period_count_whole(
    when: str, period: tuple[str, str], expected: list[str]
) -> None:
    assert keys(when, period=period, anchor=period[0]) == expected


def test_a_period_over_two_years_names_both_days_that_a_date_may_mean() -> None:
    given = {"period": ("2027-07-01", "2028-09-30")}
    assert keys("every month on 30 at 08:00", anchor="2027-07-30", **given)[:2] == ["2027-07-30", "2027-08-30"]
    for when, anchor, code in (("mốc lúc 08:00", "30/7", "anchor-twice"), ("30/7 at 07:00", "1/1", "day-twice")):
        with pytest.raises(LoaError) as caught:
            falls(when, anchor=anchor, **given)
        assert caught.value.code == code
        assert "30/07/2027, 30/07/2028" in str(caught.value)
    assert keys("1/1 at 07:00", **given) == ["once"]  # that one comes once
    assert [once.due.year for once in falls("30/7/2028 at 07:00", **given)] == [2028]


def test_a_leap_day_over_two_years_comes_once() -> None:
    given = {"period": ("2027-01-01", "2028-12-31"), "anchor": "29/2"}
    assert falls("anchor + 1 day at 08:00", **given)[0].due.date() == date(2028, 3, 1)
    assert falls("29/2 at 08:00", **given)[0].due.date() == date(2028, 2, 29)
    with pytest.raises(LoaError) as caught:
        falls("29/2 at 08:00", period=("2027-01-01", "2027-12-31"))
    assert caught.value.code == "day-missing"


def test_an_offset_may_leave_the_year() -> None:
    given = {"period": ("2027-12-01", "2028-03-31"), "anchor": "1/1"}
    assert falls("anchor - 1 day at 08:00", **given)[0].due.date() == date(2027, 12, 31)
    assert falls("anchor + 9 weeks at 08:00", **given)[0].due.date() == date(2028, 3, 4)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a running process can be changed on POSIX only")
@pytest.mark.parametrize("machine", ["America/New_York", "Europe/Prague", "Pacific/Kiritimati", "UTC"])
def test_the_machines_own_zone_moves_nothing(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = falls("every day at 08:30", period=("2027-03-01", "2027-11-30"))
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        assert falls("every day at 08:30", period=("2027-03-01", "2027-11-30")) == before
        assert {(once.due.hour, once.due.minute) for once in before} == {(1, 30)}
        assert read_instant("16/07/2027 08:30") == datetime(2027, 7, 16, 1, 30, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_leap_day_anchor_needs_a_leap_year() -> None:
    assert falls("anchor at 08:00", anchor="29/2", period=("2028-01-01", "2028-12-31"))[0].due.date() == date(
        2028, 2, 29
    )
    with pytest.raises(LoaError) as caught:
        falls("anchor at 08:00", anchor="29/2")
    assert caught.value.code == "anchor-missing"


def test_an_anchor_that_comes_twice_is_refused() -> None:
    with pytest.raises(LoaError) as caught:
        falls("anchor at 08:00", period=("2027-07-01", "2028-07-30"))
    assert caught.value.code == "anchor-twice"


def test_a_full_anchor_date_settles_it() -> None:
    found = falls("anchor at 08:00", period=("2027-07-01", "2028-07-30"), anchor="2028-07-30")
    assert found[0].due.year == 2028


def test_a_single_step_outside_the_period_is_never_due() -> None:
    assert falls("anchor - 40 days at 08:00") == []


def test_summer_time_moves_no_local_hour() -> None:
    """Vietnam has none; a workspace elsewhere keeps 08:00 on the clock on the wall."""
    zone = ZoneInfo("Europe/Prague")
    for when in ("every day at 08:00", "every 7 days at 08:00", "every sunday at 08:00"):
        found = falls(when, zone, period=("2027-03-21", "2027-04-04"), anchor="30/3")
        assert {once.due.astimezone(zone).hour for once in found} == {8}
        assert len({once.due.hour for once in found}) == 2


def test_validity_ends_at_the_next_occurrence_or_after_a_day() -> None:
    daily = falls("every day at 17:00", period=("2027-07-01", "2027-07-03"))
    assert [found.expires - found.due for found in daily] == [timedelta(hours=24)] * 3
    weekly = falls("every thursday at 19:00")
    assert weekly[0].expires - weekly[0].due == timedelta(hours=24)
    given = falls("every day at 17:00", valid_for="30 giờ")
    assert given[0].expires - given[0].due == timedelta(hours=30)


def test_a_run_is_missed_after_its_lateness() -> None:
    assert falls("anchor at 08:00")[0].missed_after - falls("anchor at 08:00")[0].due == timedelta(hours=2)
    late = falls("anchor at 08:00", late="30 phút")[0]
    assert late.missed_after - late.due == timedelta(minutes=30)
