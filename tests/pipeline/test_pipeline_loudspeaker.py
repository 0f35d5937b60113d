"""Broadcasts: each relay gets one link, ahead of the hour and never at night, and is reminded once."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pipeline_relays import BASE, COMMUNES, relays, tokens
from pipeline_road import Person, Road, on_one_database
from rehearse_hall import rehearsed, rules
from sqlalchemy.exc import IntegrityError

from engine.areas import registry as areas
from engine.cli import main
from engine.clock import parse_instant
from engine.errors import LoaError
from engine.pipeline import broadcasts as road_of
from engine.pipeline import relay_link
from engine.pipeline.broadcasts import Confirmation, confirm, remind_due
from engine.pipeline.files import Files
from engine.pipeline.open_runs import open_due
from engine.pipeline.retention import retire
from engine.reports.broadcasts import make_broadcast_report
from engine.reports.report import Asked
from engine.store import broadcasts, suppression

AREAS = areas.load()


def rows(road: Road) -> list[Any]:
    with road.process.database.read() as connection:
        return list(broadcasts.of_campaign(connection, "thu"))


def read(road: Road, token: str, times: int = 1, at: str = "2027-07-16 17:00") -> Any:
    return confirm(road.process, relay_link.hash_of(token), Confirmation(times, parse_instant(at)), by="link")


def test_the_link_comes_after_the_hour_at_which_it_was_to_be_read(road: Road) -> None:
    relays(road)
    road.at("2027-07-16 07:59")
    road.round()
    assert road.world.sent == []  # quiet hours, though the run is open since 01:00
    road.at("2027-07-16 08:00")
    road.round()
    assert len(tokens(road)) == 3 and len(set(tokens(road))) == 3
    assert {message.body for message in road.world.sent if "17:00 ngày 16/07" not in message.body} == set()
    assert road.statuses() == {"accepted": 3}
    road.prove_tallies()
    assert [row.commune for row in rows(road)] == sorted(COMMUNES)
    assert {row.planned_at for row in rows(road)} == {parse_instant("2027-07-16 17:00")}


@on_one_database
def test_a_broadcast_before_dawn_gets_its_link_at_night(road: Road) -> None:
    relays(road, "2027-07-18 05:30")
    road.at("2027-07-17 13:29")
    road.round()
    assert road.runs() == {}
    road.at("2027-07-17 13:30")  # 16 hours before, in the afternoon
    road.round()
    assert len(tokens(road)) == 3


@on_one_database
def test_the_link_of_a_late_evening_rings_in_the_night(road: Road) -> None:
    relays(road, "2027-07-18 05:30")
    road.at("2027-07-17 21:30")
    road.round()
    assert road.runs() == {"phat-thanh/once": "ready"} and road.world.sent == []


@on_one_database
def test_a_daily_broadcast_takes_its_neighbour_day_for_known(road: Road) -> None:
    """A run opens on the day before, and a reminder goes out on the day after: both days have runs of their own."""
    relays(road, "every day at 05:30")
    for day in (16, 17, 18):
        road.at(f"2027-07-{day} 14:00")
        road.round()
        road.at(f"2027-07-{day + 1} 08:31")
        road.round()
    assert [key for key in road.runs() if key.endswith(".reminder")] == [
        f"phat-thanh/2027-07-{day}.reminder" for day in (17, 18, 19)
    ]
    assert {f"phat-thanh/2027-07-{day}" for day in (17, 18, 19)} <= set(road.runs())


def test_who_has_not_confirmed_is_reminded_twice_or_who_has_is(road: Road) -> None:
    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    road.at("2027-07-16 17:10")
    read(road, tokens(road)[0], times=2)
    road.at("2027-07-16 19:59")
    assert remind_due(road.process) == []
    road.at("2027-07-16 20:00")
    [reminder] = remind_due(road.process)
    assert remind_due(road.process) == []
    road.round()
    assert len(road.world.sent) == 3  # quiet hours have begun: it waits for the morning
    road.at("2027-07-17 08:00")
    road.round()
    road.round()
    again = tokens(road)[3:]
    assert sorted(again) == sorted(tokens(road)[1:3])  # the same links, to the others only
    assert all(message.body.startswith("Nhắc") for message in road.world.sent[3:])
    assert road.runs()["phat-thanh/once.reminder"].startswith(("running", "finished"))
    road.prove_tallies()
    assert reminder != rows(road)[0].run_id
    read(road, again[0], at="2027-07-16 17:30")
    assert sum(row.times or 0 for row in rows(road)) == 3


def test_a_kill_before_the_commit_reminds_somebody_twice(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    road.at("2027-07-16 20:00")

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(road_of.fanout, "count_enqueued", killed)
        with pytest.raises(Killed):
            remind_due(road.process)
    assert "phat-thanh/once.reminder" not in road.runs()
    assert len(remind_due(road.process)) == 1
    assert road.statuses() == {"accepted": 3, "queued": 3}
    road.prove_tallies()


@on_one_database
def test_a_campaign_ends_before_its_last_reminder(road: Road) -> None:
    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    road.at("2027-07-16 17:30")
    road.round()
    assert road.rows("SELECT status FROM campaign_state") == [("running",)]
    road.at("2027-07-16 20:00")
    road.round()
    road.at("2027-07-17 08:00")
    road.round()
    road.later(hours=1)
    road.round()
    assert road.rows("SELECT status FROM campaign_state") == [("finished",)]
    assert len(tokens(road)) == 6


@on_one_database
def test_a_cancelled_broadcast_is_reminded_of(road: Road) -> None:
    from engine.pipeline.control import act

    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    act(road.process, "cancel", "thu", "phat-thanh", by="Người Duyệt", why="bão")
    road.at("2027-07-16 20:00")
    assert remind_due(road.process) == []


def test_links_are_sent_that_lead_nowhere(road: Road) -> None:
    relays(road, public=False)
    assert any("LOA_PUBLIC_URL" in warning for warning in road.plan().warnings)
    road.at("2027-07-16 08:00")
    road.round()
    assert road.world.sent == [] and road.runs() == {"phat-thanh/once": "held:no_public_url"}
    from engine.pipeline.control import act

    act(road.process, "resume", "thu", None, by="Người Duyệt", why=None)
    assert road.runs() == {"phat-thanh/once": "held:no_public_url"}
    road.process.settings = replace(road.process.settings, public_url=BASE)
    act(road.process, "resume", "thu", None, by="Người Duyệt", why=None)
    road.round()
    assert len(tokens(road)) == 3


@on_one_database
def test_a_relays_script_is_in_a_language_that_is_not_theirs(road: Road) -> None:
    relays(road)
    road.people(Person(place=("2025", "06184"), groups=("loa",), language="tyz"))
    road.people(Person(place=("2025", "06184"), groups=("loa",), language="en"))
    road.approve()
    road.at("2027-07-16 08:00")
    road.round()
    found = {(row.commune, row.language, row.words) for row in rows(road)}
    assert ("06184", "tyz", "Bài tiếng Tày. 111.") in found
    assert sum("xã Cao Lộc" in words or "Đồng Đăng" in words for _, _, words in found) >= 1
    english = [message.body for message in road.world.sent if message.body.startswith("Please")]
    assert len(english) == 1


@on_one_database
def test_a_cap_keeps_a_relay_from_the_script(road: Road) -> None:
    relays(road, "every day at 17:00", limits="{per_person: 1 per 7 days}")
    for day in (16, 17):
        road.at(f"2027-07-{day} 08:00")
        road.round()
    assert len(set(tokens(road))) == 6
    assert road.plan().runs[0].excluded == {}


@on_one_database
def test_the_plan_costs_another_sum_than_the_sending(road: Road) -> None:
    relays(road)
    [run] = road.plan().runs
    assert (run.recipients, run.channel, run.minutes) == (3, "loudspeaker", 1)
    assert run.due == parse_instant("2027-07-16 17:00") and run.starts == parse_instant("2027-07-16 08:00")
    road.at("2027-07-16 08:00")
    road.round()
    assert road.rows("SELECT sum(segments), sum(cost_vnd) FROM delivery") == [(run.segments, run.cost_vnd)]
    sent = road.rows("SELECT DISTINCT r.segments FROM delivery d JOIN rendering r ON r.id = d.rendering_id")
    assert sent == [(run.segments // 3,)]


def test_a_confirmation_that_cannot_be_is_taken(road: Road) -> None:
    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    [token, *_] = tokens(road)
    road.at("2027-07-16 17:30")
    for times, at in (
        (0, "2027-07-16 17:00"),
        (51, "2027-07-16 17:00"),
        (1, "2027-07-16 18:00"),
        (1, "2027-07-14 17:00"),
    ):
        with pytest.raises(LoaError):
            read(road, token, times, at)
    with pytest.raises(LoaError, match="không có"):
        read(road, "x" * 16)
    assert all(row.times is None for row in rows(road))
    read(road, token, 3)
    read(road, token, 2)  # the newer word counts
    assert sum(row.times or 0 for row in rows(road)) == 2
    actions = road.rows("SELECT detail FROM audit WHERE action = 'broadcast.confirmed' ORDER BY id")
    assert [row[0] for row in actions] == ["link; 3", "link; 2; 3 → 2"]
    road.at("2027-10-02 00:00")
    with pytest.raises(LoaError, match="hết hạn"):
        read(road, token, 4)


def test_half_a_confirmation_is_stored(road: Road) -> None:
    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    for change in ("times = 1", "times = 0, read_at = planned_at, confirmed_at = planned_at, confirmed_by = 'link'"):
        with pytest.raises(IntegrityError), road.process.database.write() as connection:
            connection.exec_driver_sql(f"UPDATE broadcast SET {change}")


@on_one_database
def test_a_stolen_database_opens_a_relays_page(road: Road) -> None:
    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    stored = str(road.rows("SELECT * FROM broadcast")) + str(road.rows("SELECT words FROM rendering"))
    for token in tokens(road):
        assert token not in stored
        assert relay_link.hash_of(token) in [row.token_hash for row in rows(road)]


@on_one_database
def test_the_report_counts_something_else_than_what_was_read(road: Road) -> None:
    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    road.at("2027-07-16 17:30")
    by_commune = {row.commune: row for row in rows(road)}
    for commune, times in (("06184", 2), ("06541", 1)):
        confirm(
            road.process, by_commune[commune].id, Confirmation(times, parse_instant("2027-07-16 17:05")), by="office",
            who="Cán bộ Trực",
        )  # fmt: skip
    made = make_broadcast_report(road.process.database, areas.load, Asked(("thu",), "district"))
    assert made is not None
    assert made.totals.document() == {
        "planned": 3, "confirmed": 2, "times": 3, "minutes": 3, "communes_planned": 3, "communes": 2,
    }  # fmt: skip
    districts = {line[0].name: line[1].times for line in made.lines if not isinstance(line[0], str)}
    assert districts == {"Huyện Cao Lộc": 2, "Huyện Lộc Bình": 1}
    [(day, heard)] = make_broadcast_report(road.process.database, areas.load, Asked(("thu",), "day")).lines  # type: ignore[union-attr]
    assert (day, heard.confirmed) == ("2027-07-16", 2)


@on_one_database
def test_a_relay_is_known_after_the_retention(road: Road) -> None:
    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    [token, *_] = tokens(road)
    road.at("2027-07-16 17:30")
    read(road, token)
    road.at("2028-06-01 08:00")
    road.round()
    files = Files(road.settings)
    files.refresh()
    retire(road.process, files)
    assert road.rows("SELECT DISTINCT contact_id, delivery_id, token_hash FROM broadcast") == [(None, None, None)]
    made = make_broadcast_report(road.process.database, areas.load, Asked(("thu",), "commune"))
    assert made is not None and made.totals.times == 1


@on_one_database
def test_the_office_cannot_see_who_has_not_confirmed(
    road: Road, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    relays(road)
    road.at("2027-07-16 08:00")
    road.round()
    monkeypatch.setenv("LOA_CLOCK", "2027-07-16T17:30:00+07:00")

    def loa(*arguments: str) -> Any:
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        assert ended.value.code == 0
        return capsys.readouterr().out

    document = json.loads(loa("loudspeaker", "list", "thu", "--json"))
    assert [one["area"]["code"] for one in document["broadcasts"]] == sorted(COMMUNES)
    assert "Nông" not in str(document) and "+84" not in str(document)
    number = str(document["broadcasts"][0]["number"])
    said = loa("loudspeaker", "confirm", number, "--times", "2", "--at", "17:05", "--by", "Cán bộ Trực")
    assert "2 lần" in said and "17:05" in said
    document = json.loads(loa("loudspeaker", "list", "thu", "--json"))
    assert len(document["broadcasts"]) == 2 and document["totals"]["times"] == 2
    assert "chưa báo phát" in loa("loudspeaker", "list", "thu")
    report = json.loads(loa("report", "thu", "--by", "step", "--json"))
    assert report["loudspeaker"]["rows"] == [{"step": "phat-thanh"} | report["loudspeaker"]["totals"]]
    assert report["rows"][0]["targeted"] == 3
    assert "Phút phát" in loa("report", "thu", "--by", "commune")
    assert "Kính thưa bà con" in loa("loudspeaker", "script", "thu", "phat-thanh")
    out = road.settings.workspace / "bai.pdf"
    loa("loudspeaker", "script", "thu", "phat-thanh", "--area", "06184", "--era", "2025", "--out", str(out))
    assert out.read_bytes().startswith(b"%PDF")


@on_one_database
def test_two_that_open_the_same_run_make_two_links_a_relay(road: Road) -> None:
    relays(road)
    road.at("2027-07-16 09:00")
    open_due(road.process, {"thu": road.snapshot()}, AREAS)
    with road.process.database.read() as connection:
        run = road_of.runs.of_campaign(connection, "thu")[0]
    road_of.make_broadcasts(road.process, run, road.snapshot())
    assert len(rows(road)) == 3
    assert rows(road)[0].closes_at - rows(road)[0].planned_at > timedelta(days=70)


@on_one_database
def test_who_opted_out_is_waited_for(road: Road) -> None:
    relays(road)
    road.at("2027-07-16 07:40")
    road.round()  # the rows are written, and wait for the end of quiet hours
    with road.process.database.write() as connection:
        [(hashed,)] = connection.exec_driver_sql("SELECT phone_hash FROM contact WHERE commune = '06184' LIMIT 1")
        suppression.opt_out(connection, [hashed], at=road.clock.now(), source="hotline")
    road.at("2027-07-16 08:00")
    road.round()
    assert len(tokens(road)) == 2 and [row.commune for row in rows(road)] == ["06196", "06541"]
    road.at("2027-07-16 20:00")
    [reminder] = remind_due(road.process)
    assert road.rows("SELECT count(*) FROM delivery WHERE run_id = :run", run=reminder) == [(2,)]


@pytest.mark.torture
@on_one_database
def test_a_rehearsal_leaves_the_loudspeakers_out(road: Road) -> None:
    relays(road, "every day at 17:00", until="20/7\n    from: 16/7")
    road.people(*[Person(place=("2025", "06184"), groups=("loa",)) for _ in range(20)])
    road.approve()
    with rehearsed(road) as result:
        heard = make_broadcast_report(result.process.database, areas.load, Asked(("thu",), "day"))
        assert heard is not None and rules(result) == set()
        assert [key for key, _ in heard.lines] == [f"2027-07-{day}" for day in (16, 17, 18, 19, 20)]
        assert heard.totals.planned == 23 * 5 and result.already == 0
        assert 0.8 * heard.totals.planned < heard.totals.confirmed < heard.totals.planned
        with result.process.database.read() as connection:
            late = connection.exec_driver_sql(
                "SELECT count(*), sum(confirmed_at IS NOT NULL) FROM broadcast WHERE reminder_id IS NOT NULL"
            ).one()
        assert late[0] > 10 and 0 < late[1] < late[0]
        same = heard.totals.document()
    with rehearsed(road) as again:
        repeated = make_broadcast_report(again.process.database, areas.load, Asked(("thu",), "day"))
        assert repeated is not None and repeated.totals.document() == same
    assert road.rows("SELECT count(*) FROM broadcast") == [(0,)]
