"""Frozen reports: the same to the letter for ever, and what came since only as a difference."""

import json
import re
from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from engine.areas import registry as areas
from engine.cli.frozen import freeze_now
from engine.reports import asking, frozen, keeping
from engine.reports.dimensions import DIMENSIONS, partners
from engine.reports.frozen_writing import every
from engine.reports.publication import publication_of
from engine.reports.report import Asked, make_report
from engine.status import Status

NOW = datetime.fromisoformat("2027-07-31T10:00+07:00")
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where no dialect matters


def people(count: int, **values: object) -> list[dict]:
    return [dict(values) for _ in range(count)]


@pytest.fixture
def filled(road):
    """A run to two communes: the first delivery arrived, the rest waits."""
    ids = road.run([*people(14, commune="06211"), *people(3, commune="06187"), *people(20, commune="06541")])
    road.send(ids[0], Status.ACCEPTED, Status.DELIVERED)
    return ids


def freeze(loa, *arguments: str) -> str:
    code, out, err = loa("report", "lang-son", "--freeze", "--json", *arguments)
    assert code == 0, err
    made = json.loads(out)
    assert made["frozen"] in err
    return made["frozen"]


@on_sqlite
def test_the_id_says_whose_and_of_which_day(filled, loa):
    assert re.fullmatch(r"LS-2027-0731-[0-9A-HJKMNP-TV-Z]{4}", freeze(loa))


@on_sqlite
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_what_was_frozen_is_told_again_to_the_letter(road, filled, loa, form):
    arguments = ("--by", "commune", "--format", form)
    code, first, err = loa("report", "lang-son", "--freeze", *arguments)
    assert code == 0
    [report_id] = re.findall(r"LS-\S+-\w{4}", err.splitlines()[0])[:1]
    assert report_id in first
    road.send(filled[1], Status.ACCEPTED, Status.FAILED)
    road.run(people(50, commune="06211"), step="canh-bao")
    assert loa("report", "--frozen", report_id.lower(), *arguments) == (0, first, "")


@on_sqlite
def test_every_dimension_and_pair_can_be_told_again_either_way_round(road, filled, loa):
    later = datetime.fromisoformat("2027-07-20T08:30+07:00")
    road.run(
        [*people(30, commune="06541", variant="a"), *people(12, commune="06187", variant="b", language="hmn")],
        step="canh-bao", channel="zalo", due=later,
    )  # fmt: skip
    by = [(one,) for one in DIMENSIONS]
    by += [(one, other) for one in DIMENSIONS for other in partners(one) if "commune" not in (one, other)]
    process, registry = road.process, areas.load
    publication = publication_of(process.database, registry, process.snapshot, ("lang-son",))

    def report(dimensions):
        asked = Asked(("lang-son",), dimensions[0], second=dimensions[1] if len(dimensions) > 1 else None)
        return make_report(process.database, registry, process.snapshot, asked, NOW, publication)

    before = {dimensions: report(dimensions) for dimensions in by}
    report_id = freeze(loa)
    road.send(filled[1], Status.ACCEPTED, Status.FAILED)
    kept = frozen.opened(process.database, report_id)
    for dimensions, told in before.items():
        assert kept.report(dimensions, "2025").document() == told.document() | {"frozen": report_id}, dimensions


def test_late_receipts_are_a_difference_and_later_runs_are_not(road, filled, loa):
    report_id = freeze(loa)
    road.send(filled[1], Status.ACCEPTED, Status.FAILED)
    road.send(filled[20], Status.ACCEPTED, Status.DELIVERED)
    road.run(people(50, commune="06211"), step="canh-bao")
    code, out, err = loa("report", "--frozen", report_id, "--difference", "--json")
    made = json.loads(out)
    assert (code, err) == (0, "")
    assert made["rows"] == [
        {
            "area": {"era": "legacy", "code": "183", "name": "Huyện Cao Lộc"},
            "change": {"queued": -1, "failed": 1, "segments": 2, "cost_vnd": 1700},
        },
        {
            "area": {"era": "legacy", "code": "188", "name": "Huyện Lộc Bình"},
            "change": {"queued": -1, "delivered": 1, "segments": 2, "cost_vnd": 1700},
        },
    ]
    assert made["change"]["delivered"] == made["change"]["failed"] == 1
    assert (made["later_runs"], made["published"]) == (1, True)
    code, out, _ = loa("report", "--frozen", report_id, "--difference", "--by", "commune,variant")
    assert code == 1  # communes are not crossed in what was frozen
    code, out, _ = loa("report", "--frozen", report_id, "--difference", "--by", "commune")
    assert code == 0 and "+1" in out and "Các xã gộp (2), Huyện Cao Lộc (cũ)" in out


