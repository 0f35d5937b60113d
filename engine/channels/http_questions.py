"""What a gateway is asked: how one message stands, which messages one number got. What is unclear proves nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from yarl import URL

from engine.channels import http_answer, http_template
from engine.channels.base import LookUpFailed, NoLog, VendorMessage
from engine.channels.http_sender import HttpSender, Listing, Reading
from engine.channels.http_words import later, meaning_in, meant
from engine.channels.transport import NeverSent, NoAnswer, Transport
from engine.clock import VIETNAM, Clock
from engine.log import redact
from engine.status import Status

_LONGEST_DETAIL = 500  # characters of the gateway's words that are kept
_MOST_PAGES = 50


class Questions:
    """The questions of one sender, over its provider's connections."""

    def __init__(self, config: HttpSender, transport: Transport, clock: Clock) -> None:
        self._config, self._transport, self._clock = config, transport, clock

    async def fetch(self, vendor_id: str) -> VendorMessage | None:
        """The gateway's present word on one message. Raises ``LookUpFailed``; ``NoLog`` where it cannot be asked."""
        poll = self._config.poll
        if poll is None:
            raise NoLog
        tree = await self._ask(poll, poll.answer, {"id": vendor_id, "from": self._config.sender})
        values = http_answer.texts_at(tree, poll.answer.status or ())
        if values is None:
            raise LookUpFailed("malformed")
        code = http_answer.text_at(tree, poll.answer.code)
        table = poll.statuses or self._config.statuses
        status, reason, decision = later(self._config.codes, meaning_in(table, values), code)
        return VendorMessage(
            vendor_id,
            self._config.sender,
            status or Status.UNKNOWN,
            self._clock.now(),
            "",
            code=redact(code)[:40] if code else None,
            reason=reason,
            decision=decision,
            detail=None if status else redact("/".join(values))[:_LONGEST_DETAIL],
        )

    async def list_to(self, to: str) -> list[VendorMessage]:
        """Every message to ``to``, newest first. Raises ``LookUpFailed``; ``NoLog`` where there is no listing."""
        listing = self._config.listing
        if listing is None:
            raise NoLog
        paged = any(
            "page" in http_template.places_in(text)
            for _, text in http_template.leaves([listing.query, listing.form, listing.body])
        )
        found: list[VendorMessage] = []
        for page in range(1, _MOST_PAGES + 1):
            values = http_template.numbers(to) | {"from": self._config.sender, "page": str(page)}
            tree = await self._ask(listing, listing, values)
            items = http_answer.at(tree, listing.items)
            if not isinstance(items, list):
                raise LookUpFailed("malformed")
            found += [self._listed(listing, item) for item in items]
            if paged and items:
                continue
            if not paged and len(items) >= listing.most:
                raise LookUpFailed("incomplete")  # the one we look for may be behind the last shown
            return sorted(found, key=lambda message: message.created_at, reverse=True)
        raise LookUpFailed("incomplete")

    def _listed(self, listing: Listing, item: Any) -> VendorMessage:
        vendor_id, created = http_answer.text_at(item, listing.id), http_answer.text_at(item, listing.created)
        values = http_answer.texts_at(item, listing.status)
        if vendor_id is None or created is None or values is None:
            raise LookUpFailed("malformed")
        status, reason, decision = later(
            self._config.codes, meaning_in(listing.statuses or self._config.statuses, values), None
        )
        return VendorMessage(
            vendor_id,
            http_answer.text_at(item, listing.sender) or self._config.sender,
            status or Status.UNKNOWN,
            _instant(created, listing.time),
            http_answer.text_at(item, listing.text) or "",
            reason=reason,
            decision=decision,
        )

    async def _ask(self, question: Any, reading: Reading | Listing, values: Mapping[str, str]) -> Any:
        """The answer to a question, as a tree. Raises ``LookUpFailed`` with nothing of the gateway's words."""
        body = http_template.encoded(question.form, question.body, values, frozenset(question.bare))
        address = URL(http_template.address(question.url, question.query, values), encoded=True)
        try:
            answer = await self._transport.call(question.method, address, question.all_headers(), body)
        except NeverSent:
            raise LookUpFailed("no_connection") from None
        except NoAnswer:
            raise LookUpFailed("no_answer") from None
        separator = reading.separator if isinstance(reading, Reading) else "|"
        tree = http_answer.read(answer.body, reading.format, separator)
        good = reading.success.holds(tree) if reading.success else tree is not None
        if 200 <= answer.status < 300 and good:
            if tree is None:
                raise LookUpFailed("malformed")
            return tree
        code = http_answer.text_at(tree, reading.code if isinstance(reading, Reading) else self._config.answer.code)
        meaning = meant(self._config.codes, answer.status, code)
        if meaning is None or answer.status >= 500 or meaning.word not in ("retry", "hold", "stop"):
            raise LookUpFailed("vendor_error")
        raise LookUpFailed(meaning.why or "vendor_error", meaning.kind.decision, answer.retry_after)


def _instant(text: str, form: str) -> datetime:
    """When a gateway took a message; a time without a zone is Vietnam's. Raises ``LookUpFailed``."""
    try:
        if form in ("seconds", "milliseconds"):
            return datetime.fromtimestamp(float(text) / (1000 if form == "milliseconds" else 1), UTC)
        read = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007
    except (ValueError, OverflowError, OSError):
        raise LookUpFailed("malformed") from None
    return (read if read.tzinfo else read.replace(tzinfo=VIETNAM)).astimezone(UTC)
