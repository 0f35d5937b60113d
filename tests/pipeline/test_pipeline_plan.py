"""The plan is a promise: who gets what, who does not and why, for how much. Sending must do exactly that."""

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import road_workspace as files
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pipeline_road import AREAS, Person, Road, Wall, World, on_one_database, walking

from engine.pipeline.do_not_call import import_list
from engine.pipeline.plan import Plan
from engine.settings import Settings
from engine.store.schema import prepare

IN, PARTLY, OUTSIDE = ("2025", "06184"), ("2025", "06286"), ("2025", "06004")
PLACES = [IN, ("2025", "06541"), ("legacy", "06238"), ("legacy", "06541"), PARTLY, OUTSIDE]
LONG_NAME = "Người Thử Tên Rất Dài Của Một Vùng Xa Xôi 001"

MESSAGES = {
    "messages/noi/sms.vi.j2": "Bà con {{ area.name }}, cần giúp đỡ xin gọi 111.\n",
    "messages/noi/sms.a.vi.j2": "{{ district.name }}: hỏi kỹ trước khi đi, xin gọi 111.\n",
    "messages/noi/sms.tyz.j2": "---\nreviewed_by: Người Thử 001\n---\nTin bằng tiếng Tày, 111.\n",
    "messages/ten/sms.vi.j2": (
        "Kính gửi {{ contact.name | default('bà con') }}, hỏi kỹ nơi làm việc trước khi đi, cần giúp xin gọi 111.\n"
    ),
}
AUDIENCES = {
    "audiences/nhom.yaml": (
        "title: Nhóm\nareas: {provinces: [Lạng Sơn]}\ngroups: {any: [nhom-mot, nhom-hai]}\nconsent: statutory\n"
    ),
    "audiences/tru.yaml": (
        "title: Trừ nhóm\nareas: {districts: [Cao Lộc, Lộc Bình]}\nexclude: {audiences: [nhom], contacted_within: %s}\n"
    ),
    "audiences/viet.yaml": (
        'title: Đọc tiếng Việt\nareas: {communes: ["06184", "06541"], era: "2025"}\nlanguages: [vi]\n'
    ),
}


def workspace(cap: str, within: str, quiet: str, other_cap: str | None) -> dict[str, str]:
    """Two campaigns over the same people, on four days."""
    limits = f'{{per_person: {cap}, quiet_hours: "{quiet}"}}'
    other = {} if other_cap is None else {"limits": f"{{per_person: {other_cap}}}"}
    return {
        **MESSAGES,
        **{name: text % within if "%s" in text else text for name, text in AUDIENCES.items()},
        "campaigns/thu.yaml": files.campaign(
            files.step("mot", message="noi", when="2027-07-16 08:30"),
            files.step("hai", message="ten", audience="nhom", when="2027-07-16 09:30"),
            files.step("ba", audience="tru", when="2027-07-17 08:30"),
            files.step("bon", audience="viet", when="every day at 19:30", until="2027-07-18", **{"from": "2027-07-16"}),
            limits=limits,
            variants="{a: 40%, b: 40%, holdout: 20%}",
        ),
        "campaigns/khac.yaml": files.campaign(
            files.step("khac-mot", when="2027-07-16 08:30"),
            files.step("khac-hai", audience="viet", when="2027-07-17 10:00", valid_for="3 hours"),
            **other,
        ),
    }


DAYS = [  # every instant at which something is due or the hours open
    "2027-07-16 08:30",
    "2027-07-16 09:30",
    "2027-07-16 14:00",
    "2027-07-16 19:30",
    "2027-07-17 07:00",
    "2027-07-17 08:00",
    "2027-07-17 08:30",
    "2027-07-17 10:00",
    "2027-07-17 19:30",
    "2027-07-18 07:00",
    "2027-07-18 08:00",
    "2027-07-18 19:30",
    "2027-07-19 07:00",
    "2027-07-19 08:00",
]