@pytest.mark.parametrize("how", ["published", "exact"])
def test_a_receipt_that_comes_while_it_is_frozen_is_in_every_part_or_in_none(road, filled, loa, monkeypatch, how):
    beside = keeping._beside

    def late(*arguments):
        road.send(filled[1], Status.ACCEPTED, Status.DELIVERED)
        return beside(*arguments)

    monkeypatch.setattr(keeping, "_beside", late)
    report_id = freeze(loa, *(["--exact"] if how == "exact" else []))
    told = [
        json.loads(loa("report", "--frozen", report_id, "--json", *words)[1])["totals"]["delivered"]
        for words in (["--by", "step"], ["--what", "delay"], ["--what", "opt-outs"])
    ]
    assert told == [1, 1, 1]


@pytest.mark.parametrize("ending", ["html", "xlsx"])
def test_a_receipt_that_comes_while_a_file_is_made_is_in_every_table_or_in_none(
    road, filled, loa, monkeypatch, tmp_path, ending
):
    counted, seen = asking.make_report, []

    def late(*arguments):
        report = counted(*arguments)
        if not seen:
            road.send(filled[1], Status.ACCEPTED, Status.DELIVERED)
        seen.append(report.totals.statuses[Status.DELIVERED])
        return report

    monkeypatch.setattr(asking, "make_report", late)
    assert loa("report", "lang-son", "--out", tmp_path / f"r.{ending}")[0] == 0
    assert len(seen) > 2 and set(seen) == {1}


@on_sqlite
def test_nothing_changed_is_said(filled, loa):
    report_id = freeze(loa)
    assert "Không có gì thay đổi" in loa("report", "--frozen", report_id, "--difference")[1]


@on_sqlite
def test_exact_figures_are_kept_only_when_asked_and_never_as_published(road, filled, loa):
    published, exact = freeze(loa), freeze(loa, "--exact", "--note", "Công văn 12/BCĐ")
    with road.process.database.read() as connection:
        content = {row.id: row.content for row in connection.execute(text("SELECT id, content FROM frozen_report"))}
    assert '"2025","06187"' not in content[published] and '"2025","06187"' in content[exact]
    made = json.loads(loa("report", "--frozen", exact, "--by", "commune", "--json")[1])
    assert made["published"] is False and len(made["rows"]) == 3
    code, out, err = loa("report", "--frozen", exact, "--publish")
    assert (code, out) == (1, "") and exact in err
    listed = json.loads(loa("report", "--list-frozen", "--json")[1])["reports"]
    assert {(one["frozen"], one["published"], one["note"]) for one in listed} == {
        (published, True, None), (exact, False, "Công văn 12/BCĐ"),
    }  # fmt: skip
    assert all(one["definitions"] and one["area_table"] and len(one["digest"]) == 64 for one in listed)
    assert exact in loa("report", "--list-frozen")[1]


def test_nobody_rewrites_a_frozen_report_and_a_forged_one_is_noticed(road, filled, loa):
    report_id = freeze(loa)
    for statement in ("UPDATE frozen_report SET content = '{}'", "DELETE FROM frozen_report"):
        with pytest.raises(DBAPIError, match="append-only"), road.process.database.write() as connection:
            connection.execute(text(statement))
    with road.process.database.write() as connection:
        columns = "digest, campaigns, as_of, published, note, definitions, area_table, program"
        forged = f"SELECT 'LS-2027-0731-0000', {columns}, replace(content, 'Lộc', 'Loc') FROM frozen_report"
        connection.execute(text(f"INSERT INTO frozen_report (id, {columns}, content) {forged}"))
    assert loa("report", "--frozen", report_id)[0] == 0
    code, out, err = loa("report", "--frozen", "LS-2027-0731-0000")
    assert (code, out) == (1, "") and "LS-2027-0731-0000" in err


