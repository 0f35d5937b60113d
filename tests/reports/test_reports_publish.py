"""``loa report --publish``: what is passed on stands for no fewer people than the threshold, and the sums stay true."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from publication_world import PLACES
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from engine.areas import registry as areas
from engine.content.snapshot import Snapshot
from engine.reports.dimensions import DIMENSIONS, partners
from engine.reports.publication import coarsening_stored, publication_of, settle
from engine.reports.publication_places import published_fold
from engine.reports.publication_units import common
from engine.status import Status
from engine.store import publications
from engine.store.outbox import Change
from engine.store.publications import Settled

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where no dialect matters
DUE = datetime.fromisoformat("2027-07-16T08:30+07:00")


def document(loa: Callable[..., tuple[int, str, str]], *arguments: str) -> dict:
    code, out, err = loa("report", *arguments, "--json")
    assert (code, err) == (0, ""), err
    return json.loads(out)


def people(count: int, **values: object) -> list[dict]:
    return [dict(values) for _ in range(count)]


def named(made: dict, key: str = "area") -> dict[str, int]:
    return {row[key]["name"] if key == "area" else row[key]: row["targeted"] for row in made["rows"]}


def test_a_small_commune_is_told_with_the_smallest_of_its_district(road, loa):
    road.run([
        *people(3, commune="06211"), *people(12, commune="06187"), *people(40, commune="06184"),
        *people(15, commune="06541"),
    ])  # fmt: skip
    made = document(loa, "lang-son", "--by", "commune", "--publish")
    assert made["published"] is True
    assert named(made) == {"Xã Đồng Đăng": 40, "Xã Mẫu Sơn": 15, "Các xã gộp (2), Huyện Cao Lộc (cũ)": 15}
    assert named(document(loa, "lang-son", "--by", "district", "--publish")) == {
        "Huyện Cao Lộc": 55,
        "Huyện Lộc Bình": 15,
    }
    exact = document(loa, "lang-son", "--by", "commune")
    assert exact["published"] is False and len(exact["rows"]) == 4
    assert made["totals"] == exact["totals"]


@on_sqlite
def test_statuses_are_told_within_a_unit_and_still_add_up(road, loa):
    first, *_ = road.run([*people(11, commune="06211"), *people(12, commune="06187")])
    road.send(first, Status.ACCEPTED, Status.DELIVERED)
    made = document(loa, "lang-son", "--by", "commune", "--publish")
    assert [(row["delivered"], row["queued"]) for row in made["rows"]] == [(0, 12), (1, 10)]


@on_sqlite
def test_a_later_run_makes_the_units_of_every_cut_coarser(road, loa):
    road.run([*people(20, commune="06211"), *people(30, commune="06187")], step="mo-dau")
    alone = document(loa, "lang-son", "--by", "commune", "--publish")
    assert named(alone) == {"Xã Cao Lộc": 20, "Phường Kỳ Lừa": 30}
    road.run([*people(4, commune="06211"), *people(30, commune="06187")], step="canh-bao", due=DUE + timedelta(days=4))
    for cut in ((), ("--to", "2027-07-16"), ("--from", "2027-07-17")):
        names = named(document(loa, "lang-son", "--by", "commune", "--publish", *cut))
        assert list(names) == ["Các xã gộp (2), Huyện Cao Lộc (cũ)"]


@on_sqlite
def test_a_run_to_a_handful_of_people_is_in_no_published_figure(road, loa):
    road.run(people(30, commune="06211"), step="mo-dau")
    road.run(people(5, commune="06211"), step="canh-bao", channel="loudspeaker", due=DUE + timedelta(days=4))
    for by in ("step", "day", "channel", "district", "language", "campaign"):
        assert document(loa, "lang-son", "--by", by, "--publish")["totals"]["targeted"] == 30
    assert document(loa, "lang-son", "--by", "day", "--publish", "--from", "2027-07-18")["rows"] == []


def test_small_languages_senders_and_arms_are_told_together(road, loa):
    road.run([
        *people(30, language="vi", variant="a"), *people(4, language="hmn", variant="b"),
        *people(9, language="tyz", sender="du-phong", variant="b"),
    ])  # fmt: skip
    assert named(document(loa, "lang-son", "--by", "language", "--publish"), "language") == {
        "khác (hmn, tyz)": 13,
        "vi": 30,
    }
    assert named(document(loa, "lang-son", "--by", "sender", "--publish"), "sender") == {
        "khác (dien-tap, du-phong)": 43
    }
    assert named(document(loa, "lang-son", "--by", "variant", "--publish"), "variant") == {"a": 30, "b": 13}


@on_sqlite
def test_areas_rise_where_an_arm_in_a_commune_is_small(road, loa):
    road.run([
        *people(30, commune="06211", variant="a"), *people(2, commune="06211", variant="b"),
        *people(30, commune="06187", variant="b"), *people(20, commune="06541", variant="a"),
    ])  # fmt: skip
    made = document(loa, "lang-son", "--by", "commune,variant", "--publish")
    told = [(row["area"]["name"], row["variant"], row["targeted"]) for row in made["rows"]]
    assert told == [
        ("Huyện Cao Lộc (cũ), không tách nhỏ hơn", "a", 30), ("Huyện Cao Lộc (cũ), không tách nhỏ hơn", "b", 32),
        ("Huyện Lộc Bình (cũ), không tách nhỏ hơn", "a", 20),
    ]  # fmt: skip


@on_sqlite
def test_a_few_helpers_everywhere_do_not_make_one_line_of_all_districts(road, loa):
    road.run([*people(200, commune="06211"), *people(150, commune="06541")], step="mo-dau")
    road.run([*people(6, commune="06211"), *people(6, commune="06541")], step="canh-bao", due=DUE + timedelta(days=4))
    made = document(loa, "lang-son", "--by", "district", "--publish")
    assert named(made) == {"Huyện Cao Lộc": 200, "Huyện Lộc Bình": 150, "Không tách theo địa bàn": 12}
    assert named(document(loa, "lang-son", "--by", "language", "--publish"), "language") == {
        "vi": 350,
        "không tách": 12,
    }
    pairs = document(loa, "lang-son", "--by", "step,district", "--publish")
    assert [(row["step"], row["area"]["name"]) for row in pairs["rows"]] == [
        ("mo-dau", "Huyện Cao Lộc"), ("mo-dau", "Huyện Lộc Bình"), ("canh-bao", "Không tách theo địa bàn"),
    ]  # fmt: skip


@on_sqlite
def test_several_campaigns_are_told_in_units_that_hold_in_each(road, loa):
    road.run([*people(20, commune="06211"), *people(30, commune="06187")])
    road.run([*people(3, commune="06211"), *people(30, commune="06187")], campaign="nghe-an")
    assert len(document(loa, "lang-son", "--by", "commune", "--publish")["rows"]) == 2
    both = document(loa, "lang-son", "nghe-an", "--by", "commune,campaign", "--publish")
    assert {row["area"]["name"] for row in both["rows"]} == {"Các xã gộp (2), Huyện Cao Lộc (cũ)"}
    assert both["totals"]["targeted"] == 83


@pytest.mark.torture
@on_sqlite
def test_every_dimension_and_pair_adds_up_to_the_same_people(road, loa):
    """The lines of the attacker's test are those that are really printed: see test_reports_attacker."""
    for step, sizes in (
        ("mo-dau", (9, 2, 1, 12, 1, 6, 12, 3, 30, 1)),
        ("canh-bao", (20, 14, 13, 30, 11, 15, 2, 1, 40, 25)),
    ):
        deliveries = [
            {"era": era, "commune": commune, "variant": "ab"[number % 2], "language": ("vi", "hmn")[number % 7 == 0]}
            for (era, commune), size in zip(PLACES, sizes, strict=True)
            for number in range(size)
        ]
        road.run(deliveries, step=step, due=DUE + timedelta(days=len(step)))
    registry, process = areas.load(), road.process
    with process.database.read() as connection:
        sums = [publications.people_by_commune(connection, run) for run in road.ids]
    units = common(coarsening_stored(settle(one, registry, 10)) for one in sums)
    for level, era in (("district", "2025"), ("commune", "2025"), ("commune", "legacy")):
        fold = published_fold(registry, units, level, era)
        expected: dict[str, int] = {}
        for one in sums:
            for place, count in one.items():
                name = fold(*place).name
                expected[name] = expected.get(name, 0) + count
        made = document(loa, "lang-son", "--by", level, "--publish", *(("--era", era) if level == "commune" else ()))
        assert named(made) == expected
        assert min(expected.values()) >= 10
    for first in DIMENSIONS:
        for second in (None, *partners(first)):
            by = first if second is None else f"{first},{second}"
            made = document(loa, "lang-son", "--by", by, "--publish")
            assert made["totals"]["targeted"] == sum(sum(one.values()) for one in sums), by
            if "hour" not in by:
                assert min(row["targeted"] for row in made["rows"]) >= 10, by


