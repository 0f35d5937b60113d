"""Pages and channels against stand-ins that remember: what people see, whatever we were told."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from dialect_posts import (
    APP_SECRET,
    BOT_TOKEN,
    PAGE_TOKEN,
    REFRESH,
    Memory,
    facebook_page,
    telegram_channel,
    zalo_account,
)
from post_standins import Facebook, Place, Telegram, Zalo

from engine.channels.base import Decision, LookUpFailed, NoLog
from engine.channels.facebook import FacebookPublisher
from engine.channels.publishing import PostOutcome, Publication, Publisher, Response
from engine.channels.telegram import TelegramPublisher
from engine.channels.testing.post_dialect import LINK, PICTURE, POST, TEXT
from engine.channels.testing.standin import reply
from engine.channels.zalo import ZaloPublisher
from engine.status import PostStatus

Work = Callable[[Any, "Published"], Awaitable[None]]


class Published:
    """A publisher on a stand-in, and the progress that its pipeline has kept."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.progress: str | None = None
        self.kept: list[str] = []

    async def keep(self, progress: str) -> None:
        self.progress = progress
        self.kept.append(progress)

    async def again(self, post: Publication = POST) -> PostOutcome:
        return await self.publisher.publish(dataclasses.replace(post, progress=self.progress), self.keep)


def _facebook(place: Place, **more: object) -> Publisher:
    return FacebookPublisher(facebook_page(place.url, **more))


def _zalo(place: Place, **more: object) -> Publisher:
    return ZaloPublisher(zalo_account(place.url, **more), Memory())


def _telegram(place: Place) -> Publisher:
    return TelegramPublisher(telegram_channel(place.url))


def _with(place: Place, opened: Callable[..., Publisher], work: Work, **more: object) -> None:
    async def run() -> None:
        async with place.running():
            publisher = opened(place, **more)
            try:
                await work(place, Published(publisher))
            finally:
                await publisher.close()

    asyncio.run(run())


def facebook() -> Facebook:
    return Facebook(token=PAGE_TOKEN)


def zalo() -> Zalo:
    return Zalo(secret_key=APP_SECRET, refresh=REFRESH)


def telegram() -> Telegram:
    return Telegram(token=BOT_TOKEN)


def test_a_picture_is_uploaded_unseen_and_once_whatever_becomes_of_the_post() -> None:
    async def work(place: Facebook, page: Published) -> None:
        post = dataclasses.replace(POST, picture=PICTURE, link=LINK)
        place.says = [reply(500, {})]  # the upload: nobody sees a photo that is not published, so it is done again
        first = await page.again(post)
        assert (first.status, first.decision) == (PostStatus.QUEUED, Decision.RETRY)
        assert (await page.again(dataclasses.replace(post, progress=None))).status is PostStatus.PUBLISHED
        assert place.photos == {"photo1": PICTURE.content}
        assert place.posts[0].more["attached_media"] == [{"media_fbid": "photo1"}]
        assert place.texts() == [f"{POST.title}\n\n{TEXT}\n\n{LINK}"], "a picture takes the link's place"
        await page.again(post)
        assert len(place.photos) == 1, "what was kept is not uploaded again"

    _with(facebook(), _facebook, work)


def test_a_lost_answer_is_found_in_the_feed_and_nowhere_else() -> None:
    async def work(place: Facebook, page: Published) -> None:
        for number in range(5):
            await page.again(dataclasses.replace(POST, text=f"Bài số {number}"))
        place.loses = 1
        assert (await page.again()).status is PostStatus.UNKNOWN
        found = await page.publisher.listed(place.now + timedelta(milliseconds=300))
        assert found[0].text == f"{POST.title}\n\n{TEXT}"
        assert len(found) == 6, "all pages of the feed, whatever the fractions of a second"
        assert found[0].vendor_id == place.posts[-1].id
        assert str(found[0].address).endswith("/posts/6")
        assert found[0].created_at == place.now
        assert not await page.publisher.listed(place.now + timedelta(seconds=2))
        assert all(PAGE_TOKEN not in request.target for request in place.seen), "a token in an address"

    _with(facebook(), _facebook, work)


