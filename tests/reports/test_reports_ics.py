"""The calendar file: what another program must be able to read, and what must never be in it."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar as File

from engine.clock import VIETNAM
from engine.reports.as_ics import ics, uid
from engine.reports.calendar import PASSED, PLANNED, Calendar, Entry, Standing
from engine.status import RunStatus

DUE = datetime(2027, 7, 16, 1, 30, tzinfo=UTC)
NOW = datetime(2027, 7, 1, 3, tzinfo=UTC)
TITLE = "Hưởng ứng Ngày toàn dân phòng, chống mua bán người 30/7; tại “Cao Lộc”, Lộc Bình\\Tràng Định"
ENTRY = Entry(
    step="mo-dau",
    occurrence="once",
    channel="sms",
    due=DUE,
    starts=DUE,
    duration=timedelta(seconds=95),
    state=PLANNED,
    recipients=2372,
    excluded=323,
    reasons={"opted_out": 12, "no_consent": 311},
    segments=4744,
    cost_vnd=4_032_400,
    audience="Người lao động đi xa",
)


def calendar(*entries: Entry, standing: Standing = "approved", title: str = TITLE) -> Calendar:
    return Calendar("lang-son-30-7", title, "20", standing, entries or (ENTRY,), NOW, None)


def events(made: bytes) -> list:
    return [part for part in File.from_ical(made).walk() if part.name == "VEVENT"]


def logical_lines(made: bytes) -> list[str]:
    """RFC 5545, 3.1: lines end with CRLF, a line that begins with a space goes on with the one before."""
    assert made.endswith(b"\r\n") and b"\n" not in made.replace(b"\r\n", b"")
    physical = made.split(b"\r\n")[:-1]
    assert max(map(len, physical)) <= 75  # octets, the line end not counted
    for line in physical:
        line.decode("utf-8")  # no letter is cut in two
    return made.replace(b"\r\n ", b"").decode().split("\r\n")[:-1]


def test_another_program_reads_what_we_meant() -> None:
    [event] = events(ics(calendar()))
    assert event["UID"] == "lang-son-30-7.mo-dau.once@20.loa"
    assert event["DTSTART"].dt == datetime(2027, 7, 16, 8, 30, tzinfo=VIETNAM)
    assert event["DTSTART"].params["TZID"] == "Asia/Ho_Chi_Minh"
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(minutes=2)  # 95 seconds
    assert event["DTSTAMP"].dt == NOW
    assert (event["STATUS"], event["TRANSP"]) == ("CONFIRMED", "TRANSPARENT")
    assert event["SUMMARY"] == "mo-dau: 2.372 lượt tin"
    lines = str(event["DESCRIPTION"]).split("\n")
    assert lines[0] == TITLE
    assert lines[2] == "Đến lịch: Thứ sáu 16/07/2027 08:30 (giờ Việt Nam)."
    assert "Dự kiến: 2.372 lượt tin, 4.744 đoạn SMS, 4.032.400 đồng; không gửi 323 lượt tin." in lines
    assert "Thời gian gửi dự kiến: 0:01:35." in lines


def test_the_file_says_what_it_is_and_carries_its_zone() -> None:
    made = ics(calendar())
    lines = logical_lines(made)
    assert lines[:2] == ["BEGIN:VCALENDAR", "VERSION:2.0"] and lines[-1] == "END:VCALENDAR"
    assert re.fullmatch(r"PRODID:-//Loa//Loa [\d.]+//VI", lines[2])
    escaped = TITLE.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")
    assert f"X-WR-CALNAME:Lịch gửi: {escaped}" in lines and f"NAME:Lịch gửi: {escaped}" in lines
    assert "X-WR-TIMEZONE:Asia/Ho_Chi_Minh" in lines and "REFRESH-INTERVAL;VALUE=DURATION:PT1H" in lines
    assert not [line for line in lines if line.startswith("METHOD")]  # it would ask for an organiser's address
    [zone] = [part for part in File.from_ical(made).walk() if part.name == "VTIMEZONE"]
    assert zone["TZID"] == "Asia/Ho_Chi_Minh"
    offsets = zone.to_tz().utcoffset(datetime(2027, 7, 16, 8, 30))  # noqa: DTZ001
    assert offsets == timedelta(hours=7)


def test_a_run_that_waits_for_the_morning_stands_in_the_morning() -> None:
    morning = DUE + timedelta(hours=23)
    [event] = events(ics(calendar(replace(ENTRY, starts=morning))))
    assert event["DTSTART"].dt == morning
    assert "Bắt đầu gửi: Thứ bảy 17/07/2027 07:30, khi hết giờ yên lặng." in str(event["DESCRIPTION"])
    assert "Đến lịch: Thứ sáu 16/07/2027 08:30" in str(event["DESCRIPTION"])


@pytest.mark.parametrize(
    ("state", "standing", "status", "mark"),
    [
        (PLANNED, "approved", "CONFIRMED", ""),
        (PLANNED, "needs-no-approval", "CONFIRMED", ""),
        (PLANNED, "not-approved", "TENTATIVE", "[CHỜ PHÊ DUYỆT] "),
        (PLANNED, "paused", "TENTATIVE", "[TẠM DỪNG] "),
        (PLANNED, "cancelled", "CANCELLED", "[ĐÃ HỦY] "),
        (PASSED, "approved", "CANCELLED", "[ĐÃ QUA] "),
        (RunStatus.RUNNING, "approved", "CONFIRMED", ""),
        (RunStatus.FINISHED, "cancelled", "CONFIRMED", ""),
        (RunStatus.HELD, "approved", "TENTATIVE", "[TẠM GIỮ] "),
        (RunStatus.PAUSED, "approved", "TENTATIVE", "[TẠM DỪNG] "),
        (RunStatus.MISSED, "approved", "CONFIRMED", "[LỠ LỊCH] "),
        (RunStatus.CANCELLED, "approved", "CANCELLED", "[ĐÃ HỦY] "),
    ],
)
def test_how_a_run_stands_is_seen_without_opening_it(state: str, standing: Standing, status: str, mark: str) -> None:
    """CANCELLED makes most calendars hide an event: a missed run must stay in sight."""
    [event] = events(ics(calendar(replace(ENTRY, state=state), standing=standing)))
    assert event["STATUS"] == status
    assert event["SUMMARY"] == f"{mark}mo-dau: 2.372 lượt tin"


def test_nothing_of_the_people_leaves_the_office() -> None:
    text = "\n".join(logical_lines(ics(calendar())))
    for hidden in ("Người lao động đi xa", "lao động", "từ chối", "chưa đồng ý", "311", "opted_out", "no_consent"):
        assert hidden not in text


def test_the_name_of_an_event_outlives_every_change() -> None:
    moved = replace(ENTRY, due=DUE + timedelta(days=3), starts=DUE, state=RunStatus.FINISHED, recipients=1)
    daily = replace(ENTRY, occurrence="2027-07-16")
    made = calendar()
    assert uid(made, ENTRY) == uid(calendar(standing="cancelled"), moved) != uid(made, daily)
    other = replace(made, province="40")
    assert uid(made, ENTRY) != uid(other, ENTRY)


def test_last_modified_is_the_latest_thing_known_and_never_to_come() -> None:
    made = replace(calendar(), decided_at=NOW - timedelta(hours=5))
    file_at = NOW - timedelta(hours=2)
    [event] = events(ics(made, changed_at=file_at))
    assert event["LAST-MODIFIED"].dt == file_at
    [event] = events(ics(replace(made, entries=(replace(ENTRY, ended_at=NOW - timedelta(hours=1)),))))
    assert event["LAST-MODIFIED"].dt == NOW - timedelta(hours=1)
    [event] = events(ics(made, changed_at=NOW + timedelta(days=400)))  # files are of now, the clock is turned back
    assert event["LAST-MODIFIED"].dt == NOW
    [event] = events(ics(calendar()))
    assert event["LAST-MODIFIED"].dt == NOW


def test_a_later_version_has_the_higher_sequence_and_the_same_one_the_same() -> None:
    """Of two versions with one UID a subscriber keeps that one; a draft that was edited counts too."""

    def sequence(decided: int, edited: int) -> int:
        made = replace(calendar(), decided_at=NOW - timedelta(minutes=decided), as_of=NOW + timedelta(hours=1))
        return int(events(ics(made, changed_at=NOW - timedelta(minutes=edited)))[0]["SEQUENCE"])

    assert sequence(9, 20) == sequence(9, 30) < sequence(8, 30) < sequence(8, 7)
    assert 0 < sequence(9, 20) < 2**31


def test_an_instant_run_can_still_be_seen() -> None:
    [event] = events(ics(calendar(replace(ENTRY, duration=timedelta()))))
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(minutes=1)


def test_an_english_office_gets_an_english_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOA_LANG", "en")
    [event] = events(ics(calendar()))
    assert event["SUMMARY"] == "mo-dau: 2,372 deliveries"
    assert b"//EN\r\n" in ics(calendar())


LETTERS = st.text(st.sampled_from('ưởếệẵđ aÀ,;:\\"“🙂\n\u0301x'), max_size=120)


@settings(max_examples=40)
@given(LETTERS, st.integers(0, 10**9), st.lists(st.integers(1, 400), unique=True, max_size=6))
def test_whatever_the_title_the_lines_are_whole_and_read_back(title: str, recipients: int, days: list[int]) -> None:
    entries = [
        replace(ENTRY, occurrence=f"n{day}", recipients=recipients, due=DUE + timedelta(days=day)) for day in days
    ]
    made = ics(calendar(*entries, title=title))
    logical_lines(made)
    found = events(made)
    assert len({event["UID"] for event in found}) == len(found) == max(1, len(days))
    for event in found:
        assert str(event["DESCRIPTION"]).startswith(title)
        assert event["DTSTART"].dt < event["DTEND"].dt