@on_sqlite
def test_freezing_is_in_the_audit_log(road, filled, loa):
    report_id = freeze(loa)
    with road.process.database.read() as connection:
        action, subject, detail = connection.execute(text("SELECT action, subject, detail FROM audit")).one()
    assert (action, subject) == ("freeze", "lang-son")
    assert detail.startswith(f"{report_id} sha256=") and detail.endswith("published")


def test_the_same_figures_frozen_twice_at_the_same_instant_are_one_report(road, filled, loa):
    asked = Asked(("lang-son",), "district")
    twice = [freeze_now(road.process, asked, exact=False, note=None).kept for _ in range(2)]
    assert twice[0] == twice[1]
    assert len(json.loads(loa("report", "--list-frozen", "--json")[1])["reports"]) == 1


@on_sqlite
def test_a_frozen_report_outlives_the_rows_and_the_runs_people(road, filled, loa):
    report_id = freeze(loa)
    before = loa("report", "--frozen", report_id)
    with road.process.database.write() as connection:
        connection.execute(text("DELETE FROM delivery"))
        connection.execute(text("DELETE FROM tally_area"))
    assert loa("report", "--frozen", report_id) == before


@on_sqlite
def test_there_is_nothing_to_freeze_where_nobody_was_reached(road, loa, campaign_file):
    road.run(people(3))
    code, out, err = loa("report", "lang-son", "--freeze", "--json")
    assert (code, out) == (1, "") and "--exact" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("lang-son", "--frozen", "LS-2027-0731-AAAA"),
        ("--frozen", "LS-2027-0731-AAAA", "--from", "2027-07-01"),
        ("--frozen", "LS-2027-0731-AAAA", "--freeze"),
        ("--list-frozen", "lang-son"),
        ("lang-son", "--by", "day", "--exact"),
        ("lang-son", "--by", "day", "--note", "x"),
        ("lang-son", "--by", "day", "--difference"),
        ("lang-son", "--freeze", "--what", "activities"),
        ("--frozen", "LS-2027-0731-AAAA", "--by", "kind", "--difference"),
        ("--frozen", "LS-2027-0731-AAAA", "--by", "day", "--beside", "lang-son"),
        ("lang-son", "--by", "day", "--beside", "nghe-an", "--freeze"),
        ("lang-son",),
    ],
)
def test_options_that_mean_nothing_together_are_a_usage_error(loa, arguments):
    code, out, err = loa("report", *arguments)
    assert (code, out) == (2, "")
    assert err and "Traceback" not in err


@on_sqlite
def test_an_unknown_id_is_one_sentence_with_the_mend(road, loa):
    code, out, err = loa("report", "--frozen", "LS-2027-0731-AAAA")
    assert (code, out) == (1, "")
    assert "--list-frozen" in err


@on_sqlite
def test_what_is_kept_holds_no_person(road, filled, loa):
    freeze(loa)
    with road.process.database.read() as connection:
        content = json.loads(connection.execute(text("SELECT content FROM frozen_report")).scalar_one())
    assert set(content) == {
        "format", "definitions", "program", "area_table", "language", "campaigns", "as_of", "since", "until", "runs",
        "publication", "tables", "posts", "broadcasts", "activities", "measures",
    }  # fmt: skip
    assert {tuple(row) for table in content["tables"] for row in table["rows"]} == {("figures", "keys")}
    assert content["campaigns"][0]["digests"] == [road.snapshot.digest]


def test_every_dimension_and_the_pairs_that_are_asked_for_most_are_kept():
    useful = {("district", "step"), ("district", "channel"), ("day", "channel"), ("step", "variant")}
    assert {(one,) for one in DIMENSIONS} | useful <= set(every())