PERSONS = st.builds(
    Person,
    place=st.sampled_from(PLACES),
    language=st.sampled_from(["vi", "vi", "vi", "tyz", "hmn"]),
    consent=st.sampled_from([True, True, True, False]),
    opted_out=st.sampled_from([False, False, False, True]),
    groups=st.sampled_from([(), (), ("nhom-mot",), ("nhom-hai", "nhom-khac")]),
    name=st.sampled_from([None, "Người Thử 001", LONG_NAME]),
)
CAPS = st.sampled_from(["1 per 1 days", "1 per 7 days", "2 per 2 days", "2 per 12 hours", "3 per 7 days"])
WITHINS = st.sampled_from(["1 hours", "12 hours", "24 hours", "3 days"])
# the second is quiet when the daily step is due, so that it waits for the next morning
QUIET = st.sampled_from(["20:00-08:00", "19:00-08:00", "12:00-14:00", "19:33-07:00"])


def promised(plan: Plan, step: str | None = None) -> dict[str, tuple[int, int, int, dict[str, int]]]:
    """``step/occurrence`` → recipients, segments, cost, exclusions; who never gets a row is left out of these."""
    return {
        f"{run.step}/{run.occurrence}": (
            run.recipients,
            run.segments,
            run.cost_vnd,
            {reason: count for reason, count in sorted(run.excluded.items()) if reason != "no_consent"},
        )
        for run in plan.runs
    }


def done(road: Road, campaign: str) -> dict[str, tuple[int, int, int, dict[str, int]]]:
    """The same, by what became of the rows."""
    found: dict[str, Any] = {}
    for step, occurrence in road.rows("SELECT step, occurrence FROM run WHERE campaign = :c", c=campaign):
        found[f"{step}/{occurrence}"] = [0, 0, 0, Counter()]
    rows = road.rows(
        "SELECT r.step, r.occurrence, d.status, d.reason, d.segments, d.cost_vnd, d.handed_at FROM delivery d"
        " JOIN run r ON r.id = d.run_id WHERE r.campaign = :c",
        c=campaign,
    )
    for step, occurrence, status, reason, segments, cost, handed_at in rows:
        entry = found[f"{step}/{occurrence}"]
        if handed_at is not None:  # whatever has become of it since
            entry[0] += 1
            entry[1] += segments
            entry[2] += cost
        else:
            entry[3]["expired" if status == "expired" else reason] += 1
    return {key: (entry[0], entry[1], entry[2], dict(sorted(entry[3].items()))) for key, entry in found.items()}


def walk(road: Road, look_again: int) -> None:
    """Approve both campaigns, walk along the calendar, and compare; once in between the plan is made anew."""
    road.at("2027-07-15 09:00")
    road.approve("khac")
    before = road.plan("thu")
    road.approve("thu")
    assert promised(road.plan("thu")) == promised(before)
    again: Plan | None = None
    for place, local in enumerate(DAYS):
        road.at(local)
        if place == look_again:
            again = road.plan("thu")
        road.round()
    assert set(road.runs().values()) <= {"finished"}, road.runs()
    happened = done(road, "thu")
    assert happened == promised(before)
    assert again is not None
    assert promised(again) == {key: happened[key] for key in promised(again)}
    check_totals(road, before)
    road.prove_tallies()


def check_totals(road: Road, plan: Plan) -> None:
    """Totals, people and old districts against the rows."""
    reached = road.rows(
        "SELECT d.contact_id, d.era, d.commune, d.segments, d.cost_vnd FROM delivery d JOIN run r ON r.id = d.run_id"
        " WHERE r.campaign = 'thu' AND d.handed_at IS NOT NULL"
    )
    totals = plan.totals
    assert (totals.recipients, totals.people) == (len(reached), len({row[0] for row in reached}))
    assert (totals.segments, totals.cost_vnd) == (sum(row[3] for row in reached), sum(row[4] for row in reached))
    districts: Counter[str | None] = Counter(AREAS.historic_district(row[1], row[2]).district_code for row in reached)
    assert {code: sums.recipients for code, sums in plan.by_district.items() if sums.recipients} == districts
    assert sum(sums.cost_vnd for sums in plan.by_district.values()) == totals.cost_vnd
    assert sum(sums.segments for sums in plan.by_district.values()) == totals.segments
    assert totals.excluded == sum(run.excluded.total() for run in plan.runs)


