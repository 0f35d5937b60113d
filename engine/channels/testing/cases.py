"""The one table of cases: what must come of each kind of answer, whoever the vendor is.

A vendor's test writes the answers in its vendor's words (``Dialect``) and gets a proof for each line here; a line
without an answer, or an answer without a line, fails.
"""

from dataclasses import dataclass

from engine.channels.base import Decision
from engine.channels.testing.standin import HANG_UP, RESET, SILENCE, reply
from engine.status import Status


@dataclass(frozen=True)
class Case:
    """What must come of an answer; None: not asked. ``script`` is set where no vendor's words decide.

    ``optional``: a vendor that has no such answer may say so, with the reason (``Dialect.has_no``).
    """

    status: Status
    decision: Decision = Decision.NONE
    reason: str | None = None
    vendor_id: bool | None = False
    script: tuple[bytes | str, ...] = ()
    retry_after: float | None = None
    optional: bool = False


CASES: dict[str, Case] = {
    "ordinary": Case(Status.ACCEPTED, vendor_id=True),
    "long text": Case(Status.ACCEPTED, vendor_id=True),
    "delivered at once": Case(Status.DELIVERED, vendor_id=True, optional=True),
    "throttled": Case(Status.QUEUED, Decision.RETRY, "throttled", retry_after=7.0),
    "throttled without words": Case(Status.QUEUED, Decision.RETRY, "throttled", script=(reply(429, b""),)),
    "sender overloaded": Case(Status.QUEUED, Decision.HOLD_SENDER, "queue_full", optional=True),
    "expired token": Case(Status.QUEUED, Decision.STOP_SENDER, "credentials"),
    "refused": Case(Status.FAILED),
    "opted out": Case(Status.FAILED, Decision.OPT_OUT, "opted_out", optional=True),
    "invalid number": Case(Status.FAILED, reason="invalid_number", optional=True),
    "landline": Case(Status.FAILED, reason="landline", optional=True),
    "sender not registered": Case(Status.QUEUED, Decision.STOP_SENDER, "sender", optional=True),
    "vendor broke": Case(Status.UNKNOWN, reason="vendor_error"),
    "bad gateway": Case(Status.UNKNOWN, reason="vendor_error", script=(reply(502, b"<html>oops</html>"),)),
    "refused by something in between": Case(Status.UNKNOWN, reason="vendor_error", script=(reply(400, b"<html>"),)),
    "redirected": Case(
        Status.UNKNOWN, reason="vendor_error", script=(reply(307, b"", {"Location": "http://127.0.0.1:1/"}),)
    ),
    "ambiguous timeout": Case(Status.UNKNOWN, reason="no_answer", script=(SILENCE,)),
    "cut before an answer": Case(Status.UNKNOWN, reason="no_answer", script=(HANG_UP,)),
    "reset before an answer": Case(Status.UNKNOWN, reason="no_answer", script=(RESET,)),
    "cut in mid-answer": Case(
        Status.UNKNOWN,
        reason="no_answer",
        script=(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n{",),
    ),
    "not HTTP": Case(Status.UNKNOWN, reason="no_answer", script=(b"220 smtp of clay\r\nConnection: close\r\n\r\n",)),
    "malformed answer": Case(Status.UNKNOWN, reason="malformed", script=(reply(200, b"{not json"),)),
    "answer of another shape": Case(Status.UNKNOWN, reason="malformed", script=(reply(200, [1, 2]),)),
    "unknown status": Case(Status.UNKNOWN, vendor_id=None),
    "secret in an error": Case(Status.FAILED),
}
TELEPORTED = "teleported"  # the word nobody knows, for "unknown status"
