"""Posts in a Telegram channel, by a bot that administers it. Bot API: ``sendMessage``, ``sendPhoto``.

A bot can neither read a channel's history nor count its views: a lost answer goes to a person (``NoLog``), and there
are no figures. The token is a part of the address, as Telegram wants it, so no address is ever logged or kept.

Tested against a local stand-in written by the documentation, never against Telegram.
"""

import html
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from engine.channels.addresses import is_loopback
from engine.channels.base import NoLog
from engine.channels.multipart import encoded
from engine.channels.post_calls import (
    CREDENTIALS,
    REFUSED,
    THROTTLED,
    UNKNOWN_CODE,
    Ended,
    Meaning,
    Verdict,
    count_of,
    post,
    stops,
    text_of,
    tree,
    without,
)
from engine.channels.publishing import Keep, ListedPost, PostOutcome, Publication, Response
from engine.channels.telegram_sender import LIMITS, TelegramChannel
from engine.channels.transport import Answer, Transport
from engine.status import PostStatus

_LONGEST_WAIT = 86_400.0
# Telegram tells kinds of 400 apart by words alone; these speak of the channel and not of the post.
_OF_THE_CHANNEL = ("chat not found", "not enough rights", "administrator rights", "upgraded to a supergroup")
_OF_THE_PICTURE = ("photo", "image")


class TelegramPublisher:
    """One channel."""

    name = "telegram"

    def __init__(self, config: TelegramChannel, transport: Transport | None = None) -> None:
        self.live = not is_loopback(config.url)
        self._token, self._chat = config.token.get_secret_value(), config.chat
        self._root = f"{config.url}/bot{self._token}"
        self._transport = transport or Transport(connections=4)

    async def publish(self, publication: Publication, keep: Keep) -> PostOutcome:
        """One call: a message, or a picture with the text under it."""
        try:
            _refuse_unfit(publication)
            answer = await self._call(publication)
        except Ended as ended:
            return ended.verdict.of(publication)
        said = tree(answer.body)
        if said.get("ok") is not True:
            return self._verdict(answer, said).of(publication)
        result = said.get("result")
        vendor_id = text_of(result.get("message_id")) if isinstance(result, dict) else None
        if vendor_id is None or not isinstance(result, dict):
            return Verdict(Meaning(PostStatus.UNKNOWN, "malformed")).of(publication)
        return PostOutcome(
            publication.post_id,
            publication.attempt,
            PostStatus.PUBLISHED,
            vendor_id=vendor_id,
            address=_address(result, vendor_id),
        )

    async def _call(self, publication: Publication) -> Answer:
        sent = {"chat_id": self._chat, "parse_mode": "HTML"}
        if publication.picture is None:
            body = json.dumps({**sent, "text": _html(publication)}, ensure_ascii=False).encode()
            return await post(self._transport, f"{self._root}/sendMessage", {"Content-Type": "application/json"}, body)
        kind, body = encoded({**sent, "caption": _html(publication)}, "photo", publication.picture)
        return await post(self._transport, f"{self._root}/sendPhoto", {"Content-Type": kind}, body)

    def _verdict(self, answer: Answer, said: dict[str, Any]) -> Verdict:
        code = count_of(said.get("error_code"))
        words = str(said.get("description") or answer.body[:2000].decode("utf-8", "replace"))
        parameters = said.get("parameters")
        wait = count_of(parameters.get("retry_after")) if isinstance(parameters, dict) else None
        if answer.status == 429 or code == 429:
            seconds = min(float(wait), _LONGEST_WAIT) if wait is not None else answer.retry_after
            return Verdict(THROTTLED, "429", seconds, self._kept(words))
        if said.get("ok") is not False or code is None:  # from something in between, or nothing that can be read
            reason = "malformed" if answer.status == 200 else "vendor_error"
            return Verdict(Meaning(PostStatus.UNKNOWN, reason), str(answer.status), detail=self._kept(words))
        return Verdict(_meaning(code, words.casefold()), str(code), detail=self._kept(words))

    async def listed(self, since: datetime) -> Sequence[ListedPost]:
        """Not for bots: raises ``NoLog``."""
        raise NoLog

    async def response(self, vendor_id: str) -> Response | None:
        """Not for bots: raises ``NoLog``."""
        raise NoLog

    async def expiry(self) -> datetime | None:
        """A bot's token does not end by itself."""
        return None

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _kept(self, words: str) -> str:
        return without(words, (self._token, self._token.partition(":")[2]))


def _meaning(code: int, words: str) -> Meaning:
    if code in (401, 404):  # 404: no bot has this token, Telegram does not know the address
        return CREDENTIALS
    if code == 403 or (code == 400 and any(said in words for said in _OF_THE_CHANNEL)):
        return stops("permission")
    if code in (400, 413):
        return Meaning(PostStatus.FAILED, "picture") if any(said in words for said in _OF_THE_PICTURE) else REFUSED
    return Meaning(PostStatus.UNKNOWN, "vendor_error") if 500 <= code < 600 else UNKNOWN_CODE


def _plain(publication: Publication) -> str:
    """What people read: the title on a line of its own, the text, the link unless the text has it."""
    parts = [publication.title or "", publication.text]
    if publication.link and publication.link not in publication.text:
        parts.append(publication.link)
    return "\n\n".join(filter(None, parts))


def _html(publication: Publication) -> str:
    """The same with the title in bold; nothing that an officer writes is taken for a tag."""
    escaped = html.escape(_plain(publication), quote=False)
    if not publication.title:
        return escaped
    title = html.escape(publication.title, quote=False)
    return f"<b>{title}</b>{escaped.removeprefix(title)}"


def _refuse_unfit(publication: Publication) -> None:
    """``loa check`` has said so before; a call that can only be refused is not made."""
    picture = publication.picture
    if LIMITS.length(_plain(publication)) > LIMITS.longest(picture=picture is not None):
        raise Ended(Verdict(Meaning(PostStatus.FAILED, "text")))
    if picture and (picture.media_type not in LIMITS.pictures or len(picture.content) > LIMITS.picture_bytes):
        raise Ended(Verdict(Meaning(PostStatus.FAILED, "picture")))


def _address(result: dict[str, Any], vendor_id: str) -> str | None:
    """Where people see it; a private channel has no such place."""
    chat = result.get("chat")
    name = text_of(chat.get("username")) if isinstance(chat, dict) else None
    return f"https://t.me/{name}/{vendor_id}" if name else None
