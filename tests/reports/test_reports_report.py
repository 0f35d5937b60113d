"""``loa report`` to the letter of the contract, on both databases."""

import json
from datetime import datetime, timedelta

import pytest

from engine.status import RunStatus, Status
from engine.store.outbox import Change
from engine.store.tallies import Counted, Deltas

DUE = datetime.fromisoformat("2027-07-16T08:30+07:00")
FIGURES = [
    "targeted", "excluded", "queued", "sending", "accepted", "delivered", "failed", "expired", "unknown",
    "cancelled", "segments", "cost_vnd", "delivery_rate",
]  # fmt: skip
ZERO = dict.fromkeys(FIGURES, 0) | {"delivery_rate": None}


def document(loa, *arguments: str) -> dict:
    code, out, err = loa("report", *arguments, "--json")
    assert (code, err) == (0, ""), err
    return json.loads(out)


def rows(loa, *arguments: str, key: str) -> dict:
    """Key → (targeted, delivered) in the order of the report."""
    made = document(loa, *arguments)
    return {
        (row[key]["era"], row[key]["code"]) if key == "area" else row[key]: (row["targeted"], row["delivered"])
        for row in made["rows"]
    }


def test_a_report_by_district_is_the_contracts_document(road, loa):
    first, second, third, _ = road.run(
        [{}, {"commune": "06184"}, {"commune": "06541", "segments": 3}, {"commune": "06211", "reason": "opted_out"}]
    )
    road.send(first, Status.ACCEPTED, Status.DELIVERED)
    road.send(second, Status.ACCEPTED, Status.FAILED)
    road.send(third, Status.ACCEPTED)
    assert document(loa, "lang-son", "--by", "district") == {
        "campaign": "lang-son",
        "by": "district",
        "as_of": "2027-07-31T10:00:00+07:00",
        "rows": [
            {"area": {"era": "legacy", "code": "183", "name": "Huyện Cao Lộc"}}
            | ZERO
            | {
                "targeted": 3, "excluded": 1, "delivered": 1, "failed": 1, "segments": 4, "cost_vnd": 3400,
                "delivery_rate": 0.5,
            },
            {"area": {"era": "legacy", "code": "188", "name": "Huyện Lộc Bình"}}
            | ZERO
            | {"targeted": 1, "accepted": 1, "segments": 3, "cost_vnd": 2550, "delivery_rate": 0.0},
        ],
        "totals": ZERO
        | {
            "targeted": 4, "excluded": 1, "delivered": 1, "failed": 1, "accepted": 1, "segments": 7, "cost_vnd": 5950,
            "delivery_rate": 1 / 3,
        },
        "published": False,
    }  # fmt: skip


def test_the_keys_stand_in_the_contracts_order(road, loa):
    road.run([{}])
    made = document(loa, "lang-son", "--by", "commune")
    assert list(made) == ["campaign", "by", "as_of", "rows", "totals", "published"]
    assert list(made["rows"][0]) == ["area", *FIGURES]
    assert list(made["totals"]) == FIGURES


def test_what_was_never_handed_over_costs_nothing(road, loa):
    _, failed, unknown, cancelled = road.run([{}, {}, {}, {}])
    road.send(failed, Status.FAILED)
    road.send(unknown, Status.UNKNOWN)
    road.move(Change(cancelled, 0, Status.CANCELLED, DUE))
    totals = document(loa, "lang-son", "--by", "district")["totals"]
    assert (totals["targeted"], totals["queued"], totals["cancelled"]) == (4, 1, 1)
    assert (totals["segments"], totals["cost_vnd"]) == (0, 0)


def test_nobody_knows_the_district_comes_last_and_has_no_code(road, loa):
    road.run([{"commune": "01090"}, {"commune": "06541"}, {"era": "legacy", "commune": "06541"}])
    areas = [(row["area"], row["targeted"]) for row in document(loa, "lang-son", "--by", "district")["rows"]]
    assert areas == [
        ({"era": "legacy", "code": "188", "name": "Huyện Lộc Bình"}, 2),
        ({"era": "legacy", "code": None, "name": "Không rõ huyện (cũ)"}, 1),
    ]


