"""A rehearsal shows what will happen, touches nothing that is true, and leaves nothing behind."""

import hashlib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import road_workspace as files
from filelock import FileLock
from pipeline_road import Person, Road, on_one_database
from rehearse_hall import BEFORE, outcome, people, rehearsed, rules
from sqlalchemy import text

from engine.clock import parse_instant
from engine.errors import LoaError, UsageError
from engine.pipeline import rehearse_scratch
from engine.pipeline.rehearse_scratch import clear_left_behind
from engine.settings import Settings
from engine.status import CampaignStatus
from engine.store import campaigns
from engine.store.tables import SQLModel, table_of
from engine.store.token_tables import VendorToken

VENDOR_TOKEN = table_of(VendorToken)
TWO_STEPS = files.campaign(
    files.step("mo-dau", when="2027-07-16 08:30"),
    files.step("nhac", when="every week on wednesday at 09:00", valid_for="4 hours"),
    limits="{per_person: 2 per 7 days, budget: 60_000_000}",
)
SLOW = files.loa_yaml().replace("rate: 100000/s", "rate: 6/minute")


def _state(road: Road, settings: Settings) -> Any:
    """All that the true database holds: the file's bytes, or every row."""
    if road.process.database.is_sqlite:
        return hashlib.sha256((settings.workspace / ".loa" / "loa.db").read_bytes()).hexdigest()
    with road.process.database.read() as connection:
        return {name: connection.execute(text(f"SELECT * FROM {name}")).all() for name in SQLModel.metadata.tables}


@pytest.mark.torture
def test_the_true_database_is_not_touched_while_a_true_process_is_at_work(road: Road, settings: Settings) -> None:
    road.write({"campaigns/thu.yaml": TWO_STEPS})
    people(road, 12)
    road.round()
    before = _state(road, settings)
    with rehearsed(road, now=road.clock.now()) as result:
        assert result.process.database.url != road.process.database.url
        assert {course.step for course in result.courses} == {"nhac"} and result.already == 3
    assert _state(road, settings) == before
    assert not (settings.state_folder / "rehearsals").exists()


def test_what_is_rehearsed_is_what_is_planned(road: Road) -> None:
    road.write({"campaigns/thu.yaml": TWO_STEPS, "audiences/dan.yaml": files.FILES["audiences/dan.yaml"]})
    road.people(
        *(Person() for _ in range(9)),
        Person(opted_out=True),
        Person(consent=False),
        Person(place=("2025", "00004")),
        Person(language="tyz"),
    )
    plan = road.plan(at=BEFORE)
    result = outcome(road)
    shown = {(course.step, course.occurrence): course for course in result.courses}
    for run in plan.runs:
        course = shown[run.step, run.occurrence]
        planned_out = Counter({why: n for why, n in run.excluded.items() if why != "no_consent"})
        assert (course.handed_over, course.excluded) == (run.recipients, planned_out), (run.step, run.occurrence)
    assert len(shown) == len(plan.runs) == 14
    assert sum(day.handed_over for day in result.days) == plan.totals.recipients
    assert sum(day.cost_vnd for day in result.days) == result.days[-1].total_vnd == plan.totals.cost_vnd
    assert shown["nhac", "2027-07-21"].excluded["capped"] == 0 and not rules(result)


@on_one_database
def test_the_same_seed_gives_the_same_phones_and_another_gives_others(road: Road) -> None:
    people(road, 60)
    days = [outcome(road, seed=seed).days for seed in (7, 7, 8)]
    assert days[0] == days[1] != days[2]


@on_one_database
def test_a_cap_that_bites_is_counted_by_deliveries_and_by_people(road: Road) -> None:
    steps = [files.step(f"b{day}", when=f"2027-07-{day} 09:00") for day in (12, 13, 14, 15)]
    road.write({"campaigns/thu.yaml": files.campaign(*steps, limits="{per_person: 2 per 7 days}")})
    people(road, 5)
    result = outcome(road)
    assert [course.excluded["capped"] for course in result.courses] == [0, 0, 5, 5]
    assert (result.capped_people, rules(result)) == (5, set())
    assert [day.excluded for day in result.days] == [0, 0, 5, 5]


@on_one_database
def test_what_went_out_before_the_rehearsal_weighs_on_its_caps(road: Road) -> None:
    steps = [files.step(f"b{day}", when=f"2027-07-{day} 08:30") for day in (16, 18)]
    road.write({"campaigns/thu.yaml": files.campaign(*steps, limits="{per_person: 1 per 7 days}")})
    people(road, 4)
    road.round()
    result = outcome(road, now=road.clock.now())
    assert [(course.step, course.excluded["capped"]) for course in result.courses] == [("b18", 4)]


