"""Values in both languages: equal in meaning, and never silently something else."""

import time as time_module
from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.content.values import (
    Cap,
    QuietHours,
    read_date,
    read_duration,
    read_money,
    read_number,
    read_percentage,
    read_rate,
    read_time,
)
from engine.content.words import BadValue, is_key, suggestion

HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("12 hours", 12 * HOURS),
        ("12 giờ", 12 * HOURS),
        ("12 gio", 12 * HOURS),
        ("12 giờ", 12 * HOURS),  # NFD, as macOS types it
        ("12h", 12 * HOURS),
        ("90 phút", 1.5 * HOURS),
        ("15 minutes", HOURS / 4),
        ("60 seconds", HOURS / 60),
        ("30 giây", HOURS / 120),
        ("3 ngày", 72 * HOURS),
        ("1 day", 24 * HOURS),
        ("2 tuần", 14 * 24 * HOURS),
        ("1 hour 30 minutes", 1.5 * HOURS),
        ("1 giờ 30 phút", 1.5 * HOURS),
        ("1 hour and 30 minutes", 1.5 * HOURS),
        ("  2   HOURS ", 2 * HOURS),
        ("0 minutes", timedelta()),
    ],
)
def test_a_duration_means_the_same_in_both_languages(text: str, meant: timedelta) -> None:
    assert read_duration(text) == meant


@pytest.mark.parametrize(
    "text", ["", "12", "giờ", "12 giờ x", "1,5 giờ", "1.5 hours", "-1 day", "12 parsecs", "1 month"]
)
def test_a_duration_that_is_not_clear_is_refused(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        read_duration(text)
    assert caught.value.code == "bad-duration"


def test_an_endless_duration_is_refused() -> None:
    with pytest.raises(BadValue) as caught:
        read_duration("99999 weeks")
    assert caught.value.code == "duration-too-long"


@pytest.mark.parametrize("text", ["2027-07-01", "01/07/2027", "1/7/2027", "2027-7-1", "ngày 1/7/2027"])
def test_dates_put_the_day_first_as_people_here_do(text: str) -> None:
    assert read_date(text) == date(2027, 7, 1)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2027-02-29", "no-such-date"),
        ("31/6/2027", "no-such-date"),
        ("13/13/2027", "no-such-date"),
        ("1/7/27", "bad-date"),
        ("July 1", "bad-date"),
        ("", "bad-date"),
        ("2027-07-01T00:00", "bad-date"),
    ],
)
def test_a_date_the_calendar_lacks_is_told_from_one_not_understood(text: str, code: str) -> None:
    with pytest.raises(BadValue) as caught:
        read_date(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "meant"), [("08:30", (8, 30)), ("8h30", (8, 30)), ("8h", (8, 0)), ("8 giờ 30", (8, 30))]
)
def test_times_of_day(text: str, meant: tuple[int, int]) -> None:
    assert read_time(text) == time(*meant)


@pytest.mark.parametrize("text", ["24:00", "08:60", "8", "830", "08:3", "-1:00", ""])
def test_a_time_no_clock_shows_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        read_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "60000000",
        "60_000_000",
        "60.000.000",
        "60,000,000",
        "60 000 000",
        "60.000.000 đồng",
        "60.000.000 đ",
        "60000000 VND",
    ],
)
def test_money_is_whole_dong_however_it_is_grouped(text: str) -> None:
    assert read_money(text) == 60_000_000


@pytest.mark.parametrize(
    "text", ["1.5", "60.000,000", "60.00.000", "6e7", "0x10", "-5", "sáu mươi triệu", "60tr", "1_00"]
)
def test_money_that_could_be_misread_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        read_money(text)


@pytest.mark.parametrize("text", ["1.000", "1_000", "1e3", "0x1F", "3.0", "-1", "١", ""])
def test_a_number_takes_digits_only(text: str) -> None:
    with pytest.raises(BadValue):
        read_number(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("20/s", 20.0),
        ("20/giây", 20.0),
        ("20 tin/giây", 20.0),
        ("20 per second", 20.0),
        ("600/phút", 10.0),
        ("600/min", 10.0),
        ("600/m", 10.0),
        ("3600/giờ", 1.0),
        ("10 mỗi giây", 10.0),
    ],
)
def test_rates_are_messages_a_second(text: str, meant: float) -> None:
    assert read_rate(text) == meant


