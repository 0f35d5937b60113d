"""A domestic SMS gateway by HTTP, as ``loa.yaml`` describes it. One class for all of them; nothing is executed.

Each aggregator here has its own small API: JSON or a form, a user and a password or a token, a code and a message
id back, errors in HTTP 200. What a code means stands in the sender's tables. What is definite whatever the tables
say: 429 was not processed (RFC 6585), 401 and 403 were refused (RFC 9110), 5xx and redirects prove nothing. An answer
that cannot be read, or a code that stands in no table, is ``unknown``, never a guess.

Tested against hand-written stand-ins that follow two gateways' public documents, never against a gateway itself.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from yarl import URL

from engine.channels import callback_address, http_answer, http_template
from engine.channels.addresses import is_loopback
from engine.channels.base import (
    OpenedWith,
    Outcome,
    Outgoing,
    ReceiptWord,
    VendorMessage,
)
from engine.channels.http_questions import Questions
from engine.channels.http_receipts import read_receipt
from engine.channels.http_request import Request
from engine.channels.http_sender import HttpSender
from engine.channels.http_words import Meaning, meaning_in, meant, why
from engine.channels.transport import Answer, NeverSent, NoAnswer, Transport
from engine.log import redact
from engine.status import Status
from engine.text.segments import count

_COUNT = re.compile(r"[0-9]{1,2}")
_LONGEST_DETAIL = 500  # characters of the gateway's words that are kept


class HttpProvider:
    """One account and sender name at one gateway."""

    name = "http"

    def __init__(self, config: HttpSender, environment: OpenedWith, transport: Transport | None = None) -> None:
        self._config = config
        self.sender = config.sender
        asked = [part for part in (config.send, config.poll, config.listing) if part is not None]
        self.live = not all(is_loopback(part.url) for part in asked)
        self._transport = transport or Transport()
        self._bare = frozenset(config.send.bare)
        self._headers = config.send.all_headers()
        self._questions = Questions(config, self._transport, environment.clock)
        self._secrets = _secrets(asked)
        self.receipt_answer = config.callback.answer if config.callback else None

    async def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Hand every message over, each by one POST that is never repeated."""
        return list(await asyncio.gather(*map(self._send, batch)))

    async def _send(self, message: Outgoing) -> Outcome:
        config = self._config
        if config.accents == "none" and count(message.body).encoding != "GSM-7":
            return _ended(message, Meaning("stop", "text"))
        values = _values(message, config.sender)
        try:
            body = http_template.encoded(config.send.form, config.send.body, values, self._bare)
        except UnicodeError:  # half a surrogate pair: no request can carry it
            return _ended(message, Meaning("failed", "text"), reason="unreadable")
        address = URL(http_template.address(config.send.url, config.send.query, values), encoded=True)
        try:
            answer = await self._transport.call("POST", address, self._headers, body)
            return self._outcome(message, answer)
        except NeverSent as error:
            return _ended(message, Meaning("retry"), reason="no_connection", detail=str(error))
        except NoAnswer as error:
            return _ended(message, Meaning("unknown"), reason="no_answer", detail=str(error))
        except Exception as error:  # after a call nothing but a verdict may come out, or the row is lost sight of
            return _ended(message, Meaning("unknown"), reason="unexpected", detail=type(error).__name__)

    def _outcome(self, message: Outgoing, answer: Answer) -> Outcome:
        reading = self._config.answer
        tree = http_answer.read(answer.body, reading.format, reading.separator)
        code = http_answer.text_at(tree, reading.code)
        meaning = meant(self._config.codes, answer.status, code)
        words = http_answer.text_at(tree, reading.message) or answer.body[:2000].decode("utf-8", "replace")
        detail = self._kept(words, message)
        good = reading.success.holds(tree) if reading.success else tree is not None
        if 200 <= answer.status < 300 and good:
            return self._taken(message, tree, code, detail)
        if meaning is None or answer.status >= 500:
            known = 200 <= answer.status < 300
            reason = ("unlisted_code" if code else "malformed") if known else "vendor_error"
            return _ended(message, Meaning("unknown"), reason=reason, code=code, detail=detail)
        return _ended(message, meaning, code=code, detail=detail, retry_after=answer.retry_after)

    def _taken(self, message: Outgoing, tree: Any, code: str | None, detail: str) -> Outcome:
        reading = self._config.answer
        vendor_id = http_answer.text_at(tree, reading.id)
        if vendor_id is None or len(vendor_id) > 200:
            return _ended(message, Meaning("unknown"), reason="malformed", detail=detail)
        meaning: Meaning | None = Meaning("accepted")
        said = ""
        if reading.status is not None:
            values = http_answer.texts_at(tree, reading.status) or ("?",)
            meaning, said = meaning_in(self._config.statuses, values), "/".join(values)
        said_why = why(self._config.codes, meaning, code) if meaning else Meaning("unknown")
        segments = http_answer.text_at(tree, reading.segments) or ""
        return Outcome(
            message.delivery_id,
            message.attempt,
            meaning.kind.at_send if meaning else Status.UNKNOWN,
            vendor_id=vendor_id,
            reason=said_why.why if meaning else "unknown_status",
            decision=said_why.kind.decision,
            segments=int(segments) or None if _COUNT.fullmatch(segments) else None,
            detail=None if meaning else self._kept(said, message),
        )

    async def fetch(self, vendor_id: str) -> VendorMessage | None:
        """The gateway's present word on one message. Raises ``LookUpFailed``; ``NoLog`` where it cannot be asked."""
        return await self._questions.fetch(vendor_id)

    async def list_to(self, to: str) -> list[VendorMessage]:
        """Every message to ``to``, newest first. Raises ``LookUpFailed``; ``NoLog`` where there is no listing."""
        return await self._questions.list_to(to)

    def read_receipt(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> ReceiptWord:
        """Translate a report; our mark on the address is verified by the caller. Raises ``InvalidReceipt``."""
        return read_receipt(self._config, url, headers, form)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _kept(self, words: str, message: Outgoing) -> str:
        """The gateway's words as they may be stored: without this number, this text, any number, our secrets."""
        national = message.to.removeprefix("+84")
        own = {message.body, json.dumps(message.body)[1:-1], quote_plus(message.body), message.to, national}
        for secret in sorted(self._secrets | own, key=len, reverse=True):
            words = words.replace(secret, "…") if secret else words
        return redact(words)[:_LONGEST_DETAIL]


def _secrets(requests: Sequence[Request]) -> frozenset[str]:
    """Whatever stands fixed in a request and is longer than a word: a gateway may say any of it back in an error."""
    found: set[str] = set()
    for request in requests:
        basic = [request.basic, http_template.basic(request.basic)] if request.basic else []
        for _, text in http_template.leaves([request.headers, request.query, request.form, request.body, basic]):
            pieces = [text, *text.split(" "), *text.split(":")]
            found |= {piece for piece in pieces if len(piece) >= 6 and not http_template.places_in(piece)}
    return frozenset(found)


def _values(message: Outgoing, sender: str) -> dict[str, str]:
    return http_template.numbers(message.to) | {
        "text": message.body,
        "from": sender,
        "delivery": str(message.delivery_id),
        "attempt": str(message.attempt),
        "reference": f"{message.delivery_id}-{message.attempt}",
        "callback": callback_address.in_path(message.receipt_url) if message.receipt_url else "",
        "unicode": "0" if count(message.body).encoding == "GSM-7" else "1",
        "valid_seconds": str(message.valid_seconds),
        "valid_minutes": str(max(1, message.valid_seconds // 60)),
    }


def _ended(
    message: Outgoing,
    meaning: Meaning,
    *,
    reason: str | None = None,
    code: str | None = None,
    detail: str | None = None,
    retry_after: float | None = None,
) -> Outcome:
    return Outcome(
        message.delivery_id,
        message.attempt,
        meaning.kind.at_send,
        code=redact(code)[:40] if code else None,  # stored in clear: whatever a gateway puts there, no number
        reason=reason or meaning.why,
        decision=meaning.kind.decision,
        retry_after=retry_after,
        detail=detail,
    )
