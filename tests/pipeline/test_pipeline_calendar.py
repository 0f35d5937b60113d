"""The calendar of a campaign that has a past: what went, what was missed or held, what is to come; and its file."""

import io
import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import road_workspace as files
from icalendar import Calendar as File
from pipeline_road import Person, Road, World, on_one_database
from rich.console import Console

from engine.cli import main
from engine.clock import parse_instant
from engine.i18n import sentence
from engine.pipeline import control
from engine.reports.as_calendar_table import show_calendar
from engine.reports.calendar import PASSED, PLANNED, Calendar, Entry, Standing, make_calendar
from engine.reports.calendar_words import state
from engine.status import RunStatus

LOA = files.loa_yaml(more_senders=files.scripted(rate="100/s"))
WORKSPACE = {
    "loa.yaml": LOA,
    "audiences/dan.yaml": (
        "title: Người dân hai huyện\nareas: {districts: [Cao Lộc, Lộc Bình]}\ngroups: {any: [nhom-mot]}\n"
    ),
    "campaigns/thu.yaml": files.campaign(
        files.step("hang-ngay", sender="thu", when="every day at 09:00", until="19/7", **{"from": "16/7"}),
        files.step("toi", sender="thu", when="2027-07-18 21:00"),
    ),
}


@pytest.fixture
def live(road: Road) -> Road:
    """Six people for four mornings and an evening in quiet hours, approved on the first morning."""
    road.write(WORKSPACE)
    road.people(*[Person(groups=("nhom-mot",), name="Người Thử") for _ in range(5)])
    road.people(Person(groups=("nhom-mot",), opted_out=True), Person())
    return road


def calendar(road: Road) -> Calendar:
    return make_calendar(road.process, road.snapshot(), road.plan(), now=road.clock.now())


def rows(made: Calendar) -> list[tuple[str, str, int, int]]:
    return [(f"{one.step}/{one.occurrence}", one.state, one.recipients, one.excluded) for one in made.entries]


def entry(made: Calendar, occurrence: str) -> Entry:
    [found] = [one for one in made.entries if one.occurrence == occurrence]
    return found


def test_what_was_and_what_is_to_come_stand_in_one_order_of_days(live: Road) -> None:
    live.at("2027-07-16 09:00")
    assert calendar(live).standing == "not-approved"
    live.approve()
    live.round()
    live.at("2027-07-17 12:00")  # more than two hours late
    live.round()
    live.at("2027-07-18 08:00")
    made = calendar(live)
    assert (made.standing, made.title, made.province) == ("approved", "Chiến dịch thử", "20")
    assert rows(made) == [
        ("hang-ngay/2027-07-16", "finished" if entry(made, "2027-07-16").ended_at else "running", 5, 1),
        ("hang-ngay/2027-07-17", "missed", 0, 0),
        ("hang-ngay/2027-07-18", "planned", 5, 1),
        ("toi/once", "planned", 5, 1),
        ("hang-ngay/2027-07-19", "planned", 5, 1),
    ]
    first, evening = made.entries[0], entry(made, "once")
    assert (first.segments, first.cost_vnd) == (5, 5 * 850)
    assert {one.audience for one in made.entries} == {"Người dân hai huyện"}
    assert evening.waits and evening.starts == parse_instant("2027-07-19 08:00")
    assert evening.duration == timedelta(seconds=0.05)
    assert state(made, evening) == "sẽ gửi từ 08:00 19/07, khi hết giờ yên lặng"
    assert state(made, made.entries[1]) == "lỡ lịch (đã quá giờ cho phép nên không gửi)"
    assert state(made, made.entries[2]) == "sẽ gửi"


@on_one_database
def test_a_day_that_nobody_opened_is_not_passed_over_in_silence(live: Road) -> None:
    live.at("2027-07-18 08:00")
    made = calendar(live)
    assert [(one.occurrence, one.state) for one in made.entries][:2] == [
        ("2027-07-16", "passed"),
        ("2027-07-17", "passed"),
    ]
    assert state(made, made.entries[0]) == "đã qua, không gửi"
    assert state(made, made.entries[2]) == "chờ phê duyệt"


@on_one_database
def test_a_campaign_called_off_or_stopped_says_so_for_every_day_to_come(live: Road) -> None:
    live.at("2027-07-16 09:00")
    live.approve()
    for action, standing, told in (
        ("pause", "paused", "chiến dịch đang tạm dừng"),
        ("cancel", "cancelled", "đã hủy"),
    ):
        control.act(live.process, action, "thu", None, by="Người Duyệt", why="thử")
        made = calendar(live)
        assert made.standing == standing
        assert {state(made, one) for one in made.entries if one.is_planned} == {told}


