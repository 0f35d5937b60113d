"""The address to which a vendor sends a delivery's receipts: it carries the delivery and the attempt, signed by us."""

import hmac
from collections.abc import Callable
from urllib.parse import quote

from engine.channels.callback_address import FIXED
from engine.pipeline.process import Process
from engine.store.crypto import Keyring

PATH = "/receipts"


def receipt_address(process: Process) -> Callable[[str, int, int], str | None]:
    """A function of (sender, delivery id, attempt); without ``LOA_PUBLIC_URL`` it gives None: receipts are polled."""
    base = process.settings.public_url

    def address(sender: str, delivery_id: int, attempt: int) -> str | None:
        if base is None:
            return None
        mark = signature(process.keyring, sender, delivery_id, attempt)
        return f"{base}{PATH}/{quote(sender, safe='')}?d={delivery_id}&a={attempt}&s={mark}"

    return address


def fixed_address(process: Process, sender: str) -> str | None:
    """The one address of a sender for all its receipts, for a gateway that cannot be given one with each message.

    None without ``LOA_PUBLIC_URL``. Whoever knows it can speak of this sender's messages by the vendor's ids, so it is
    as secret as a password.
    """
    base = process.settings.public_url
    if base is None:
        return None
    return f"{base}{PATH}/{quote(sender, safe='')}/{FIXED}.{fixed_signature(process.keyring, sender)}"


def signature(keyring: Keyring, sender: str, delivery_id: int, attempt: int) -> str:
    """Our own mark on the address: a vendor without signatures cannot be played by a stranger either."""
    return keyring.sign(f"{sender}.{delivery_id}.{attempt}")


def fixed_signature(keyring: Keyring, sender: str) -> str:
    """Our mark on a sender's fixed address."""
    return keyring.sign(f"{FIXED}.{sender}")


def is_ours(keyring: Keyring, sender: str, delivery_id: int | None, attempt: int, mark: str) -> bool:
    """Whether ``mark`` is ours, compared in constant time; ``delivery_id`` None: on the fixed address."""
    ours = fixed_signature(keyring, sender) if delivery_id is None else signature(keyring, sender, delivery_id, attempt)
    # as bytes: of two texts the comparison wants ASCII, and a stranger writes what a stranger likes
    return hmac.compare_digest(ours.encode(), mark.encode())
