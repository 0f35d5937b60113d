"""Why deliveries did not arrive, in plain words, and what an officer can do about each."""

from typing import Final

from engine.i18n import sentence
from engine.reports.publication import SEPARATOR
from engine.status import Status

# The statuses that have reasons, in the order of a report: what went wrong first, what was meant last.
REASONED: Final = (Status.FAILED, Status.EXPIRED, Status.UNKNOWN, Status.EXCLUDED, Status.CANCELLED)
# Every reason that the engine or an adapter of ours gives; a plug-in may give others, which are shown as they are.
REASONS: Final = (
    # of a number
    "unreachable", "invalid_number", "unknown_number", "not_mobile", "landline", "blocked", "no_route",
    # of an address
    "mailbox", "mailbox_full", "put_off", "certificate", "no_tls",
    # of the text
    "text", "filtered", "validity", "duplicate",
    # of the sender and its account
    "account", "balance", "credentials", "region", "sender", "receipt_address", "queue_full", "throttled",
    # of the road
    "refused", "vendor_error", "vendor_unknown", "no_answer", "no_connection", "malformed", "unlisted_code",
    "unknown_status", "unexpected", "unreadable", "orphan", "released", "by_file", "expired", "too_late", "cancelled",
    # of the person and the rules
    "opted_out", "no_consent", "do_not_call", "advertising_text", "advertising_capped", "area_ambiguous",
    "excluded_audience", "holdout", "contacted_recently", "capped", "erased", "synthetic", "no_email",
)  # fmt: skip


def words_of(reason: str) -> str:
    """A reason as an officer reads it; "" is one that nobody gave. Several that are told as one have commas."""
    if not reason:
        return sentence("reasons.none")
    if SEPARATOR in reason:
        return sentence("publication.others", values="; ".join(words_of(one) for one in reason.split(SEPARATOR)))
    return sentence(f"reasons.{reason}") if reason in REASONS else reason


def advice_of(reason: str) -> str:
    """What to do about it."""
    return sentence(f"reasons_advice.{reason if reason in REASONS else 'other'}")