@on_one_database
def test_a_drill_needs_no_approval_and_says_so(road: Road) -> None:
    road.people(Person())
    made = calendar(road)
    assert made.standing == "needs-no-approval" and rows(made) == [("mo-dau/once", "planned", 1, 0)]
    assert state(made, made.entries[0]) == "đã đến lịch, gửi ngay khi Loa chạy"


def test_each_decision_is_known_by_its_hour_and_another_campaign_s_is_not(live: Road) -> None:
    """Of two versions a subscriber keeps the one changed last."""
    first = live.at("2027-07-16 08:50")
    assert calendar(live).decided_at is None
    live.approve()
    assert calendar(live).decided_at == first
    second = live.later(minutes=1)
    assert calendar(live).decided_at == first
    control.act(live.process, "pause", "thu", None, by="Người Duyệt", why="thử")
    assert calendar(live).decided_at == second
    live.later(minutes=1)
    live.write({**WORKSPACE, "campaigns/thu-hai.yaml": files.campaign()})
    live.approve("thu-hai")
    assert calendar(live).decided_at == second


@on_one_database
def test_every_way_a_run_may_stand_has_words_in_both_languages(live: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    made = calendar(live)
    standings: tuple[Standing, ...] = get_args(Standing)
    for language in ("vi", "en"):
        monkeypatch.setenv("LOA_LANG", language)
        assert len({sentence(f"calendar.weekday-{day}") for day in range(7)}) == 7
        told = {state(made, replace(made.entries[0], state=status)) for status in [*RunStatus, PASSED]}
        assert len(told) == len(RunStatus) + 1
        assert len({sentence(f"calendar.standing-{standing}") for standing in standings}) == len(standings)
        for standing in standings:
            assert state(replace(made, standing=standing), replace(made.entries[0], state=PLANNED))
        assert "something-new" in state(made, replace(made.entries[0], state="held", reason="something-new"))


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def loa(live: Road, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls ``loa …`` in this process at the road's instant: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv("LOA_CLOCK", live.clock.now().isoformat())
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        said = capfd.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


@on_one_database
def test_the_table_is_for_an_officer(live: Road, loa: Call) -> None:
    live.at("2027-07-16 09:00")
    live.approve()
    live.round()
    live.at("2027-07-17 12:00")
    live.round()
    code, out, _ = loa("plan", "thu")
    assert code == 0
    lines = out.splitlines()
    assert lines[:2] == ["Chiến dịch thử", "Đã phê duyệt."]
    assert sum("/07/2027 09:00" in line for line in lines) == 4  # one line a run, whatever became of it
    [missed] = [line for line in lines if "17/07/2027 09:00" in line]
    assert missed.startswith(" Thứ bảy") and "hang-ngay" in missed and "lỡ lịch" in missed
    [evening] = [line for line in lines if "18/07/2027 21:00" in line]
    assert "Chủ nhật" in evening and "Người dân hai huyện" in evening and "từ chối nhận 1" in evening
    assert "sẽ gửi từ 08:00 19/07" in evening


@on_one_database
def test_the_json_is_the_contract_s_and_knows_nothing_of_the_past(live: Road, loa: Call) -> None:
    live.at("2027-07-18 08:00")
    code, out, _ = loa("plan", "thu", "--json")
    plain = json.loads(out)
    assert code == 0 and set(plain) == {"campaign", "runs", "by_district", "totals"}
    assert [run["occurrence"] for run in plain["runs"]] == ["2027-07-18", "once", "2027-07-19"]
    assert json.loads(loa("plan", "thu", "--format", "json")[1]) == plain


@on_one_database
def test_the_file_is_subscribed_to_and_stays_as_open_as_it_was_made(live: Road, loa: Call, tmp_path: Path) -> None:
    live.at("2027-07-16 08:50")
    live.approve()
    file = tmp_path / "lich.ics"
    code, out, err = loa("plan", "thu", "--out", file)
    assert (code, out) == (0, "") and str(file) in err
    before = {event["UID"]: event for event in File.from_ical(file.read_bytes()).walk("VEVENT")}
    assert len(before) == 5 and {event["STATUS"] for event in before.values()} == {"CONFIRMED"}
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        file.chmod(0o644)  # the officer lets colleagues read it
    live.at("2027-07-16 09:00")
    live.round()
    control.act(live.process, "cancel", "thu", None, by="Người Duyệt", why="thử")
    assert loa("plan", "thu", "--format", "ics", "--out", file)[0] == 0
    after = {event["UID"]: event for event in File.from_ical(file.read_bytes()).walk("VEVENT")}
    assert after.keys() == before.keys()
    assert sorted(event["STATUS"] for event in after.values()) == ["CANCELLED"] * 4 + ["CONFIRMED"]
    assert all(int(after[name]["SEQUENCE"]) > int(before[name]["SEQUENCE"]) for name in after)
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o644


@on_one_database
def test_a_draft_that_was_edited_is_a_later_version(live: Road, loa: Call) -> None:
    """A calendar may keep the old hours of an event whose SEQUENCE stood still."""
    real = datetime.fromtimestamp((live.settings.workspace / "loa.yaml").stat().st_mtime, UTC)
    live.clock.instant = max(live.clock.now(), real) + timedelta(days=1)

    def sequences() -> set[int]:
        made = File.from_ical(loa("plan", "thu", "--format", "ics")[1])
        return {int(event["SEQUENCE"]) for event in made.walk("VEVENT")}

    [before] = sequences()
    assert sequences() == {before}
    for file in ("campaigns/thu.yaml", "messages/tin/sms.vi.j2"):
        os.utime(live.settings.workspace / file, (real.timestamp() + 60, real.timestamp() + 60))
        [after] = sequences()
        assert after > before
        os.utime(live.settings.workspace / file, (real.timestamp(), real.timestamp()))


@on_one_database
def test_the_file_on_stdout_keeps_its_line_ends_and_names_nobody(live: Road, loa: Call, world: World) -> None:
    live.at("2027-07-16 09:00")
    live.approve()
    live.round()
    code, out, _ = loa("plan", "thu", "--format", "ics")
    assert code == 0 and out.endswith("END:VCALENDAR\r\n") and "\n" not in out.replace("\r\n", "")
    text = out.replace("\r\n ", "")
    hidden = ["Người Thử", "Người Duyệt", "Người dân hai huyện", "nhom-mot", "dan", "111"]
    hidden += [message.to.removeprefix("+84") for message in world.sent]
    assert [word for word in hidden if f":{word}" in text or f" {word}" in text or f"{word}," in text] == []


@on_one_database
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--out", "lich.doc"], 2, ".ics"),
        (["--format", "ics", "--json"], 2, "--json"),
        (["--at", "hôm qua"], 1, "2027-07-16 08:30"),
        (["--out", "khong-co/lich.ics"], 1, "lich.ics"),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_sentence(
    live: Road, loa: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended, out, err = loa("plan", "thu", *arguments)
    assert (ended, out) == (code, "") and told in err and "Traceback" not in err


@on_one_database
def test_the_day_to_look_from_is_typed_as_people_here_write_it(live: Road, loa: Call) -> None:
    for at in ("18/07/2027 08:00", "8h ngày 18/7/2027", "2027-07-18T08:00+07:00"):
        found: Any = json.loads(loa("plan", "thu", "--json", "--at", at)[1])
        assert [run["occurrence"] for run in found["runs"]] == ["2027-07-18", "once", "2027-07-19"]


@on_one_database
def test_whoever_approves_does_not_see_to_whom_it_goes_and_how_it_stands(live: Road, loa: Call) -> None:
    planned = loa("plan", "thu")[1].splitlines()
    code, out, _ = loa("approve", "thu", "--by", "Người Duyệt")
    assert code == 0 and out.splitlines()[: len(planned)] == planned
    assert "Người dân hai huyện" in out and "chờ phê duyệt" in out


@on_one_database
@pytest.mark.parametrize("width", [60, 80, 112, 120, 200])
def test_a_narrow_screen_loses_no_words(live: Road, width: int) -> None:
    made = calendar(live)
    screen = Console(file=io.StringIO(), width=width, force_terminal=True, no_color=True, legacy_windows=False)
    show_calendar(screen, made)
    assert isinstance(screen.file, io.StringIO)
    shown = " ".join(screen.file.getvalue().split())
    assert "…" not in shown
    for word in ("Thứ sáu 16/07/2027 09:00", "Chủ nhật 18/07/2027 21:00", "hang-ngay", "Không gửi: từ chối nhận 1"):
        assert word in shown.replace("\x1b[1m", "").replace("\x1b[0m", "")


@on_one_database
def test_a_day_to_come_that_the_plan_leaves_out_is_called_off_and_not_gone_by(live: Road) -> None:
    live.at("2027-07-17 08:00")
    plan = live.plan()
    made = make_calendar(live.process, live.snapshot(), replace(plan, runs=plan.runs[:1]), now=live.clock.now())
    assert [one.state for one in made.entries] == ["passed", "planned", "cancelled", "cancelled", "cancelled"]
