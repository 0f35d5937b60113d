"""What publishers of every vendor have in common: one call, and its verdict when it does not end in success.

A vendor's table says what a code of its own means (``Meaning``); what is definite or in doubt whatever the vendor says
stands here: no connection was made → again; 429 → again; an answer that was lost, a 5xx, a redirect, an answer of
another shape, a code in no table → unknown, and the place itself is looked at before any second try.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from engine.channels.base import Decision, LookUpFailed
from engine.channels.publishing import PostOutcome, Publication
from engine.channels.transport import Answer, NeverSent, NoAnswer, Transport
from engine.log import redact
from engine.status import PostStatus

_LONGEST_DETAIL = 500  # characters of a vendor's words that are kept


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a vendor's code means for a post, in our words."""

    status: PostStatus
    reason: str
    decision: Decision = Decision.NONE


REFUSED = Meaning(PostStatus.FAILED, "refused")
THROTTLED = Meaning(PostStatus.QUEUED, "throttled", Decision.RETRY)
CREDENTIALS = Meaning(PostStatus.QUEUED, "credentials", Decision.STOP_SENDER)
NO_CONNECTION = Meaning(PostStatus.QUEUED, "no_connection", Decision.RETRY)
UNKNOWN_CODE = Meaning(PostStatus.UNKNOWN, "unlisted_code")


def stops(reason: str) -> Meaning:
    """The page cannot publish until a person has acted; the post waits."""
    return Meaning(PostStatus.QUEUED, reason, Decision.STOP_SENDER)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a call ended that did not succeed. ``detail`` holds the vendor's words, without our secrets."""

    meaning: Meaning
    code: str | None = None
    retry_after: float | None = None
    detail: str | None = field(default=None, repr=False)

    def of(self, publication: Publication) -> PostOutcome:
        """The outcome of the attempt that this call was."""
        return PostOutcome(
            publication.post_id,
            publication.attempt,
            self.meaning.status,
            code=redact(self.code)[:40] if self.code else None,  # stored in clear: no number, whatever a vendor says
            reason=self.meaning.reason,
            decision=self.meaning.decision,
            retry_after=self.retry_after,
            detail=without(self.detail, (publication.text, publication.title)) if self.detail else None,
        )

    def anew(self) -> "Verdict":
        """The same for a stage that shows nothing to anybody: where the answer is in doubt, it is simply done again."""
        if self.meaning.status is not PostStatus.UNKNOWN:
            return self
        return replace(self, meaning=Meaning(PostStatus.QUEUED, self.meaning.reason, Decision.RETRY))


class Ended(Exception):
    """A call did not succeed; ``verdict`` says what is known of it."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.meaning.reason)
        self.verdict = verdict


async def post(transport: Transport, url: str, headers: dict[str, str], body: bytes) -> Answer:
    """One POST, never repeated. Raises ``Ended`` where no whole answer came, for 5xx and redirects."""
    try:
        answer = await transport.call("POST", url, headers, body)
    except NeverSent as error:
        raise Ended(Verdict(NO_CONNECTION, detail=str(error))) from None
    except NoAnswer as error:
        raise Ended(Verdict(Meaning(PostStatus.UNKNOWN, "no_answer"), detail=str(error))) from None
    if answer.status >= 500 or 300 <= answer.status < 400:
        raise Ended(Verdict(Meaning(PostStatus.UNKNOWN, "vendor_error"), code=str(answer.status)))
    return answer


async def get(transport: Transport, url: str, headers: dict[str, str]) -> Answer:
    """One look-up. Raises ``LookUpFailed`` where no whole answer came, for 429, 5xx and redirects."""
    try:
        answer = await transport.call("GET", url, headers)
    except NeverSent:
        raise LookUpFailed("no_connection") from None
    except NoAnswer:
        raise LookUpFailed("no_answer") from None
    if answer.status == 429:
        raise LookUpFailed("throttled", Decision.RETRY, answer.retry_after)
    if answer.status >= 500 or 300 <= answer.status < 400:
        raise LookUpFailed("vendor_error")
    return answer


def no_look(verdict: Verdict) -> LookUpFailed:
    """The same verdict where a look-up meets it: only a stop and a pause that was asked for say more than "not now"."""
    meaning = verdict.meaning
    if meaning.decision is Decision.STOP_SENDER:
        return LookUpFailed(meaning.reason, meaning.decision)
    asked = meaning == THROTTLED
    reason = meaning.reason if meaning.reason in _LOOK_UPS else "vendor_error"
    return LookUpFailed(reason, meaning.decision if asked else Decision.NONE, verdict.retry_after)


_LOOK_UPS = {"no_connection", "no_answer", "throttled", "credentials", "malformed"}


def tree(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer; empty when it is none."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def text_of(value: object) -> str | None:
    """An id or a word as text; None when it is neither (or longer than any id)."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    found = str(value).strip()
    return found if 0 < len(found) <= 500 else None


def count_of(value: object) -> int | None:
    """A count as a whole number; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def without(words: str, secrets: Iterable[str | None]) -> str:
    """A vendor's words as they may be stored: without these secrets (also as JSON writes them), and any number."""
    own = {secret for secret in secrets if secret}
    for secret in sorted(own | {json.dumps(one)[1:-1] for one in own}, key=len, reverse=True):
        words = words.replace(secret, "…")
    return redact(words)[:_LONGEST_DETAIL]
