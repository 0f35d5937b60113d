"""The link that a relay gets: an address nobody can guess, with nothing in it that tells whose it is.

The token is a keyed signature (96 bits) over the run and the relay, so it can be made again for a reminder and stands
in no database: there is only its hash, by which it is found.
"""

import hashlib

from engine.content.organisation import Sender
from engine.pipeline.process import Process
from engine.pipeline.providers import is_live
from engine.settings import Settings
from engine.store import broadcasts
from engine.store.crypto import Keyring

PATH = "/l"
TOKEN_LENGTH = 16
NO_ADDRESS = "no_public_url"  # why a run with links is held
HERE = "http://127.0.0.1:8138"  # where `loa run` serves unless told otherwise: enough for the sandbox's phones


def base(settings: Settings) -> str:
    """The address that links begin with."""
    return settings.public_url or HERE


def token_of(keyring: Keyring, run_id: int, contact_id: int) -> str:
    """The token of one relay for one run: 16 characters that a URL keeps."""
    return keyring.sign(f"/l/{run_id}.{contact_id}")  # a sender's key has no slash: no receipt's mark is a token


def hash_of(token: str) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).digest()[:16]


def address(settings: Settings, token: str) -> str:
    """The whole link."""
    return f"{base(settings)}{PATH}/{token}"


def sample(settings: Settings) -> str:
    """A link as long as every other one: what a message with it costs is known before there are any."""
    return address(settings, "x" * TOKEN_LENGTH)


def link_of(process: Process, delivery_id: int) -> str:
    """The link that a delivery carries; "" for one that carries none."""
    with process.database.read() as connection:
        found = broadcasts.of_delivery(connection, delivery_id)
    return address(process.settings, token_of(process.keyring, *found)) if found else ""


def needs_address(process: Process, senders: tuple[Sender, ...]) -> bool:
    """Whether links would lead nowhere: real phones, and ``LOA_PUBLIC_URL`` is not set."""
    return process.settings.public_url is None and any(is_live(process, sender) for sender in senders)
