"""Posts: one a run and page, by the rules of every other run, never twice."""

import asyncio
from collections.abc import Iterator

import pytest
from pipeline_pages import Page, Pages, said, statuses, vendor_of, write
from pipeline_road import AREAS, Road, on_one_database
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from engine.channels import VENDORS
from engine.channels.base import Decision
from engine.channels.publishing import PostOutcome, Publication
from engine.pipeline.approve import void_changed
from engine.pipeline.control import act
from engine.pipeline.files import Files
from engine.pipeline.plan import make_plan
from engine.pipeline.service import serving
from engine.status import POST_TRANSITIONS, PostStatus
from engine.store import posts

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def pages(road: Road, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    made = Pages(road.clock.now)
    monkeypatch.setitem(VENDORS, "page", vendor_of(made))
    monkeypatch.setenv("PAGE_TOKEN", "bi-mat")
    road.process.environment = {**road.process.environment, "PAGE_TOKEN": "bi-mat"}
    yield made


def test_every_page_gets_the_words_of_its_own_place_once(road: Road, pages: Pages) -> None:
    write(road)
    road.approve()
    road.round()
    assert statuses(road) == {"xa-a": "published", "xa-b": "published"}
    texts = {page: publication.text for page, publication in pages.calls}
    assert texts["xa-a"] != texts["xa-b"] and "Đồng Đăng" in texts["xa-a"]
    assert road.runs() == {"bai/once": "finished"}
    road.round()
    assert len(pages.calls) == 2


@on_one_database
def test_a_post_without_approval_is_not_published(road: Road, pages: Pages) -> None:
    write(road)
    assert road.round().opened.unapproved == [("thu", "bai")]
    assert not pages.calls and road.runs() == {}


@on_one_database
def test_the_night_does_not_stop_a_post(road: Road, pages: Pages) -> None:
    write(road, when="2027-07-16 23:30")
    road.approve()
    road.at("2027-07-16 23:31")
    road.round()
    assert statuses(road) == {"xa-a": "published", "xa-b": "published"}


@on_one_database
def test_a_plan_counts_posts_and_no_recipients(road: Road, pages: Pages) -> None:
    write(road)
    plan = make_plan(road.process, road.snapshot(), AREAS)
    assert [(run.step, run.recipients, run.posts) for run in plan.runs] == [("bai", 0, 2)]


@on_one_database
def test_what_is_paused_is_not_published_and_goes_on_when_resumed(road: Road, pages: Pages) -> None:
    write(road)
    road.approve()
    act(road.process, "pause", "thu", "bai", by="Trực ban", why=None)
    road.round()
    assert not pages.calls and statuses(road) == {"xa-a": "queued", "xa-b": "queued"}
    act(road.process, "resume", "thu", "bai", by="Trực ban", why=None)
    road.round()
    assert len(pages.calls) == 2


@on_one_database
def test_cancelled_posts_stay_away(road: Road, pages: Pages) -> None:
    write(road)
    road.approve()
    act(road.process, "pause", "thu", "bai", by="Trực ban", why=None)
    road.round()
    act(road.process, "cancel", "thu", "bai", by="Trực ban", why="đổi kế hoạch")
    road.round()
    assert not pages.calls and statuses(road) == {"xa-a": "cancelled:cancelled", "xa-b": "cancelled:cancelled"}


@on_one_database
def test_what_was_not_published_in_time_expires(road: Road, pages: Pages) -> None:
    pages.answer = said(PostStatus.QUEUED, "throttled", retry_after=3600.0)
    write(road)
    road.approve()
    road.round()
    assert statuses(road)["xa-a"] == "queued:throttled"
    road.later(hours=25)
    road.round()
    assert statuses(road) == {"xa-a": "expired:too_late", "xa-b": "expired:too_late"}
    assert road.runs() == {"bai/once": "finished"}


@on_one_database
def test_wrong_credentials_stop_the_page_and_no_other(road: Road, pages: Pages) -> None:
    def answer(page: Page, publication: Publication) -> PostOutcome:
        if page.key == "xa-b":
            return pages.published(page.key, publication)
        return said(PostStatus.QUEUED, "credentials", Decision.STOP_SENDER)(page, publication)

    pages.answer = answer
    write(road)
    road.approve()
    road.round()
    road.later(minutes=30)
    road.round()
    assert statuses(road) == {"xa-a": "queued:credentials", "xa-b": "published"}
    assert [page for page, _ in pages.calls].count("xa-a") == 1
    assert road.incidents()["sender_stopped"] == 1
    pages.answer = None
    act(road.process, "resume", "thu", "bai", by="Trực ban", why="đã đổi mã")
    road.round()
    assert statuses(road)["xa-a"] == "published"


@on_one_database
def test_a_refused_post_is_failed_and_a_person_hears_of_it(road: Road, pages: Pages) -> None:
    pages.answer = said(PostStatus.FAILED, "content_refused", code="1346003")
    write(road)
    road.approve()
    road.round()
    assert statuses(road)["xa-a"] == "failed:content_refused"
    assert road.incidents()["post_failed"] == 2
    sealed = road.rows("SELECT detail_sealed FROM post")[0][0]
    assert "nơi đăng".encode() not in bytes(sealed)
    assert road.process.keyring.unseal(bytes(sealed)) == "lời của nơi đăng"


@on_one_database
def test_what_an_earlier_stage_kept_is_there_for_the_next_attempt(road: Road, pages: Pages) -> None:
    pages.stages = ["bài số 7"]
    pages.answer = said(PostStatus.QUEUED, "throttled", retry_after=60.0)
    write(road, sender="xa-a")
    road.approve()
    road.round()
    pages.answer = None
    road.later(minutes=2)
    road.round()
    assert [publication.progress for _, publication in pages.calls] == [None, "bài số 7"]


@on_one_database
def test_a_changed_picture_voids_the_approval(road: Road, pages: Pages) -> None:
    picture = road.settings.workspace / "pictures" / "a.png"
    picture.parent.mkdir()
    picture.write_bytes(PNG)
    write(road, words=f"---\npicture: pictures/a.png\n---\n\n{'Gọi 111.'}\n")
    road.approve()
    files = Files(road.settings)
    files.refresh()
    files.refresh()
    picture.write_bytes(PNG + b"x")
    assert files.refresh()
    changed = void_changed(road.process, files.campaigns)
    assert [change.path for change in changed["thu"]] == ["pictures/a.png:1"]
    road.round()
    assert not pages.calls


@on_one_database
def test_the_picture_that_was_approved_is_published_whatever_lies_there_later(road: Road, pages: Pages) -> None:
    picture = road.settings.workspace / "a.png"
    picture.write_bytes(PNG)
    pages.answer = said(PostStatus.QUEUED, "throttled", retry_after=60.0)
    write(road, sender="xa-a", words="---\npicture: a.png\n---\nGọi 111.\n")
    road.approve()
    road.round()
    found = pages.calls[0][1].picture
    assert found is not None and (found.name, found.media_type, found.content) == ("a.png", "image/png", PNG)


def test_the_database_lets_posts_move_as_the_table_says_and_no_other_way(road: Road, pages: Pages) -> None:
    write(road, sender="xa-a")
    road.approve()
    road.round()
    for before in PostStatus:
        for after in PostStatus:
            if before is after:
                continue
            moved = True
            try:
                with road.process.database.write() as connection:
                    connection.execute(text("DELETE FROM post"))
                    connection.execute(
                        text(
                            "INSERT INTO post (run_id, sender, place, era, area, words, status, attempt, worker)"
                            " SELECT id, 'xa-a', 0, '2025', '06184', '', :before, 1, 'w' FROM run"
                        ),
                        {"before": str(before)},
                    )
                    connection.execute(text("UPDATE post SET status = :after"), {"after": str(after)})
            except DBAPIError as error:
                assert "forbidden move" in str(error)
                moved = False
            assert moved == (after in POST_TRANSITIONS[before]), (before, after)


@on_one_database
def test_the_process_that_runs_publishes_what_it_opens(road: Road, pages: Pages) -> None:
    write(road)
    road.approve()

    async def run() -> None:
        async with serving(road.process) as service:
            await service.open_due()
            await service.publish()
            await service.care_for_pages()

    asyncio.run(run())
    assert statuses(road) == {"xa-a": "published", "xa-b": "published"}


@on_one_database
def test_the_sandbox_publishes_without_approval_and_answers_for_its_posts(road: Road, pages: Pages) -> None:
    write(road, sender="trang-thu")
    road.round()
    assert statuses(road) == {"trang-thu": "published"}
    road.later(days=2)
    road.round()
    [(reach, clicks)] = road.rows("SELECT reach, clicks FROM post_response")
    assert reach > 0 and clicks is not None
    road.later(days=1)
    road.round()
    course = [row[0] for row in road.rows("SELECT reach FROM post_response ORDER BY at")]
    assert len(course) == 2 and course[0] < course[1]


def test_of_two_processes_that_see_the_same_post_one_gets_it(road: Road, pages: Pages) -> None:
    """The claim names the attempt it saw."""
    write(road, sender="xa-a")
    road.approve()
    pages.answer = said(PostStatus.QUEUED, "throttled", retry_after=60.0)
    road.round()
    [(post_id, attempt)] = road.rows("SELECT id, attempt FROM post")
    now, real_now = road.clock.now(), road.process.seconds.real()
    taken = []
    for worker in ("một", "hai"):
        with road.process.database.write() as connection:
            taken.append(posts.claim(connection, post_id, attempt, worker=worker, now=now, real_now=real_now))
    assert taken == [True, False]
