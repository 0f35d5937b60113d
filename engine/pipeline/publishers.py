"""Pages opened: from a snapshot's sender (without secrets) and the environment to a vendor's connection."""

from dataclasses import dataclass, field

from engine.channels.publishing import Publisher
from engine.content.organisation import Sender
from engine.errors import LoaError
from engine.pipeline.process import Process
from engine.pipeline.providers import configured


@dataclass
class Publishers:
    """The pages of this process, opened at first use inside the event loop that uses them."""

    process: Process
    _open: dict[str, list[tuple[Sender, Publisher]]] = field(default_factory=dict)

    def open(self, sender: Sender) -> Publisher:
        """The page of ``sender`` as it is configured here.

        Raises ``LoaError``: a secret is not set, a live page meets a turned clock, or the vendor publishes nothing.
        """
        for known, publisher in self._open.get(sender.key, ()):
            if known is sender or known == sender:
                return publisher
        kind, config, given = configured(self.process, sender)
        if kind.publish is None:
            raise LoaError("pipeline.no-posts", sender=sender.key)
        opened = kind.publish(sender.key, config, given)
        self._open.setdefault(sender.key, []).append((sender, opened))
        return opened

    def of_run(self, digest: str, sender_key: str) -> tuple[Sender, Publisher] | None:
        """A page as a run's snapshot has it; None when it cannot be opened in this process."""
        sender = self.process.snapshot(digest).senders[sender_key]
        try:
            return sender, self.open(sender)
        except LoaError:
            return None

    async def close(self) -> None:
        """Give every connection back."""
        for opened in self._open.values():
            for _, publisher in opened:
                await publisher.close()
        self._open.clear()
