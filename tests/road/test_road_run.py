"""``loa run`` with real receipts, stopped cleanly; killed it is in tests/torture."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import road_workspace as files
from road_kit import Loa, free_port, prepared, rows, statuses, vendor, wait_for
from road_proof import prove_tallies

pytestmark = pytest.mark.torture  # .ci/run walks it

OPEN = {"queued", "sending", "unknown"}


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
