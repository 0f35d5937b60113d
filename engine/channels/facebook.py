"""Posts on a Facebook page: text, a link, a picture. Graph API, Pages API; the version is the sender's.

``POST /{page}/feed`` publishes. A picture is uploaded unpublished first (``/{page}/photos``), which nobody sees, and
then attached: its id is kept, so that a second try does not upload again. The feed is the page's own list.

Tested against a local stand-in written by the documentation, never against Facebook: whether ``/feed`` lists a post at
once, and what a page's token may ask ``debug_token`` about itself.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from engine.channels.addresses import is_loopback
from engine.channels.base import Decision, LookUpFailed
from engine.channels.facebook_errors import verdict_of
from engine.channels.facebook_figures import Figures
from engine.channels.facebook_sender import LIMITS, FacebookPage
from engine.channels.multipart import encoded
from engine.channels.post_calls import (
    Ended,
    Meaning,
    Verdict,
    count_of,
    get,
    no_look,
    post,
    text_of,
    tree,
)
from engine.channels.publishing import Keep, ListedPost, Picture, PostOutcome, Publication, Response
from engine.channels.transport import Answer, Transport
from engine.clock import VIETNAM
from engine.status import PostStatus

_PHOTO = "photo:"  # progress: the picture is up, unpublished, under this id
_MOST_PAGES = 100  # of a feed with 100 posts each
_WHEN = "%Y-%m-%dT%H:%M:%S%z"


class FacebookPublisher:
    """One page. Its token goes in a header: an address may end up in somebody's log."""

    name = "facebook"

    def __init__(self, config: FacebookPage, transport: Transport | None = None) -> None:
        self.live = not is_loopback(config.url)
        self._root, self._page = f"{config.url}/{config.version}", config.page
        self._until = config.valid_until
        self._token = config.token.get_secret_value()
        self._headers = {"Authorization": f"Bearer {self._token}"}
        self._transport = transport or Transport(connections=8)
        self._figures = Figures(self._root, self._headers, self._token, self._transport)

    async def publish(self, publication: Publication, keep: Keep) -> PostOutcome:
        """Upload the picture where there is one, then publish by one call."""
        try:
            photo = await self._photo(publication, keep) if publication.picture else None
            said = await self._call("feed?fields=id,permalink_url", _json(_post(publication, photo)))
        except Ended as ended:
            return ended.verdict.of(publication)
        vendor_id = text_of(said.get("id"))
        if vendor_id is None:
            return Verdict(Meaning(PostStatus.UNKNOWN, "malformed")).of(publication)
        return PostOutcome(
            publication.post_id,
            publication.attempt,
            PostStatus.PUBLISHED,
            vendor_id=vendor_id,
            address=_address(said.get("permalink_url")),
        )

    async def _photo(self, publication: Publication, keep: Keep) -> str:
        """The id of the picture, uploaded now or by an earlier attempt. Nobody sees it: a doubt is tried again."""
        if publication.progress and publication.progress.startswith(_PHOTO):
            return publication.progress.removeprefix(_PHOTO)
        assert publication.picture is not None
        _refuse_unfit(publication.picture)
        kind, body = encoded({"published": "false"}, "source", publication.picture)
        try:
            said = await self._call("photos", ({"Content-Type": kind}, body))
            photo = text_of(said.get("id"))
            if photo is None:
                raise Ended(Verdict(Meaning(PostStatus.UNKNOWN, "malformed")))
        except Ended as ended:
            raise Ended(ended.verdict.anew()) from None
        await keep(_PHOTO + photo)
        return photo

    async def _call(self, way: str, sent: tuple[Mapping[str, str], bytes]) -> dict[str, Any]:
        headers, body = sent
        answer = await post(self._transport, f"{self._root}/{self._page}/{way}", {**self._headers, **headers}, body)
        if answer.status == 200:
            return tree(answer.body)
        raise Ended(self._verdict(answer))

    def _verdict(self, answer: Answer) -> Verdict:
        return verdict_of(answer, self._token)

    async def listed(self, since: datetime) -> Sequence[ListedPost]:
        """The page's feed since then, all its pages. Raises ``LookUpFailed``."""
        query = {"fields": "id,message,created_time,permalink_url", "limit": "100", "since": str(_second(since))}
        from_second = since.replace(microsecond=0)  # Facebook's times have no fractions
        found: list[ListedPost] = []
        for _ in range(_MOST_PAGES):
            said = await self._ask(f"{self._page}/feed", query)
            data = said.get("data")
            if not isinstance(data, list):
                raise LookUpFailed("malformed")
            found += [one for one in map(_listed, data) if one.created_at >= from_second]
            paging = said.get("paging")
            following = paging.get("next") if isinstance(paging, dict) else None
            if not following:
                return found
            query = _following(following)
        raise LookUpFailed("malformed")  # longer than any honest feed: nothing is concluded from a part of it

    async def response(self, vendor_id: str) -> Response | None:
        """How people answered one post. What the token may not read stays None. Raises ``LookUpFailed``."""
        return await self._figures.of(vendor_id)

    async def expiry(self) -> datetime | None:
        """The earlier of what the office wrote down and what Facebook says; None: it never ends."""
        written = datetime.combine(self._until, time.max, VIETNAM).astimezone(UTC) if self._until else None
        data = (await self._ask("debug_token", {"input_token": self._token})).get("data")
        if not isinstance(data, dict):
            raise LookUpFailed("malformed")
        if data.get("is_valid") is False:
            raise LookUpFailed("credentials", Decision.STOP_SENDER)
        ends = count_of(data.get("expires_at"))  # 0: never
        told = [datetime.fromtimestamp(ends, UTC)] if ends else []
        return min([*told, *([written] if written else [])], default=None)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def _ask(self, way: str, query: Mapping[str, str]) -> dict[str, Any]:
        answer = await get(self._transport, f"{self._root}/{way}?{urlencode(query)}", self._headers)
        if answer.status != 200:
            raise no_look(self._verdict(answer))
        return tree(answer.body)


