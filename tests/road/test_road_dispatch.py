"""The main job on real input: over HTTP, each recipient once, and the report says what the vendor's ledger says."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import road_workspace as files
from road_kit import Loa, Vendor, commune_of, number, prepared, report, rows, statuses, vendor, wait_for
from road_proof import prove_tallies

from engine.areas import registry

WORKSPACE: dict[str, str | None] = {
    "loa.yaml": files.loa_yaml(rate="5000/s"),
    "campaigns/thu.yaml": files.campaign(files.step(sender="cong")),
}
MOVED: dict[str, str | None] = {
    **WORKSPACE,
    "campaigns/thu.yaml": files.campaign(files.step(sender="cong", when="2027-07-16 08:40")),
}


def districts_of(ledger: Vendor) -> Counter[str]:
    """What the vendor accepted, by old district."""
    areas = registry.load()
    found: Counter[str] = Counter()
    for line in ledger.lines():
        place = int(line["to"].removeprefix("+84")) - 90_0000000
        assert line["to"] == "+84" + number(place)[1:]
        code = areas.historic_district("2025", commune_of(place)).district_code
        assert code is not None
        found[code] += 1
    return found


def walk(loa: Loa, people: int, ledger: Vendor) -> None:
    """Approve, dispatch, compare; dispatch again."""
    prepared(loa, people, WORKSPACE)
    plan = loa.here.ok("plan", "thu", "--json").json
    assert plan["totals"]["recipients"] == plan["totals"]["people"] == people
    done = loa.ok("dispatch", "--once", "--json").json
    # A machine too busy for the sender's rate gives rows back that it could not call in time, and claims them anew.
    assert done["opened"] == 1 and done["claimed"] >= people
    told = report(loa)
    check(told, ledger, people)
    prove_tallies(lambda statement: rows(loa, statement))
    before = ledger.ledger.read_bytes()

    again = loa.ok("dispatch", "--once", "--json").json
    assert (again["opened"], again["claimed"]) == (0, 0)
    assert ledger.ledger.read_bytes() == before


def move(loa: Loa, people: int, ledger: Vendor) -> None:
    """Move the step's time after it went out, approve again: nothing goes out."""
    before = ledger.ledger.read_bytes()
    files.write(loa.workspace, MOVED)
    loa.here.ok("approve", "thu", "--by", "Người Duyệt", "--json")
    moved = loa.ok("dispatch", "--once", "--json", LOA_CLOCK="2027-07-16T08:41:00+07:00").json
    assert (moved["opened"], moved["claimed"]) == (0, 0)
    assert ledger.ledger.read_bytes() == before
    assert report(loa)["totals"]["targeted"] == people


def check(told: dict[str, Any], ledger: Vendor, people: int) -> None:
    """The report against the ledger: in all, by old district, in segments, in VND; everybody once."""
    accepted = ledger.recipients()
    assert set(accepted.values()) == {1}
    totals = told["totals"]
    assert totals["targeted"] == people
    for waiting in ("queued", "sending", "unknown", "expired", "cancelled", "excluded"):
        assert totals[waiting] == 0, waiting
    # what the vendor refused at once (numbers that opted out there) is failed and not in its ledger
    refused = people - len(accepted)
    assert totals["segments"] == len(accepted)
    assert totals["cost_vnd"] == 850 * len(accepted)
    assert totals["accepted"] + totals["delivered"] + totals["failed"] - refused == len(accepted)
    by_district = {row["area"]["code"]: row["segments"] for row in told["rows"]}
    assert by_district == districts_of(ledger)
    assert all(row["targeted"] == sum(row[status] for status in STATUSES) for row in [*told["rows"], totals])
    assert totals["delivery_rate"] == pytest.approx(totals["delivered"] / people, abs=1e-4)


STATUSES = (
    "excluded", "queued", "sending", "accepted", "delivered", "failed", "expired", "unknown", "cancelled",
)  # fmt: skip


@pytest.mark.torture
def test_every_delivery_is_the_ledgers_and_nobody_gets_two(tmp_path: Path, people: int = 20_000) -> None:
    with vendor(tmp_path) as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url})
        walk(loa, people, ledger)
        move(loa, people, ledger)


@pytest.mark.torture
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_five_hundred_deliveries_on_postgresql_are_the_ledgers(tmp_path: Path, database_url: str) -> None:
    with vendor(tmp_path) as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url, "LOA_DATABASE_URL": database_url})
        walk(loa, 500, ledger)


@pytest.mark.torture
def test_a_vendor_that_is_not_there_and_then_throttles_gets_every_message_once(tmp_path: Path) -> None:
    """No connection and 429 are no attempts: the rows wait. The sender may do five times what the vendor takes."""
    loa = Loa(tmp_path, {"LOA_TWILIO_URL": "http://127.0.0.1:9"})
    prepared(loa, 80, {**WORKSPACE, "loa.yaml": files.loa_yaml(rate="200/s", orphan_after="1 seconds")})
    going = loa.start("dispatch", "--once", "--json")
    wait_for(lambda: rows(loa, "SELECT count(*) FROM attempt")[0][0] > 0)
    going.stop()
    assert statuses(loa) == {"queued": 80}
    with vendor(tmp_path, "--rate", "40/s") as ledger:
        loa.environment["LOA_TWILIO_URL"] = ledger.url
        loa.ok("dispatch", "--once", "--json")
        assert set(ledger.recipients().values()) == {1}
    assert set(statuses(loa)) <= {"accepted", "delivered", "failed"}
    prove_tallies(lambda statement: rows(loa, statement))
