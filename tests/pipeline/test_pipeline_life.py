"""The life of a campaign: what was decided stays decided, whatever happens at the same moment, and the log says who."""

import json
from datetime import timedelta
from typing import Any

import pytest
import road_workspace as files
from pipeline_moves import LIVE, TABLES, Walk, Watched
from pipeline_road import AREAS, Person, Road, World

from engine.errors import LoaError
from engine.pipeline import control, enqueue, open_runs
from engine.pipeline.control import Decided
from engine.pipeline.voiding import void_changed
from engine.store import fanout


@pytest.fixture
def walk(road: Road, world: World, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """A road on either database, and what a test does to it."""
    return Walk(road, world, monkeypatch)


@pytest.fixture
def quick(quick_road: Road, world: World, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """The same on SQLite, for what no database decides."""
    return Walk(quick_road, world, monkeypatch)


def act(walk: Walk, action: str, step: str | None = None, by: str = "Người Trực") -> Decided:
    return control.act(walk.road.process, action, "thu", step, by=by, why="thử")


DAILY = files.step("hang-ngay", sender="thu", when="every day at 08:30", valid_for="2 hours")


def while_enqueueing(walk: Walk, happens: Any) -> None:
    """Let something happen once, between two chunks of the fan-out."""
    walk.patch.setattr(fanout, "CHUNK", 1)
    done: list[bool] = []

    def between(_: float) -> None:
        if not done:
            done.append(True)
            happens()

    walk.patch.setattr(enqueue.time, "sleep", between)


# Pausing


def test_a_step_that_is_paused_while_its_rows_are_written_sends_nothing_until_it_is_resumed(walk: Walk) -> None:
    """The decision found no run to pause, said "0", and the run went out a moment later."""
    walk.live()
    walk.road.approve()
    decided: list[Decided] = []
    while_enqueueing(walk, lambda: decided.append(act(walk, "pause", "mot")))
    walk.road.round()
    assert decided[0].runs == 1
    assert (walk.road.runs(), walk.world.sent) == ({"mot/once": "paused:paused"}, [])
    act(walk, "resume", "mot")
    walk.road.round()
    assert walk.road.statuses() == {"accepted": 3}


def test_a_campaign_that_is_paused_while_its_rows_are_written_sends_nothing_until_it_is_resumed(walk: Walk) -> None:
    walk.live()
    walk.road.approve()
    while_enqueueing(walk, lambda: act(walk, "pause"))
    walk.road.round()
    assert (walk.road.runs(), walk.world.sent) == ({"mot/once": "ready"}, [])
    walk.stands("paused")
    act(walk, "resume")
    walk.road.round()
    assert walk.road.statuses() == {"accepted": 3}


def test_a_paused_step_holds_its_runs_to_come_and_no_other_steps(quick: Walk) -> None:
    quick.live(DAILY, files.step("mot", sender="thu", when="2027-07-17 08:30"))
    quick.road.at("2027-07-16 08:00")
    quick.road.approve()
    assert act(quick, "pause", "hang-ngay").runs == 0  # it has no run yet
    for day in (16, 17):
        quick.road.at(f"2027-07-{day} 08:30")
        quick.road.round()
    assert quick.road.statuses("mot") == {"accepted": 3}
    assert quick.road.statuses("hang-ngay") == {"queued": 3, "expired": 3}  # yesterday's was valid for two hours
    act(quick, "resume", "hang-ngay")
    quick.road.round()
    assert quick.road.statuses("hang-ngay") == {"accepted": 3, "expired": 3}
    quick.road.prove_tallies()


def test_a_cancelled_step_opens_nothing_more_and_is_planned_no_more(quick: Walk) -> None:
    quick.live(DAILY, files.step("mot", sender="thu", when="2027-07-18 08:30"))
    quick.road.approve()
    quick.road.round()
    act(quick, "cancel", "hang-ngay")
    assert {run.step for run in quick.road.plan().runs} == {"mot"}
    for action in ("pause", "resume"):
        with pytest.raises(LoaError) as refused:
            act(quick, action, "hang-ngay")
        assert refused.value.key == "pipeline.step-cancelled"
    act(quick, "cancel", "hang-ngay")  # twice is no error
    quick.road.at("2027-07-17 08:30")
    quick.road.round()
    assert quick.road.runs()["hang-ngay/2027-07-17"] == "cancelled:cancelled"
    assert len(quick.world.sent) == 3


def test_a_pause_of_the_step_outlives_an_edit_and_the_new_approval(quick: Walk) -> None:
    quick.begin()
    act(quick, "pause", "mot")
    quick.write(theme="Chủ đề không ai nhắc tới")
    quick.open()
    quick.write()
    quick.road.approve()
    quick.stands("running", "paused:paused")
    assert quick.claim() == []
    act(quick, "resume", "mot")
    assert len(quick.claim()) == 1


def test_a_run_voided_while_its_step_was_paused_goes_on_only_with_the_approval(quick: Walk) -> None:
    quick.begin()
    quick.road.approve()
    act(quick, "pause", "mot")
    quick.write(limits="{budget: 1_000_000}")
    quick.open()
    quick.stands("draft", "paused:paused")
    decided = act(quick, "resume", "mot")
    assert (decided.missing, decided.waiting) == (1, (("mot", "approval_void"),))
    assert quick.claim() == []
    assert quick.road.approve().resumed == 1
    assert len(quick.claim()) == 1


def test_files_of_a_cancelled_campaign_may_be_edited_without_anybody_being_alarmed(quick: Walk) -> None:
    quick.begin()
    act(quick, "cancel")
    quick.write(theme="Cho năm sau")
    assert quick.road.round().problems == []
    assert quick.road.rows("SELECT count(*) FROM approval WHERE voided_at IS NULL") == [(0,)]
    assert quick.road.rows("SELECT count(*) FROM incident WHERE kind = 'approval_void'") == [(0,)]


def test_resuming_says_what_is_missing(quick: Walk) -> None:
    quick.live()
    quick.road.at("2027-07-16 08:00")
    for action in ("pause", "resume", "cancel"):
        with pytest.raises(LoaError, match="chưa được phê duyệt"):
            act(quick, action)
    quick.road.approve()
    quick.write(theme="Khác")
    quick.open()
    with pytest.raises(LoaError, match="còn thiếu 1 người phê duyệt") as refused:
        act(quick, "resume")
    assert refused.value.key == "pipeline.resume-unapproved"
    act(quick, "pause")
    assert act(quick, "resume").missing == 1  # the pause is lifted, and that is said too
    quick.stands("draft")


def test_a_campaign_paused_by_a_person_is_not_woken_by_an_approval(quick: Walk) -> None:
    quick.begin()
    act(quick, "pause")
    quick.write(theme="Khác")
    quick.open()
    quick.write()
    assert str(quick.road.approve().status) == "paused"
    assert quick.claim() == []
    with pytest.raises(LoaError) as refused:
        act(quick, "cancel")
        act(quick, "resume")
    assert refused.value.key == "pipeline.already-cancelled"


# Approving


def test_one_person_who_approves_twice_is_one_approval(walk: Walk) -> None:
    walk.live()
    for name in ("Người Duyệt", "người   DUYỆT"):
        done = walk.road.approve(by=name)
    assert (done.people, done.needed) == (1, 1)
    assert walk.road.rows("SELECT count(*) FROM approval WHERE voided_at IS NULL") == [(1,)]
    assert walk.road.rows("SELECT void_reason FROM approval WHERE voided_at IS NOT NULL") == [("approved_again",)]


@pytest.mark.parametrize("again", ["the same", "another budget"])
def test_an_approval_while_the_rows_are_written_does_not_drop_the_ten_percent(quick: Walk, again: str) -> None:
    """Its plan has no figures for a run that is open already; the run then passed unlooked at."""
    quick.live()
    quick.road.approve()
    quick.road.people(Person())

    def approve_again() -> None:
        if again != "the same":
            quick.write(limits="{budget: 1_000_000}")
        quick.road.approve()

    while_enqueueing(quick, approve_again)
    quick.open()
    quick.stands("running", "held:size")


def test_what_changed_is_told_line_by_line_and_everywhere(walk: Walk) -> None:
    walk.live()
    walk.road.at("2027-07-16 08:00")
    walk.road.approve()
    walk.write(files.step("mot", sender="thu", when="2027-07-16 09:15", valid_for="10 hours"), theme="Lời kêu gọi")
    (walk.road.settings.workspace / "messages/tin/sms.vi.j2").write_text("Gọi 111.\nTin mới.\n", encoding="utf-8")
    done = walk.road.round()
    campaign = (walk.road.settings.workspace / "campaigns/thu.yaml").read_text(encoding="utf-8").splitlines()
    line, added = campaign.index("    when: 2027-07-16 09:15") + 1, campaign.index("theme: Lời kêu gọi") + 1
    expected = {
        f"campaigns/thu.yaml:{line}": ("when: 2027-07-16 08:30", "when: 2027-07-16 09:15"),
        f"campaigns/thu.yaml:{added}": (None, "theme: Lời kêu gọi"),
        "messages/tin/sms.vi.j2:1": ("Cần giúp đỡ xin gọi 111.", "Gọi 111."),
        "messages/tin/sms.vi.j2:2": (None, "Tin mới."),
    }
    [[stored]] = walk.road.rows("SELECT void_changes FROM approval")
    assert {f"{one['file']}:{one['line']}": (one["before"], one["after"]) for one in json.loads(stored)} == expected
    [problem] = done.problems
    assert all(place in problem for place in expected)
    said = f"campaigns/thu.yaml:{line}: trước “when: 2027-07-16 08:30”, nay “when: 2027-07-16 09:15”"
    [[logged]] = walk.road.rows("SELECT detail FROM audit WHERE action = 'void'")
    [[sealed]] = walk.road.rows("SELECT detail_sealed FROM incident WHERE kind = 'approval_void'")
    assert said in logged.splitlines()
    assert said in walk.road.process.keyring.unseal(bytes(sealed)).splitlines()
    approved = walk.road.approve()
    assert {change.path: (change.before, change.after) for change in approved.changes} == expected
    assert walk.road.incidents() == {}
    assert walk.road.approve().changes == ()


def test_an_approval_from_before_files_were_kept_still_tells_what_changed(quick: Walk) -> None:
    quick.live()
    quick.road.approve()
    with quick.road.process.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM snapshot_file")
    quick.write(theme="Khác")
    assert [change.path for change in quick.road.approve().changes] == ["campaign.theme"]


# Runs under another approval

NEW_TERMS = {
    "another time": {"when": "2027-07-16 09:30", "valid_for": "10 hours"},
    "another validity": {"valid_for": "9 hours"},
    "another lateness": {"valid_for": "10 hours", "late": "1 hour"},
}


@pytest.mark.parametrize("what", [*NEW_TERMS, "other quiet hours", "another cap"])
def test_a_run_whose_terms_have_changed_waits_for_a_person_and_goes_on_on_the_new_ones(quick: Walk, what: str) -> None:
    quick.begin()
    if what in NEW_TERMS:
        quick.write(files.step("mot", sender="thu", **NEW_TERMS[what]))
    else:
        limits = '{quiet_hours: "09:00-10:00"}' if what == "other quiet hours" else "{per_person: 1 per 7 days}"
        quick.write(limits=limits)
    assert quick.road.approve().resumed == 0
    quick.stands("running", "paused:terms_changed")
    assert act(quick, "resume").runs == 1
    quick.stands("running", "ready")
    [occurrence] = quick.road.snapshot().occurrences(quick.road.snapshot().campaign.step("mot"))
    [run] = quick.road.rows("SELECT digest FROM run")
    assert run == (quick.road.snapshot().digest,)
    assert len(quick.claim()) == (0 if what == "another time" else 1)
    assert quick.gates() == [] or quick.gates()[0].run["expires_at"] == occurrence.expires
    quick.road.at("2027-07-16 10:00")
    assert len(quick.claim()) == 1


def test_a_run_that_has_begun_keeps_its_time_when_the_step_is_put_off(quick: Walk) -> None:
    quick.begin()
    assert len(quick.claim()) == 1
    quick.write(files.step("mot", sender="thu", when="2027-07-16 11:30", valid_for="10 hours"))
    quick.road.approve()
    act(quick, "resume")
    assert len(quick.claim()) == 1


def test_a_run_whose_day_is_no_more_in_the_calendar_stays(quick: Walk) -> None:
    quick.live(DAILY)
    quick.road.approve()
    quick.open()
    quick.write(DAILY + "    except: 2027-07-16\n")
    quick.road.approve()
    decided = act(quick, "resume")
    assert (decided.runs, decided.waiting) == (0, (("hang-ngay", "terms_changed"),))
    assert quick.claim() == []


def test_an_audience_left_out_of_an_audience_left_out_is_part_of_who_gets_it(quick: Walk) -> None:
    people = {
        "audiences/dan.yaml": "title: Dân\nareas: {districts: [Cao Lộc, Lộc Bình]}\nexclude: {audiences: [bo]}\n",
        "audiences/bo.yaml": 'title: Bỏ\nareas: {communes: ["06541"], era: "2025"}\nexclude: {audiences: [lai]}\n',
        "audiences/lai.yaml": 'title: Lại\nareas: {communes: ["06541"], era: "2025"}\n',
    }
    campaign = {"loa.yaml": LIVE, "campaigns/thu.yaml": files.campaign(files.step("mot", sender="thu"))}
    quick.road.write(campaign | people)
    quick.road.people(Person())
    quick.road.approve()
    quick.open()
    lai = 'title: Lại\nareas: {communes: ["06184"], era: "2025"}\n'
    quick.road.write(campaign | people | {"audiences/lai.yaml": lai})
    assert quick.road.approve().resumed == 0
    quick.stands("running", "paused:approval_void")


# The log


def test_every_move_is_in_the_log_with_who_when_and_why(walk: Walk) -> None:
    """What the database saw being moved is what the log says, move by move; people by name, the rest by process."""
    if "sqlite" in walk.road.settings.database_url:
        watched: Watched | None = Watched(walk.road)
        watched.watch()
    else:
        watched = None
    walk.live(DAILY)
    walk.road.approve(by="Người Duyệt")
    walk.road.round()
    walk.road.at("2027-07-17 08:30")
    walk.open()
    act(walk, "pause", "hang-ngay")
    act(walk, "resume")
    act(walk, "cancel", by="Người Khác")
    logged = walk.road.rows(
        "SELECT action, subject, detail, process, who_sealed, at FROM audit WHERE process IS NOT NULL ORDER BY id"
    )
    moves = [(row[0].partition(".")[0], *row[2].split("; ")[0].split(" → ")) for row in logged]
    if watched is not None:
        kinds = {"campaign": "campaign_state", "step": "step_state", "run": "run"}
        seen = walk.road.rows("SELECT held, before, after FROM seen_move WHERE held <> 'delivery'")
        assert [(kinds[kind], before, after) for kind, before, after in moves] == [tuple(row) for row in seen]
    assert {"campaign", "step", "run"} <= {kind for kind, _, _ in moves} <= {"campaign", "step", "run"}
    unseal = walk.road.process.keyring.unseal
    people = {row[0]: unseal(bytes(row[4])) if row[4] else None for row in logged}
    assert people["campaign.approved"] == "Người Duyệt"
    assert people["step.paused"] == people["run.paused"] == "Người Trực"
    assert people["campaign.cancelled"] == people["run.cancelled"] == "Người Khác"
    assert people["campaign.running"] is None and people["run.enqueueing"] is None and people["run.finished"] is None
    assert {row[3] for row in logged} == {walk.road.process.name}
    assert all("thử" in row[2] for row in logged if row[0] in ("step.paused", "run.cancelled"))
    assert "Số 1/TTr" in next(row[2] for row in logged if row[0] == "campaign.approved")
    assert [row[1] for row in logged if row[0] == "run.paused"] == ["thu/hang-ngay/2027-07-17"]


def test_a_move_that_is_rolled_back_is_not_in_the_log(quick: Walk) -> None:
    quick.begin()
    before = quick.road.rows("SELECT count(*) FROM audit")
    with pytest.raises(ZeroDivisionError), quick.road.process.database.write() as connection:
        control._pause(connection, "thu", "mot", [], quick.road.process.signed())
        raise ZeroDivisionError
    assert quick.road.rows("SELECT count(*) FROM audit") == before


def test_the_tables_of_the_log_test_are_all_there_are() -> None:
    assert set(TABLES) == {"delivery", "run", "campaign_state", "step_state"}


# Missed


def test_after_days_of_outage_each_missed_run_is_listed_once_and_told_once(quick: Walk) -> None:
    walk, road = quick, quick.road
    walk.live(DAILY, files.step("mot", sender="thu", when="2027-07-18 09:00"))
    road.approve()
    road.round()
    road.at("2027-07-20 10:00")  # down for four days; today's is within its two hours
    for _ in range(2):
        done = road.round()
    runs = road.runs()
    missed = [f"hang-ngay/2027-07-{day}" for day in (17, 18, 19)]
    assert {key: runs[key] for key in [*missed, "mot/once"]} == dict.fromkeys([*missed, "mot/once"], "missed:late")
    assert runs["hang-ngay/2027-07-20"] == "finished"
    assert (len(runs), done.opened.missed) == (6 + 15, [])  # the first of July began before the approval
    told = road.rows("SELECT subject, detail_sealed FROM incident WHERE kind = 'run_missed' ORDER BY subject")
    assert [row[0] for row in told] == [f"run:thu/{key}" for key in [*missed, "mot/once"]]
    assert "08:30 17/07/2027" in road.process.keyring.unseal(bytes(told[0][1]))
    assert road.rows("SELECT count(*) FROM audit WHERE action = 'run.missed'") == [(4 + 15,)]
    act(walk, "resume")  # a person has seen it
    assert road.incidents() == {}


def test_what_was_over_before_the_first_approval_is_listed_and_alarms_nobody(quick: Walk) -> None:
    quick.live(DAILY)
    quick.road.approve()
    quick.open()
    assert [status for status in quick.road.runs().values() if status == "missed:late"] == ["missed:late"] * 15
    assert quick.road.incidents() == {}


def test_a_run_that_expires_the_moment_it_is_opened_is_missed(quick: Walk) -> None:
    quick.live(files.step("mot", sender="thu", valid_for="30 minutes"))
    quick.road.approve()
    quick.road.clock.instant += timedelta(minutes=30)
    quick.open()
    assert quick.road.runs() == {"mot/once": "missed:late"}


def test_a_race_between_an_edit_and_the_opener_opens_nothing(quick: Walk) -> None:
    """The opener has found the campaign approved; before it writes, the approval falls."""
    quick.live()
    quick.road.approve()
    real = open_runs.is_approved

    def then_edited(*arguments: Any) -> bool:
        answer = real(*arguments)
        quick.patch.setattr(open_runs, "is_approved", real)
        snapshot = quick.road.snapshot().model_copy(update={"hotlines": ("113",)})
        void_changed(quick.road.process, {"thu": type(snapshot).from_json(snapshot.to_json())}, ["thu"])
        return answer

    quick.patch.setattr(open_runs, "is_approved", then_edited)
    current = {"thu": quick.road.snapshot()}
    open_runs.open_due(quick.road.process, current, AREAS)
    assert quick.road.runs() == {}
    quick.stands("draft")
