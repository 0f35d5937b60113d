"""``loa rehearse`` as people and programs call it: one document, the exit codes, and a copy that never stays."""

import signal
from pathlib import Path
from typing import Any

import pytest
import road_workspace as files
from road_kit import Here, Loa, prepared, wait_for

KEYS = {
    "campaign", "digest", "approved", "from", "to", "seed", "faults", "beside", "already_run", "days", "runs", "missed",
    "waits", "caps", "budget", "by_district", "totals", "rules", "ok", "seconds",
}  # fmt: skip
STEPS = files.campaign(
    files.step("mo-dau", when="2027-07-16 08:30", sender="cong"),
    files.step("toi", when="2027-07-18 19:54", sender="cong"),
    files.step("nhac", when="every day at 09:00", sender="cong", **{"from": "2027-07-20", "until": "2027-07-24"}),
    limits="{per_person: 5 per 7 days, budget: 100_000}",
)
FILES: dict[str, str | None] = {"loa.yaml": files.loa_yaml(rate="6/minute"), "campaigns/thu.yaml": STEPS}


@pytest.fixture(scope="module")
def loa(tmp_path_factory: pytest.TempPathFactory) -> Here:
    """A workspace of twelve people, approved. No test changes it, for a rehearsal cannot."""
    made = Loa(tmp_path_factory.mktemp("rehearse"))
    prepared(made, 12, FILES)
    return made.here


def _document(loa: Here, *more: str, code: int = 0) -> dict[str, Any]:
    ran = loa.run("rehearse", "thu", "--json", "--from", "2027-07-01", *more)
    assert (ran.code, ran.err) == (code, ""), ran
    document: dict[str, Any] = ran.json
    assert document.keys() == KEYS
    return document


def test_the_document_tells_the_course_the_waits_the_caps_the_cost_and_the_districts(loa: Here) -> None:
    document = _document(loa)
    days = {day["day"]: day for day in document["days"]}
    assert [run["fate"] for run in document["runs"]] == ["on_time"] * 7
    assert days["2027-07-18"]["waiting"] == document["waits"][0]["deliveries"] == 6
    assert document["waits"][0]["until"] == "2027-07-19T08:00:00+07:00"
    assert days["2027-07-19"] | {"failed": 0, "delivered": 0} == {
        "day": "2027-07-19", "planned": 0, "handed_over": 6, "delivered": 0, "failed": 0, "expired": 0, "excluded": 0,
        "waiting": 0, "cost_vnd": 5100, "total_cost_vnd": 20400,
    }  # fmt: skip
    assert document["caps"] == {"most": 5, "window_s": 604800, "deliveries": 12, "people": 12}
    assert document["budget"] | {"spent_vnd": 0} == {
        "limit_vnd": 100_000, "spent_before_vnd": 0, "spent_vnd": 0, "held": [],
    }  # fmt: skip
    assert {row["area"]["code"] for row in document["by_district"]} == {"183", "188"}
    assert document["totals"]["delivered"] == sum(day["delivered"] for day in document["days"])
    told = {rule["rule"] for rule in document["rules"]}
    assert told - {"rings"} == {"synthetic"}  # at 19:54 a slow phone may be among the six


def test_seventy_two_hours_of_outage_and_two_jumps_leave_no_run_unlisted(loa: Here) -> None:
    faults = ("--outage", "2027-07-20 08:00..2027-07-23 08:00", "--clock-jump", "2027-07-17 10:00 +1h")
    document = _document(loa, *faults, "--clock-jump", "2027-07-19 10:00 -1h")
    fates = {(run["step"], run["occurrence"]): run["fate"] for run in document["runs"]}
    assert [fates["nhac", f"2027-07-{day}"] for day in range(20, 25)] == ["missed"] * 3 + ["on_time"] * 2
    assert [run["occurrence"] for run in document["missed"]] == ["2027-07-20", "2027-07-21", "2027-07-22"]
    listed = [rule for rule in document["rules"] if rule["rule"] == "missed"]
    assert len(listed) == 3 and all("campaigns/thu.yaml" in rule["where"] for rule in listed)
    assert len(document["faults"]) == 3 and not document["ok"]


def test_what_is_wrong_with_the_campaign_itself_is_an_exit_code(loa: Here, tmp_path: Path) -> None:
    own = Loa(tmp_path)
    steps = files.step("mot", when="2027-07-16 19:50", valid_for="4 minutes")
    slow = files.loa_yaml().replace("rate: 100000/s", "rate: 1/minute")
    prepared(own, 12, {"loa.yaml": slow, "campaigns/thu.yaml": files.campaign(steps)})
    assert "broken" in {rule["kind"] for rule in _document(own.here, code=1)["rules"]}
    _document(own.here, "--outage", "2027-07-16 08:00..2027-07-16 09:00")  # an answer to what was asked


@pytest.mark.parametrize(("language", "words"), [("en", "No rule was broken"), ("vi", "Không quy định nào bị vi phạm")])
def test_the_screen_speaks_both_languages_and_shows_the_districts(loa: Here, language: str, words: str) -> None:
    ran = loa.run("rehearse", "thu", "--from", "2027-07-01", LOA_LANG=language)
    assert ran.code == 0 and words in ran.out and "Cao Lộc" in ran.out and "18/07/2027" in ran.out
    assert ran.err == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("la",), 1),
        (("thu", "--outage", "mai"), 2),
        (("thu", "--clock-jump", "mai"), 2),
        (("thu", "--from", "mai"), 1),
        (("thu", "--seed", "mai"), 2),
        ((), 2),
    ],
)
def test_a_mistake_is_one_sentence(loa: Here, arguments: tuple[str, ...], code: int) -> None:
    ran = loa.run("rehearse", *arguments)
    assert (ran.code, ran.out) == (code, "") and "Traceback" not in ran.err and ran.err.strip()


@pytest.mark.torture
def test_a_rehearsal_that_is_ended_takes_its_copy_along(tmp_path: Path) -> None:
    loa, copies = Loa(tmp_path), tmp_path / ".loa" / "rehearsals"
    prepared(loa, 2, {"campaigns/thu.yaml": files.campaign(files.step(when="every day at 09:00", sender="cong"))})
    running = loa.start("rehearse", "thu")
    wait_for(lambda: list(copies.glob("*/copy.db")) or running.process.poll() is not None)
    assert list(copies.glob("*/copy.db")), running.stop()
    ended = running.stop(signal.SIGTERM)
    assert ended.code == 1 and "Traceback" not in ended.err
    assert not copies.exists()
