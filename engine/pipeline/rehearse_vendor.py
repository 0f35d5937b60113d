"""The vendor of a rehearsal: the sandbox's phones behind every sender, and a ledger of what they were handed.

Its clock is the true one: a vendor does not know that the office's clock is wrong. Receipts wait here until their time
has come; the ledger counts for itself, so that "nobody got it twice" is not proven from our own rows.
"""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.channels.base import Decision, Outcome, Outgoing, Provider, ReceiptWord, VendorMessage
from engine.channels.publishing import Publisher
from engine.channels.sandbox import SandboxProvider, SandboxSender, Taken
from engine.channels.sandbox_page import SandboxPage
from engine.clock import SteppedTime
from engine.content.loudspeaker import EMAIL
from engine.content.organisation import Sender
from engine.pipeline.process import Process
from engine.pipeline.providers import Providers
from engine.pipeline.publishers import Publishers
from engine.pipeline.rehearse_faults import Faults
from engine.status import Status

_NAME = "DIENTAP"


@dataclass(slots=True)
class World:
    """All phones and their vendor. ``clock`` is moved by who rehearses; ``handed`` counts calls taken, by delivery."""

    clock: SteppedTime
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    handed: bytearray = field(default_factory=bytearray, repr=False)
    posted: Counter[int] = field(default_factory=Counter)  # post → how often pages were handed it
    _receipts: list[tuple[float, int, Taken, str]] = field(default_factory=list, repr=False)

    def take(self, taken: Taken, sender: str) -> None:
        """Note a message that was taken: in the ledger, and its last word for when the phone has answered."""
        key = taken.delivery_id
        if key >= len(self.handed):
            self.handed.extend(bytes(key + 4096 - len(self.handed)))
        self.handed[key] = min(self.handed[key] + 1, 255)
        ends = taken.created_ms / 1000 + taken.end.after
        heapq.heappush(self._receipts, (ends, key, taken, sender))

    def post(self, post_id: int, text: str) -> None:
        """Note a post that was put up."""
        self.posted[post_id] += 1

    def receipts(self, until: float) -> list[tuple[float, ReceiptWord, str]]:
        """(when, word, sender) of every receipt up to ``until``, in order of time; each is handed out once."""
        found = []
        while self._receipts and self._receipts[0][0] <= until:
            at, _, taken, sender = heapq.heappop(self._receipts)
            found.append((at, taken.word(), sender))
        return found

    @property
    def waiting(self) -> int:
        """How many receipts are still to come."""
        return len(self._receipts)

    @property
    def last(self) -> float | None:
        """When the last of the receipts comes; None when none is to come."""
        return max((one[0] for one in self._receipts), default=None)


class RehearsedProvider:
    """One sender's way to the phones, while it can be reached at all."""

    name = "sandbox"
    live = False

    def __init__(self, world: World, key: str, channel: str = "sms") -> None:
        self._world, self._key = world, key
        config = SandboxSender.model_validate({"from": _NAME, "channel": EMAIL if channel == EMAIL else "sms"})
        self._phones = SandboxProvider(config, world.clock, world.seed, lambda taken: world.take(taken, key))
        self.sender = self._phones.sender

    async def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Hand the messages over; no connection is made to a sender that is out of reach."""
        if self._world.faults.outages and self._world.faults.unreachable(self._key, self._world.clock.true):
            return [
                Outcome(
                    message.delivery_id,
                    message.attempt,
                    Status.QUEUED,
                    reason="no_connection",
                    decision=Decision.RETRY,
                )
                for message in batch
            ]
        return await self._phones.send(batch)

    async def fetch(self, vendor_id: str) -> VendorMessage | None:
        """The vendor's present word on one message."""
        return await self._phones.fetch(vendor_id)

    async def list_to(self, to: str) -> list[VendorMessage]:
        """The messages to ``to``, newest first."""
        return await self._phones.list_to(to)

    def read_receipt(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> ReceiptWord:
        """Nothing comes over HTTP here."""
        return self._phones.read_receipt(url, headers, form)

    async def close(self) -> None:
        """Nothing to give back."""


class RehearsedPublishers(Publishers):
    """Every page opened as the sandbox's, whatever its provider: nobody sees what is posted there."""

    def __init__(self, process: Process, world: World) -> None:
        super().__init__(process)
        self._world = world
        self._by_key: dict[str, Publisher] = {}

    def open(self, sender: Sender) -> Publisher:
        """The page of that sender's key. Never raises: secrets are not looked at."""
        if sender.key not in self._by_key:
            self._by_key[sender.key] = SandboxPage(sender.key, self._world.clock, self._world.seed, self._world.post)
        return self._by_key[sender.key]


class RehearsedProviders(Providers):
    """Every sender opened as the model, whatever its provider: nothing can leave this machine."""

    def __init__(self, process: Process, world: World) -> None:
        super().__init__(process)
        self._world = world
        self._by_key: dict[str, Provider] = {}

    def open(self, sender: Sender) -> Provider:
        """The model under that sender's key. Never raises: secrets are not looked at."""
        if sender.key not in self._by_key:
            self._by_key[sender.key] = RehearsedProvider(self._world, sender.key, sender.channel)
        return self._by_key[sender.key]