def test_a_feed_that_is_not_read_to_its_end_proves_nothing() -> None:
    async def work(place: Facebook, page: Published) -> None:
        for _ in range(3):
            await page.again()
        answer = Facebook._feed

        def half(self: Facebook, query: dict[str, str]) -> bytes:
            return reply(500, {}) if "after" in query else answer(self, query)

        place._feed = half.__get__(place)  # type: ignore[method-assign]
        with pytest.raises(LookUpFailed):
            await page.publisher.listed(place.now)

    _with(facebook(), _facebook, work)


METRICS = {
    "post_total_media_view_unique": 840,
    "post_clicks": 31,
    "post_reactions_by_type_total": {"like": 9, "sad": 3},
}


@pytest.mark.parametrize(
    ("rights", "metrics", "expected"),
    [
        ({"pages_read_user_content"}, METRICS, Response(840, 5, 31, 5, 2)),
        (set(), METRICS, Response(840, 12, 31, None, None)),  # reactions are summed over their types
        ({"pages_read_user_content"}, {"post_clicks": 31}, Response(None, 5, 31, 5, 2)),  # two metrics have ended
    ],
    ids=["all rights", "no right to comments", "ended metrics"],
)
def test_a_figure_that_facebook_does_not_tell_costs_no_other(
    rights: set[str], metrics: dict[str, Any], expected: Response
) -> None:
    async def work(place: Facebook, page: Published) -> None:
        place.rights, place.metrics = rights, metrics
        outcome = await page.again()
        assert await page.publisher.response(str(outcome.vendor_id)) == expected
        assert await page.publisher.response("1234500001_99") is None

    _with(facebook(), _facebook, work)