@on_one_database
def test_other_campaigns_count_against_caps_unless_it_is_alone(road: Road) -> None:
    campaign = files.campaign(files.step(when="2027-07-16 10:00"), limits="{per_person: 1 per 7 days}")
    road.write({"campaigns/thu.yaml": campaign, "campaigns/khac.yaml": files.campaign(files.step("khac"))})
    people(road, 3)
    together, alone = outcome(road), outcome(road, alone=True)
    assert (together.others, together.courses[0].excluded["capped"]) == (("khac",), 3)
    assert (alone.others, alone.courses[0].excluded["capped"]) == ((), 0)


@on_one_database
def test_whoever_waits_for_the_morning_is_shown_with_how_long(road: Road) -> None:
    """Six a minute from 19:50: thirty before the claims stop at 19:55, the rest from 08:00 on."""
    road.write({"loa.yaml": SLOW, "campaigns/thu.yaml": files.campaign(files.step(when="2027-07-16 19:50"))})
    people(road, 50)
    result = outcome(road)
    [(course, wait)] = result.waits
    assert (course.step, wait.deliveries) == ("mo-dau", 20)
    assert parse_instant("2027-07-16 19:55") <= wait.since < parse_instant("2027-07-16 19:56")
    assert wait.until == parse_instant("2027-07-17 08:00")
    assert [(day.day, day.handed_over, day.waiting) for day in result.days] == [
        (date(2027, 7, 16), 30, 20),
        (date(2027, 7, 17), 20, 0),
    ]
    assert not rules(result)


@on_one_database
def test_a_budget_that_does_not_hold_out_and_rows_that_come_too_late_are_shown_with_the_key_to_mend(
    road: Road,
) -> None:
    steps = [
        files.step("mot", when="2027-07-16 19:50", valid_for="4 minutes"),
        files.step("hai", when="2027-07-18 08:30"),
    ]
    road.write({"loa.yaml": SLOW, "campaigns/thu.yaml": files.campaign(*steps, limits="{budget: 60_000}")})
    people(road, 50)
    result = outcome(road)
    assert {course.step: course.fate for course in result.courses} == {"mot": "on_time", "hai": "held"}
    found = {finding.rule: finding for finding in result.findings if finding.kind == "broken"}
    assert found.keys() == {"held_budget", "expired"}
    assert (found["expired"].count, found["expired"].where) == (26, "campaigns/thu.yaml: steps.mot.valid_for")
    assert found["held_budget"].where == "campaigns/thu.yaml: limits.budget"
    assert not result.ok


@on_one_database
def test_what_a_true_sending_would_refuse_is_told_and_does_not_stop_the_rehearsal(road: Road) -> None:
    loa = files.loa_yaml().replace("rate: 5000/s,", "rate: 5000/s, registered_until: 2027-07-10,")
    draft = "Lượt ni goi 111.\n"
    road.write(
        {
            "loa.yaml": loa,
            "campaigns/thu.yaml": files.campaign(files.step(sender="cong")),
            "messages/tin/sms.tyz.j2": draft,
        }
    )
    people(road, 3, synthetic=True)
    result = outcome(road, environment={})
    assert rules(result, "refused") == {"unapproved", "unreviewed", "secret", "synthetic"}
    assert rules(result) == {"registration"}
    assert "TWILIO_ACCOUNT_SID" in next(one.message for one in result.findings if one.rule == "secret")
    assert sum(day.handed_over for day in result.days) == 3


@on_one_database
def test_a_run_whose_time_has_passed_is_shown_as_one_that_would_be_missed_now(road: Road) -> None:
    people(road, 2)
    result = outcome(road, now=parse_instant("2027-07-20 08:00"))
    assert (result.courses[0].fate, rules(result, "note")) == ("on_time", {"past"})
    assert outcome(road, now=parse_instant("2027-07-16 10:00")).findings == []


@on_one_database
def test_the_approved_version_can_be_rehearsed_when_the_files_have_moved_on(road: Road) -> None:
    road.write({"campaigns/thu.yaml": files.campaign(files.step(sender="cong"))})
    people(road, 2)
    with pytest.raises(LoaError, match="thu"):
        outcome(road, approved=True)
    approved = road.approve().digest
    road.write({"campaigns/thu.yaml": files.campaign(files.step(sender="cong", when="2027-07-17 08:30"))})
    result = outcome(road, approved=True)
    assert (result.snapshot.digest, result.approved) == (approved, True)
    assert "unapproved" not in rules(result, "refused")
    assert "unapproved" in rules(outcome(road), "refused")


