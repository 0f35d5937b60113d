"""Passwords of the dashboard's users: Argon2id with the parameters of RFC 9106 for memory-poor machines (64 MiB).

What is refused is refused simply (NIST SP 800-63B): too short, the name itself, one of those that everybody tries
first. No rules about capitals and digits: they make passwords worse.
"""

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.profiles import RFC_9106_LOW_MEMORY

from engine.errors import LoaError

SHORTEST, LONGEST = 12, 200  # characters
_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# Pieces of which the passwords are made that are tried first, here too; a password of nothing else is refused.
_COMMON = (
    "password", "passw0rd", "matkhau", "mat khau", "mật khẩu", "admin", "administrator", "quantri", "quan tri",
    "qwerty", "qwertyuiop", "asdfgh", "asdfghjkl", "zxcvbnm", "iloveyou", "letmein", "welcome", "vietnam", "viet nam",
    "việt nam", "langson", "lang son", "138", "30/7", "loa", "canbo", "can bo", "abc", "xyz", "1q2w3e4r", "1qaz2wsx",
    "1234567890", "0987654321",
)  # fmt: skip
_TRIED_FIRST = sorted(_COMMON, key=len, reverse=True)


def encode(password: str) -> str:
    """The encoded Argon2id hash of ``password``: 64 MiB and some tenths of a second, on purpose."""
    return _HASHER.hash(password)


def matches(encoded: str, password: str) -> bool:
    """Whether ``password`` is the one that ``encoded`` was made of. It takes as long as ``encode``."""
    try:
        return _HASHER.verify(encoded, password)
    except (Argon2Error, InvalidHashError):
        return False


def refuse_weak(password: str, name: str) -> None:
    """Raise ``LoaError`` for a password that is too short, too long, common, or the user's own name."""
    if len(password) < SHORTEST:
        raise LoaError("users.too-short", shortest=SHORTEST)
    if len(password) > LONGEST:
        raise LoaError("users.too-long", longest=LONGEST)
    if _is_common(password.casefold(), name.casefold()):
        raise LoaError("users.too-common")


def _is_common(password: str, name: str) -> bool:
    """Whether nothing is left but a few letters once common pieces, the name, rows of digits and repeats are out."""
    left = password
    for piece in (name, name.replace(" ", ""), *_TRIED_FIRST):
        left = left.replace(piece, "") if piece else left
    left = "".join(letter for letter in left if not letter.isdigit() and letter.isalnum())
    return len(set(left)) < 4
