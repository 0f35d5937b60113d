"""Retention: after its time nobody can tell whom a campaign reached; every figure stays, and nothing goes early."""

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import road_workspace as files
from pipeline_road import Person, Road, on_one_database, refused

from engine.clock import VIETNAM
from engine.pipeline import retention
from engine.pipeline.contact_care import erase
from engine.pipeline.files import Files
from engine.reports.recount import recount
from engine.reports.report import Asked, make_report
from engine.status import Status

PEOPLE = 25
ENDS = datetime(2027, 9, 30, tzinfo=VIETNAM)  # the last day of the small campaign's period
TABLES = ("delivery", "receipt", "attempt", "look_up")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 4)
    monkeypatch.setattr(retention, "PAUSE", 0.0)


def written(road: Road, days: int | None = 180) -> Files:
    """The workspace's files, with that retention."""
    privacy = "" if days is None else f"privacy: {{retention_days: {days}}}\n"
    road.write({"loa.yaml": files.loa_yaml(more_senders=files.scripted()) + privacy, "campaigns/thu.yaml": CAMPAIGN})
    found = Files(road.settings)
    found.refresh()
    return found


CAMPAIGN = files.campaign(files.step(sender="thu"))


def gone_out(road: Road) -> Files:
    """A run that is over: some accepted, some refused with the vendor's words, one in doubt with an incident."""
    found = written(road)
    road.people(*[Person() for _ in range(PEOPLE)])
    road.approve()
    answers = itertools.cycle([road.world.accept, road.world.accept, refused(Status.FAILED, "landline")])
    road.world.answer = lambda message: next(answers)(message)
    road.round()
    with road.process.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO receipt (delivery_id, attempt, vendor_id, vendor_status, payload_sealed, received_at)"
            " SELECT delivery.id, 1, vendor_id, 'x', contact.phone_sealed, delivery.handed_at FROM delivery"
            " JOIN contact ON contact.id = delivery.contact_id WHERE vendor_id IS NOT NULL"
        )
        connection.exec_driver_sql(
            "INSERT INTO incident (at, kind, subject, detail_sealed) SELECT handed_at, 'superseded',"
            " 'delivery:' || d.id, payload_sealed FROM delivery d JOIN receipt r ON r.delivery_id = d.id LIMIT 1"
        )
    assert road.runs() == {"mo-dau/once": "finished"}
    return found


def counts(road: Road) -> dict[str, int]:
    return {name: road.rows(f"SELECT count(*) FROM {name}")[0][0] for name in TABLES}


def tallies(road: Road) -> list[object]:
    return [
        road.rows("SELECT * FROM tally_area ORDER BY 1, 2, 3, 4, 5, 6"),
        road.rows("SELECT * FROM tally_trait ORDER BY 1, 2, 3, 4, 5"),
        road.rows("SELECT * FROM tally_place ORDER BY 1, 2, 3, 4, 5"),
    ]


def figures(road: Road) -> object:
    from engine.areas import registry

    asked = Asked(("thu",), "district")
    return make_report(
        road.process.database, registry.load, road.process.snapshot, asked, road.clock.now()
    ).totals.document()


def test_everything_about_people_goes_and_every_figure_stays(road: Road) -> None:
    found = gone_out(road)
    before, told = tallies(road), figures(road)
    assert counts(road) | {"look_up": 0} == {"delivery": PEOPLE, "receipt": 17, "attempt": 8, "look_up": 0}
    road.clock.instant = ENDS + timedelta(days=181, seconds=-1)
    assert retention.retire(road.process, found).runs == 0
    assert counts(road)["delivery"] == PEOPLE, "a second early"

    road.clock.instant = ENDS + timedelta(days=181)
    done = retention.retire(road.process, found)
    assert (done.runs, done.gone) == (1, (PEOPLE, 17, 8, 0))
    assert counts(road) == dict.fromkeys(TABLES, 0)
    assert (tallies(road), figures(road)) == (before, told)
    counted = recount(road.process.database)
    assert (counted.differences, counted.retired) == ([], 1), "rows that are gone prove nothing about tallies"
    assert road.incidents() == {}
    assert road.rows("SELECT detail_sealed FROM incident") == [(None,)]
    lines = road.rows("SELECT subject, detail FROM audit WHERE action = 'retention'")
    assert lines == [("thu/mo-dau/once", f"deliveries={PEOPLE} receipts=17 attempts=8 look_ups=0")]
    assert road.rows("SELECT count(*) FROM contact") == [(PEOPLE,)], "contacts are held on the ground of their list"

    assert retention.retire(road.process, found).runs == 0
    assert len(road.rows("SELECT 1 FROM audit WHERE action = 'retention'")) == 1
    road.round()
    assert road.runs() == {"mo-dau/once": "finished"}, "a retired run was opened again"


