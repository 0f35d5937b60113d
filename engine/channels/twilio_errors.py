"""Twilio's statuses and error codes, and what each means to us. Tables only; the adapter reads them.

Sources: Twilio's "Message status values" and "Error and Warning Dictionary". Twilio says that its codes may
grow: a code that is not here, in a definite refusal, is this message's failure (``refused``).
"""

from dataclasses import dataclass

from engine.channels.base import Decision
from engine.status import Status

# What the vendor says of a message → where our delivery stands. What is missing here is ``Status.UNKNOWN``.
STATUSES: dict[str, Status] = {
    "accepted": Status.ACCEPTED,
    "scheduled": Status.ACCEPTED,
    "queued": Status.ACCEPTED,
    "sending": Status.ACCEPTED,
    "sent": Status.ACCEPTED,  # the operator has it; "sent" says nothing about the phone
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,  # somebody cancelled it in the vendor's console
}
# Words for messages that came in; they are in the same log and are none of ours.
INBOUND = frozenset({"receiving", "received"})


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error code means.

    ``processed`` False: as the answer to a create it proves that nothing was sent, and not because of this
    number, so the delivery goes back into the queue. In a receipt every code is final (``final``).
    """

    reason: str
    decision: Decision = Decision.NONE
    processed: bool = True
    final: Status = Status.FAILED

    @property
    def at_create(self) -> Status:
        """The status of an attempt that was answered with this code."""
        return self.final if self.processed else Status.QUEUED


def _stop(reason: str) -> Meaning:
    return Meaning(reason, Decision.STOP_SENDER, processed=False)


REFUSED = Meaning("refused")
THROTTLED = Meaning("throttled", Decision.RETRY, processed=False)

ERRORS: dict[int, Meaning] = {
    # safe to send again: never processed
    20429: THROTTLED,
    # the sender is overloaded: hold it, keep its queue
    21611: Meaning("queue_full", Decision.HOLD_SENDER, processed=False),
    30001: Meaning("queue_full", Decision.HOLD_SENDER, processed=False),
    # credentials and account: a person must act
    20003: _stop("credentials"),
    20005: _stop("account"),
    20006: _stop("credentials"),
    20008: _stop("credentials"),
    20403: _stop("account"),
    20404: _stop("account"),
    30002: _stop("account"),
    21608: _stop("account"),
    21408: _stop("region"),
    # the sender as configured: every message would meet the same
    21212: _stop("sender"),
    21603: _stop("sender"),
    21606: _stop("sender"),
    21657: _stop("sender"),
    21659: _stop("sender"),
    21660: _stop("sender"),
    21661: _stop("sender"),
    21701: _stop("sender"),
    21703: _stop("sender"),
    21705: _stop("sender"),
    21609: _stop("receipt_address"),
    # the text or the sender's name is not registered: a campaign-level alarm
    30007: Meaning("filtered", Decision.HOLD_SENDER),
    # this number, for good
    21610: Meaning("opted_out", Decision.OPT_OUT),
    21211: Meaning("invalid_number"),
    21214: Meaning("invalid_number"),
    21265: Meaning("invalid_number"),
    21612: Meaning("no_route"),
    21614: Meaning("not_mobile"),
    21635: Meaning("landline"),
    30003: Meaning("unreachable"),
    30004: Meaning("blocked"),
    30005: Meaning("unknown_number"),
    30006: Meaning("landline"),
    30008: Meaning("vendor_unknown"),
    # this message
    21602: Meaning("text"),
    21617: Meaning("text"),
    21619: Meaning("text"),
    30012: Meaning("validity"),
    30045: Meaning("validity"),
    30036: Meaning("expired", final=Status.EXPIRED),
}


def meaning_of(code: int | None, default: Meaning = REFUSED) -> Meaning:
    """What a code means; ``default`` for one that is not in the table."""
    return ERRORS.get(code, default) if code is not None else default
