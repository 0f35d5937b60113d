"""Senders opened: from a snapshot's sender (without secrets) and the environment to a vendor's connection."""

from dataclasses import dataclass, field

from pydantic import ValidationError

from engine.channels import vendor
from engine.channels.base import OpenedWith, Provider
from engine.channels.transport import is_loopback
from engine.content.organisation import Sender
from engine.content.snapshot import Snapshot
from engine.errors import LoaError
from engine.pipeline.process import Process


def is_live(process: Process, sender: Sender) -> bool:
    """Whether messages through ``sender`` reach real phones: not the sandbox, and not an address on this machine."""
    if not vendor(sender.provider).needs_approval:
        return False
    base_url = base_url_of(process, sender)
    return base_url is None or not is_loopback(base_url)


def any_live(process: Process, snapshot: Snapshot) -> bool:
    """Whether any sender of the campaign is live: then none of its texts may be an unreviewed draft."""
    return any(is_live(process, sender) for sender in snapshot.senders.values())


def needs_approval(sender: Sender) -> bool:
    """Every provider but the sandbox needs an approval, also on loopback: it is the same road."""
    return vendor(sender.provider).needs_approval


def base_url_of(process: Process, sender: Sender) -> str | None:
    """Another address for the vendor's API, where the environment gives one."""
    return process.settings.twilio_url if sender.provider == "twilio" else None


@dataclass
class Providers:
    """The providers of this process, opened at first use inside the event loop that uses them.

    One for each configuration that a sender has had: what was sent under another name or account is looked up there.
    """

    process: Process
    _open: dict[str, list[tuple[Sender, Provider]]] = field(default_factory=dict)

    def open(self, sender: Sender) -> Provider:
        """The provider of ``sender`` as it is configured here.

        Raises ``LoaError``: a secret is not set, or a live sender meets a turned clock.
        """
        for known, provider in self._open.get(sender.key, ()):
            if known is sender or known == sender:
                return provider
        kind = vendor(sender.provider)
        if self.process.settings.clock_turned and is_live(self.process, sender):
            raise LoaError("pipeline.turned-clock-live", sender=sender.key)
        try:
            config = sender.config(kind, self.process.environment)
        except ValidationError as error:  # a secret of the wrong form: its value must not be shown
            fields = ", ".join(sorted({str(place) for one in error.errors() for place in one["loc"]}))
            raise LoaError("pipeline.bad-sender", sender=sender.key, fields=fields) from None
        opened: Provider = kind.open(
            sender.key, config, OpenedWith(clock=self.process.clock, base_url=base_url_of(self.process, sender))
        )
        self._open.setdefault(sender.key, []).append((sender, opened))
        return opened

    def of_run(self, digest: str, sender_key: str) -> tuple[Sender, Provider] | None:
        """A sender as a run's snapshot has it; None when it cannot be opened in this process."""
        sender = self.process.snapshot(digest).senders[sender_key]
        try:
            return sender, self.open(sender)
        except LoaError:
            return None

    async def close(self) -> None:
        """Give every connection back."""
        for opened in self._open.values():
            for _, provider in opened:
                await provider.close()
        self._open.clear()
