"""What a mail server's reply means, by where in the conversation it comes. RFC 5321 and, for ``5.1.1``, RFC 3463.

Nothing is sent before the last line of the content: until then every break and every refusal proves that. 4yz asks to
come back, 5yz is final. Who is refused depends on the place: the login and the envelope's sender are ours and stop the
sender; a recipient is one relay's mailbox.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from engine.channels.base import Decision
from engine.status import Status

PUT_OFF = 300.0  # seconds: greylisting asks for five minutes as a rule
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_LOGIN_WANTED = frozenset({530, 534, 535, 538})
_NO_MAILBOX = frozenset({550, 551, 553, 556})


class Place(StrEnum):
    """Where in the conversation a reply comes."""

    GREETING = "greeting"
    ENCRYPTION = "encryption"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"  # whether the content may come
    CONTENT = "content"  # after its last line: from its first byte on nobody can say what a break means


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reply comes to; ``retry_after`` in seconds."""

    status: Status
    reason: str
    decision: Decision = Decision.NONE
    retry_after: float | None = None


NO_CONNECTION = Meaning(Status.QUEUED, "no_connection", Decision.RETRY)
NO_ANSWER = Meaning(Status.UNKNOWN, "no_answer")
NOT_ENCRYPTED = Meaning(Status.QUEUED, "no_tls", Decision.STOP_SENDER)
BAD_CERTIFICATE = Meaning(Status.QUEUED, "certificate", Decision.STOP_SENDER)
CREDENTIALS = Meaning(Status.QUEUED, "credentials", Decision.STOP_SENDER)
_THROTTLED = Meaning(Status.QUEUED, "throttled", Decision.RETRY)
_PUT_OFF = Meaning(Status.QUEUED, "put_off", Decision.RETRY, PUT_OFF)


def malformed(place: Place) -> Meaning:
    """A reply that is none: before the content nothing has been sent, behind it nobody can say."""
    if place is Place.CONTENT:
        return Meaning(Status.UNKNOWN, "malformed")
    return Meaning(Status.QUEUED, "malformed", Decision.RETRY)


def meaning_of(place: Place, code: int, words: str) -> Meaning:
    """What a refusal means at its place. ``words`` may carry an enhanced code, which is the better word."""
    if 400 <= code < 500:
        return _PUT_OFF if place in (Place.RECIPIENT, Place.DATA, Place.CONTENT) else _THROTTLED
    if not 500 <= code < 600:
        return malformed(place)
    enhanced = enhanced_in(words) or ""
    if place is Place.GREETING:
        return Meaning(Status.QUEUED, "refused", Decision.HOLD_SENDER)
    if place is Place.ENCRYPTION:
        return NOT_ENCRYPTED
    if place is Place.LOGIN or (code in _LOGIN_WANTED and place in (Place.SENDER, Place.RECIPIENT)):
        return CREDENTIALS
    if place is Place.SENDER:
        return Meaning(Status.QUEUED, "sender", Decision.STOP_SENDER)
    if enhanced.startswith("5.2.2") or (code == 552 and place is Place.RECIPIENT):
        return Meaning(Status.FAILED, "mailbox_full")
    if enhanced.startswith(("5.1.", "5.2.1")) or (not enhanced and code in _NO_MAILBOX and place is Place.RECIPIENT):
        return Meaning(Status.FAILED, "mailbox")
    return Meaning(Status.FAILED, "refused")


def enhanced_in(words: str) -> str | None:
    """The enhanced status code at the beginning of a reply's words."""
    found = _ENHANCED.match(words)
    return found[0] if found else None
