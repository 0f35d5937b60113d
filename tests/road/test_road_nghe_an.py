"""The Nghệ An plan over all the roads it names, in one rehearsal and in the lines of one report by old district."""

from pathlib import Path

import pytest
from road_kit import Loa

from engine.areas import registry as areas
from engine.content.sample import copy_sample
from engine.pipeline.files import current_snapshots, load_workspace
from engine.pipeline.synthetic import write_people
from engine.settings import Settings

CAMPAIGN = "nghe-an-cao-diem"
BORDER = 21  # communes of the province on the border


@pytest.mark.torture  # seven seconds; .ci/run walks it
def test_one_rehearsal_goes_over_every_channel_of_the_plan(tmp_path: Path) -> None:
    folder = tmp_path / "nghe-an"
    copy_sample(folder)
    loa = Loa(folder, {"LOA_CLOCK": "2027-06-25T09:00:00+07:00"}).here
    loa.ok("init", str(folder))
    snapshots = current_snapshots(load_workspace(Settings(folder, "sqlite://", None, None, False), None, {}))
    write_people(folder / "nguoi-mau.csv", snapshots, areas.load(), 700, seed=2027, shares={CAMPAIGN: 60.0})
    loa.run("contacts", "import", str(folder / "nguoi-mau.csv"), "--source", "mau", "--basis", "Danh sách mẫu")

    ran = loa.run("rehearse", CAMPAIGN, "--json")
    found = ran.json

    assert ran.code == 0, ran
    assert not [rule for rule in found["rules"] if rule["kind"] in ("broken", "bug")]
    assert {run["fate"] for run in found["runs"]} == {"on_time"}
    assert found["totals"]["delivered"] > 0
    assert found["post_totals"]["published"] == 2 * 8, "two posts on each of eight communes' pages"
    aloud = found["loudspeaker"]
    assert aloud["totals"]["communes_planned"] >= BORDER and aloud["totals"]["confirmed"] > 0
    assert found["activity_totals"], "what is done by hand is part of the same campaign"
    # Everything in lines of the same old districts.
    messages, posts, by_hand, read_aloud = (
        {row["area"]["code"] for row in rows}
        for rows in (found["by_district"], found["posts"], found["activities"], aloud["rows"])
    )
    assert len(posts) >= 4 and posts <= messages & by_hand & read_aloud
