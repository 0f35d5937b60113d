"""``loa doctor --recount`` says exactly which figure is not what the rows say."""

import json
from datetime import datetime, timedelta

from sqlalchemy import text

from engine.reports.recount import recount
from engine.status import RunStatus, Status
from engine.store.outbox import Change
from engine.store.tallies import DELAYS, Counted

DUE = datetime.fromisoformat("2027-07-16T08:30+07:00")


def spoil(road, statement: str, **values: object) -> None:
    with road.process.database.write() as connection:
        assert connection.execute(text(statement), values).rowcount == 1


def test_a_sound_database_has_no_differences(road):
    first, second, third, _ = road.run([{}, {"commune": "06541", "variant": "a"}, {}, {"reason": "capped"}])
    road.send(first, Status.ACCEPTED, Status.DELIVERED, slot=2)
    road.send(second, Status.ACCEPTED, Status.FAILED)
    road.send(third, Status.UNKNOWN)
    counted = recount(road.process.database)
    assert (counted.runs, counted.deliveries, counted.differences) == (1, 4, [])


def test_a_wrong_area_figure_is_named_with_both_values(road):
    [key] = road.run([{"variant": "a"}])
    road.send(key, Status.ACCEPTED)
    spoil(road, "UPDATE tally_area SET deliveries = deliveries + 5, segments = 0 WHERE status = 'accepted'")
    difference, of_campaign = recount(road.process.database).differences
    assert (of_campaign.table, of_campaign.run) == ("tally_place", "lang-son")
    assert difference.table == "tally_area"
    assert difference.key == {"era": "2025", "commune": "06211", "variant": "a", "status": "accepted"}
    assert (difference.tallied, difference.counted) == (Counted(6, 0, 1700), Counted(1, 2, 1700))
    assert difference.run is not None and difference.run.startswith("lang-son/mo-dau/")


def test_a_tally_that_is_missing_is_a_difference_too(road):
    road.run([{}])
    spoil(road, "DELETE FROM tally_trait WHERE trait = 'sender'")
    [difference] = recount(road.process.database).differences
    assert difference.key == {"trait": "sender", "value": "dien-tap", "status": "queued"}
    assert (difference.tallied, difference.counted) == (Counted(0, 0, 0), Counted(1, 0, 0))


def test_a_row_changed_behind_the_tallies_back_is_found(road):
    [key] = road.run([{}])
    spoil(road, "UPDATE delivery SET status = 'cancelled' WHERE id = :key", key=key)
    tables = {(one.table, one.key["status"]) for one in recount(road.process.database).differences}
    assert tables == {(table, status) for table in ("tally_area", "tally_trait") for status in ("queued", "cancelled")}


def test_a_wrong_sum_of_a_campaign_is_named(road):
    road.run([{}])
    road.run([{}, {}])
    spoil(road, "UPDATE tally_place SET deliveries = 2 WHERE status = 'queued'")
    [difference] = recount(road.process.database).differences
    assert (difference.table, difference.key["campaign"]) == ("tally_place", "lang-son")
    assert (difference.tallied, difference.counted) == (Counted(2, 0, 0), Counted(3, 0, 0))


def test_tallies_without_their_run_are_found(road):
    spoil(
        road,
        "INSERT INTO tally_area (run_id, era, commune, variant, status, slot, deliveries, segments, cost_vnd)"
        " VALUES (999, '2025', '06211', '', 'queued', 0, 3, 0, 0)",
    )
    [difference] = recount(road.process.database).differences
    assert (difference.run_id, difference.run, difference.tallied) == (999, None, Counted(3, 0, 0))


def test_a_run_that_is_opening_is_left_out(road):
    road.run([{}, {}], status=RunStatus.ENQUEUEING)
    counted = recount(road.process.database)
    assert (counted.runs, counted.differences) == (0, [])


def test_the_edges_of_the_delay_buckets_are_the_same_to_the_microsecond(road):
    at = DUE + timedelta(microseconds=999_999)
    edges = [limit + timedelta(microseconds=beyond) for limit, _ in DELAYS for beyond in (-1, 0, 1)]
    for key, delay in zip(road.run([{}] * len(edges)), edges, strict=True):
        attempt = road.claim(key)
        road.move(
            Change(key, attempt, Status.ACCEPTED, at, f"SM{key}", handed=True),
            Change(key, attempt, Status.DELIVERED, at + delay, f"SM{key}", handed=True),
        )
    assert recount(road.process.database).differences == []


def test_the_hour_is_the_local_one_to_the_microsecond(road):
    """SQLite's own functions round 59.9999996 up into the next hour."""
    first, second = road.run([{}, {}])
    road.send(first, Status.ACCEPTED, Status.DELIVERED, at=datetime.fromisoformat("2027-07-16T16:59:59.999999+00:00"))
    road.send(second, Status.ACCEPTED, Status.DELIVERED, at=datetime.fromisoformat("2027-07-16T17:00:00+00:00"))
    assert recount(road.process.database).differences == []


def test_the_command_leaves_with_1_and_says_where(road, loa):
    [key] = road.run([{}])
    code, out, _ = loa("doctor", "--recount", "--json")
    told = json.loads(out)
    assert (code, told["ok"], told["recount"]) == (0, True, {"runs": 1, "deliveries": 1, "differences": []})
    spoil(road, "UPDATE tally_area SET deliveries = 4")
    code, out, _ = loa("doctor", "--recount", "--json")
    told = json.loads(out)
    assert (code, told["ok"]) == (1, False)
    difference, _ = told["recount"]["differences"]
    assert difference["tallied"] == {"deliveries": 4, "segments": 0, "cost_vnd": 0}
    assert difference["counted"] == {"deliveries": 1, "segments": 0, "cost_vnd": 0}
    code, out, _ = loa("doctor", "--recount")
    assert code == 1
    assert "tally_area 2025 06211 queued" in out and "số liệu ghi 4 lượt" in out and "đếm được 1 lượt" in out
    assert key
