"""Twilio Programmable Messaging.

The SDK gives credentials, regions and edges, request headers, exceptions, and the look-ups (fetch, list with
paging). A message is created with the same client's headers and address but without the SDK's resource layer:
that drops the Retry-After header and costs about a third of the CPU (three rounds in turn on a busy machine:
252 to 284 µs a message without it, 360 to 429 with; bench/sandbox_bench.py).

Tested against our sandbox and hand-written stand-ins only, never against Twilio itself: regions and edges, the
vendor's own choice between 400 and 429 for 21611, and whether it signs an address with or without its port
(both are accepted, as the SDK does).
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, urlencode

from twilio.base.exceptions import TwilioException
from twilio.base.version import Version
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

from engine.channels.addresses import is_loopback
from engine.channels.base import (
    BadSender,
    Decision,
    InvalidReceipt,
    LookUpFailed,
    OpenedWith,
    Outcome,
    Outgoing,
    ReceiptWord,
    VendorMessage,
)
from engine.channels.transport import Answer, NeverSent, NoAnswer, Transport
from engine.channels.twilio_client import NotAllowed, SdkClient, Throttled
from engine.channels.twilio_errors import INBOUND, REFUSED, STATUSES, THROTTLED, Meaning, meaning_of
from engine.channels.twilio_receipts import addressed, is_signed
from engine.channels.twilio_sender import TwilioSender
from engine.log import redact
from engine.status import Status

LONGEST_VALIDITY = 36_000  # seconds
_LONGEST_DETAIL = 500  # characters of the vendor's words that are kept
_PAGE = 1000


class TwilioProvider:
    """One Twilio account and sender name (or messaging service)."""

    name = "twilio"

    def __init__(self, config: TwilioSender, environment: OpenedWith, transport: Transport | None = None) -> None:
        base_url = environment.base_url
        if base_url and not base_url.startswith("https://") and not is_loopback(base_url):
            raise BadSender("channels.insecure-address")
        self.live = base_url is None or not is_loopback(base_url)
        self.sender = config.messaging_service or config.sender or ""
        self._account, self._token = config.account, config.token.get_secret_value()
        self._transport = transport or Transport()
        http = SdkClient(self._transport, base_url)
        self._client = Client(self._account, self._token, region=config.region, edge=config.edge, http_client=http)
        messages = self._client.api.v2010.absolute_url(f"Accounts/{self._account}/Messages.json")
        self._address = URL(http.address(self._client.get_hostname(messages)))
        basic = b64encode(f"{self._account}:{self._token}".encode()).decode()
        self._headers = {**self._client.get_headers("POST", None), "Authorization": f"Basic {basic}"}
        whose = "MessagingServiceSid" if config.messaging_service else "From"
        self._from = urlencode({whose: self.sender})

    async def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Create every message, each by one POST that is never repeated."""
        if len(batch) == 1:
            return [await self._send(batch[0])]
        return list(await asyncio.gather(*map(self._send, batch)))

    async def _send(self, message: Outgoing) -> Outcome:
        try:
            form = self._form(message)
        except UnicodeError:  # half a surrogate pair: no request can carry it, nothing has left
            return _attempted(message, Status.FAILED, "unreadable")
        try:
            answer = await self._transport.call("POST", self._address, self._headers, form)
            return self._outcome(message, answer)
        except NeverSent as error:
            return _attempted(message, Status.QUEUED, "no_connection", Decision.RETRY, detail=str(error))
        except NoAnswer as error:
            return _attempted(message, Status.UNKNOWN, "no_answer", detail=str(error))
        except Exception as error:  # after a call nothing but a verdict may come out, or the row is lost sight of
            return _attempted(message, Status.UNKNOWN, "unexpected", detail=type(error).__name__)

    def _form(self, message: Outgoing) -> bytes:
        """The body of the POST. Raises ``UnicodeError`` for words that are no text."""
        validity = min(max(message.valid_seconds, 1), LONGEST_VALIDITY)
        form = f"{self._from}&To={quote_plus(message.to)}&Body={_quoted(message.body)}&ValidityPeriod={validity}"
        if message.receipt_url:
            form += f"&StatusCallback={quote_plus(message.receipt_url)}"
        return form.encode()

    def _outcome(self, message: Outgoing, answer: Answer) -> Outcome:
        if answer.status in (200, 201):
            return self._created(message, answer)
        code, words = _error(answer)
        detail = self._kept(f"HTTP {answer.status}: {words}", message)
        meaning = _refusal(answer.status, code)
        if meaning is None:
            return _attempted(message, Status.UNKNOWN, "vendor_error", code=_text(code), detail=detail)
        return _attempted(
            message,
            meaning.at_create,
            meaning.reason,
            meaning.decision,
            code=_text(code),
            detail=detail,
            retry_after=answer.retry_after,
        )

    def _created(self, message: Outgoing, answer: Answer) -> Outcome:
        resource = _object(answer.body)
        vendor_id, word = resource.get("sid"), resource.get("status")
        if not isinstance(vendor_id, str) or not vendor_id or not isinstance(word, str):
            words = answer.body.decode("utf-8", "replace")
            return _attempted(message, Status.UNKNOWN, "malformed", detail=self._kept(words, message))
        code = _integer(resource.get("error_code"))
        status, meaning = _standing(word, code)
        known = word in STATUSES
        return Outcome(
            message.delivery_id,
            message.attempt,
            status,
            vendor_id=vendor_id,
            code=_text(code),
            reason=meaning.reason if meaning else None if known else "unknown_status",
            decision=meaning.decision if meaning else Decision.NONE,
            segments=_integer(resource.get("num_segments")) or None,  # a messaging service says 0: not known yet
            detail=None if known else self._kept(word, message),
        )

    async def fetch(self, vendor_id: str) -> VendorMessage | None:
        """The message with this id, None when the vendor has none. Raises ``LookUpFailed``."""
        try:
            return self._seen(await self._client.messages(vendor_id).fetch_async())
        except TwilioException as error:
            if getattr(error, "status", None) == 404 and getattr(error, "code", None) == 20404:
                return None
            raise _look_up_failed(error) from error
        except Exception as error:
            raise _look_up_failed(error) from error

    async def list_to(self, to: str) -> list[VendorMessage]:
        """Every outbound message to ``to``, all pages, newest first; by ``To`` alone, whoever sent it.

        A filter by date would be finer but hides messages that have not left the vendor's queue.
        """
        try:
            found = await self._client.messages.list_async(to=to, page_size=_PAGE)
            ours = [self._seen(message) for message in found if message.status not in INBOUND]
        except Exception as error:
            raise _look_up_failed(error) from error
        return sorted(ours, key=lambda message: message.created_at, reverse=True)

    def _seen(self, message: Any) -> VendorMessage:
        if not message.sid or not message.status or message.date_created is None:
            raise LookUpFailed("malformed")
        status, meaning = _standing(message.status, message.error_code)
        return VendorMessage(
            vendor_id=message.sid,
            sender=message.messaging_service_sid or message.from_ or "",
            status=status,
            created_at=message.date_created.astimezone(UTC),
            body=message.body or "",
            code=_text(message.error_code),
            reason=meaning.reason if meaning else None,
            decision=meaning.decision if meaning else Decision.NONE,
            detail=None if message.status in STATUSES else redact(str(message.status))[:_LONGEST_DETAIL],
        )

    def read_receipt(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> ReceiptWord:
        """Verify and translate a status callback; ``url`` is the public address it was sent to, with its query.

        The query carries ``d`` (delivery id) and ``a`` (attempt). Raises ``InvalidReceipt``.
        """
        signature = headers.get("x-twilio-signature") or headers.get("X-Twilio-Signature") or ""
        if not is_signed(url, form, signature, self._token):
            raise InvalidReceipt("signature")
        if form.get("AccountSid", self._account) != self._account:
            raise InvalidReceipt("account")
        vendor_id = form.get("MessageSid") or form.get("SmsSid")
        word = form.get("MessageStatus") or form.get("SmsStatus")
        if not vendor_id or not word:
            raise InvalidReceipt("form")
        delivery_id, attempt = addressed(url)
        code = _integer(form.get("ErrorCode"))
        status, meaning = _standing(word, code)
        return ReceiptWord(
            delivery_id,
            attempt,
            vendor_id,
            status if word in STATUSES else None,
            word,
            code=_text(code),
            reason=meaning.reason if meaning else None,
            decision=meaning.decision if meaning else Decision.NONE,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _kept(self, words: str, message: Outgoing) -> str:
        """The vendor's words as they may be stored: without this number, this text, any number, our secrets."""
        for secret in (self._token, self._account, message.body, message.to, message.to.lstrip("+")):
            words = words.replace(secret, "…") if secret else words
        return redact(words)[:_LONGEST_DETAIL]


@lru_cache(maxsize=256)
def _quoted(body: str) -> str:
    """A text as a form carries it; thousands of messages in a row share one text, and quoting costs 9 µs."""
    return quote_plus(body)


def _attempted(
    message: Outgoing,
    status: Status,
    reason: str,
    decision: Decision = Decision.NONE,
    *,
    code: str | None = None,
    detail: str | None = None,
    retry_after: float | None = None,
) -> Outcome:
    return Outcome(
        message.delivery_id,
        message.attempt,
        status,
        code=code,
        reason=reason,
        decision=decision,
        retry_after=retry_after,
        detail=detail,
    )


def _standing(word: str, code: int | None) -> tuple[Status, Meaning | None]:
    """Our status for the vendor's word and code; the meaning of the code where there is one."""
    status = STATUSES.get(word, Status.UNKNOWN)
    if status is not Status.FAILED:
        return status, None
    meaning = meaning_of(code)
    return meaning.final, meaning


def _refusal(status: int, code: int | None) -> Meaning | None:
    """What an error answer to a create means; None: nothing definite, the message may have been taken.

    Definite are Twilio's own codes in a 4xx, 429 (never processed), and 401 (RFC 9110: not applied). A 4xx
    without a code of Twilio's comes from something in between; 5xx proves nothing.
    """
    if status == 429:
        return meaning_of(code, THROTTLED)
    if not 400 <= status < 500 or status == 408:
        return None
    if code is None:
        return meaning_of(20003) if status == 401 else None
    if status == 401:
        return meaning_of(code, meaning_of(20003))
    return meaning_of(code, meaning_of(20403) if status == 403 else REFUSED)


def _error(answer: Answer) -> tuple[int | None, str]:
    """Twilio's code (None when the body carries none) and its words, read as the SDK reads them."""
    text = answer.body.decode("utf-8", "replace")
    error = Version.exception("POST", "", Response(answer.status, text), "refused")
    code = _integer(getattr(error, "code", None))
    words = getattr(error, "msg", None) or getattr(error, "detail", None) or text
    # Without a code of the vendor's the SDK repeats the HTTP status in its place.
    return (code if code is not None and code >= 10_000 else None), str(words)


def _look_up_failed(error: Exception) -> LookUpFailed:
    """Why a look-up came to nothing; the vendor's words, which hold the number, are left behind."""
    if isinstance(error, LookUpFailed):
        return error
    if isinstance(error, Throttled):
        return LookUpFailed("throttled", Decision.RETRY, error.retry_after)
    if isinstance(error, NeverSent):
        return LookUpFailed("no_connection")
    if isinstance(error, NoAnswer):
        return LookUpFailed("no_answer")
    if isinstance(error, NotAllowed):
        return LookUpFailed("credentials", Decision.STOP_SENDER)
    return LookUpFailed("vendor_error" if isinstance(error, TwilioException) else "malformed")


def _object(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _integer(value: object) -> int | None:
    try:
        return int(str(value)[:12]) if value is not None else None
    except ValueError:
        return None


def _text(code: int | None) -> str | None:
    return None if code is None else str(code)
