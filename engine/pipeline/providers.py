"""Senders opened: from a snapshot's sender (without secrets) and the environment to a vendor's connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from engine.channels import vendor
from engine.channels.addresses import is_loopback
from engine.channels.base import OpenedWith, Provider, Vendor
from engine.content.organisation import Sender, filled
from engine.content.snapshot import Snapshot
from engine.errors import LoaError
from engine.pipeline.process import Process
from engine.store.vendor_tokens import VendorTokens


def is_live(process: Process, sender: Sender) -> bool:
    """Whether messages through ``sender`` reach real phones: not the sandbox, and not an address on this machine."""
    return reaches_phones(sender, process.environment, process.settings.twilio_url)


def reaches_phones(sender: Sender, environment: Mapping[str, str], twilio_url: str | None) -> bool:
    """The same of a sender as its file stands: ``environment`` fills its ``${NAME}``, ``twilio_url`` LOA_TWILIO_URL."""
    if not needs_approval(sender):
        return False
    if sender.provider == "twilio" and twilio_url is not None:
        return not is_loopback(twilio_url)
    reached = _reached(sender, environment)
    return not reached or not all(map(is_loopback, reached))


def _reached(sender: Sender, environment: Mapping[str, str]) -> Sequence[str]:
    """The addresses that a sender's options lead to; none where its vendor does not say, or a variable is not set."""
    kind = _kind(sender)
    if kind is None or kind.reaches is None:
        return ()
    try:
        return kind.reaches(filled(sender.options, environment, kind.placeholders))
    except LoaError:
        return ()


def any_live(process: Process, snapshot: Snapshot) -> bool:
    """Whether any sender of the campaign is live: then none of its texts may be an unreviewed draft."""
    return any(is_live(process, sender) for sender in snapshot.senders.values())


def needs_approval(sender: Sender) -> bool:
    """Every provider but the sandbox needs an approval, also on loopback: it is the same road."""
    kind = _kind(sender)
    return kind is None or kind.needs_approval


def leaves_by_file(sender: Sender) -> bool:
    """Whether nothing is called for it: its deliveries leave as a file for an operator."""
    kind = _kind(sender)
    return kind is not None and kind.by_file


def vendor_of(sender: Sender) -> Vendor:
    """The sender's vendor. Raises ``LoaError`` when its package is gone or broken."""
    return vendor(sender.provider)


def _kind(sender: Sender) -> Vendor | None:
    """The vendor; None when its package is gone or broken: that stops this sender alone, when it is opened."""
    try:
        return vendor(sender.provider)
    except LoaError:
        return None


def base_url_of(process: Process, sender: Sender) -> str | None:
    """Another address for the vendor's API, where the environment gives one."""
    return process.settings.twilio_url if sender.provider == "twilio" else None


def opened_with(process: Process, sender: Sender) -> OpenedWith:
    """What this process gives a vendor that opens a sender: time, an address, a keeper for single-use tokens."""
    return OpenedWith(
        clock=process.clock,
        base_url=base_url_of(process, sender),
        tokens=lambda account: VendorTokens(process.database, process.keyring, account),
    )


def configured(process: Process, sender: Sender) -> tuple[Vendor, Any, OpenedWith]:
    """What opening a sender needs: its vendor, its configuration with secrets filled in, and what is given beside.

    Raises ``LoaError``: a secret is not set or of the wrong form, or a live sender meets a turned clock.
    """
    kind = vendor(sender.provider)
    if process.settings.clock_turned and is_live(process, sender):
        raise LoaError("pipeline.turned-clock-live", sender=sender.key)
    try:
        config = sender.config(kind, process.environment)
    except ValidationError as error:  # a secret of the wrong form: its value must not be shown
        fields = ", ".join(sorted({str(place) for one in error.errors() for place in one["loc"]}))
        raise LoaError("pipeline.bad-sender", sender=sender.key, fields=fields) from None
    return kind, config, opened_with(process, sender)


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
        kind, config, given = configured(self.process, sender)
        if kind.open is None:
            raise LoaError("pipeline.posts-only", sender=sender.key)
        opened: Provider = kind.open(sender.key, config, given)
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