@on_sqlite
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_every_form_has_the_same_units(road, loa, tmp_path: Path, form):
    road.run([*people(3, commune="06211"), *people(40, commune="06184"), *people(12, commune="06187")])
    code, out, _ = loa("report", "lang-son", "--by", "commune", "--publish", "--format", form)
    assert code == 0
    assert "Các xã gộp (2)" in out and "Xã Cao Lộc" not in out
    if form == "table":
        assert "dưới 10 thuê bao" in out


def test_units_are_settled_with_the_run_and_never_changed(road):
    road.run([*people(3, commune="06211"), *people(40, commune="06184")])
    process, [run] = road.process, road.ids
    with process.database.write() as connection:
        publications.keep(connection, run, Settled(2, areas.load().version, False, ()))
    told = publication_of(process.database, areas.load, process.snapshot, ("lang-son",))
    assert (told.small_cell, told.areas.joined) == (2, frozenset())
    with process.database.write() as connection:
        publications.keep(connection, run, Settled(10, areas.load().version, True, (("20/183", "closed"),)))
    with process.database.read() as connection:
        assert publications.settled(connection, ["lang-son"])[run].small_cell == 2
    for statement in ("UPDATE publication SET small_cell = 1", "DELETE FROM publication"):
        with pytest.raises(DBAPIError, match="append-only"), process.database.write() as connection:
            connection.execute(text(statement))


