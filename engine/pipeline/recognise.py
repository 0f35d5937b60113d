"""Which message in the vendor's log is ours. Pure: the design's step 7, word for word.

A candidate is a vendor id bound to no delivery of ours, from the same sender, created two minutes before the claim at
the earliest. One candidate settles the delivery, the body only breaks ties, several equal ones go to a person.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from engine.channels.base import VendorMessage

BEFORE_CLAIM = timedelta(minutes=2)  # the vendor's clock may be that far behind ours
CLOCK_DOUBT = timedelta(days=1)  # the same words that long before the claim: a person looks

SEVERAL, CLOCK = "several_candidates", "clock_doubtful"


def recognise(
    listed: Sequence[VendorMessage],
    *,
    body: str,
    sends_as: str,
    claimed_at: datetime,
    taken: Collection[str],
    rivals: Collection[str],
) -> VendorMessage | str | None:
    """The message that is ours; the reason for which a person must look; or None, it is not there.

    ``taken`` are vendor ids of other deliveries, ``rivals`` the words of other deliveries to the person that are in
    doubt as well.
    """
    free = [message for message in listed if message.vendor_id not in taken and message.sender == sends_as]
    # What bears the words of another delivery in doubt to the same person is that one's: taken for ours, ours would
    # be lost, and the other one sent twice.
    candidates = [
        message
        for message in free
        if message.created_at >= claimed_at - BEFORE_CLAIM and (message.body == body or message.body not in rivals)
    ]
    if len(candidates) > 1:  # the body only breaks ties
        candidates = [message for message in candidates if message.body == body] or candidates
    if len(candidates) > 1:
        return SEVERAL
    if candidates:
        return candidates[0]
    # The same words from the same sender, bound to nobody, before the claim: an older one, or is a clock wrong? A
    # machine whose clock runs ahead would otherwise find every one of its own "too old" and send it again.
    since = claimed_at - CLOCK_DOUBT
    return CLOCK if any(message.body == body and message.created_at >= since for message in free) else None
