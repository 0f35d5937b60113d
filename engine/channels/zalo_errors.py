"""Zalo's error codes, each with its one meaning. Errors come with HTTP 200: ``{"error": -216, "message": …}``.

What stands in no table is ``unknown``: the account's own list of articles decides. So is -100 ("an unknown error, try
again later"): for a message to one person that is a reason to try again, but an article that went up in spite of it
would stand there twice.
"""

from engine.channels.base import Decision
from engine.channels.post_calls import REFUSED, THROTTLED, UNKNOWN_CODE, Meaning, stops
from engine.status import PostStatus

# The access token has ended or is not (or no longer) the right one: renewed once, then the same call again. A call
# with such a token was not processed.
RENEW = frozenset({-216, -220, -124})
PROCESSING = -214  # only of ``verify``: the pictures are still being fetched

_HOLDS = stops("account")
_CODES = {
    **dict.fromkeys((-32, -144, -147), THROTTLED),
    -133: Meaning(PostStatus.QUEUED, "hours", Decision.RETRY),  # not at night
    -100: Meaning(PostStatus.UNKNOWN, "vendor_error"),
    **dict.fromkeys((-108, -118, -114, -119, -131, -139, -141, -213, -230), REFUSED),
    -200: Meaning(PostStatus.FAILED, "picture"),  # the cover could not be fetched
    -201: REFUSED,  # a field is not as it should be: too long, no cover
    # a person must act: quota or balance, rights, payment, template, the account is not verified, its package
    **dict.fromkeys((-115, -135, -137, -146, -221, -224), _HOLDS),
    -209: _HOLDS,  # this account's package has no such interface
}


def meaning_of(code: int | None) -> Meaning:
    """What a code means for an article."""
    if code in RENEW:  # still so with a new token: somebody has taken the right away
        return stops("credentials")
    return _CODES.get(code or 0, UNKNOWN_CODE)
