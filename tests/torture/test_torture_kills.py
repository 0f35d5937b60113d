"""Many kills, many faults, two dispatchers at a time, two steps to the same people: still nobody gets two of one."""

import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
import road_workspace as files
from road_kit import Loa, Running, prepared, rows, statuses, vendor, wait_for
from road_proof import prove_tallies

pytestmark = pytest.mark.torture

PEOPLE, KILLS = 400, 12
OPEN = {"queued", "sending", "unknown"}
QUICK = files.loa_yaml(rate="120/s", settle_after="2 seconds", orphan_after="1 seconds", poll_after="1 seconds")
WORKSPACE: dict[str, str | None] = {
    "loa.yaml": QUICK,
    "campaigns/thu.yaml": files.campaign(
        files.step("mot", sender="cong", valid_for="10 hours"),
        files.step("hai", sender="cong", message="tin-hai", valid_for="10 hours"),
    ),
    "messages/tin-hai/sms.vi.j2": "Chào {{ contact.name | default('bà con') }}, tin thứ hai, xin gọi 111.\n",
}


def over(loa: Loa) -> bool:
    """Every row is there and nothing is on its way."""
    found = statuses(loa)
    return found.total() == 2 * PEOPLE and not set(found) & OPEN


@pytest.mark.parametrize("round_number", range(3))
def test_killed_again_and_again(tmp_path: Path, database_url: str, round_number: int) -> None:
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    sys.stderr.write(f"seed {seed}\n")
    chance = random.Random(seed)
    faults = [
        "--drop-response-rate", "0.15", "--error-rate", "0.15", "--latency", "0.03", "--seed", str(seed % 1000),
    ]  # fmt: skip
    with vendor(tmp_path, *faults) as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url, "LOA_DATABASE_URL": database_url})
        prepared(loa, PEOPLE, WORKSPACE, names=True)
        for _ in range(KILLS):
            both = [loa.start("run", "--no-web") for _ in range(2)]
            goal = len(ledger.lines()) + chance.randrange(1, 80)
            wait_for(lambda goal=goal: len(ledger.lines()) >= goal or over(loa), seconds=200, every=0.02)
            victims: list[Running] = chance.sample(both, len(both))
            victims[0].stop(signal.SIGKILL)
            victims[1].stop(chance.choice([signal.SIGKILL, signal.SIGTERM]))
        running = loa.start("run", "--no-web")
        wait_for(lambda: over(loa), seconds=180)
        assert running.stop().code == 0
        doubled = {
            key: count for key, count in Counter((m["to"], m["body"]) for m in ledger.lines()).items() if count > 1
        }
        assert len(doubled) == 0
        assert rows(loa, "SELECT count(*) FROM delivery")[0][0] == 2 * PEOPLE
        assert rows(loa, "SELECT count(*) FROM delivery WHERE handed_at IS NOT NULL")[0][0] == len(ledger.lines())
        assert rows(loa, "SELECT kind, count(*) FROM incident GROUP BY kind") == []
        prove_tallies(lambda statement: rows(loa, statement))