def test_the_same_code_in_two_eras_is_two_places(road, loa):
    """06541 is Mẫu Sơn today and was Yên Khoái; 06211 is Cao Lộc today and was Lộc Yên."""
    road.run([{"era": "legacy", "commune": "06541"}, {"commune": "06541"}, {"era": "legacy", "commune": "06238"}])
    now = document(loa, "lang-son", "--by", "commune")["rows"]
    assert [(row["area"]["name"], row["targeted"]) for row in now if row["area"]["code"] == "06541"] == [
        ("Xã Mẫu Sơn", 2)
    ]
    before = document(loa, "lang-son", "--by", "commune", "--era", "legacy")["rows"]
    assert [(row["area"]["code"], row["area"]["name"], row["targeted"]) for row in before] == [
        ("06238", "Xã Mẫu Sơn", 1),
        ("06541", "Xã Yên Khoái", 1),
        (None, "Không rõ xã cũ (xã mới gồm nhiều xã cũ)", 1),
    ]


def test_a_split_commune_has_no_counterpart_today(road, loa):
    road.run([{"era": "legacy", "commune": "00016"}])
    [row] = document(loa, "lang-son", "--by", "commune", "--era", "2025")["rows"]
    assert row["area"] == {"era": "2025", "code": None, "name": "Không rõ xã (xã cũ đã chia về nhiều xã)"}


def test_a_commune_that_is_no_longer_in_the_tables_keeps_its_figures(road, loa):
    road.run([{"commune": "99999"}, {}])
    assert document(loa, "lang-son", "--by", "district")["totals"]["targeted"] == 2
    assert rows(loa, "lang-son", "--by", "commune", key="area") == {("2025", "06211"): (1, 0), ("2025", None): (1, 0)}


def test_districts_take_either_era_and_stay_legacy(road, loa):
    road.run([{}])
    for era in ("2025", "legacy"):
        assert rows(loa, "lang-son", "--by", "district", "--era", era, key="area") == {("legacy", "183"): (1, 0)}


def test_steps_stand_in_the_campaigns_order_and_removed_ones_at_the_end(road, loa):
    road.run([{}], step="canh-bao", due=DUE)
    road.run([{}, {}], step="mo-dau", due=DUE + timedelta(days=5))
    road.run([{}], step="buoc-cu", due=DUE - timedelta(days=5))
    assert rows(loa, "lang-son", "--by", "step", key="step") == {
        "mo-dau": (2, 0), "canh-bao": (1, 0), "buoc-cu": (1, 0),
    }  # fmt: skip
    assert list(rows(loa, "lang-son", "--by", "step", key="step")) == ["mo-dau", "canh-bao", "buoc-cu"]


def test_a_run_before_seven_belongs_to_the_local_day(road, loa):
    """06:30 in Vietnam is still the day before in UTC."""
    road.run([{}], due=DUE)
    road.run([{}, {}], due=datetime.fromisoformat("2027-07-20T06:30+07:00"))
    days = rows(loa, "lang-son", "--by", "day", key="day")
    assert list(days.items()) == [("2027-07-16", (1, 0)), ("2027-07-20", (2, 0))]


def test_both_ends_of_the_range_are_included(road, loa):
    road.run([{}], due=DUE)
    road.run([{}], due=datetime.fromisoformat("2027-07-20T06:30+07:00"))
    for bounds, days in (
        (("--from", "2027-07-16"), ["2027-07-16", "2027-07-20"]),
        (("--from", "17/07/2027"), ["2027-07-20"]),
        (("--to", "2027-07-16"), ["2027-07-16"]),
        (("--from", "2027-07-20", "--to", "20/07/2027"), ["2027-07-20"]),
        (("--from", "2027-07-17", "--to", "2027-07-19"), []),
    ):
        assert list(rows(loa, "lang-son", "--by", "day", *bounds, key="day")) == days
        assert document(loa, "lang-son", "--by", "district", *bounds)["totals"]["targeted"] == len(days)


def test_words_of_the_rows_themselves(road, loa):
    ids = road.run(
        [{"variant": "a"}, {"variant": "b", "language": "hmn", "sender": "du-phong"}, {"variant": "a"}], channel="sms"
    )
    road.run([{}], channel="zalo")
    road.send(ids[1], Status.ACCEPTED, Status.DELIVERED)
    assert rows(loa, "lang-son", "--by", "variant", key="variant") == {"": (1, 0), "a": (2, 0), "b": (1, 1)}
    assert rows(loa, "lang-son", "--by", "language", key="language") == {"hmn": (1, 1), "vi": (3, 0)}
    assert rows(loa, "lang-son", "--by", "sender", key="sender") == {"dien-tap": (3, 0), "du-phong": (1, 1)}
    assert rows(loa, "lang-son", "--by", "channel", key="channel") == {"sms": (3, 1), "zalo": (1, 0)}


