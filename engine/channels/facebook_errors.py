"""Facebook's error codes, each with its one meaning. Graph API, "Handle Errors"; Pages API.

An error comes as ``{"error": {code, error_subcode, message, error_user_msg}}``, mostly with HTTP 400. A subcode says
more than its code and is looked up first. What stands in no table is ``unknown``: the page's own feed decides.
"""

import json
from collections.abc import Mapping

from engine.channels.base import Decision
from engine.channels.post_calls import (
    CREDENTIALS,
    REFUSED,
    THROTTLED,
    UNKNOWN_CODE,
    Meaning,
    Verdict,
    count_of,
    stops,
    tree,
    without,
)
from engine.channels.transport import Answer
from engine.status import PostStatus

LONGEST_WAIT = 86_400.0  # seconds; a page's limit is counted over 24 hours

_PICTURE = Meaning(PostStatus.FAILED, "picture")
_SUBCODES = {
    1366046: _PICTURE,  # the photo is too large
    1346003: REFUSED,  # the content is refused
    1404102: REFUSED,
    1404078: stops("permission"),  # the page must first be authorised to publish
    33: stops("page"),  # no such page, or this token may not see it
    # 463 expired, 460 password changed, 467 invalid …: all come with code 190
}
_CODES = {
    190: CREDENTIALS,
    102: CREDENTIALS,  # the session has ended
    3: stops("permission"),
    10: stops("permission"),
    368: stops("blocked"),  # blocked for a time because of the rules: somebody must look at the page
    341: THROTTLED,
    324: _PICTURE,
    100: REFUSED,  # a parameter is refused
    506: Meaning(PostStatus.UNKNOWN, "duplicate"),  # "the same post again": an earlier attempt may be up already
    1: Meaning(PostStatus.UNKNOWN, "vendor_error"),  # "an unknown error", "temporarily unavailable": nothing proven
    2: Meaning(PostStatus.UNKNOWN, "vendor_error"),
} | _SUBCODES
_RATE_LIMITS = {4, 17, 32, 613, *range(80_000, 80_015)}
_PERMISSIONS = range(200, 300)


def meaning_of(code: int | None, subcode: int | None) -> Meaning:
    """What a code and its subcode mean for a post."""
    found = _SUBCODES.get(subcode or 0) or _CODES.get(code or 0)
    if found is not None:
        return found
    if code in _RATE_LIMITS:
        return THROTTLED
    return stops("permission") if code in _PERMISSIONS else UNKNOWN_CODE


def wait_of(headers: Mapping[str, str]) -> float | None:
    """How many seconds to wait, by ``x-business-use-case-usage`` (there in minutes); None when it does not say.

    ``{"<page>": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 12}]}``
    """
    try:
        usage = json.loads(headers.get("x-business-use-case-usage") or "{}")
        minutes = [
            float(one.get("estimated_time_to_regain_access") or 0) for several in usage.values() for one in several
        ]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    longest = max(minutes, default=0.0)
    return min(longest * 60, LONGEST_WAIT) if longest > 0 else None


def is_gone(code: int | None, subcode: int | None) -> bool:
    """Whether a look-up was told that there is no such post."""
    return code == 100 and subcode == 33


def error_of(body: bytes) -> tuple[int | None, int | None, str]:
    """(code, subcode, words) of an error; no code where it is not Facebook that speaks."""
    error = tree(body).get("error")
    if not isinstance(error, dict):
        return None, None, body[:2000].decode("utf-8", "replace")
    words = " ".join(str(error[key]) for key in ("message", "error_user_msg") if error.get(key))
    return count_of(error.get("code")), count_of(error.get("error_subcode")), words


def verdict_of(answer: Answer, token: str) -> Verdict:
    """What an answer that is not 200 means; the token is taken out of its words."""
    code, subcode, words = error_of(answer.body)
    said = None if code is None else f"{code}/{subcode}" if subcode else str(code)
    detail, wait = without(words, (token,)), wait_of(answer.headers) or answer.retry_after
    if answer.status == 429:
        return Verdict(THROTTLED, said, wait, detail)
    if code is None:  # from something in between
        return Verdict(Meaning(PostStatus.UNKNOWN, "vendor_error"), str(answer.status), detail=detail)
    meaning = meaning_of(code, subcode)
    return Verdict(meaning, said, wait if meaning.decision is Decision.RETRY else None, detail)