@pytest.mark.parametrize("text", ["0/s", "20", "nhanh", "20/năm", "-1/s", "2.5/s"])
def test_a_rate_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        read_rate(text)


@pytest.mark.parametrize(("text", "meant"), [("50%", 5000), ("33,33 %", 3333), ("33.3%", 3330), ("100%", 10_000)])
def test_shares_are_hundredths_of_a_percent(text: str, meant: int) -> None:
    assert read_percentage(text) == meant


@pytest.mark.parametrize("text", ["0%", "101%", "50", "0.5", "-5%", "33,333%"])
def test_a_share_outside_the_whole_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        read_percentage(text)


@pytest.mark.parametrize(
    ("text", "count", "days"),
    [
        ("3 per 7 days", 3, 7),
        ("3 tin trong 7 ngày", 3, 7),
        ("3 tin/tuần", 3, 7),
        ("1 mỗi ngày", 1, 1),
        ("2 per week", 2, 7),
        ("3 messages in 1 day", 3, 1),
    ],
)
def test_caps_mean_the_same_in_both_languages(text: str, count: int, days: int) -> None:
    assert Cap.model_validate(text) == Cap(count=count, window=timedelta(days=days))


@pytest.mark.parametrize("text", ["nhiều", "0 per day", "3", "3 per", "3 per 0 days", "per 7 days"])
def test_a_cap_that_is_no_cap_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Cap.model_validate(text)


@pytest.mark.parametrize(
    ("at", "quiet"), [("19:59", False), ("20:00", True), ("03:00", True), ("07:59", True), ("08:00", False)]
)
def test_quiet_hours_wrap_midnight_and_end_on_the_minute(at: str, quiet: bool) -> None:
    assert QuietHours.model_validate("20:00-08:00").cover(read_time(at)) is quiet


@pytest.mark.parametrize("text", ["20:00", "20:00-20:00", "20:00-25:00", "đêm", "1-2-3"])
def test_quiet_hours_without_two_ends_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        QuietHours.model_validate(text)


@given(st.times(), st.times(), st.times(), st.times())
def test_covering_all_of_other_hours_is_what_it_says_minute_by_minute(a: time, b: time, c: time, d: time) -> None:
    one, two, three, four = (moment.replace(second=0, microsecond=0) for moment in (a, b, c, d))
    if one == two or three == four:
        return
    mine, other = QuietHours(start=one, end=two), QuietHours(start=three, end=four)
    minutes = [time(minute // 60, minute % 60) for minute in range(24 * 60)]
    assert mine.cover_all_of(other) == all(mine.cover(minute) for minute in minutes if other.cover(minute))


@given(st.text(max_size=30))
def test_no_text_breaks_a_reader(text: str) -> None:
    for reader in (read_duration, read_date, read_time, read_money, read_number, read_rate, read_percentage):
        try:
            reader(text)
        except BadValue as error:
            assert str(error)


@given(st.integers(1, 9999), st.sampled_from(["{} hours", "{} giờ", "{} gio", "{}h"]))
def test_every_count_of_hours_is_kept(count: int, form: str) -> None:
    assert read_duration(form.format(count)) == timedelta(hours=count)


def test_keys_and_suggestions_read_without_accents() -> None:
    assert is_key("lang-son-30-7") and not any(map(is_key, ("Lang", "a--b", "-a", "a b", "đợt", "", "a" * 65)))
    assert suggestion("canh_bao", ["canh-bao", "mo-dau"]) == "canh-bao"
    assert suggestion("Cảnh báo", ["canh-bao"]) == "canh-bao"
    assert suggestion("xyz", ["canh-bao"]) is None


@pytest.mark.parametrize("text", ["8h " * 300_000, "1 giờ " * 150_000, "1." * 400_000])
def test_an_endless_value_costs_no_time_and_no_screen(text: str) -> None:
    begun = time_module.process_time()
    with pytest.raises(BadValue) as caught:
        read_duration(text)
    assert time_module.process_time() - begun < 2
    assert len(str(caught.value)) < 400
