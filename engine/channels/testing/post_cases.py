"""The one table of cases for publishers: what must come of each kind of answer, whoever the vendor is.

A vendor's test writes the answers in its vendor's words (``PostDialect``) and gets a proof for each line here; a line
without an answer, or an answer without a line, fails.
"""

from dataclasses import dataclass

from engine.channels.base import Decision
from engine.channels.testing.standin import HANG_UP, RESET, SILENCE, reply
from engine.status import PostStatus

UNLISTED = "98765"  # the code nobody knows, for "unknown code"


@dataclass(frozen=True)
class PostCase:
    """What must come of an answer; None: not asked. ``script`` is set where no vendor's words decide.

    ``status`` None: as the vendor's success (``PostDialect.success``). ``optional``: a vendor that has no such answer
    may say so, with the reason (``PostDialect.has_no``).
    """

    status: PostStatus | None
    decision: Decision = Decision.NONE
    reason: str | None = None
    script: tuple[bytes | str, ...] = ()
    optional: bool = False
    picture: bool = False


_DOUBT = PostStatus.UNKNOWN
POST_CASES: dict[str, PostCase] = {
    "ordinary": PostCase(None),
    "long text": PostCase(None),
    "with a link": PostCase(None),
    "with a picture": PostCase(None, picture=True, optional=True),
    "throttled": PostCase(PostStatus.QUEUED, Decision.RETRY, "throttled"),
    "throttled without words": PostCase(PostStatus.QUEUED, Decision.RETRY, "throttled", script=(reply(429, b""),)),
    "expired token": PostCase(PostStatus.QUEUED, Decision.STOP_SENDER, "credentials"),
    "not allowed": PostCase(PostStatus.QUEUED, Decision.STOP_SENDER),
    "refused": PostCase(PostStatus.FAILED, reason="refused"),
    "picture refused": PostCase(PostStatus.FAILED, reason="picture", optional=True, picture=True),
    "unknown code": PostCase(_DOUBT, reason="unlisted_code"),
    "secret in an error": PostCase(PostStatus.FAILED),
    "vendor broke": PostCase(_DOUBT, reason="vendor_error"),
    "bad gateway": PostCase(_DOUBT, reason="vendor_error", script=(reply(502, b"<html>oops</html>"),)),
    "refused by something in between": PostCase(_DOUBT, reason="vendor_error", script=(reply(400, b"<html>"),)),
    "redirected": PostCase(
        _DOUBT, reason="vendor_error", script=(reply(307, b"", {"Location": "http://127.0.0.1:1/"}),)
    ),
    "ambiguous timeout": PostCase(_DOUBT, reason="no_answer", script=(SILENCE,)),
    "cut before an answer": PostCase(_DOUBT, reason="no_answer", script=(HANG_UP,)),
    "reset before an answer": PostCase(_DOUBT, reason="no_answer", script=(RESET,)),
    "cut in mid-answer": PostCase(
        _DOUBT,
        reason="no_answer",
        script=(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n{",),
    ),
    "not HTTP": PostCase(_DOUBT, reason="no_answer", script=(b"220 smtp of clay\r\nConnection: close\r\n\r\n",)),
    "malformed answer": PostCase(_DOUBT, reason="malformed", script=(reply(200, b"{not json"),)),
    "answer of another shape": PostCase(_DOUBT, reason="malformed", script=(reply(200, [1, 2]),)),
}
