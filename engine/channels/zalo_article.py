"""An article of a Zalo Official Account, as it is sent and as it is read back. Pure."""

import html
import re
from datetime import UTC, datetime
from typing import Any

from engine.channels.base import LookUpFailed
from engine.channels.post_calls import count_of, text_of
from engine.channels.publishing import ListedPost, Publication
from engine.channels.zalo_sender import LIMITS, ZaloAccount

_DESCRIPTION = 250  # characters; 300 are published, see zalo_sender
_BREAK, _TAG = re.compile(r"<br\s*/?>|</p>\s*<p[^>]*>|</div>\s*<div[^>]*>", re.IGNORECASE), re.compile(r"<[^>]*>")


def article(publication: Publication, config: ZaloAccount) -> dict[str, Any]:
    """What ``article/create`` takes. The text is HTML there: nothing that an officer writes is taken for a tag."""
    words = publication.text
    if publication.link and publication.link not in words:
        words = f"{words}\n\n{publication.link}"
    return {
        "type": "normal",
        "title": title_of(publication),
        "author": config.author,
        "description": shortened(publication.text, _DESCRIPTION),
        "cover": {"cover_type": "photo", "photo_url": config.cover, "status": "show"},
        "body": [{"type": "text", "content": html.escape(words, quote=False).replace("\n", "<br/>")}],
        "status": "show",
        "comment": "show" if config.comments else "hide",
    }


def broadcast(article_id: str, config: ZaloAccount) -> dict[str, Any]:
    """What ``oa/message`` takes to tell those who follow the account."""
    element = {"media_type": "article", "attachment_id": article_id}
    payload = {"template_type": "media", "elements": [element]}
    return {
        "recipient": {"target": {"cities": config.cities} if config.cities else {}},
        "message": {"attachment": {"type": "template", "payload": payload}},
    }


def title_of(publication: Publication) -> str:
    """The post's title; without one, the text's first line."""
    return shortened(publication.title or publication.text.strip().partition("\n")[0], LIMITS.title)


def shortened(text: str, most: int) -> str:
    """``text`` in one line of at most ``most`` characters, cut between words."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    cut = line[: most - 1]
    return (cut.rpartition(" ")[0] or cut) + "…"


def created_at(one: dict[str, Any]) -> datetime:
    """When an article of the list was created; seconds or milliseconds, which Zalo does not say."""
    stamp = count_of(one.get("create_date"))
    if not stamp:
        raise LookUpFailed("malformed")
    try:
        return datetime.fromtimestamp(stamp / 1000 if stamp > 10**11 else stamp, UTC)
    except (ValueError, OverflowError, OSError):
        raise LookUpFailed("malformed") from None


def listed(one: dict[str, Any], detail: dict[str, Any]) -> ListedPost:
    """An article of the list with the text that its details have. Raises ``LookUpFailed``."""
    body = detail.get("body")
    if not isinstance(body, list):
        raise LookUpFailed("malformed")
    parts = [str(part.get("content") or "") for part in body if isinstance(part, dict) and part.get("type") == "text"]
    vendor_id = text_of(one.get("id"))
    if vendor_id is None:
        raise LookUpFailed("malformed")
    link = text_of(one.get("link_view"))
    address = link if link and link.startswith("https://") else None
    return ListedPost(vendor_id, created_at(one), "\n".join(map(_plain, parts)), address)


def _plain(content: str) -> str:
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", content))).strip()
