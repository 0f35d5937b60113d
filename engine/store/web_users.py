"""Users of the dashboard and their sessions, as rows. Passwords: ``passwords.py``; who may do what: ``engine.web``.

A session ends after ``IDLE`` seconds without a request, ``LONGEST`` seconds after its login, when its user logs out, is
removed or gets another password. All times are real seconds: nobody stays logged in by turning the campaign clock.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, insert, or_, select, text, update

from engine.store.crypto import Keyring
from engine.store.instant import Instant
from engine.store.tables import table_of
from engine.store.web_tables import WebSession, WebUser

_USER, _SESSION = table_of(WebUser), table_of(WebSession)
IDLE, LONGEST = 30 * 60.0, 12 * 3600.0  # seconds
LONGEST_NAME = 60  # characters
SEEN_EVERY = 15.0  # seconds: a page is some requests, and one write for all of them is enough


_ADD = text(
    "INSERT INTO web_user (name_hash, name_sealed, password, added_at, changed_at)"
    " VALUES (:hash, :name, :password, :at, :at) ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=Instant))


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in."""

    name: str
    added_at: datetime
    changed_at: datetime


def tidy(name: str) -> str:
    """A name as it is kept: NFC, single blanks."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def name_hash(keyring: Keyring, name: str) -> bytes:
    """By what a name is found; capital and small letters are the same."""
    return keyring.person_hash(f"web {tidy(name).casefold()}")


def any_user(connection: Connection) -> bool:
    """Whether a password is needed at all."""
    return bool(connection.execute(select(exists(select(_USER.c.name_hash)))).scalar_one())


def add(connection: Connection, keyring: Keyring, name: str, password: str, at: datetime) -> bool:
    """Add a user with an encoded password; False when there is one of that name."""
    added = connection.execute(
        _ADD,
        {"hash": name_hash(keyring, name), "name": keyring.seal(tidy(name)), "password": password, "at": at},
    )
    return added.rowcount == 1


def change(connection: Connection, keyring: Keyring, name: str, password: str, at: datetime) -> bool:
    """Give a user another encoded password and end the user's sessions; False when there is no such user."""
    whose = name_hash(keyring, name)
    changed = connection.execute(
        update(_USER).where(_USER.c.name_hash == whose).values(password=password, changed_at=at)
    )
    connection.execute(delete(_SESSION).where(_SESSION.c.name_hash == whose))
    return changed.rowcount == 1


def remove(connection: Connection, keyring: Keyring, name: str) -> bool:
    """Take a user away, sessions and all; False when there is no such user."""
    whose = name_hash(keyring, name)
    connection.execute(delete(_SESSION).where(_SESSION.c.name_hash == whose))
    return connection.execute(delete(_USER).where(_USER.c.name_hash == whose)).rowcount == 1


def users(connection: Connection, keyring: Keyring) -> list[User]:
    """Everybody who may log in, by name."""
    found = connection.execute(select(_USER.c.name_sealed, _USER.c.added_at, _USER.c.changed_at))
    return sorted(
        (User(keyring.unseal(sealed), added, changed) for sealed, added, changed in found), key=lambda one: one.name
    )


def password_of(connection: Connection, keyring: Keyring, name: str) -> str | None:
    """The encoded password of a user; None when there is no such user."""
    found: str | None = connection.execute(
        select(_USER.c.password).where(_USER.c.name_hash == name_hash(keyring, name))
    ).scalar()
    return found


def open_session(
    connection: Connection, keyring: Keyring, name: str, password: str, token: str, real_now: float
) -> bool:
    """Keep a login of ``name``; False when the user has gone or has another password than the one that was checked.

    Sessions that are over are swept out on the way.
    """
    whose = name_hash(keyring, name)
    query = select(_USER.c.password).where(_USER.c.name_hash == whose).with_for_update()
    if connection.execute(query).scalar() != password:
        return False
    over = or_(_SESSION.c.opened_real <= real_now - LONGEST, _SESSION.c.seen_real <= real_now - IDLE)
    connection.execute(delete(_SESSION).where(over))
    connection.execute(
        insert(_SESSION).values(
            token_hash=_token_hash(token), name_hash=whose, opened_real=real_now, seen_real=real_now
        )
    )
    return True


def session_of(connection: Connection, keyring: Keyring, token: str, real_now: float) -> tuple[str, float] | None:
    """(name, when last seen) of the session that ``token`` opens; None for one that is over or never was.

    A session from the future is over too: a clock that ran ahead must not leave one that lasts for years.
    """
    row = connection.execute(
        select(_USER.c.name_sealed, _SESSION.c.opened_real, _SESSION.c.seen_real)
        .join(_USER, _USER.c.name_hash == _SESSION.c.name_hash)
        .where(_SESSION.c.token_hash == _token_hash(token))
    ).first()
    if row is None:
        return None
    sealed, opened, seen = row
    if not (0 <= real_now - opened + 60 < LONGEST + 60 and -60 <= real_now - seen < IDLE):
        return None
    return keyring.unseal(sealed), seen


def seen(connection: Connection, token: str, real_now: float) -> None:
    """Note that the session is in use."""
    connection.execute(update(_SESSION).where(_SESSION.c.token_hash == _token_hash(token)).values(seen_real=real_now))


def end_session(connection: Connection, token: str) -> bool:
    """Log out; False when there was nothing to end."""
    return connection.execute(delete(_SESSION).where(_SESSION.c.token_hash == _token_hash(token))).rowcount == 1


def _token_hash(token: str) -> bytes:
    """32 random bytes need no slow hash; what is stored opens nothing."""
    return hashlib.sha256(token.encode()).digest()
