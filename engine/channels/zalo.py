"""Articles of a Zalo Official Account: created, verified, told to those who follow it. OpenAPI 2.0.

Three calls, each kept before the next. ``create`` (which shows the article) answers with a token, ``verify`` turns it
into the article's id as soon as Zalo has fetched the cover, ``oa/message`` tells the followers; a moderator looks at
that for about half an hour, so a post that was told is ``accepted``, and ``published`` when the account's list shows
it. Telling is never repeated: once it may have happened, the post ends as ``accepted`` with ``broadcast_unknown``.
After a lost answer to ``create`` the list decides; an article that is found there was shown but not told to anybody.

The picture of an article is an address that Zalo fetches, so it is the sender's cover, not one of the workspace.

Tested against a local stand-in written by the documentation, never against Zalo. Not documented, so carefully read:
whether ``create_date`` is in milliseconds, the order of the list (newest first is taken for granted), what is listed
while a moderator looks.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from engine.channels import zalo_article
from engine.channels.addresses import is_loopback
from engine.channels.base import Decision, LookUpFailed
from engine.channels.post_calls import (
    CREDENTIALS,
    THROTTLED,
    Ended,
    Meaning,
    Verdict,
    count_of,
    get,
    no_look,
    post,
    text_of,
    tree,
    without,
)
from engine.channels.publishing import Keep, ListedPost, PostOutcome, Publication, Response
from engine.channels.token_keeper import TokenKeeper
from engine.channels.transport import Answer, Transport
from engine.channels.zalo_errors import PROCESSING, RENEW, meaning_of
from engine.channels.zalo_sender import LIMITS, ZaloAccount
from engine.channels.zalo_token import ZaloTokens
from engine.status import PostStatus

# Progress: created (its token), verified (its id), about to be told to followers (its id).
_CREATED, _VERIFIED, _TELLING = "created:", "article:", "telling:"
_PROCESSING_PAUSE = 5.0  # seconds until Zalo has fetched a cover
_PAGE, _MOST_PAGES = 10, 60  # the list gives ten at a time and no more


class ZaloPublisher:
    """One Official Account."""

    name = "zalo"

    def __init__(
        self,
        config: ZaloAccount,
        keeper: TokenKeeper,
        transport: Transport | None = None,
        tokens: ZaloTokens | None = None,
    ) -> None:
        self.live = not (is_loopback(config.url) and is_loopback(config.oauth_url))
        self._config = config
        self._transport = transport or Transport(connections=4)
        self._tokens = tokens or ZaloTokens(config, keeper)

    async def publish(self, publication: Publication, keep: Keep) -> PostOutcome:
        """Go through the stages, from wherever an earlier attempt has come to."""
        stage, _, known = (publication.progress or "").partition(":")
        try:
            if f"{stage}:" == _TELLING:
                return _told(publication, known, "broadcast_unknown")
            if f"{stage}:" != _VERIFIED:
                token = known if f"{stage}:" == _CREATED else await self._create(publication, keep)
                known = await self._verify(token)
                await keep(_VERIFIED + known)
        except Ended as ended:
            return ended.verdict.of(publication)
        if not self._config.broadcast:
            return PostOutcome(publication.post_id, publication.attempt, PostStatus.PUBLISHED, vendor_id=known)
        return await self._tell(publication, known, keep)

    async def _create(self, publication: Publication, keep: Keep) -> str:
        if publication.picture is not None or LIMITS.length(publication.text) > LIMITS.text:
            raise Ended(Verdict(Meaning(PostStatus.FAILED, "picture" if publication.picture else "text")))
        said = await self._call("v2.0/article/create", zalo_article.article(publication, self._config))
        token = _field(said, "token")
        await keep(_CREATED + token)
        return token

    async def _verify(self, token: str) -> str:
        """The article's id. Asking shows nothing to anybody and may be done again."""
        try:
            return _field(await self._call("v2.0/article/verify", {"token": token}), "id")
        except Ended as ended:
            if ended.verdict.code == str(PROCESSING):
                waits = Meaning(PostStatus.QUEUED, "processing", Decision.RETRY)
                raise Ended(Verdict(waits, str(PROCESSING), _PROCESSING_PAUSE)) from None
            raise Ended(ended.verdict.anew()) from None

    async def _tell(self, publication: Publication, article: str, keep: Keep) -> PostOutcome:
        """Tell the followers, once in the life of a post: that it is about to happen is written down before."""
        await keep(_TELLING + article)
        try:
            await self._call("v2.0/oa/message", zalo_article.broadcast(article, self._config))
        except Ended as ended:
            verdict = ended.verdict
            if verdict.meaning.status is PostStatus.QUEUED:  # proven: nobody was told
                await keep(_VERIFIED + article)
                return verdict.of(publication)
            known = verdict.meaning.status is PostStatus.FAILED  # shown, but Zalo refuses to tell anybody
            return _told(publication, article, "not_broadcast" if known else "broadcast_unknown", verdict)
        return _told(publication, article, None)

    async def listed(self, since: datetime) -> Sequence[ListedPost]:
        """The articles shown since then, with their texts. Raises ``LookUpFailed``."""
        from_second = since.replace(microsecond=0)
        found = [one for one in await self._articles(from_second) if zalo_article.created_at(one) >= from_second]
        return [
            zalo_article.listed(one, await self._ask("v2.0/article/getdetail", {"id": str(one.get("id"))}))
            for one in found
            if one.get("status") in (None, "show")
        ]

    async def response(self, vendor_id: str) -> Response | None:
        """Views (as reach) and shares, from the list; None where it does not have the article. Raises
        ``LookUpFailed``.
        """
        for one in await self._articles(None, until=vendor_id):
            if text_of(one.get("id")) == vendor_id:
                return Response(reach=count_of(one.get("total_view")), shares=count_of(one.get("total_share")))
        return None

    async def expiry(self) -> datetime | None:
        """When the refresh token ends. Raises ``LookUpFailed``."""
        return await self._tokens.ends()

    async def close(self) -> None:
        """Close the connections."""
        await self._tokens.close()
        await self._transport.close()

    async def _articles(self, since: datetime | None, until: str | None = None) -> list[dict[str, Any]]:
        """The list from its newest end, until a page is a day older than ``since`` or has the article ``until``."""
        found: list[dict[str, Any]] = []
        for page in range(_MOST_PAGES):
            query = {"offset": str(page * _PAGE), "limit": str(_PAGE), "type": "normal"}
            medias = (await self._ask("v2.0/article/getslice", query)).get("medias")
            if not isinstance(medias, list) or not all(isinstance(one, dict) for one in medias):
                raise LookUpFailed("malformed")
            found += medias
            old = since and medias and all(zalo_article.created_at(one) < since - timedelta(days=1) for one in medias)
            if len(medias) < _PAGE or old or any(text_of(one.get("id")) == until for one in medias):
                return found
        if since is None:
            return found
        raise LookUpFailed("malformed")

    async def _call(self, way: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """One call; with a token that Zalo rejects, the same once more with a new one: it was not processed."""
        body = json.dumps(sent, ensure_ascii=False).encode()
        token = await self._tokens.access()
        answer = await self._post(way, token, body)
        if _code(answer) in RENEW:
            token = await self._tokens.another(token)
            answer = await self._post(way, token, body)
        return self._data(answer, token)

    async def _post(self, way: str, token: str, body: bytes) -> Answer:
        headers = {"access_token": token, "Content-Type": "application/json"}
        return await post(self._transport, f"{self._config.url}/{way}", headers, body)

    async def _ask(self, way: str, query: Mapping[str, str]) -> dict[str, Any]:
        address = f"{self._config.url}/{way}?{urlencode(query)}"
        try:
            token = await self._tokens.access()
            answer = await get(self._transport, address, {"access_token": token})
            if _code(answer) in RENEW:
                token = await self._tokens.another(token)
                answer = await get(self._transport, address, {"access_token": token})
            return self._data(answer, token)
        except Ended as ended:
            raise no_look(ended.verdict) from None

    def _data(self, answer: Answer, token: str) -> dict[str, Any]:
        """The data of a good answer. Raises ``Ended`` for every other."""
        said, code = tree(answer.body), _code(answer)
        words = str(said.get("message") or answer.body[:2000].decode("utf-8", "replace"))
        detail = without(words, (token, *self._secrets()))
        if answer.status == 429:
            raise Ended(Verdict(THROTTLED, "429", answer.retry_after, detail))
        if answer.status in (401, 403):
            raise Ended(Verdict(CREDENTIALS, str(answer.status), detail=detail))
        if answer.status != 200:
            raise Ended(Verdict(Meaning(PostStatus.UNKNOWN, "vendor_error"), str(answer.status), detail=detail))
        if code is None:
            raise Ended(Verdict(Meaning(PostStatus.UNKNOWN, "malformed"), detail=detail))
        if code != 0:
            raise Ended(Verdict(meaning_of(code), str(code), detail=detail))
        data = said.get("data")
        return data if isinstance(data, dict) else {}

    def _secrets(self) -> tuple[str, str]:
        return self._config.secret_key.get_secret_value(), self._config.refresh_token.get_secret_value()


def _told(publication: Publication, article: str, reason: str | None, verdict: Verdict | None = None) -> PostOutcome:
    """The article is up in any case. Refused to be told: ``published``, because that is all it will ever be."""
    status = PostStatus.PUBLISHED if reason == "not_broadcast" else PostStatus.ACCEPTED
    code, detail = (verdict.code, verdict.detail) if verdict else (None, None)
    return PostOutcome(
        publication.post_id,
        publication.attempt,
        status,
        vendor_id=article,
        code=code,
        reason=reason,
        detail=detail,
    )


def _code(answer: Answer) -> int | None:
    """The error code of an answer, 0 for success; None where there is none."""
    code = tree(answer.body).get("error")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _field(data: Mapping[str, Any], name: str) -> str:
    found = text_of(data.get(name))
    if found is None:
        raise Ended(Verdict(Meaning(PostStatus.UNKNOWN, "malformed")))
    return found
