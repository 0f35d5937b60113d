"""The vendor's log of messages, in memory: what it accepted, found again by id, number or page."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from engine.sandbox.model import LONGEST_VALIDITY, PhoneModel, Step, step_at
from engine.sandbox.segments import count_segments

API = "2010-04-01"


@dataclass(frozen=True, slots=True)
class Message:
    """One accepted message. ``created_ms`` is the campaign clock's instant in milliseconds since 1970."""

    sid: str
    account: str
    to: str
    sender: str | None
    service: str | None
    body: str
    created_ms: int
    callback: str | None
    validity: int | None
    trait: int
    place: int  # its place in the log, from 0


@lru_cache(maxsize=4096)
def _rfc2822(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


class MessageLog:
    """Everything accepted so far, oldest first."""

    def __init__(self, model: PhoneModel) -> None:
        self.model = model
        self._all: list[Message] = []
        self._by_sid: dict[str, Message] = {}
        self._by_number: defaultdict[str, list[Message]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._all)

    def add(self, message: Message) -> None:
        """Remember an accepted message; its ``place`` must be the next one."""
        self._all.append(message)
        self._by_sid[message.sid] = message
        self._by_number[message.to].append(message)

    def find(self, sid: str) -> Message | None:
        """The message with this id."""
        return self._by_sid.get(sid)

    def count_to(self, number: str) -> int:
        """How many messages to this number were accepted."""
        return len(self._by_number[number]) if number in self._by_number else 0

    def course(self, message: Message) -> tuple[Step, ...]:
        """What becomes of a message; computed anew each time: it costs some 5 µs, and kept it would cost 500 bytes."""
        return self.model.course(message.trait, message.created_ms, message.validity or LONGEST_VALIDITY)

    def newest_first(self, number: str | None, before: int | None) -> Iterator[Message]:
        """Messages (to one number), newest first, from the place ``before`` downwards (excluded)."""
        source = self._by_number.get(number, []) if number is not None else self._all
        for message in reversed(source):
            if before is None or message.place < before:
                yield message

    def view(self, message: Message, now: float) -> dict[str, Any]:
        """The Message resource as Twilio's API shows it at ``now`` (campaign seconds since 1970)."""
        course = self.course(message)
        step = step_at(course, now - message.created_ms / 1000)
        sent = sent_at(message, course, now)
        path = f"/{API}/Accounts/{message.account}/Messages/{message.sid}"
        return {
            "account_sid": message.account,
            "api_version": API,
            "body": message.body,
            "date_created": _rfc2822(message.created_ms // 1000),
            "date_sent": None if sent is None else _rfc2822(int(sent)),
            "date_updated": _rfc2822(int(message.created_ms / 1000 + step.after)),
            "direction": "outbound-api",
            "error_code": step.error_code,
            "error_message": None,
            "from": message.sender,
            "messaging_service_sid": message.service,
            "num_media": "0",
            "num_segments": str(count_segments(message.body)) if message.sender else "0",
            "price": None,
            "price_unit": "USD",
            "sid": message.sid,
            "status": step.status if message.sender or step.status != "queued" else "accepted",
            "subresource_uris": {"media": f"{path}/Media.json"},
            "to": message.to,
            "uri": f"{path}.json",
        }


def sent_at(message: Message, course: tuple[Step, ...], now: float) -> float | None:
    """When the message left the vendor (seconds since 1970), None while it has not."""
    for step in course:
        if step.status == "sent" and message.created_ms / 1000 + step.after <= now:
            return message.created_ms / 1000 + step.after
    return None


def day_of(instant: float) -> date:
    """The UTC day of an instant: the vendor's date filters are that coarse."""
    return datetime.fromtimestamp(instant, UTC).date()