def _post(publication: Publication, photo: str | None) -> dict[str, Any]:
    """What ``feed`` takes. A post has no title there: it is the first line."""
    sent: dict[str, Any] = {"published": True}
    lines = [publication.title, publication.text]
    if photo is not None:  # a picture takes the link's place
        sent["attached_media"] = [{"media_fbid": photo}]
        lines.append(publication.link if publication.link and publication.link not in publication.text else None)
    elif publication.link:
        sent["link"] = publication.link
    return {**sent, "message": "\n\n".join(filter(None, lines))}


def _refuse_unfit(picture: Picture) -> None:
    if picture.media_type not in LIMITS.pictures or len(picture.content) > LIMITS.picture_bytes:
        raise Ended(Verdict(Meaning(PostStatus.FAILED, "picture")))


def _json(sent: Mapping[str, Any]) -> tuple[Mapping[str, str], bytes]:
    return {"Content-Type": "application/json"}, json.dumps(sent, ensure_ascii=False).encode()


def _second(instant: datetime) -> int:
    return int(instant.timestamp())


def _listed(one: Any) -> ListedPost:
    if not isinstance(one, dict) or (vendor_id := text_of(one.get("id"))) is None:
        raise LookUpFailed("malformed")
    try:
        created = datetime.strptime(str(one.get("created_time")), _WHEN).astimezone(UTC)
    except ValueError:
        raise LookUpFailed("malformed") from None
    return ListedPost(vendor_id, created, str(one.get("message") or ""), _address(one.get("permalink_url")))


def _following(address: object) -> dict[str, str]:
    """The query of the next page. Facebook writes the token into that address; ours stays in the header."""
    query = dict(parse_qsl(urlsplit(str(address)).query))
    query.pop("access_token", None)
    return query


def _address(value: object) -> str | None:
    found = text_of(value)
    return found if found and found.startswith("https://") else None
