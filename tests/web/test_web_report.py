"""*Báo cáo*: what stands on the page is what was counted, opens to its meaning, and can be taken away as it should."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import road_workspace as files
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from web_visitor import Web

from engine.clock import StoppedClock
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.reports import as_pdf
from engine.reports.broadcasts import BroadcastReport, Heard
from engine.reports.defined import PART_OF
from engine.reports.forms import FORMS
from engine.reports.measured import MEASURES
from engine.reports.posts import AskedPosts, PostFigures, PostReport
from engine.reports.told import Told
from engine.store import runs, snapshots
from engine.store.tallies import Deltas
from engine.web import downloads, report_pages
from engine.web.charts import Drawn
from engine.web.elsewhere import NotDone, answer

DUE = datetime(2027, 7, 16, 1, 30, tzinfo=UTC)
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Here:
    """Does elsewhere's work in this process, where nothing is to be drawn."""

    def done(self, work: Any, **_: float) -> Any:
        how, found = answer("vi", work)
        assert how == "done", (how, found)
        return found


class Hand:
    """A chart without the library that draws."""

    why: str | None = None

    def of(self, *_: Any) -> tuple[Drawn, ...]:
        if self.why is not None:
            raise NotDone(self.why)
        return (Drawn("district", "Kết quả theo huyện", "2 nơi: 3/4", '<svg role="img"><text>3</text></svg>'),)


