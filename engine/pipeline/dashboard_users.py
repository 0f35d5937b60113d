"""Users of the dashboard come, go and log in; each of it leaves a line in the audit log.

A line names nobody in clear: its subject is a few digits of the keyed hash of the name, the name itself is sealed.
"""

import secrets
from typing import Literal

from sqlalchemy import Connection

from engine.errors import LoaError
from engine.log import redact
from engine.pipeline.process import Process
from engine.store import audit, passwords, web_users

Action = Literal[
    "add_user", "remove_user", "change_password", "login", "login_failed", "login_refused", "logout", "download"
]
# Checked for a name that nobody has, so that a wrong name takes as long as a wrong password. Made when first needed.
_NOBODYS: list[str] = []


def record(process: Process, action: Action, name: str | None, detail: str | None = None) -> None:
    """Add a line about something done at the dashboard."""
    with process.database.write() as connection:
        _record(process, connection, action, name, detail)


def _record(
    process: Process, connection: Connection, action: Action, name: str | None, detail: str | None = None
) -> None:
    subject = f"user:{web_users.name_hash(process.keyring, name).hex()[:8]}" if name else "dashboard"
    audit.record(
        connection, process.keyring, at=process.clock.now(), action=action, subject=subject, who=name, detail=detail
    )


def refuse_name(process: Process, name: str) -> None:
    """Raise ``LoaError`` for an empty or endless name, one with a phone number in it, or one that is taken."""
    tidy = web_users.tidy(name)
    if not tidy or len(tidy) > web_users.LONGEST_NAME or not tidy.isprintable() or redact(tidy) != tidy:
        raise LoaError("users.bad-name", longest=web_users.LONGEST_NAME)
    with process.database.read() as connection:
        if web_users.password_of(connection, process.keyring, name) is not None:
            raise LoaError("users.taken")


def known(process: Process, name: str) -> None:
    """Raise ``LoaError`` unless there is such a user."""
    with process.database.read() as connection:
        if web_users.password_of(connection, process.keyring, name) is None:
            raise LoaError("users.no-such")


def add(process: Process, name: str, password: str) -> None:
    """Add a user. Raises ``LoaError`` for a weak password, or a name that somebody has taken meanwhile."""
    passwords.refuse_weak(password, name)
    encoded = passwords.encode(password)
    with process.database.write() as connection:
        if not web_users.add(connection, process.keyring, name, encoded, process.clock.now()):
            raise LoaError("users.taken")
        _record(process, connection, "add_user", name)


def change(process: Process, name: str, password: str) -> None:
    """Give a user another password, which ends all of the user's sessions. Raises ``LoaError``."""
    passwords.refuse_weak(password, name)
    encoded = passwords.encode(password)
    with process.database.write() as connection:
        if not web_users.change(connection, process.keyring, name, encoded, process.clock.now()):
            raise LoaError("users.no-such")
        _record(process, connection, "change_password", name)


def remove(process: Process, name: str) -> bool:
    """Take a user away; whether anybody is left. Raises ``LoaError`` when there is no such user."""
    with process.database.write() as connection:
        if not web_users.remove(connection, process.keyring, name):
            raise LoaError("users.no-such")
        _record(process, connection, "remove_user", name)
        return web_users.any_user(connection)


def log_in(process: Process, name: str, password: str, real_now: float) -> str | None:
    """A session's token (to be kept nowhere but in the browser), or None for a wrong name or password.

    Both take one Argon2id computation, so that nobody learns from the time it takes whether a name is known.
    """
    with process.database.read() as connection:
        encoded = web_users.password_of(connection, process.keyring, name)
    if encoded is None and not _NOBODYS:
        _NOBODYS.append(passwords.encode(secrets.token_urlsafe()))
    right = passwords.matches(encoded or _NOBODYS[0], password[: passwords.LONGEST + 1])
    token = secrets.token_urlsafe(32)
    with process.database.write() as connection:
        # Asked again under the lock: the password may have been changed while we computed.
        opened = (
            right
            and encoded is not None
            and web_users.open_session(connection, process.keyring, name, encoded, token, real_now)
        )
        if not opened:  # what was typed into the name's place may be a password: it is not kept
            _record(process, connection, "login_failed", name if encoded is not None else None)
            return None
        _record(process, connection, "login", name)
    return token


def log_out(process: Process, token: str, name: str) -> None:
    """End the session."""
    with process.database.write() as connection:
        if web_users.end_session(connection, token):
            _record(process, connection, "logout", name)
