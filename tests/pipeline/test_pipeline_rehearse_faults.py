"""Outages and clock jumps in a rehearsal: every run is on time, late within its grace, or missed and listed."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import road_workspace as files
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pipeline_road import Road, on_one_database
from rehearse_hall import outcome, people, rehearsed, rules
from sqlalchemy import text

from engine.clock import VIETNAM, SteppedTime, parse_instant
from engine.errors import UsageError
from engine.pipeline.rehearse import Rehearsed
from engine.pipeline.rehearse_faults import ClockJump, Faults, Outage, read_faults
from engine.pipeline.rehearse_figures import ON_TIME

FIRST = datetime(2027, 7, 1, tzinfo=VIETNAM)
STEPS = (
    files.step("sang", when="every day at 08:30", valid_for="4 hours", **{"from": "2027-07-01", "until": "2027-07-12"}),
    files.step("toi", when="every 2 weeks on friday at 19:30", late="9 hours", until="2027-07-20"),
    files.step("mot-lan", when="2027-07-05 10:00", late="3 days", valid_for="2 days"),
)
WORKSPACE: dict[str, str | None] = {
    "loa.yaml": files.loa_yaml().replace("rate: 100000/s", "rate: 30/minute"),
    "campaigns/thu.yaml": files.campaign(*STEPS, limits="{per_person: 3 per 2 days}"),
}
Span = tuple[int, int]  # (minutes after the first midnight, minutes long)


def _local(minutes: int) -> str:
    return f"{FIRST + timedelta(minutes=minutes):%Y-%m-%d %H:%M}"


def _ask(outages: list[Span], jumps: list[Span]) -> dict[str, Any]:
    return {
        "outages": tuple(f"{_local(at)}..{_local(at + length)}" for at, length in outages),
        "jumps": tuple(f"{_local(at)} {by:+d}m" for at, by in jumps if by),
    }


def _fate(due: datetime, late: timedelta, expires: datetime, outages: list[Span]) -> str:
    """The plain rule: opened when the machine is next up; too late for its grace or its validity, it is missed."""
    opened = due
    for at, length in sorted(outages):
        start, end = FIRST + timedelta(minutes=at), FIRST + timedelta(minutes=at + length)
        if start <= opened < end:
            opened = end
    if opened > due + late or opened >= expires:
        return "missed"
    return "on_time" if opened <= due + ON_TIME else "late"


def _unsettled(result: Rehearsed) -> int:
    query = "SELECT count(*) FROM delivery WHERE status IN ('queued', 'sending', 'unknown')"
    with result.process.database.read() as connection:
        return int(connection.execute(text(query)).scalar_one())


MINUTES = st.integers(0, 14 * 24 * 60)
OUTAGES = st.lists(st.tuples(MINUTES, st.integers(1, 100 * 60)), max_size=2)
JUMPS = st.lists(st.tuples(MINUTES, st.integers(-180, 180)), max_size=2)


@pytest.mark.torture  # two weeks, ten times
@on_one_database
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outages=OUTAGES, jumps=JUMPS)
@example(outages=[(4 * 1440 + 511, 72 * 60)], jumps=[(9 * 1440 + 500, 60), (10 * 1440 + 1195, -120)])
@example(outages=[(511, 2), (1 * 1440 + 515, 90)], jumps=[])
def test_every_run_is_on_time_or_late_within_its_grace_or_missed_and_listed(
    road: Road, outages: list[Span], jumps: list[Span]
) -> None:
    if not road.rows("SELECT id FROM contact"):
        road.write(WORKSPACE)
        people(road, 70)  # 140 seconds: whatever begins in these is caught in the middle
    with rehearsed(road, **_ask(outages, jumps)) as result:
        campaign = result.snapshot.campaign
        wanted = {
            (step.id, one.key): _fate(one.due, step.late, one.expires, outages)
            for step in campaign.steps
            for one in result.snapshot.occurrences(step)
        }
        fates: dict[Any, str] = {(course.step, course.occurrence): course.fate for course in result.courses}
        assert fates.keys() == wanted.keys() and len(result.courses) == 15
        assert set(fates.values()) <= {"on_time", "late", "missed"}
        if not any(by for _, by in jumps):
            assert fates == wanted
        listed = sum(finding.rule == "missed" for finding in result.findings)
        assert listed == sum(fate == "missed" for fate in fates.values())
        assert not rules(result, "bug"), [finding for finding in result.findings if finding.kind == "bug"]
        assert _unsettled(result) == 0
        for course in result.courses:
            assert course.planned == sum(course.statuses.values()) - sum(course.excluded.values()) + sum(
                course.excluded[reason] for reason in ("capped",)
            )


@on_one_database
def test_a_power_cut_in_the_middle_of_a_run_loses_nobody_and_doubles_nobody(road: Road) -> None:
    """At thirty a minute the cut comes after a third; what was called and not written is found in the vendor's log."""
    road.write(WORKSPACE | {"campaigns/thu.yaml": files.campaign(files.step(when="2027-07-16 08:30"))})
    people(road, 60)
    result = outcome(road, outages=("2027-07-16 08:30:40..2027-07-16 09:10",))
    [course] = result.courses
    assert (course.fate, course.handed_over, rules(result)) == ("on_time", 60, set())
    assert course.first and course.last and course.last >= parse_instant("2027-07-16 09:10")
    assert result.days[0].delivered + result.days[0].failed == 60


