"""The sandbox in-process: the same phones as ``loa sandbox``, without HTTP, for rehearsals and exercises.

It keeps no state that matters. A vendor id carries all that decides a message's course (the phone's trait,
the creation instant, the validity), so any process can ask later; of the number it carries 16 bits, shared by
thousands of numbers. A process that was killed has left nothing behind at this vendor, and the empty log says
so. Receipts never come by themselves: they are polled.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.channels.base import (
    BadSender,
    Decision,
    InvalidReceipt,
    NoLog,
    OpenedWith,
    Outcome,
    Outgoing,
    Provider,
    ReceiptWord,
    Vendor,
    VendorMessage,
)
from engine.channels.publishing import Publisher
from engine.channels.sandbox_page import SandboxPage
from engine.channels.twilio_errors import STATUSES, meaning_of
from engine.clock import Clock
from engine.sandbox.model import LONGEST_VALIDITY, PhoneModel, Step, step_at
from engine.sandbox.segments import count_segments
from engine.status import Status

_E_MAIL = "SBM-"  # begins the ids of e-mails
_REMEMBERED = 10_000  # the last messages of this process, for ``list_to``
# The instant first: ids then grow, and the database's index of them with them (at its end, not all over).
_ID = re.compile(r"SB([0-9a-f]{12})([0-9a-f]{4})([0-9a-f]{4})-([0-9]+)-([0-9]+)")


class SandboxSender(BaseModel):
    """The sandbox's own keys of a sender."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    sender: str = Field("SANDBOX", alias="from", description="Tên định danh dùng khi diễn tập")
    channel: Literal["sms", "email", "facebook", "zalo", "telegram", "social"] = Field(
        "sms",
        description="Kênh mà người gửi diễn tập này đóng vai: sms, email (cho người phát loa), hoặc một trang để đăng",
    )

    @field_validator("sender")
    @classmethod
    def _short(cls, value: str) -> str:
        if not 1 <= len(value) <= 16:
            raise BadSender("channels.bad-sender-name")
        return value


class Taken(NamedTuple):
    """A message that the phones have taken: when (milliseconds since 1970, UTC), and what it will come to."""

    delivery_id: int
    attempt: int
    vendor_id: str
    created_ms: int
    end: Step

    def word(self) -> ReceiptWord:
        """What the last receipt about it says."""
        return ReceiptWord(self.delivery_id, self.attempt, self.vendor_id, *_said(self.end))


class SandboxProvider:
    """Phones of clay. ``seed`` chooses which of them answer.

    ``watch``, where given, is told of every message that is taken: a rehearsal hands in the receipts by itself.
    """

    name = "sandbox"
    live = False

    def __init__(
        self, config: SandboxSender, clock: Clock, seed: int = 0, watch: Callable[[Taken], None] | None = None
    ) -> None:
        self.sender = config.sender
        self._by_email = config.channel == "email"
        self._clock, self._model, self._watch = clock, PhoneModel(seed), watch
        self._remembered: OrderedDict[str, tuple[str, str]] = OrderedDict()

    async def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Take every message at once; opted-out and impossible numbers are refused as the vendor would."""
        created_ms = int(self._clock.now().timestamp() * 1000)
        return [self._take(message, created_ms) for message in batch]

    def _take(self, message: Outgoing, created_ms: int) -> Outcome:
        if self._by_email:
            return self._post(message, created_ms)
        refused, trait = self._model.take(message.to)
        if refused is not None:
            meaning = meaning_of(refused)
            return Outcome(
                message.delivery_id,
                message.attempt,
                meaning.at_create,
                code=str(refused),
                reason=meaning.reason,
                decision=meaning.decision,
            )
        validity = min(max(message.valid_seconds, 1), LONGEST_VALIDITY)
        vendor_id = f"SB{created_ms:012x}{trait:04x}{validity:04x}-{message.delivery_id}-{message.attempt}"
        self._remembered[vendor_id] = message.to, message.body
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        if self._watch is not None:
            end = self._model.end(trait, created_ms, validity)
            self._watch(Taken(message.delivery_id, message.attempt, vendor_id, created_ms, end))
        return Outcome(
            message.delivery_id,
            message.attempt,
            Status.ACCEPTED,
            vendor_id=vendor_id,
            segments=count_segments(message.body),
        )

    def _post(self, message: Outgoing, created_ms: int) -> Outcome:
        """An e-mail: taken, and nothing is ever heard of it again, as with a mail server."""
        vendor_id = f"{_E_MAIL}{created_ms:012x}-{message.delivery_id}-{message.attempt}"
        if self._watch is not None:
            self._watch(Taken(message.delivery_id, message.attempt, vendor_id, created_ms, Step("sent", 0.0)))
        return Outcome(message.delivery_id, message.attempt, Status.ACCEPTED, vendor_id=vendor_id)

    async def fetch(self, vendor_id: str) -> VendorMessage | None:
        """The message's standing by the campaign clock; None for an id that is none of ours. Raises ``NoLog``."""
        if vendor_id.startswith(_E_MAIL):
            raise NoLog
        return self._seen(vendor_id, self._remembered.get(vendor_id, ("", ""))[1])

    async def list_to(self, to: str) -> list[VendorMessage]:
        """The messages to ``to`` among the last 10,000 of this process, newest first. Raises ``NoLog`` for e-mail."""
        if self._by_email:
            raise NoLog
        found = (self._seen(sid, body) for sid, (number, body) in reversed(self._remembered.items()) if number == to)
        return [message for message in found if message is not None]

    def _seen(self, vendor_id: str, body: str) -> VendorMessage | None:
        read = _ID.fullmatch(vendor_id)
        if read is None:
            return None
        created_ms, trait, validity = (int(part, 16) for part in read.groups()[:3])
        elapsed = self._clock.now().timestamp() - created_ms / 1000
        step = step_at(self._model.course(trait, created_ms, validity), elapsed)
        status, _, code, reason, decision = _said(step)
        return VendorMessage(
            vendor_id=vendor_id,
            sender=self.sender,
            status=status,
            created_at=datetime.fromtimestamp(created_ms / 1000, UTC),
            body=body,
            code=code,
            reason=reason,
            decision=decision,
        )

    def read_receipt(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> ReceiptWord:
        """Refuses everything: this vendor sends no receipts."""
        raise InvalidReceipt("signature")

    async def close(self) -> None:
        """Nothing to give back."""


def _said(step: Step) -> tuple[Status, str, str | None, str | None, Decision]:
    """A step of a course in our words: status, the vendor's word, error code, reason, what is to be done."""
    if step.error_code is None:
        return STATUSES[step.status], step.status, None, None, Decision.NONE
    meaning = meaning_of(step.error_code)
    return meaning.final, step.status, str(step.error_code), meaning.reason, meaning.decision


def _open(sender_key: str, config: SandboxSender, environment: OpenedWith) -> Provider:
    return SandboxProvider(config, environment.clock, environment.seed)


def _publish(sender_key: str, config: SandboxSender, environment: OpenedWith) -> Publisher:
    return SandboxPage(sender_key, environment.clock, environment.seed)


VENDOR = Vendor(
    name="sandbox",
    channel="sms",
    schema=SandboxSender,
    open=_open,
    publish=_publish,
    channels=frozenset({"email", "facebook", "zalo", "telegram", "social"}),
    needs_approval=False,
)