@on_one_database
def test_a_campaign_of_two_approvers_is_rehearsed_before_either_has_signed(road: Road) -> None:
    road.write({"loa.yaml": files.loa_yaml(people=2), "campaigns/thu.yaml": files.campaign(files.step(sender="cong"))})
    people(road, 2)
    assert sum(day.handed_over for day in outcome(road).days) == 2


@on_one_database
def test_a_cancelled_campaign_and_a_sender_nobody_knows_are_said_at_once(road: Road) -> None:
    with pytest.raises(UsageError):
        outcome(road, outages=("la: 2027-07-16 08:00..2027-07-16 09:00",))
    with road.process.database.write() as connection:
        campaigns.move(connection, "thu", CampaignStatus.CANCELLED, road.process.signed())
    with pytest.raises(LoaError):
        outcome(road)


@on_one_database
def test_a_paused_campaign_is_rehearsed_as_if_it_went_on_and_the_pause_is_told(road: Road) -> None:
    people(road, 1)
    with road.process.database.write() as connection:
        campaigns.move(connection, "thu", CampaignStatus.PAUSED, road.process.signed())
    result = outcome(road)
    assert (rules(result, "refused"), result.days[-1].handed_over) == ({"paused"}, 1)


# --- the folder ---------------------------------------------------------------------------------------------------


def test_copies_that_a_kill_left_behind_go_and_those_in_use_stay(tmp_path: Path) -> None:
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / "copy.db").write_bytes(b"sealed")
    (tmp_path / "dead.lock").touch()
    (tmp_path / "at-work").mkdir()
    with FileLock(tmp_path / "at-work.lock"):
        assert clear_left_behind(tmp_path) == 1
        assert {path.name for path in tmp_path.iterdir()} == {"at-work", "at-work.lock"}


@on_one_database
@pytest.mark.parametrize("ending", [KeyboardInterrupt, ZeroDivisionError])
def test_whatever_ends_a_rehearsal_its_copy_is_gone(
    road: Road, settings: Settings, ending: type[BaseException]
) -> None:
    people(road, 2)
    seen = []
    with pytest.raises(ending), rehearsed(road):
        [folder] = [path for path in (settings.state_folder / "rehearsals").iterdir() if path.is_dir()]
        seen.append((folder.stat().st_mode & 0o777, (folder / "copy.db").is_file()))
        raise ending
    assert seen == [(0o700, True)]
    assert not (settings.state_folder / "rehearsals").exists()


@on_one_database
def test_a_disk_without_room_is_said_before_anything_is_sent(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    people(road, 2)

    class Full:
        free = 1000

    monkeypatch.setattr(rehearse_scratch.shutil, "disk_usage", lambda _: Full)
    with pytest.raises(LoaError) as error:
        outcome(road)
    assert error.value.code == "no-space"


@pytest.mark.torture
def test_the_copy_holds_nobody_whom_nothing_addresses_and_nothing_that_is_long_ago(road: Road) -> None:
    road.write({"campaigns/thu.yaml": TWO_STEPS})
    road.people(Person(), Person(place=("2025", "00004")), Person(groups=("nhom",)))
    road.round()
    with road.process.database.write() as connection:
        connection.execute(VENDOR_TOKEN.insert().values(account="zalo:1:1", version=1, sealed=b"", changed_real=0))
    with rehearsed(road, now=parse_instant("2027-07-20 08:00")) as near, near.process.database.read() as connection:
        assert not connection.execute(VENDOR_TOKEN.select()).all(), "a vendor's token was copied"
        assert connection.execute(text("SELECT count(*) FROM contact")).scalar() == 2
        assert connection.execute(text("SELECT count(*) FROM contact_group")).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM delivery WHERE claimed_at < '2027-07-18'")).scalar() == 2
    with rehearsed(road, now=parse_instant("2027-07-30 08:00")) as far, far.process.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM delivery WHERE claimed_at < '2027-07-18'")).scalar() == 0


@on_one_database
def test_a_rehearsal_without_people_does_not_look_like_a_success(road: Road) -> None:
    assert "nobody" in rules(outcome(road), "refused")
    people(road, 1)
    assert "nobody" not in rules(outcome(road), "refused")
