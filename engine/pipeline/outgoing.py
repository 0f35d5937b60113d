"""From a claimed row to what is handed to the vendor: number or address and words in clear, for this one call."""

from datetime import datetime

from engine.channels.base import Outgoing
from engine.content.loudspeaker import EMAIL
from engine.content.skeleton import load
from engine.pipeline.gates import OpenGate
from engine.store.claims import Claimed
from engine.store.crypto import Keyring


def outgoing(
    keyring: Keyring,
    row: Claimed,
    gate: OpenGate,
    at: datetime,
    receipt_url: str | None,
    link: str = "",
    *,
    address: str | None = None,
) -> Outgoing:
    """The message of ``row`` as it goes out at ``at``; ``link``: the relay's own, where the words have a place for it.

    ``address``: what stands for an e-mail address where they are not at hand. Raises ``LoaError`` or ``ValueError``
    for a row that was damaged.
    """
    name = keyring.unseal(row.name_sealed) if row.personal and row.name_sealed else ""
    if gate.sender.channel == EMAIL:
        to = address or keyring.unseal(row.email_sealed or b"")
    else:
        to = keyring.unseal(row.phone_sealed)
    return Outgoing(
        delivery_id=row.delivery_id,
        attempt=row.attempt,
        to=to,
        body=load(row.words).fill(name, link=link) if row.personal else row.words,
        valid_seconds=gate.valid_seconds(at),
        receipt_url=receipt_url,
    )
