"""Numbers and names at rest: AES-256-GCM, looked up by a keyed hash.

The key is 32 bytes in ``LOA_KEY`` (hexadecimal or base64) or in a file that only its owner can read; it is
never in the database, so a stolen database names nobody. A stolen disk with the key file does: see
docs/architecture.md.
"""

import base64
import binascii
import errno
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from filelock import FileLock, Timeout

from engine.errors import LoaError

_NONCE = 12


class Keyring:
    """Seals and opens, and makes the look-up hash. Derives a key for each purpose from the one secret."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise LoaError("store.key-length")
        self._cipher = AESGCM(hashlib.blake2b(secret, person=b"loa seal", digest_size=32).digest())
        self._hash_key = hashlib.blake2b(secret, person=b"loa look-up", digest_size=32).digest()
        self._sign_key = hashlib.blake2b(secret, person=b"loa sign", digest_size=32).digest()

    def seal(self, text: str) -> bytes:
        """``text`` encrypted, 28 bytes longer than its UTF-8. Two seals of the same text differ."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, text.encode(), None)

    def unseal(self, sealed: bytes) -> str:
        """What was sealed. Raises ``LoaError`` (``store.wrong-key``) for another key or damaged bytes."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None).decode()
        except (InvalidTag, ValueError):  # ValueError: cut so short that not even the nonce is there
            raise LoaError("store.wrong-key") from None

    def phone_hash(self, e164: str) -> bytes:
        """16 bytes by which a number is found again without being stored in clear."""
        return hashlib.blake2b(e164.encode(), key=self._hash_key, digest_size=16).digest()

    def person_hash(self, name: str) -> bytes:
        """16 bytes by which an approver is recognised without the name being stored in clear."""
        return hashlib.blake2b(name.encode(), key=self._hash_key, digest_size=16, person=b"loa person").digest()

    def sign(self, text: str) -> str:
        """A short keyed signature for addresses of ours, in characters that a URL keeps."""
        digest = hashlib.blake2b(text.encode(), key=self._sign_key, digest_size=12).digest()
        return base64.urlsafe_b64encode(digest).decode()


def bucket_of(phone_hash: bytes) -> int:
    """0…65535 from the keyed hash: which variant a person gets, the same in every run."""
    return int.from_bytes(phone_hash[:2], "big")


def _decode(text: str) -> bytes:
    text = text.strip()
    try:
        return bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise LoaError("store.key-length") from None


def create_key_file(path: Path) -> None:
    """Write a new random key that only its owner can read; an existing one is left as it is.

    It comes into being whole or not at all: nobody beside us sees it empty, and no full disk leaves it so. Raises
    ``LoaError`` when the disk refuses.
    """
    written = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(path.with_suffix(".lock"), timeout=30, poll_interval=0.01, mode=0o600):
            if path.exists():
                return
            written.unlink(missing_ok=True)  # left by one that was killed
            with os.fdopen(
                os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
            ) as opened:
                opened.write(secrets.token_hex(32) + "\n")
                opened.flush()
                os.fsync(opened.fileno())
            written.replace(path)
    except Timeout:
        raise LoaError("store.locked") from None
    except OSError as error:
        raise LoaError("store.disk-full" if error.errno == errno.ENOSPC else "store.cannot-open") from None


def load_keyring(path: Path) -> Keyring:
    """The keyring from ``LOA_KEY``, else from the key file. Raises ``LoaError`` when there is neither."""
    from_environment = os.environ.get("LOA_KEY", "").strip()
    if from_environment:
        return Keyring(_decode(from_environment))
    try:
        return Keyring(_decode(path.read_text(encoding="ascii")))
    except FileNotFoundError:
        raise LoaError("store.no-key", file=path) from None
    except (OSError, UnicodeDecodeError):
        raise LoaError("store.key-unreadable", file=path) from None
