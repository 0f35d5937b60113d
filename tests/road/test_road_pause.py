"""A pause with real processes: what was claimed already goes out, at most a second's worth, and then nothing."""

from pathlib import Path

import pytest
import road_workspace as files
from road_kit import Loa, prepared, rows, statuses, vendor, wait_for
from road_proof import prove_tallies

pytestmark = pytest.mark.torture  # .ci/run walks it

RATE, PEOPLE = 20, 120  # slow enough that a busy machine still finds the run going on when it says pause


def test_after_a_pause_no_more_goes_out_than_had_been_claimed_and_after_resuming_the_rest_does(tmp_path: Path) -> None:
    with vendor(tmp_path) as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url})
        campaign = files.campaign(files.step(sender="cong"))
        prepared(loa, PEOPLE, {"loa.yaml": files.loa_yaml(rate=f"{RATE}/s"), "campaigns/thu.yaml": campaign})
        running = loa.start("run", "--no-web")
        for step, seen in (((), 5), (("mo-dau",), 30)):
            wait_for(lambda seen=seen: len(ledger.lines()) >= seen)
            paused = loa.here.ok("pause", "thu", *step, "--by", "Người Trực", "--why", "có tin báo", "--json").json
            at_the_pause = len(ledger.lines())
            assert paused["runs"] == 1
            wait_for(lambda: statuses(loa)["sending"] == 0, every=0.2)  # what had been claimed has ended
            after = len(ledger.lines())
            assert after - at_the_pause <= RATE + 1, "more than a second's worth went out after the pause"
            looks = rows(loa, "SELECT count(*) FROM delivery WHERE attempt > 0")[0][0]
            assert (looks, statuses(loa)["queued"] > 0) == (after, True)
            # The process has gone on all the while: only the resumed run moves, and from where it stood.
            loa.here.ok("resume", "thu", *step, "--json")
            assert len(ledger.lines()) == after or rows(loa, "SELECT status FROM run") == [("running",)]
        wait_for(lambda: not {"queued", "sending"} & statuses(loa).keys(), every=0.3)
        assert running.stop().code == 0
        assert len(ledger.recipients()) == PEOPLE and set(ledger.recipients().values()) == {1}
        prove_tallies(lambda statement: rows(loa, statement))
        who = rows(
            loa, "SELECT action, count(*) FROM audit WHERE who_sealed IS NOT NULL AND process IS NOT NULL GROUP BY 1"
        )
        assert {"campaign.paused", "step.paused", "run.paused"} <= {row[0] for row in who}
