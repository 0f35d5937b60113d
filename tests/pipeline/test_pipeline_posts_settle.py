"""A lost answer, a dead process: found out from the page's own list, never tried out."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pipeline_pages import Pages, lost, said, statuses, vendor_of, write
from pipeline_road import Road, on_one_database
from sqlalchemy import text

from engine.channels import VENDORS
from engine.channels.base import LookUpFailed, NoLog
from engine.channels.publishing import Response
from engine.errors import LoaError
from engine.pipeline import incidents
from engine.pipeline.page_care import next_question
from engine.pipeline.post_outcomes import commit
from engine.pipeline.publish import Posting
from engine.pipeline.publishers import Publishers
from engine.pipeline.settle_posts import find_orphans
from engine.status import PostStatus
from engine.store import audit, posts

NOTHING = said(PostStatus.UNKNOWN, "no_answer")


@pytest.fixture
def pages(road: Road, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    made = Pages(road.clock.now)
    monkeypatch.setitem(VENDORS, "page", vendor_of(made))
    road.process.environment = {**road.process.environment, "PAGE_TOKEN": "bi-mat"}
    monkeypatch.setenv("PAGE_TOKEN", "bi-mat")
    write(road, sender="xa-a")
    road.approve()
    yield made


def settle(road: Road, went: str, why: str | None = None) -> None:
    """A person's word about the open doubt."""
    with road.process.database.read() as connection:
        found = [one.id for one in audit.incidents(connection) if one.kind in incidents.POST_DOUBTS]
    incidents.settle(road.process, found, by="Trực ban", why=why, went=went)


def test_a_post_that_the_list_shows_is_not_published_again(road: Road, pages: Pages) -> None:
    pages.answer = lost
    road.round()
    assert statuses(road) == {"xa-a": "unknown:no_answer"}
    road.later(minutes=2)
    road.round()
    assert statuses(road) == {"xa-a": "published"} and len(pages.calls) == 1
    assert road.rows("SELECT vendor_id FROM post")[0][0] == "xa-a-1"


def test_absence_takes_two_lists_settle_after_apart(road: Road, pages: Pages) -> None:
    pages.answer = NOTHING
    road.round()
    pages.answer = None
    road.later(minutes=2)
    road.round()
    road.later(minutes=10)
    road.round()
    assert len(pages.calls) == 1 and statuses(road) == {"xa-a": "unknown:no_answer"}
    road.later(minutes=6)
    road.round()
    assert statuses(road) == {"xa-a": "published"} and len(pages.calls) == 2
    assert len(pages.shown["xa-a"]) == 1


@on_one_database
def test_a_proof_of_absence_that_another_boot_began_begins_anew(road: Road, pages: Pages) -> None:
    """Its monotonic seconds say nothing of ours: a clock that was set forward meanwhile would end the proof at once."""
    pages.answer = NOTHING
    road.round()
    road.later(minutes=2)
    road.round()
    with road.process.database.write() as connection:
        connection.execute(text("UPDATE post SET absent_boot = 'khác'"))
    road.later(minutes=20)
    road.round()
    assert len(pages.calls) == 1
    road.later(minutes=20)
    road.round()
    assert len(pages.calls) == 2


@on_one_database
def test_a_list_that_cannot_be_read_proves_nothing(road: Road, pages: Pages) -> None:
    pages.answer, pages.unreadable = NOTHING, LookUpFailed("no_connection")
    road.round()
    for _ in range(6):
        road.later(minutes=20)
        road.round()
    assert len(pages.calls) == 1 and statuses(road) == {"xa-a": "unknown:no_answer"}


@on_one_database
@pytest.mark.parametrize(
    ("went", "why", "became", "calls"),
    [("accepted", None, "published:person", 1), ("not-sent", "trang không có bài", "published", 2)],
)
def test_without_a_list_a_person_decides(
    road: Road, pages: Pages, went: str, why: str | None, became: str, calls: int
) -> None:
    pages.answer, pages.unreadable = NOTHING, NoLog()
    road.round()
    road.later(hours=2)
    road.round()
    assert road.incidents()["post_no_log"] == 1 and len(pages.calls) == 1
    with pytest.raises(LoaError):
        settle(road, "not-sent")
    pages.answer = None
    settle(road, went, why)
    road.round()
    assert statuses(road) == {"xa-a": became} and len(pages.calls) == calls


