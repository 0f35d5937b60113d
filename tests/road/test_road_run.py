"""``loa run`` with real receipts, stopped cleanly and killed: nobody gets two, nobody is forgotten."""

import random
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path

import road_workspace as files
from road_kit import Loa, free_port, prepared, rows, statuses, vendor, wait_for
from road_proof import prove_tallies

QUICK = files.loa_yaml(rate="40/s", settle_after="1 seconds", orphan_after="1 seconds", poll_after="1 seconds")
OPEN = {"queued", "sending", "unknown"}
PEOPLE = 150


def workspace(loa_yaml: str) -> dict[str, str | None]:
    return {"loa.yaml": loa_yaml, "campaigns/thu.yaml": files.campaign(files.step(sender="cong"))}


def test_receipts_arrive_and_a_clean_stop_leaves_nothing_half_done(tmp_path: Path) -> None:
    """Stopped in the middle, started again: each once, and what the phones said came by receipts alone."""
    port = free_port()
    with vendor(tmp_path, "--latency", "0.05") as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url, "LOA_PUBLIC_URL": f"http://127.0.0.1:{port}"})
        prepared(loa, 200, workspace(files.loa_yaml(rate="100/s")))
        running = loa.start("run", "--port", str(port))
        wait_for(lambda: len(ledger.lines()) > 30)
        ended = running.stop()
        assert (ended.code, ended.out) == (0, "")
        assert "Traceback" not in ended.err
        left = statuses(loa)
        assert left["sending"] == left["unknown"] == 0
        assert left["queued"] > 0
        rest = 200 - len(ledger.lines())  # what the phones say while nobody listens is lost, as in life
        prove_tallies(lambda statement: rows(loa, statement))

        running = loa.start("run", "--port", str(port))
        wait_for(lambda: not set(statuses(loa)) & OPEN)
        wait_for(lambda: statuses(loa)["delivered"] > 0.8 * rest)  # polls would come after ten minutes
        wait_for(lambda: rows(loa, "SELECT status FROM run") == [("finished",)])
        assert running.stop().code == 0
        assert set(ledger.recipients().values()) == {1}
        assert rows(loa, "SELECT count(*) FROM receipt")[0][0] > rest
        prove_tallies(lambda statement: rows(loa, statement))


def test_killed_five_times_under_faults_each_accepted_recipient_gets_one(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    sys.stderr.write(f"seed {seed}\n")  # pytest shows it when the test fails
    chance = random.Random(seed)
    faults = [
        "--drop-response-rate", "0.06", "--error-rate", "0.06", "--duplicate-callbacks", "0.2", "--shuffle-callbacks",
        "--lose-callbacks", "0.3", "--latency", "0.02", "--seed", str(seed % 1000),
    ]  # fmt: skip
    port = free_port()
    with vendor(tmp_path, *faults) as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url, "LOA_PUBLIC_URL": f"http://127.0.0.1:{port}"})
        prepared(loa, PEOPLE, workspace(QUICK))
        for _ in range(5):
            running = loa.start("run", "--port", str(port))
            goal = len(ledger.lines()) + chance.randrange(1, 20)
            wait_for(lambda goal=goal: len(ledger.lines()) >= goal, every=0.005)
            killed = running.stop(signal.SIGKILL)
            assert killed.code == -signal.SIGKILL
            assert "Traceback" not in killed.err
        running = loa.start("run", "--port", str(port))
        wait_for(lambda: not set(statuses(loa)) & OPEN, seconds=60)
        wait_for(lambda: rows(loa, "SELECT status FROM run") == [("finished",)])
        ended = running.stop()
        assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
        accepted = ledger.recipients()
        twice = {to: count for to, count in accepted.items() if count > 1}
        assert twice == {}
        handed = rows(loa, "SELECT count(*) FROM delivery WHERE handed_at IS NOT NULL")[0][0]
        assert handed == len(accepted)
        assert rows(loa, "SELECT count(*) FROM delivery")[0][0] == PEOPLE
        assert rows(loa, "SELECT kind FROM incident") == []
        prove_tallies(lambda statement: rows(loa, statement))


def test_two_dispatchers_at_once_share_one_rate_and_send_everything_once(tmp_path: Path) -> None:
    with vendor(tmp_path) as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url})
        prepared(loa, 200, workspace(files.loa_yaml(rate="100/s")))
        both = [loa.start("dispatch", "--once", "--json") for _ in range(2)]
        ended = [one.wait() for one in both]
        assert [one.code for one in ended] == [0, 0], ended
        assert set(ledger.recipients().values()) == {1}
        prove_tallies(lambda statement: rows(loa, statement))
        instants = sorted(line["at"] for line in ledger.lines())
        times = [datetime.fromisoformat(at) for at in instants]
        most = max(sum(start <= at < start + timedelta(seconds=1) for at in times) for start in times)
        assert most <= 100 * 1.35, most  # two that did not know of each other would make 200