@pytest.mark.parametrize(
    ("told", "written", "expected"),
    [
        (0, None, None),
        (1_820_000_000, None, datetime.fromtimestamp(1_820_000_000, UTC)),
        (0, date(2027, 9, 1), datetime(2027, 9, 1, 16, 59, 59, 999999, tzinfo=UTC)),
        (1_820_000_000, date(2027, 9, 1), datetime(2027, 9, 1, 16, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_the_earlier_end_of_a_token_counts(told: int, written: date | None, expected: datetime | None) -> None:
    async def work(place: Facebook, page: Published) -> None:
        place.expires_at = told
        assert await page.publisher.expiry() == expected

    _with(facebook(), _facebook, work, valid_until=written)


def test_a_token_that_has_ended_is_told_when_its_end_is_asked() -> None:
    async def work(place: Facebook, page: Published) -> None:
        place.token = "another"
        with pytest.raises(LookUpFailed) as failed:
            await page.publisher.expiry()
        assert (failed.value.reason, failed.value.decision) == ("credentials", Decision.STOP_SENDER)

    _with(facebook(), _facebook, work)


def test_an_article_goes_up_once_and_followers_are_told_once_however_often_it_is_tried() -> None:
    async def work(place: Zalo, account: Published) -> None:
        place.fetching = 2
        for _ in range(2):
            waits = await account.again()
            assert (waits.status, waits.reason, waits.retry_after) == (PostStatus.QUEUED, "processing", 5.0)
        done = await account.again()
        assert (done.status, done.vendor_id, done.reason) == (PostStatus.ACCEPTED, "article1", None)
        assert account.kept == ["created:token-article1", "article:article1", "telling:article1"]
        assert (len(place.posts), place.told) == (1, ["article1"])

    _with(zalo(), _zalo, work)


def test_a_broadcast_that_may_have_happened_is_never_made_again() -> None:
    async def work(place: Zalo, account: Published) -> None:
        await account.publisher.expiry()
        await account.keep("article:article1")
        place.loses = 1
        lost = await account.again()
        assert (lost.status, lost.vendor_id, lost.reason) == (PostStatus.ACCEPTED, "article1", "broadcast_unknown")
        again = await account.again()
        assert dataclasses.replace(again, detail=lost.detail) == lost, "the mark that was kept before the call holds"
        assert place.told == ["article1"]

    _with(zalo(), _zalo, work)


@pytest.mark.parametrize(
    ("answer", "status", "reason", "progress"),
    [
        ({"error": -32, "message": "rate"}, PostStatus.QUEUED, "throttled", "article:article1"),
        ({"error": -224, "message": "package"}, PostStatus.QUEUED, "account", "article:article1"),
        ({"error": -213, "message": "no"}, PostStatus.PUBLISHED, "not_broadcast", "telling:article1"),
        ({"error": -98765, "message": "?"}, PostStatus.ACCEPTED, "broadcast_unknown", "telling:article1"),
    ],
)
def test_an_article_that_is_up_is_never_called_failed(
    answer: dict[str, Any], status: PostStatus, reason: str, progress: str
) -> None:
    async def work(place: Zalo, account: Published) -> None:
        await account.publisher.expiry()
        await account.keep("article:article1")
        place.says = [reply(200, answer)]
        outcome = await account.again()
        assert (outcome.status, outcome.reason, account.progress) == (status, reason, progress)

    _with(zalo(), _zalo, work)


def test_an_article_whose_answer_was_lost_is_recognised_by_its_text_as_it_was_written() -> None:
    text = "Bà con chú ý: lương < 5 triệu & “việc nhẹ”\nGọi 111.\n\nBan Chỉ đạo"

    async def work(place: Zalo, account: Published) -> None:
        await account.publisher.expiry()
        place.loses = 1
        assert (await account.again(dataclasses.replace(POST, text=text))).status is PostStatus.UNKNOWN
        assert "&lt; 5" in place.texts()[0], "an officer's < is no tag"
        [found] = await account.publisher.listed(place.now)
        assert (found.text, found.vendor_id) == (text, "article1")
        assert await account.publisher.response("article1") == Response(reach=31, shares=4)
        assert await account.publisher.response("article9") is None

    _with(zalo(), _zalo, work)


def test_a_long_list_of_articles_is_read_as_far_as_it_matters_and_no_further() -> None:
    async def work(place: Zalo, account: Published) -> None:
        now = place.now
        for number in range(35):
            place.now = now + timedelta(days=number)
            await account.again(dataclasses.replace(POST, text=f"Bài {number}", progress=None))
            account.progress = None
        before = len(place.seen)
        found = await account.publisher.listed(now + timedelta(days=23))
        assert [one.text for one in found] == [f"Bài {number}" for number in range(34, 22, -1)]
        asked = [request.target for request in place.seen[before:] if "getslice" in request.target]
        assert len(asked) == 3

    _with(zalo(), _zalo, work, broadcast=False)


def test_without_a_broadcast_the_article_alone_is_the_post() -> None:
    async def work(place: Zalo, account: Published) -> None:
        assert (await account.again()).status is PostStatus.PUBLISHED
        assert place.told == []

    _with(zalo(), _zalo, work, broadcast=False)


def test_what_an_officer_writes_is_no_markup_in_telegram() -> None:
    async def work(place: Telegram, channel: Published) -> None:
        outcome = await channel.again(dataclasses.replace(POST, link=LINK))
        assert (outcome.vendor_id, outcome.address) == ("1", "https://t.me/canh_bao_clay/1")
        escaped = "Xin chào bà con, gọi 111 &lt;b&gt;&amp;amp;"
        assert place.texts() == [f"<b>{POST.title}</b>\n\n{escaped}\n\n{LINK}"]
        with pytest.raises(NoLog):
            await channel.publisher.listed(place.now)
        assert await channel.publisher.expiry() is None

    _with(telegram(), _telegram, work)


@pytest.mark.parametrize(("length", "status"), [(1024, PostStatus.PUBLISHED), (1025, PostStatus.FAILED)])
def test_a_text_too_long_beside_a_picture_is_not_even_tried(length: int, status: PostStatus) -> None:
    async def work(place: Telegram, channel: Published) -> None:
        post = dataclasses.replace(POST, title=None, text="😀" * (length // 2) + "a" * (length % 2), picture=PICTURE)
        assert (await channel.again(post)).status is status
        assert len(place.seen) == (status is PostStatus.PUBLISHED)
        assert place.pictures == [PICTURE.content] * len(place.seen)

    _with(telegram(), _telegram, work)


def test_a_bot_that_may_not_write_there_stops_its_channel_only() -> None:
    async def work(place: Telegram, channel: Published) -> None:
        place.chat = "@another"
        outcome = await channel.again()
        assert (outcome.status, outcome.decision, outcome.reason) == (
            PostStatus.QUEUED, Decision.STOP_SENDER, "permission",
        )  # fmt: skip

    _with(telegram(), _telegram, work)
