"""Posts as people and other programs see them: none of the contract for deliveries moves, none of a post is hidden."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
import road_workspace as files
from pipeline_pages import WORDS
from pipeline_road import AREAS, Person, Road, on_one_database
from python_calamine import CalamineWorkbook

from engine.cli import main
from engine.reports import keeping
from engine.reports.forms import make
from engine.reports.posts import AskedPosts, PostReport, make_post_report
from engine.reports.posts_written import posts_csv
from engine.reports.report import Asked
from engine.reports.wanted import Wanted

PAGES = """\
  trang-a: {provider: sandbox, channel: facebook, area: {era: "2025", code: "06184"}}
  trang-b: {provider: sandbox, channel: facebook, area: {era: "2025", code: "06541"}}
  trang-tinh: {provider: sandbox, channel: facebook, area: {era: "2025", code: "20"}}
"""
STEP = """\
  - id: bai
    when: 2027-07-16 08:30
    channel: facebook
    sender: [trang-a, trang-b, trang-tinh]
    message: bai
"""


@pytest.fixture
def posted(road: Road) -> Road:
    """A message to two people and three posts have gone out, and the pages were asked two days later."""
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=PAGES),
            "campaigns/thu.yaml": files.campaign(files.step(), STEP),
            "messages/bai/facebook.vi.j2": WORDS,
        }
    )
    road.people(Person(), Person())
    road.round()
    road.later(days=2)
    road.round()
    return road


@pytest.fixture
def loa(road: Road, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """A command with ``--json``, in this process, on the clock of the road's first day; its document."""
    monkeypatch.setenv("LOA_CLOCK", "2027-07-16T08:31:00+07:00")

    def call(*arguments: str) -> Any:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([*arguments, "--json"])
            raise SystemExit(0)
        assert not end.value.code, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return call


def report(road: Road, by: Any) -> PostReport:
    return make_post_report(road.process.database, lambda: AREAS, AskedPosts(("thu",), by))


def test_posts_are_counted_where_their_pages_belong(posted: Road) -> None:
    by_district = report(posted, "district").document()
    found = {(line["area"]["code"], line["posts"], line["published"]) for line in by_district["posts"]}
    assert found == {("183", 1, 1), ("188", 1, 1), ("20", 1, 1)}
    total = by_district["post_totals"]
    assert total["posts"] == total["published"] == 3
    assert total["reach"] == sum(line["reach"] for line in by_district["posts"]) > 0


@on_one_database
@pytest.mark.parametrize(
    ("by", "key"), [("step", "bai"), ("channel", "facebook"), ("day", "2027-07-16"), ("campaign", "thu")]
)
def test_every_dimension_has_all_posts_and_the_same_sum(posted: Road, by: str, key: str) -> None:
    document = report(posted, by).document()
    assert [(line[by], line["posts"]) for line in document["posts"]] == [(key, 3)]
    assert {name: document["posts"][0][name] for name in document["post_totals"]} == document["post_totals"]
    assert posts_csv(report(posted, by)).splitlines()[1].startswith(f"{key},3,")


@on_one_database
def test_the_report_of_deliveries_stays_as_it_was(posted: Road, loa: Any) -> None:
    document = loa("report", "thu", "--by", "district")
    assert document["totals"]["targeted"] == 2 and document["published"] is False
    assert document["post_totals"]["published"] == 3
    alone = loa("report", "thu", "--by", "district", "--what", "deliveries")
    assert {name: document[name] for name in alone if name != "as_of"} == {
        name: alone[name] for name in alone if name != "as_of"
    }


@on_one_database
def test_each_post_is_listed_with_its_state_and_address(posted: Road, loa: Any) -> None:
    found = loa("posts", "thu")["posts"]
    assert [(one["sender"], one["status"], one["area"]["code"]) for one in found] == [
        ("trang-a", "published", "06184"),
        ("trang-b", "published", "06541"),
        ("trang-tinh", "published", "20"),
    ]
    assert all(one["address"].startswith("https://") and one["response"]["reach"] > 0 for one in found)
    [run] = [one for one in loa("status", "thu")["campaigns"][0]["runs"] if one["step"] == "bai"]
    assert (run["posts"], run["targeted"]) == ({"published": 3}, 0)


@on_one_database
def test_plan_preview_and_rehearsal_show_posts_before_anything_is_posted(road: Road, loa: Any) -> None:
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=PAGES),
            "campaigns/thu.yaml": files.campaign(files.step(), STEP),
            "messages/bai/facebook.vi.j2": WORDS,
        }
    )
    road.people(Person())
    plan = loa("plan", "thu")
    assert {run["step"]: (run["recipients"], run.get("posts")) for run in plan["runs"]} == {
        "mo-dau": (1, None),
        "bai": (0, 3),
    }
    assert plan["totals"]["recipients"] == 1
    texts = {one["sender"]: one["text"] for one in loa("preview", "thu", "bai")["posts"]}
    assert "Đồng Đăng" in texts["trang-a"] and "Tỉnh Lạng Sơn" in texts["trang-tinh"]
    rehearsed = loa("rehearse", "thu")
    assert [run["posts"] for run in rehearsed["runs"] if run["step"] == "bai"] == [{"published": 3}]
    assert rehearsed["ok"]
    assert road.rows("SELECT count(*) FROM post") == [(0,)]


@on_one_database
def test_posts_are_in_every_form_and_in_what_is_frozen(posted: Road) -> None:
    wanted = Wanted(("thu",), "commune", what="posts")
    live = json.loads(make(posted.process, wanted, "json").content)
    book = CalamineWorkbook.from_filelike(io.BytesIO(make(posted.process, wanted, "xlsx").content))
    assert book.sheet_names == ["Bài đăng", "Ghi chú"]
    assert len(book.get_sheet_by_name("Bài đăng").to_python()) == 1 + len(live["posts"]) + 1
    kept = keeping.keep(posted.process, Asked(("thu",), "district"), exact=True, note=None)
    with posted.process.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM post_response")  # what the vendors say from now on is not in it
    again = json.loads(make(posted.process, replace(wanted, campaigns=(), frozen=kept.kept.id), "json").content)
    assert again["posts"] == live["posts"] and again["post_totals"] == live["post_totals"]
    assert json.loads(make(posted.process, wanted, "json").content)["post_totals"] != live["post_totals"]
