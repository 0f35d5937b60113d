"""What the pages say: in both languages, the same as the commands, and nothing of anybody who is written to."""

import re
from pathlib import Path

import pytest
import road_workspace as files
from babel.messages.pofile import read_po
from sqlalchemy import text
from web_visitor import NAME, Web

from engine.i18n import LANGUAGES, language, speaking
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.incidents import what
from engine.reports.forms import FORMS
from engine.store import audit

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "engine" / "web" / "templates").glob("*.html"))
KEY = re.compile(r"""\bt\(["']([a-z_]+)\.([a-z0-9_-]+)["']""")
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def words(room: str) -> set[str]:
    with (ROOT / "engine" / "locale" / "vi" / "LC_MESSAGES" / f"{room}.po").open("rb") as opened:
        return {str(message.id) for message in read_po(opened) if message.id}


def test_a_template_asks_for_a_sentence_that_nobody_wrote(database_url: str) -> None:
    asked = {found for path in TEMPLATES for found in KEY.findall(path.read_text(encoding="utf-8"))}
    assert {(room, code) for room, code in asked if not code.endswith("-") and code not in words(room)} == set()
    assert {f"form-{form}" for form in FORMS if form != "table"} <= words("web")


def test_one_readers_language_reaches_another(web: Web) -> None:
    assert language() == "vi"
    with speaking("en"):
        assert language() == "en"
    assert language() == "vi"
    switched = web.ask("/report?by=step&lang=en")
    assert (switched.status, switched.headers["location"]) == (303, "/report?by=step")
    assert "<h1>Report</h1>" in web.ask("/report").text
    web.cookies.clear()
    assert "<h1>Báo cáo</h1>" in web.ask("/report").text
    assert web.ask("/report?lang=xx").headers["location"] == "/report"
    assert web.ask("//evil.example/?lang=en").headers["location"] == "/"


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_a_page_of_an_empty_or_a_broken_workspace_is_an_error(web: Web, tongue: str) -> None:
    web.cookies["loa_lang"] = tongue
    pages = ("/", "/campaigns", "/campaigns/thu", "/report", "/report?campaign=thu&by=day", "/report/figure/targeted")
    assert {page: web.ask(page).status for page in pages} == dict.fromkeys(pages, 200)
    (web.process.settings.workspace / "campaigns" / "thu.yaml").write_text("title: [", encoding="utf-8")
    assert {page: web.ask(page).status for page in pages} == dict.fromkeys(pages, 200)
    files.write(web.process.settings.workspace, {"campaigns/thu.yaml": None})
    assert [web.ask(page).status for page in ("/", "/campaigns", "/report")] == [200] * 3
    assert web.ask("/campaigns/thu").status == 404


def test_what_needs_a_person_is_missing_from_the_first_page(web: Web) -> None:
    files.write(web.process.settings.workspace, {"campaigns/thu.yaml": files.campaign(files.step(sender="cong"))})
    web.process.clock.instant = web.process.clock.instant.replace(day=10)  # type: ignore[attr-defined]
    with web.process.database.write() as connection:
        audit.raise_incident(
            connection, web.process.keyring, at=web.process.clock.now(), kind="vanished", subject="delivery:7",
            detail="số 0912345678",
        )  # fmt: skip
    told = web.ask("/").text
    assert what("vanished") in told
    assert "0912345678" not in told
    assert "chưa được phê duyệt" in told
    assert "Không có “loa run” nào đang chạy" in told


def test_words_of_an_officers_are_taken_for_markup(web: Web) -> None:
    bad = files.campaign().replace("title: Chiến dịch thử", "title: <script>alert(1)</script> & co")
    files.write(web.process.settings.workspace, {"campaigns/thu.yaml": bad})
    for page in ("/", "/campaigns", "/campaigns/thu", "/report"):
        assert "<script" not in web.ask(page).text
    assert "&lt;script&gt;" in web.ask("/campaigns/thu").text
    assert "<b>" not in web.ask("/report?campaign=%3Cb%3E&by=%3Cb%3E&from=%3Cb%3E").text


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("asked=1", "Chọn ít nhất một chiến dịch"), ("campaign=khac", "Lựa chọn này không có"),
        ("campaign=thu&by=phone", "Lựa chọn này không có"), ("campaign=thu&from=32/7/2027", "32/7/2027"),
        ("campaign=thu&from=02/07/2027&to=01/07/2027", "id=\"to-problem\""),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_not_mended_in_words(web: Web, query: str, problem: str) -> None:
    answer = web.ask(f"/report?{query}")
    assert answer.status == 400
    assert problem in answer.text
    assert web.ask(f"/report/file?{query}&format=csv").status == 404


def test_a_download_leaves_no_trace(guarded: Web) -> None:
    guarded.log_in()
    answer = guarded.ask("/report/file?campaign=thu&by=step&format=csv")
    assert answer.body.startswith(b"\xef\xbb\xbfstep,targeted")
    assert re.fullmatch(
        r'attachment; filename="bao-cao-thu-step-[0-9-]+-noi-bo.csv"', answer.headers["content-disposition"]
    )
    assert guarded.ask("/report/file?campaign=thu&format=exe").status == 404
    with guarded.process.database.read() as connection:
        line = connection.execute(text("SELECT action, detail, who_sealed FROM audit ORDER BY id DESC LIMIT 1")).one()
    assert (line.action, line.detail) == ("download", "csv exact step thu")
    assert guarded.process.keyring.unseal(line.who_sealed) == NAME


def test_a_campaigns_page_leaves_out_who_approved_it_and_what_was_planned(web: Web) -> None:
    from engine.areas import registry
    from engine.pipeline.approve import approve
    from engine.pipeline.plan import make_plan

    process = web.process
    snapshot = campaign_snapshot(load_workspace(process.settings, None), "thu")
    approve(process, snapshot, make_plan(process, snapshot, registry.load()), by="Trần Văn Duyệt", document="01/TTr")
    told = web.ask("/campaigns/thu").text
    assert "Trần Văn Duyệt" in told
    assert "01/TTr" in told
    assert "còn hiệu lực" in told
    assert "chiến dịch: đã phê duyệt" in told


def test_a_page_looks_again_although_nobody_asked(web: Web) -> None:
    assert "refresh" not in web.ask("/").headers
    assert web.ask("/?live=1").headers["refresh"] == "5"
    assert "refresh" not in web.ask("/report?live=1").headers