@contextmanager
def fresh(template: Path, world: World, wall: Wall) -> Iterator[Road]:
    """A road of its own for each example."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / ".loa"
        state.mkdir(mode=0o700)
        shutil.copyfile(template, state / "loa.db")
        (state / "key").write_text("0123456789abcdef" * 4, encoding="ascii")  # arms follow from the key
        its_settings = Settings(Path(folder), f"sqlite:///{state / 'loa.db'}", None, None, clock_turned=False)
        prepare(its_settings)
        wall.ahead = 0.0
        with walking(its_settings, world.clock, world, wall) as road:
            yield road


@pytest.mark.torture
def test_the_promise_holds_on_both_databases(road: Road) -> None:
    road.write(workspace("2 per 2 days", "12 hours", "19:33-07:00", "3 per 7 days"))
    chance = random.Random(138)
    road.people(
        *(
            Person(
                place=chance.choice(PLACES),
                language=chance.choice(["vi", "vi", "tyz", "hmn"]),
                consent=chance.random() < 0.8,
                opted_out=chance.random() < 0.1,
                groups=chance.choice([(), (), ("nhom-mot",), ("nhom-hai", "nhom-khac")]),
                name=chance.choice([None, "Người Thử 001", LONG_NAME]),
            )
            for _ in range(60)
        )
    )
    walk(road, look_again=4)


@on_one_database
def test_people_without_consent_get_no_row_but_the_plan_counts_them(road: Road) -> None:
    road.people(Person(consent=False), Person(consent=False), Person())
    [run] = road.plan().runs
    assert (run.recipients, dict(run.excluded)) == (1, {"no_consent": 2})
    road.round()
    assert road.statuses() == {"accepted": 1}


@on_one_database
def test_a_run_is_planned_while_it_may_be_late_and_not_a_minute_longer(road: Road) -> None:
    road.people(Person())
    road.write({"campaigns/thu.yaml": files.campaign(files.step(late="30 minutes"))})
    for local, expected in (
        ("2027-07-16 08:29", 1),
        ("2027-07-16 09:00", 1),
        ("2027-07-16 09:01", 0),
    ):
        assert len(road.plan(at=road.at(local)).runs) == expected, local
    done = road.round()
    assert done.opened.missed == [("thu", "mo-dau", "once")]
    assert (road.runs(), road.statuses()) == ({"mo-dau/once": "missed:late"}, {})


def test_what_has_had_its_run_is_not_planned_again(road: Road) -> None:
    road.people(Person())
    assert len(road.plan().runs) == 1
    road.round()
    assert road.plan().runs == []
    road.write({"campaigns/thu.yaml": files.campaign(files.step(when="2027-07-20 10:00"))})
    assert road.plan().runs == []  # the same step at another time is still the same run
    road.at("2027-07-20 10:00")
    assert road.round().counts.claimed == 0


@on_one_database
def test_a_plan_above_the_budget_warns(road: Road) -> None:
    road.write({"campaigns/thu.yaml": files.campaign(limits="{budget: 1_000}")})
    road.people(Person(), Person())
    assert len(road.plan().warnings) == 1


@on_one_database
def test_a_group_nobody_is_in_warns_and_names_itself(road: Road) -> None:
    groups = "{any: [lao-dong-di-xa, ngu-dan]}"
    road.write({"audiences/dan.yaml": f"title: Người dân\nareas: {{districts: [Cao Lộc]}}\ngroups: {groups}\n"})
    road.people(Person(groups=("ngu-dan",)))
    [warning] = road.plan().warnings
    assert "lao-dong-di-xa" in warning


def test_what_quiet_hours_outlast_is_planned_as_expired(road: Road) -> None:
    road.write({"campaigns/thu.yaml": files.campaign(files.step(when="2027-07-16 19:57", valid_for="2 hours"))})
    road.people(Person())
    [run] = road.plan().runs
    assert (run.recipients, dict(run.excluded)) == (0, {"expired": 1})
    for local in ("2027-07-16 19:57", "2027-07-16 21:58"):
        road.at(local)
        road.round()
    assert road.statuses() == {"expired": 1}


@on_one_database
def test_what_starts_at_the_same_instant_has_not_contacted_anybody_yet(road: Road) -> None:
    """Both runs are opened before the first delivery of either is handed out."""
    road.write(
        {
            "campaigns/khac.yaml": files.campaign(files.step("khac")),
            "campaigns/thu.yaml": files.campaign(files.step(audience="tru")),
            "audiences/tru.yaml": (
                "title: Vừa nhận thì thôi\nareas: {districts: [Cao Lộc]}\nexclude: {contacted_within: 3 days}\n"
            ),
        }
    )
    road.people(Person(), Person())
    road.at("2027-07-16 08:00")
    road.approve("khac")
    assert [run.recipients for run in road.plan().runs] == [2]
    road.at("2027-07-16 08:30")
    road.round()
    assert road.statuses("mo-dau") == {"accepted": 2}


@on_one_database
def test_of_two_steps_at_one_instant_the_one_written_first_has_the_cap(road: Road) -> None:
    road.write(
        {
            "campaigns/thu.yaml": files.campaign(
                files.step("z-truoc"), files.step("a-sau", message="tin-hai"), limits="{per_person: 1 per 7 days}"
            ),
            "messages/tin-hai/sms.vi.j2": "Tin thứ hai, xin gọi 111.\n",
        }
    )
    road.people(Person())
    assert {run.step: run.recipients for run in road.plan().runs} == {"z-truoc": 1, "a-sau": 0}
    road.round()
    assert (road.statuses("z-truoc"), road.statuses("a-sau")) == ({"accepted": 1}, {"excluded": 1})


@pytest.mark.torture  # five whole campaigns
@settings(
    max_examples=5,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example takes a second: shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    persons=st.lists(PERSONS, min_size=1, max_size=25),
    cap=CAPS,
    within=WITHINS,
    quiet=QUIET,
    other_cap=st.none() | CAPS,
    look_again=st.integers(0, len(DAYS) - 1),
)
def test_sending_does_exactly_what_the_plan_said(
    sqlite_template: Callable[[], Path],
    world: World,
    wall: Wall,
    persons: list[Person],
    cap: str,
    within: str,
    quiet: str,
    other_cap: str | None,
    look_again: int,
) -> None:
    with fresh(sqlite_template(), world, wall) as road:
        road.write(workspace(cap, within, quiet, other_cap))
        road.people(*persons)
        walk(road, look_again)


@on_one_database
def test_an_advertising_plan_tells_of_a_list_that_is_missing_or_old(road: Road) -> None:
    """Decree 91: numbers of the Do-Not-Call list get no advertising; a notice has nothing to do with it."""
    assert road.plan().warnings == []
    campaign = files.campaign(limits="{per_person: 3 per 1 day}").replace("thong_bao", "quang_cao")
    road.write({"campaigns/thu.yaml": campaign, "messages/tin/sms.vi.j2": "[QC] Gọi 111. Từ chối: soạn TC.\n"})
    [number] = road.people(Person())
    assert "chưa nhập danh sách nào" in road.plan().warnings[0]
    path = road.settings.workspace / "dnc.txt"
    path.write_text(f"{number}\n", encoding="utf-8")
    import_list(road.process, path, source="Cục ATTT", listed_on=date(2027, 6, 16))
    plan = road.plan()
    assert plan.warnings == []
    assert (plan.runs[0].recipients, plan.runs[0].excluded) == (0, {"do_not_call": 1})
    later = road.clock.now() + timedelta(days=1)
    assert "ngày 16/06/2027, đã 31 ngày" in road.plan(at=later).warnings[0]