@on_sqlite
def test_units_of_other_area_tables_are_not_used_as_if_they_were_of_these(road, snapshot: Snapshot):
    road.run([*people(3, commune="06211"), *people(40, commune="06184"), *people(12, commune="06187")])
    process, [run] = road.process, road.ids
    with process.database.write() as connection:
        publications.keep(connection, run, Settled(10, "tables of another day", False, (("20/999", "joined"),)))
    told = publication_of(process.database, areas.load, process.snapshot, ("lang-son",))
    assert told.areas.joined == {("20", "183", "2025:06211"), ("20", "183", "2025:06187")}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--what", "coverage", "--by", "district"), "một số chung cho cả chiến dịch"),
        (("--what", "coverage", "--from", "2027-07-01"), "một số chung cho cả chiến dịch"),
        (("--what", "opt-outs", "--by", "commune"), "--what opt-outs không chia theo commune"),
        (("--by", "variant", "--beside", "nghe-an"), "không theo variant"),
    ],
)
def test_a_measure_of_a_place_is_not_published(loa, more, why):
    code, out, err = loa("report", "lang-son", *more, "--publish")
    assert (code, out) == (2, "") and why in err


@on_sqlite
def test_published_measures_count_published_runs_and_name_no_place(road, loa):
    ids = road.run([*people(12, commune="06211"), *people(2, commune="06541")])
    road.send(ids[0], Status.ACCEPTED, Status.DELIVERED)
    road.run(people(3, commune="06187"), step="canh-bao")  # three people: a run that nobody hears of
    told = document(loa, "lang-son", "--what", "coverage", "--publish")
    assert (told["totals"]["people_targeted"], told["published"], "communes" in told) == (14, True, False)
    exact = document(loa, "lang-son", "--what", "coverage")
    assert exact["totals"]["people_targeted"] == 14 and "published" not in exact  # three of the fourteen again
    by_step = document(loa, "lang-son", "--what", "opt-outs", "--by", "step", "--publish")
    assert [row["step"] for row in by_step["rows"]] == ["mo-dau"]
    cost = document(loa, "lang-son", "--what", "cost", "--by", "commune", "--publish")
    assert {row["area"]["name"] for row in cost["rows"]} == set(
        named(document(loa, "lang-son", "--by", "commune", "--publish"))
    )
    delay = document(loa, "lang-son", "--what", "delay", "--publish")["totals"]
    assert delay["delivered"] == 1 and delay["delay_median_s"] is None  # one word has no delay of its own


@on_sqlite
def test_rare_reasons_are_told_together_when_published(road, loa):
    ids = road.run([{"commune": "06211"}] * 40)
    for place, delivery in enumerate(ids):
        reason = "landline" if place < 2 else "unreachable" if place < 16 else "text"
        attempt = road.claim(delivery)
        road.move(Change(delivery, attempt, Status.FAILED, DUE, f"SM{delivery}", reason=reason, handed=True))
    rows = document(loa, "lang-son", "--what", "reasons", "--publish")["rows"]
    assert {row["reason"]: row["deliveries"] for row in rows} == {"landline, unreachable": 16, "text": 24}
    assert "khác (" in loa("report", "lang-son", "--what", "reasons", "--publish")[1]


@on_sqlite
def test_two_campaigns_beside_each_other_share_the_coarser_units(road, loa):
    """Mẫu Sơn is large this year and small last year: alone it may be told, beside last year it may not."""
    road.run([*people(30, commune="06211"), *people(30, commune="06187")])
    road.run([*people(30, commune="06211"), *people(3, commune="06187")], campaign="lang-son-truoc")
    arguments = ("lang-son", "--by", "commune", "--beside", "lang-son-truoc", "--publish")
    told = document(loa, *arguments)
    assert told["published"] is True
    [row] = told["rows"]
    assert row["area"]["code"] is None and (row["this"]["targeted"], row["beside"]["targeted"]) == (60, 33)
