"""What Twilio accepts in a request to create a message, and how it says no.

Codes and their HTTP statuses follow Twilio's error dictionary; the sentences are our own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from engine.sandbox.model import LONGEST_VALIDITY, PhoneModel

LONGEST_BODY = 1_600  # characters
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_\-]{1,11}")
_NUMBER = re.compile(r"\+[1-9][0-9]{7,14}|[0-9]{3,8}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")


class Refusal(Exception):
    """An error answer: HTTP status, Twilio's code, a sentence without any number in it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status, code)
        self.status, self.code, self.message = status, code, message

    def body(self) -> dict[str, Any]:
        """The error body as Twilio's API writes it."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


# Refused with `raise Refusal(*…)`: an exception object raised again and again gathers its tracebacks.
NOT_AUTHENTICATED = (401, 20003, "Authenticate")
NOT_FOUND = (404, 20404, "The requested resource was not found")
NOT_ALLOWED = (405, 20004, "Method not allowed")
TOO_MANY = (429, 20429, "Too Many Requests")
BROKEN = (500, 20500, "An internal server error has occurred")
NOT_LOOPBACK = (403, 20403, "This stand-in answers on the loopback address only")


@dataclass(frozen=True, slots=True)
class Creation:
    """A valid request for a message; exactly one of ``sender`` and ``service`` decides who sends."""

    to: str
    sender: str | None
    service: str | None
    body: str
    callback: str | None
    validity: int | None


def read_creation(form: Mapping[str, str], model: PhoneModel) -> Creation:
    """The request in a form, or the ``Refusal`` that Twilio would answer with.

    Stricter than Twilio in one place: a ``ValidityPeriod`` outside 1…36000 is refused (30045), where the real
    service warns and goes on, so that a mistake is seen here first.
    """
    to, sender, service = form.get("To", ""), form.get("From") or None, form.get("MessagingServiceSid") or None
    body, callback, validity = form.get("Body", ""), form.get("StatusCallback") or None, form.get("ValidityPeriod")
    if not to:
        raise Refusal(400, 21604, "A 'To' phone number is required.")
    if sender is None and service is None:
        raise Refusal(400, 21603, "A 'From' phone number is required.")
    if service is not None and not _SERVICE.fullmatch(service):
        raise Refusal(400, 21705, "The Messaging Service Sid is invalid.")
    if sender is not None and not (_NAME.fullmatch(sender) or _NUMBER.fullmatch(sender)):
        raise Refusal(400, 21212, "The 'From' number is not a valid phone number, shortcode or sender name.")
    if not body:
        raise Refusal(400, 21602, "Message body is required.")
    if len(body) > LONGEST_BODY:
        raise Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    if callback is not None and not _is_web_address(callback):
        raise Refusal(400, 21609, "The 'StatusCallback' URL is not a valid URL.")
    if validity and not (validity.isascii() and validity.isdigit() and 1 <= int(validity[:9]) <= LONGEST_VALIDITY):
        raise Refusal(400, 30045, "ValidityPeriod must be a whole number of seconds from 1 to 36000.")
    refused = model.refusal(to)
    if refused == 21610:
        raise Refusal(400, 21610, "Attempt to send to unsubscribed recipient.")
    if refused is not None:
        raise Refusal(400, refused, "The 'To' number is not a valid phone number.")
    return Creation(to, sender, service, body, callback, int(validity) if validity else None)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