@on_one_database
def test_the_same_words_from_before_the_claim_go_to_a_person(road: Road, pages: Pages) -> None:
    """A clock of ours that runs ahead would make our own post look too old to be ours."""

    def answer(page: object, publication: object) -> object:
        pages.put_up("xa-a", publication, at=road.clock.now() - timedelta(minutes=30))  # type: ignore[arg-type]
        return NOTHING(page, publication)

    pages.answer = answer  # type: ignore[assignment]
    road.round()
    road.later(minutes=40)
    road.round()
    assert road.incidents()["post_doubtful"] == 1 and len(pages.calls) == 1


@on_one_database
def test_yesterdays_post_with_the_same_words_is_not_taken_for_todays(road: Road, pages: Pages) -> None:
    write(road, sender="xa-a")
    road.round()
    with road.process.database.write() as connection:
        taken = posts.bound(connection, "xa-a", ["xa-a-1", "xa-a-9"], but=0)
    assert taken == {"xa-a-1"}


def test_a_dead_process_leaves_its_post_to_be_found_out(road: Road, pages: Pages) -> None:
    road.round()
    with road.process.database.write() as connection:  # as the next one dies in the middle of its call
        connection.execute(text("DELETE FROM post"))
        connection.execute(text("UPDATE run SET status = status"))
        row = connection.execute(text("SELECT id FROM run")).one()
        posts.create(
            connection,
            [{"run_id": row.id, "sender": "xa-a", "place": 0, "era": "2025", "area": "06184", "words": "Gọi 111."}],
        )
        [post] = connection.execute(text("SELECT id FROM post")).all()
        assert posts.claim(
            connection, post.id, 0, worker="ngừng", now=road.clock.now(), real_now=road.process.seconds.real()
        )
    posting = Posting(road.process, Publishers(road.process))
    assert find_orphans(posting) == 0  # it may only be slow
    road.later(minutes=2)
    assert find_orphans(posting) == 1
    assert statuses(road) == {"xa-a": "unknown:orphan"}
    asyncio.run(posting.publishers.close())


def test_the_outcome_of_an_attempt_that_was_given_up_moves_nothing(road: Road, pages: Pages) -> None:
    pages.answer = NOTHING
    road.round()
    publication = pages.calls[0][1]
    pages.answer = None
    for _ in range(3):
        road.later(minutes=16)
        road.round()
    late = pages.published("xa-a", publication)
    assert commit(road.process, late, road.snapshot().senders["xa-a"]) is None
    assert road.incidents()["post_superseded"] == 1
    assert road.rows("SELECT attempt FROM post")[0][0] == 2


@on_one_database
def test_responses_are_asked_daily_then_weekly_then_no_more(road: Road, pages: Pages) -> None:
    road.round()
    pages.response = Response(reach=10)
    for days in range(1, 4):
        road.later(days=1, minutes=1)
        pages.response = Response(reach=10 * days)
        road.round()
    assert [row[0] for row in road.rows("SELECT reach FROM post_response ORDER BY at")] == [10, 20, 30]
    start = road.clock.now()
    assert next_question(start, start + timedelta(days=31)) == start + timedelta(days=38)
    assert next_question(start, start + timedelta(days=90)) is None


@on_one_database
def test_a_post_that_was_taken_down_is_told_and_asked_about_no_more(road: Road, pages: Pages) -> None:
    road.round()
    pages.response = None
    road.later(days=2)
    road.round()
    assert road.incidents()["post_gone"] == 1
    assert road.rows("SELECT next_response_at FROM post")[0][0] is None


@on_one_database
def test_credentials_that_end_within_two_weeks_are_told_and_settled_when_renewed(road: Road, pages: Pages) -> None:
    pages.expires = road.clock.now() + timedelta(days=15)
    road.round()
    assert road.incidents()["credentials_expire"] == 0
    road.later(days=1, minutes=1)
    road.round()
    assert road.incidents()["credentials_expire"] == 1
    pages.expires = road.clock.now() + timedelta(days=60)
    road.later(days=1, minutes=1)
    road.round()
    assert road.incidents()["credentials_expire"] == 0