@pytest.fixture
def counted(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Two campaigns a year apart, told by their tallies alone: there is not one delivery row."""
    monkeypatch.setattr(report_pages, "Elsewhere", Here)
    monkeypatch.setattr(report_pages, "Charts", lambda _: Hand())
    monkeypatch.setattr(downloads, "office", lambda: None)
    process = web.process
    process.clock = StoppedClock(DUE + timedelta(days=20))  # all of it is over: nothing is planned any more
    files.write(process.settings.workspace, {"campaigns/nam-truoc.yaml": files.campaign()})
    frozen = campaign_snapshot(load_workspace(process.settings, None), "thu")
    with process.database.write() as connection:
        for campaign, due in (("thu", DUE), ("nam-truoc", DUE - timedelta(days=365))):
            snapshots.keep(connection, digest=frozen.digest, campaign=campaign, content=frozen.to_json(), at=due)
            about = {
                "campaign": campaign, "step": "mo-dau", "occurrence": "once", "channel": "sms", "due": due,
                "expires_at": due + timedelta(hours=12), "status": "finished", "digest": frozen.digest,
                "opened_at": due,
            }  # fmt: skip
            assert runs.create(connection, about)
            deltas = Deltas()
            for place, (commune, status, reason) in enumerate(
                [("06211", "delivered", None)] * 3 + [("06184", "failed", "unreachable"), ("06184", "delivered", None)]
            ):
                row = {
                    "run_id": max(run["id"] for run in runs.of_campaign(connection, campaign)), "contact_id": place,
                    "era": "2025", "commune": commune, "language": "vi", "variant": "", "prefix": "090",
                    "sender": "dien-tap", "status": status, "reason": reason, "attempt": 1, "segments": 2,
                    "cost_vnd": 1700, "handed_at": due, "finished_at": due + timedelta(seconds=40),
                    "campaign": campaign,
                }  # fmt: skip
                deltas.count(row, +1)
            deltas.write(connection, 0)
    from engine.web.dashboard import dashboard

    web.app = dashboard(process)
    return web


def test_a_page_counts_delivery_rows(counted: Web) -> None:
    """What reads tallies costs the same at ten million deliveries; coverage and opt-outs are asked for by their own."""
    said: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    pages = ["/", "/campaigns", "/campaigns/thu", "/report?campaign=thu", "/report?campaign=thu&by=commune&then=step"]
    pages += [f"/report?campaign=thu&what={what}" for what in ("delay", "reasons", "cost")]
    pages += ["/report?campaign=thu&by=day&beside=nam-truoc", "/report/figure/delivered?campaign=thu&by=hour"]
    event.listen(Engine, "before_cursor_execute", remember)
    try:
        assert {page: counted.ask(page).status for page in pages} == dict.fromkeys(pages, 200)
    finally:
        event.remove(Engine, "before_cursor_execute", remember)
    assert said
    reading = re.compile(r"\b(FROM|JOIN) delivery\b", re.IGNORECASE)
    assert [
        one for one in said if reading.search(one) and "FROM broadcast" not in one
    ] == []  # of a broadcast, by its id


def test_a_chart_is_missing_or_its_absence_is_an_error(counted: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    told = counted.ask("/report?campaign=thu").text
    assert '<svg role="img"><text>3</text></svg>' in told
    assert "2 nơi: 3/4" in told
    assert "style=" not in told and "<script" not in told
    monkeypatch.setattr(Hand, "why", "web.elsewhere-absent")
    without = counted.ask("/report?campaign=thu")
    assert without.status == 200
    assert "Máy này chưa cài phần vẽ biểu đồ" in without.text
    assert "Huyện Cao Lộc (cũ)" in without.text


def test_a_part_of_the_report_is_not_on_its_page(counted: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(query: str) -> str:
        return " ".join(re.sub(r"<[^>]+>", " ", counted.ask(f"/report?campaign=thu&{query}").text).split())

    assert "mo-dau 1 (50,0%) 3 (100,0%)" in told("by=step&then=commune")
    assert "mo-dau Không gửi được máy không liên lạc được 1 100,0% Máy tắt" in told("what=reasons")
    assert "1 phút" in told("what=delay")
    assert "2.125" in told("what=cost&by=campaign")  # VND: 5 × 1.700 for 4 delivered
    beside = told("by=day&beside=nam-truoc")
    assert "16/07 5 5 0 4 4 0" in beside and "Chênh lệch" in beside


def test_posts_and_broadcasts_are_not_beside_the_deliveries(counted: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    on_pages, heard = PostFigures(), Heard(planned=3, confirmed=2, times=4, minutes=9)
    on_pages.statuses["published"] += 2
    on_pages.answers["reach"] = 1_234
    posts = PostReport(AskedPosts(("thu",), "step"), (("bai-dang", on_pages),), on_pages)
    read = BroadcastReport("channel", (), heard)
    told = Told("step", "thu", DUE, None, None, posts, read)
    monkeypatch.setattr(report_pages.Desk, "told", lambda *_: told)
    page = counted.ask("/report?campaign=thu&by=step").text
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "bai-dang 2 2 1.234 —" in words  # nobody told of reactions, which is not zero
    assert "Cộng 3 2 4 9 0 0" in words
    assert "/report/figure/post-reach?" in page and "/report/figure/broadcasts-minutes?" in page
    assert "1.234" in counted.ask("/report/figure/post-reach?campaign=thu&by=step").text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by=district&then=hour", "then"), ("by=step&then=step", "then"), ("by=hour&what=coverage", "by"),
        ("by=unit&then=step", "by"), ("by=day&beside=thu", "beside"), ("what=cost&by=day&beside=nam-truoc", "beside"),
        ("what=phones", "by"), ("beside=khac", "beside"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_an_error_or_not_said_at_its_field(counted: Web, query: str, field: str) -> None:
    answer = counted.ask(f"/report?campaign=thu&{query}")
    assert answer.status == 400
    assert f'id="{field}-problem"' in answer.text
    assert counted.ask(f"/report/file?campaign=thu&{query}&format=csv").status == 404


def test_a_figure_does_not_open(counted: Web) -> None:
    asked = {"coverage": "&what=coverage", "delay": "&what=delay&by=step", "reasons": "&what=reasons&by=step"}
    for name, part in PART_OF.items():
        told = counted.ask(f"/report/figure/{name}?campaign=thu{asked.get(part, '')}")
        assert told.status == 200, name
    assert "Không có nghĩa là “đã đọc”" in counted.ask("/report/figure/delivered").text
    page = counted.ask("/report?campaign=thu&what=delay").text
    for where in set(re.findall(r'href="(/report/figure/[^"]+)"', page)):
        assert counted.ask(where.replace("&amp;", "&")).status == 200
    assert counted.ask("/report/figure/phones").status == 404


def test_a_file_is_not_what_the_page_offers_or_forgets_for_whom_it_is(counted: Web) -> None:
    page = counted.ask("/report?campaign=thu&by=commune").text
    offered = [one.replace("&amp;", "&") for one in re.findall(r'href="(/report/file\?[^"]+)"', page)]
    forms = [(re.search(r"format=(\w+)", one)[1], "publish=1" in one) for one in offered if "part=" not in one]  # type: ignore[index]
    assert forms == [
        ("docx", True), ("html", True), ("xlsx", True), ("csv", True), ("xlsx", False), ("csv", False), ("json", False),
    ]  # fmt: skip
    for where, (form, published) in zip(offered, forms, strict=True):
        if form in ("docx", "html"):
            continue  # they draw: their own tests, and the browser's
        answer = counted.ask(where)
        assert (answer.status, answer.headers["content-type"]) == (200, FORMS[form].media)
        name = re.fullmatch(r'attachment; filename="([a-z0-9.-]+)"', answer.headers["content-disposition"])
        assert name is not None
        assert name[1].endswith(f".{form}") and ("noi-bo" in name[1]) is not published
    exact = json.loads(counted.ask("/report/file?campaign=thu&by=commune&format=json").body)
    assert exact["published"] is False and {row["delivered"] for row in exact["rows"]} == {3, 1}
    merged = counted.ask("/report/file?campaign=thu&by=commune&format=csv&publish=1").text
    assert "06211" not in merged  # three people: fewer than the threshold
    for wrong in ("format=json&publish=1", "format=pdf&publish=1", "format=docx", "format=csv&part=phones", "format="):
        assert counted.ask(f"/report/file?campaign=thu&by=commune&{wrong}").status == 404
    may = {"cost&by=district": 200, "coverage&by=district": 404, "delay&by=step": 200}  # be passed on
    asked = {one: counted.ask(f"/report/file?campaign=thu&what={one}&format=xlsx&publish=1").status for one in may}
    assert asked == may
    measures = {what: counted.ask(f"/report/file?campaign=thu&what={what}&format=json").status for what in MEASURES}
    assert measures == dict.fromkeys(MEASURES, 200)
    with counted.process.database.read() as connection:
        said = (
            connection.execute(text("SELECT detail FROM audit WHERE action = 'download' ORDER BY id")).scalars().all()
        )
    assert said[0] == "xlsx published commune thu" and "csv exact commune thu" in said


def test_pdf_is_offered_where_nothing_can_make_it(counted: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "format=pdf" not in counted.ask("/report?campaign=thu").text
    monkeypatch.setattr(downloads, "office", lambda: "/usr/bin/soffice")
    assert "format=pdf" in counted.ask("/report?campaign=thu").text
    assert as_pdf.office is not downloads.office