def test_what_was_left_in_the_middle_is_gone_on_with_and_cries_no_wolf(road: Road) -> None:
    found = gone_out(road)
    road.clock.instant = ENDS + timedelta(days=400)
    looks = itertools.count()
    retention.retire(road.process, found, lambda: next(looks) >= 2)
    assert counts(road)["delivery"] == PEOPLE - 8
    assert recount(road.process.database).differences == []
    retention.retire(road.process, found)
    assert counts(road) == dict.fromkeys(TABLES, 0)


@on_one_database
def test_the_days_are_those_of_loa_yaml_today_and_of_the_approved_ones_where_it_cannot_be_read(road: Road) -> None:
    gone_out(road)
    road.clock.instant = ENDS + timedelta(days=40)
    assert retention.retire(road.process, written(road, 30)).runs == 1
    assert counts(road)["delivery"] == 0


@on_one_database
def test_a_broken_loa_yaml_keeps_what_the_approval_promised(road: Road) -> None:
    gone_out(road)
    (road.settings.workspace / "loa.yaml").write_text("privacy: {retention_days: 1}\n", encoding="utf-8")
    found = Files(road.settings)
    found.refresh()
    assert found.privacy is None
    road.clock.instant = ENDS + timedelta(days=100)
    assert retention.retire(road.process, found).runs == 0
    road.clock.instant = ENDS + timedelta(days=181)
    assert retention.retire(road.process, found).runs == 1


@on_one_database
def test_a_period_that_was_made_longer_keeps_its_deliveries_longer(road: Road) -> None:
    gone_out(road)
    longer = CAMPAIGN.replace("to: 2027-09-30", "to: 2028-09-30").replace("anchor: 30/7\n", "")
    (road.settings.workspace / "campaigns" / "thu.yaml").write_text(longer, encoding="utf-8")
    found = Files(road.settings)
    found.refresh()
    assert found.campaigns
    road.clock.instant = ENDS + timedelta(days=300)
    assert retention.retire(road.process, found).runs == 0


@on_one_database
def test_a_run_that_is_still_open_is_left_alone(road: Road) -> None:
    found = written(road)
    road.people(Person())
    road.approve()
    road.world.answer = road.world.lost
    road.round()
    assert road.runs() == {"mo-dau/once": "running"}, "it waits for the vendor's word"
    road.clock.instant = ENDS + timedelta(days=400)
    assert retention.retire(road.process, found).runs == 0
    assert counts(road)["delivery"] == 1


@on_one_database
def test_who_is_erased_or_opted_out_stays_so_afterwards(road: Road) -> None:
    found = gone_out(road)
    [number] = road.people(Person(opted_out=True))
    assert erase(road.process, number, by=None)
    road.clock.instant = ENDS + timedelta(days=200)
    retention.retire(road.process, found)
    hashed = road.process.keyring.phone_hash(number)
    assert road.rows("SELECT 1 FROM opt_out WHERE phone_hash = :hashed", hashed=hashed) == [(1,)]


@on_one_database
def test_a_played_clock_deletes_nothing_about_real_people(road: Road) -> None:
    found = gone_out(road)
    road.clock.instant = ENDS + timedelta(days=400)
    road.process.settings = replace(road.settings, clock_turned=True)
    assert retention.retire(road.process, found).runs == 0
    road.process.settings = road.settings
    assert retention.retire(road.process, found).runs == 1


@on_one_database
def test_where_cron_is_all_there_is_its_rounds_see_to_it(road: Road) -> None:
    gone_out(road)
    road.clock.instant = ENDS + timedelta(days=400)
    road.round()
    assert counts(road) == dict.fromkeys(TABLES, 0)


@on_one_database
def test_words_that_are_kept_hold_no_name(road: Road) -> None:
    """Renderings stay as a record of what was said: with a place for the name, never with one."""
    found = written(road)
    words = road.settings.workspace / "messages" / "tin" / "sms.vi.j2"
    words.write_text("Chào {{ contact.name }}, xin gọi 111.\n", encoding="utf-8")
    found.refresh()
    road.people(Person(name="Nông Thị Kín"))
    road.approve()
    road.round()
    assert "Nông Thị Kín" in road.world.sent[0].body
    road.clock.instant = ENDS + timedelta(days=400)
    retention.retire(road.process, found)
    kept = road.rows("SELECT words, tuple_key FROM rendering")
    assert len(kept) == 1
    assert "Kín" not in str(kept)