@on_one_database
def test_a_receipt_that_came_while_nobody_listened_is_asked_for(road: Road) -> None:
    road.write({"loa.yaml": files.loa_yaml(poll_after="5 minutes")})
    people(road, 20)
    result = outcome(road, outages=("2027-07-16 08:30:01..2027-07-18 12:00",))
    [course] = result.courses
    assert course.statuses["delivered"] + course.statuses["failed"] == 20
    assert [day.delivered for day in result.days][1:] != []


@pytest.mark.torture  # hundreds of attempts
@on_one_database
def test_a_sender_out_of_reach_keeps_its_queue_and_goes_on_by_itself(road: Road) -> None:
    campaign = files.campaign(files.step(when="2027-07-16 08:30", valid_for="10 hours"), limits="{budget: 60_000_000}")
    road.write({"campaigns/thu.yaml": campaign})
    people(road, 30)
    result = outcome(road, outages=("dien-tap: 2027-07-16 08:00..2027-07-16 11:00",))
    [course] = result.courses
    assert (course.handed_over, course.too_late, rules(result)) == (30, 0, set())
    assert course.first and parse_instant("2027-07-16 11:00") <= course.first < parse_instant("2027-07-16 11:06")
    late = outcome(road, outages=("dien-tap: 2027-07-16 08:00..2027-07-16 19:00",))
    assert (late.courses[0].handed_over, late.courses[0].too_late, rules(late)) == (0, 30, {"expired"})


@pytest.mark.torture  # hundreds of attempts
@on_one_database
def test_the_next_sender_of_a_step_takes_over_in_a_rehearsal_too(road: Road) -> None:
    """Else an officer would read that everybody is lost in an outage that a true sending gets through."""
    second = "  du-phong: {provider: sandbox, from: DUPHONG, rate: 10/s, price_per_segment: 900}\n"
    campaign = files.campaign(files.step(sender="[dien-tap, du-phong]", when="2027-07-16 08:30", valid_for="10 hours"))
    road.write({"loa.yaml": files.loa_yaml(more_senders=second), "campaigns/thu.yaml": campaign})
    people(road, 40)
    with rehearsed(road, outages=("dien-tap: 2027-07-16 08:00..2027-07-16 19:00",)) as result:
        [course] = result.courses
        assert (course.fate, course.handed_over, course.too_late, rules(result)) == ("on_time", 40, 0, set())
        assert course.last and course.last < parse_instant("2027-07-16 08:32")
    both = outcome(
        road,
        outages=("dien-tap: 2027-07-16 08:00..2027-07-16 11:00", "du-phong: 2027-07-16 08:00..2027-07-16 12:00"),
    )
    [course] = both.courses
    assert (course.handed_over, rules(both)) == (40, set())
    assert course.first and parse_instant("2027-07-16 11:00") <= course.first < parse_instant("2027-07-16 11:06")


