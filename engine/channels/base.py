"""The seam between the pipeline and a vendor: small enough to read in a minute.

A vendor is one file. It says how to hand messages over, how to read the vendor's receipts, and how to look
things up in the vendor's own log. It decides nothing about queues, clocks or the database. Its words never
leave it: every answer is turned into an ``Outcome`` or a ``ReceiptWord`` here defined.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from engine.channels.token_keeper import Keeps
from engine.clock import Clock
from engine.errors import LoaError
from engine.status import Status

if TYPE_CHECKING:
    from engine.channels.publishing import Publisher


class Decision(StrEnum):
    """What the pipeline does about an attempt that did not end in acceptance."""

    NONE = "none"  # nothing: the status says it all
    RETRY = "retry"  # proven not processed (no connection, 429): safe to send again later
    HOLD_SENDER = "hold_sender"  # the sender is overloaded or filtered: keep its queue, probe later
    STOP_SENDER = "stop_sender"  # credentials or account: a person must act; an incident is raised
    OPT_OUT = "opt_out"  # the person has opted out at the vendor: record it


@dataclass(frozen=True, slots=True)
class Letter:
    """What an e-mail has beyond its plain words.

    ``reference`` is the same at every attempt of one delivery and of no other: the message's own id is made of it.
    ``print_pdf`` is attached as ``print_name``; None: there is no print.
    """

    subject: str
    html: str = field(repr=False)
    reference: str
    language: str
    print_pdf: bytes | None = field(default=None, repr=False)
    print_name: str = ""


@dataclass(slots=True)  # not frozen, which costs 2 µs: one is made for every message, as of the next two
class Outgoing:
    """One delivery's attempt, ready to be handed over; never log one.

    ``to`` is E.164, or an e-mail address where there is a ``letter`` (for senders of the channel ``email``).
    """

    delivery_id: int
    attempt: int
    to: str = field(repr=False)
    body: str = field(repr=False)
    valid_seconds: int  # at most this long may the vendor keep trying
    receipt_url: str | None  # absolute, signed, carries delivery id and attempt; None: receipts are polled
    letter: Letter | None = field(default=None, repr=False)


@dataclass(slots=True)
class Outcome:
    """What one attempt came to.

    ``status`` is accepted, delivered, failed, expired, unknown, or queued (proven not processed: send again).
    ``code`` is the vendor's error code as text, ``reason`` our stable word for it (``landline``,
    ``opted_out``, ``credentials`` …), ``detail`` the vendor's words: stored encrypted, never logged.
    ``retry_after`` is in seconds.
    """

    delivery_id: int
    attempt: int
    status: Status
    vendor_id: str | None = None
    code: str | None = None
    reason: str | None = None
    decision: Decision = Decision.NONE
    retry_after: float | None = None
    segments: int | None = None
    detail: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class VendorMessage:
    """One message as the vendor's log has it, for reconciliation and polling.

    ``status`` is our word for the vendor's; a vendor word we don't know gives ``Status.UNKNOWN`` and stands in
    ``detail``. ``sender`` is comparable with ``Provider.sender``.
    """

    vendor_id: str
    sender: str
    status: Status
    created_at: datetime
    body: str = field(repr=False)
    code: str | None = None
    reason: str | None = None
    decision: Decision = Decision.NONE
    detail: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class ReceiptWord:
    """A verified receipt, in our words.

    ``delivery_id`` None: it came to the sender's fixed address and says only the vendor's id, by which the delivery
    is found (``attempt`` is 0 then). ``status`` accepted: the vendor has the message and is at it, which settles a
    delivery whose answer was lost. ``status`` None: a vendor word we don't know, kept in ``vendor_status``; nothing
    is done about it.
    """

    delivery_id: int | None
    attempt: int
    vendor_id: str
    status: Status | None
    vendor_status: str
    code: str | None = None
    reason: str | None = None
    decision: Decision = Decision.NONE


class InvalidReceipt(Exception):
    """The signature, the URL or the form of a receipt is wrong; it is refused and counted, never applied."""


class Provider(Protocol):
    """A vendor, configured as one sender. Created inside the event loop that uses it."""

    name: str
    sender: str  # what ``VendorMessage.sender`` is for messages of this sender
    live: bool  # True when messages reach real phones: then no turned clock, no synthetic people

    async def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Hand every message over once, never repeating a call by itself. One outcome for each, in any order.

        Never raises for what a vendor or the network does; cancelled calls count as unknown to the caller.
        """
        ...

    async def fetch(self, vendor_id: str) -> VendorMessage | None:
        """The vendor's present word on one message; None: it has no such message. Raises ``LookUpFailed``."""
        ...

    async def list_to(self, to: str) -> list[VendorMessage]:
        """Every message to ``to`` in the vendor's log, complete (all pages), newest first. Raises ``LookUpFailed``."""
        ...

    def read_receipt(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> ReceiptWord:
        """Verify and translate a status callback. Raises ``InvalidReceipt``.

        ``url`` is the public URL as signed, ``headers`` have small letters, ``form`` are the fields of the form, of
        the query (GET), or of a JSON body with the way to each (``data.0.status``). That the address is one of ours
        is verified by the caller.
        """
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class LookUpFailed(Exception):
    """The vendor's log could not be read now; nothing is concluded from that.

    ``reason`` is our stable word (``no_connection``, ``no_answer``, ``throttled``, ``credentials``,
    ``vendor_error``, ``malformed``); ``decision`` says whether the sender must stop; ``retry_after`` in seconds.
    """

    def __init__(self, reason: str, decision: Decision = Decision.NONE, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.decision, self.retry_after = reason, decision, retry_after


class NoLog(LookUpFailed):
    """This vendor cannot be asked that at all: a person finds out, or the vendor tells us by itself."""

    def __init__(self) -> None:
        super().__init__("no_log")


class BadSender(LoaError, ValueError):
    """A sender in ``loa.yaml`` that this vendor cannot use; a ``ValueError`` so that pydantic keeps its place."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """A line of the registry: the provider's name, its pydantic schema of a sender, and how to open one.

    ``schema`` is given to content by the caller, so that ``loa check`` knows a vendor's keys and content
    imports no channel. ``open(sender_key, config, environment)`` builds a ``Provider``; ``config`` is the
    validated sender with secrets filled in; ``environment`` is ``OpenedWith``. A vendor of posts gives ``publish``
    instead. The rest has defaults that suit most.
    """

    name: str
    channel: str  # "sms", "facebook", …
    schema: type[BaseModel]
    open: "Callable[[str, Any, OpenedWith], Provider] | None" = None  # None: it carries posts only
    # For pages and channels: builds a ``publishing.Publisher`` as ``open`` does a ``Provider``.
    publish: "Callable[[str, Any, OpenedWith], Publisher] | None" = None
    channels: frozenset[str] = frozenset()  # others that a sender may serve, by its own key ``channel``
    needs_approval: bool = True
    # The addresses that a sender's options lead to. Where all are on this machine, nothing reaches a phone.
    reaches: Callable[[Mapping[str, Any]], Sequence[str]] | None = None
    placeholders: frozenset[str] = frozenset()  # ``${…}`` in the options that stand for a message's parts
    rate: float | None = None  # messages a second when the sender says nothing
    by_file: bool = False  # nothing is called: a run's deliveries leave as a file for an operator
    receipts_by_get: bool = False  # callbacks may come as GET, their fields in the query


@dataclass(frozen=True, slots=True)
class OpenedWith:
    """What a provider may need of the process that opens it."""

    clock: Clock
    base_url: str | None = None  # another address for the vendor's API (LOA_TWILIO_URL)
    seed: int = 0
    tokens: Keeps | None = None  # who keeps single-use tokens, by account