def test_the_slots_of_several_writers_are_one_figure(road, loa):
    first, second = road.run([{}, {}])
    road.send(first, Status.ACCEPTED, Status.DELIVERED, slot=0)
    road.send(second, Status.ACCEPTED, Status.DELIVERED, slot=3)
    for by in ("district", "commune", "step", "day", "channel", "sender", "variant", "language"):
        made = document(loa, "lang-son", "--by", by)
        assert len(made["rows"]) == 1, by
        assert made["rows"][0]["delivered"] == made["rows"][0]["targeted"] == 2, by


def test_several_campaigns_are_summed_and_their_own_names_told_apart(road, loa):
    road.run([{}, {"variant": "a"}])
    road.run([{"variant": "a"}], campaign="nghe-an")
    road.run([{}], campaign="not-asked-for")
    made = document(loa, "nghe-an", "lang-son", "--by", "district")
    assert made["campaign"] == "nghe-an, lang-son"
    assert made["totals"]["targeted"] == 3
    assert list(rows(loa, "nghe-an", "lang-son", "nghe-an", "--by", "step", key="step").items()) == [
        ("nghe-an/mo-dau", (1, 0)), ("lang-son/mo-dau", (2, 0)),
    ]  # fmt: skip
    assert rows(loa, "nghe-an", "lang-son", "--by", "variant", key="variant") == {
        "": (1, 0), "lang-son/a": (1, 0), "nghe-an/a": (1, 0),
    }  # fmt: skip


def test_a_run_that_is_opening_is_not_counted_by_halves(road, loa):
    road.run([{}, {}], status=RunStatus.ENQUEUEING)
    assert document(loa, "lang-son", "--by", "district")["totals"] == ZERO


def test_a_campaign_that_has_never_run_is_an_empty_report(road, loa, campaign_file):
    campaign_file("nghe-an")
    for by in ("district", "step", "day", "language"):
        made = document(loa, "nghe-an", "--by", by)
        assert (made["rows"], made["totals"]) == ([], ZERO)
        assert made["as_of"] == "2027-07-31T10:00:00+07:00"
        code, out, _ = loa("report", "nghe-an", "--by", by)
        assert code == 0
        assert "Chưa có lượt tin nào" in out


def test_a_campaign_without_its_file_is_still_reported(road, loa):
    road.run([{}])
    assert document(loa, "lang-son", "--by", "day")["totals"]["targeted"] == 1


def test_the_files_name_does_for_the_key(road, loa, campaign_file):
    assert document(loa, str(campaign_file("nghe-an")), "--by", "day")["campaign"] == "nghe-an"


def test_an_unknown_campaign_is_one_sentence_with_the_mend(road, loa, campaign_file):
    campaign_file("nghe-an")
    code, out, err = loa("report", "nghe-am", "--by", "district", "--json")
    assert (code, out) == (1, "")
    assert "nghe-an" in err and "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--by", "group"),
        (),
        ("--by", "day", "--from", "16-7"),
        ("--by", "day", "--from", "2027-02-30"),
        ("--by", "day", "--from", "2027-07-17", "--to", "2027-07-16"),
        ("--by", "day", "--format", "odt"),
        ("--by", "day", "--json", "--format", "csv"),
        ("--by", "day", "--out", "report.odt"),
        ("--by", "commune", "--era", "1976"),
    ],
)
def test_what_it_does_not_understand_is_a_usage_error(loa, arguments):
    code, out, err = loa("report", "lang-son", *arguments)
    assert (code, out) == (2, "")
    assert err and "Traceback" not in err


def test_an_era_for_words_is_ignored_and_said_so(road, loa):
    road.run([{}])
    code, out, err = loa("report", "lang-son", "--by", "day", "--era", "legacy", "--json")
    assert (code, json.loads(out)["totals"]["targeted"]) == (0, 1)
    assert "--era" in err


def test_without_a_database_it_says_what_to_do(settings, loa):
    if settings.database_url.startswith("sqlite"):
        code, out, err = loa("report", "lang-son", "--by", "day")
        assert (code, out) == (1, "")
        assert "loa init" in err


def test_tallies_that_cancel_out_make_no_line(road, loa):
    road.run([{}])
    with road.process.database.write() as connection:
        deltas = Deltas()
        for slot, count in ((0, 1), (3, -1)):
            deltas.add_area((road.ids[0], "2025", "06541", "", "queued"), Counted(count, 0, 0))
            deltas.write(connection, slot)
            deltas = Deltas()
    assert rows(loa, "lang-son", "--by", "commune", key="area") == {("2025", "06211"): (1, 0)}
