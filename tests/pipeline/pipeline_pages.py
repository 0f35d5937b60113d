"""Pages by script, for tests of posts: what a page answers, what its list shows, what it was asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import road_workspace as files
from pipeline_road import Road
from pydantic import BaseModel, ConfigDict

from engine.channels.base import Decision, LookUpFailed, OpenedWith, Vendor
from engine.channels.publishing import Keep, ListedPost, PostOutcome, Publication, Response
from engine.status import PostStatus

PAGES = """\
  xa-a: {provider: page, token: "${PAGE_TOKEN}", area: {era: "2025", code: "06184"}}
  xa-b: {provider: page, token: "${PAGE_TOKEN}", area: {era: "2025", code: "06187"}}
  tinh: {provider: page, token: "${PAGE_TOKEN}", area: {era: "2025", code: "20"}}
  trang-thu: {provider: sandbox, channel: facebook, area: {era: "2025", code: "06184"}}
"""
WORDS = "Cảnh giác việc nhẹ lương cao tại {{ area.name }}. Cần giúp đỡ xin gọi 111.\n"
STEP = """\
  - id: bai
    when: {when}
    channel: facebook
    sender: {sender}
    message: bai
"""


class PageKeys(BaseModel):
    """The scripted page's keys."""

    model_config = ConfigDict(extra="forbid")
    token: str


@dataclass
class Pages:
    """Every scripted page. ``answer`` decides each call; ``shown`` is what each page lists."""

    now: Callable[[], datetime]
    answer: Callable[["Page", Publication], PostOutcome] | None = None
    calls: list[tuple[str, Publication]] = field(default_factory=list)
    shown: dict[str, list[ListedPost]] = field(default_factory=dict)
    unreadable: LookUpFailed | None = None
    response: Response | LookUpFailed | None = field(default_factory=lambda: Response(reach=10, reactions=2))
    expires: datetime | None = None
    stages: list[str] = field(default_factory=list)  # what an answer wants kept before it ends

    def put_up(
        self, page: str, publication: Publication, *, text: str | None = None, at: datetime | None = None
    ) -> str:
        """Show a post on a page; its id."""
        shown = self.shown.setdefault(page, [])
        vendor_id = f"{page}-{len(shown) + 1}"
        shown.insert(
            0, ListedPost(vendor_id, at or self.now(), text or publication.text, f"https://p.example/{vendor_id}")
        )
        return vendor_id

    def published(self, page: str, publication: Publication) -> PostOutcome:
        """It is there, and the page says so."""
        vendor_id = self.put_up(page, publication)
        return PostOutcome(
            publication.post_id, publication.attempt, PostStatus.PUBLISHED, vendor_id=vendor_id,
            address=f"https://p.example/{vendor_id}",
        )  # fmt: skip


@dataclass
class Page:
    """One of them."""

    pages: Pages
    key: str
    name = "page"
    live = True

    async def publish(self, publication: Publication, keep: Keep) -> PostOutcome:
        self.pages.calls.append((self.key, publication))
        for stage in self.pages.stages:
            await keep(stage)
        if self.pages.answer is None:
            return self.pages.published(self.key, publication)
        return self.pages.answer(self, publication)

    async def listed(self, since: datetime) -> Sequence[ListedPost]:
        if self.pages.unreadable is not None:
            raise self.pages.unreadable
        return [one for one in self.pages.shown.get(self.key, []) if one.created_at >= since]

    async def response(self, vendor_id: str) -> Response | None:
        if isinstance(self.pages.response, LookUpFailed):
            raise self.pages.response
        return self.pages.response

    async def expiry(self) -> datetime | None:
        return self.pages.expires

    async def close(self) -> None:
        pass


def said(status: PostStatus, reason: str, decision: Decision = Decision.NONE, **more: Any) -> Any:
    """An answer for every call, with nothing put up."""

    def answer(page: Page, publication: Publication) -> PostOutcome:
        return PostOutcome(
            publication.post_id, publication.attempt, status, reason=reason, decision=decision,
            detail="lời của nơi đăng", **more,
        )  # fmt: skip

    return answer


def lost(page: Page, publication: Publication) -> PostOutcome:
    """It is there, and the answer was cut off."""
    page.pages.put_up(page.key, publication)
    return PostOutcome(publication.post_id, publication.attempt, PostStatus.UNKNOWN, reason="no_answer")


def vendor_of(pages: Pages) -> Vendor:
    """The scripted page for the registry: posts only, and it needs an approval."""

    def publishes(sender_key: str, config: Any, environment: OpenedWith) -> Page:
        return Page(pages, sender_key)

    return Vendor(name="page", channel="facebook", schema=PageKeys, publish=publishes)


def write(road: Road, sender: str = "[xa-a, xa-b]", words: str | None = WORDS, when: str = "2027-07-16 08:30") -> None:
    """A campaign of one post."""
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=PAGES),
            "campaigns/thu.yaml": files.campaign(STEP.format(sender=sender, when=when)),
            "messages/bai/facebook.vi.j2": words,
        }
    )


def statuses(road: Road) -> dict[str, str]:
    """Page → where its post stands, with the reason after a colon where there is one."""
    found = road.rows("SELECT sender, status, reason FROM post ORDER BY run_id, place")
    return {row[0]: row[1] + (f":{row[2]}" if row[2] else "") for row in found}