@on_one_database
def test_a_power_cut_while_a_sender_is_probed_does_not_end_the_rehearsal(road: Road) -> None:
    campaign = files.campaign(files.step(when="2027-07-16 08:30", valid_for="10 hours"))
    road.write({"campaigns/thu.yaml": campaign})
    people(road, 30)
    cuts = (f"2027-07-16 09:{minute:02}:07..2027-07-16 09:{minute:02}:59" for minute in range(0, 50, 5))
    result = outcome(road, outages=("dien-tap: 2027-07-16 08:00..2027-07-16 11:00", *cuts))
    [course] = result.courses
    assert (course.handed_over, rules(result)) == (30, set())


@on_one_database
def test_a_clock_that_is_slow_rings_in_true_quiet_hours_and_that_is_told(road: Road) -> None:
    """An hour behind, the machine thinks 19:30 when it is 20:30."""
    road.write({"campaigns/thu.yaml": files.campaign(files.step(when="2027-07-16 19:30"))})
    people(road, 5)
    assert not rules(outcome(road))
    result = outcome(road, jumps=("2027-07-16 12:00 -1h",))
    [found] = [finding for finding in result.findings if finding.kind == "broken"]
    assert (found.rule, found.count, result.courses[0].fate) == ("wrong_clock", 5, "on_time")


@on_one_database
def test_a_clock_set_back_opens_no_run_twice(road: Road) -> None:
    people(road, 5)
    result = outcome(road, jumps=("2027-07-16 08:45 -1h", "2027-07-16 09:00 +1h"))
    assert [(course.fate, course.handed_over) for course in result.courses] == [("on_time", 5)]
    assert not rules(result)


@pytest.mark.parametrize(
    ("outages", "jumps", "found"),
    [
        (
            ["2027-07-20 08:00..2027-07-23 08:00"],
            [],
            Faults((Outage(parse_instant("2027-07-20 08:00"), parse_instant("2027-07-23 08:00")),)),
        ),
        (
            ["brandname: 20/07/2027 08:00..2027-07-20T09:00+07:00"],
            [],
            Faults((Outage(parse_instant("2027-07-20 08:00"), parse_instant("2027-07-20 09:00"), "brandname"),)),
        ),
        ([], ["2027-07-20 10:00 +1h"], Faults((), (ClockJump(parse_instant("2027-07-20 10:00"), timedelta(hours=1)),))),
        (
            [],
            ["20/07/2027 10:00 - 90 phút"],
            Faults((), (ClockJump(parse_instant("2027-07-20 10:00"), timedelta(minutes=-90)),)),
        ),
    ],
)
def test_faults_are_read_as_people_write_them(outages: list[str], jumps: list[str], found: Faults) -> None:
    assert read_faults(outages, jumps, ["brandname"]) == found


@pytest.mark.parametrize(
    ("outages", "jumps"),
    [
        (["2027-07-20 08:00"], []),
        (["2027-07-20 08:00..mai"], []),
        (["2027-07-20 09:00..2027-07-20 08:00"], []),
        (["gateway: 2027-07-20 08:00..2027-07-20 09:00"], []),
        (["32/07/2027 08:00..2027-08-20 09:00"], []),
        (["20/07/2027 25:00..2027-08-20 09:00"], []),
        ([], ["2027-07-20 10:00"]),
        ([], ["2027-07-20 10:00 +-1h"]),
        ([], ["2027-07-20 10:00 ±1h"]),
        ([], ["2027-07-20 10:00 +99999999999999h"]),
        ([], ["+1h"]),
    ],
)
def test_a_fault_that_means_nothing_is_a_usage_error(outages: list[str], jumps: list[str]) -> None:
    with pytest.raises(UsageError):
        read_faults(outages, jumps, ["brandname"])


def test_monotonic_seconds_know_nothing_of_a_wall_clock_that_jumps() -> None:
    time = SteppedTime(1_800_000_000.0)
    time.pass_to(1_800_000_010.0)
    time.ahead -= 3600
    assert (time.monotonic(), time.real()) == (1_800_000_010.0, 1_799_996_410.0)
    assert time.now().timestamp() == time.real()
    with pytest.raises(ValueError, match="back"):
        time.pass_to(1_800_000_009.0)
