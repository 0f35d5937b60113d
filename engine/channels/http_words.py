"""What a gateway's codes and statuses mean, as an officer writes it: ``"101": stop (credentials)``.

A meaning is one of ten words, with a reason in brackets where it helps a person. The keys of a table are the
gateway's own words; ``1..63`` and ``64..`` stand for whole numbers, ``*`` for anything; where a status is read from
several fields, their values are joined by a slash (``5/1``). Pure.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.channels.base import BadSender, Decision
from engine.status import Status
from engine.text.accents import fold

# The stable words for why something was not delivered: few and shared by all gateways, so that reports can add up.
REASONS = (
    "account", "balance", "blocked", "credentials", "duplicate", "expired", "filtered", "invalid_number", "landline",
    "no_route", "not_mobile", "opted_out", "queue_full", "receipt_address", "refused", "region", "sender", "text",
    "throttled", "unknown_number", "unreachable", "validity", "vendor_error", "vendor_unknown",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """What one of the words says: of a call's answer, and of a later word about a message already taken."""

    at_send: Status
    later: Status | None  # None: no news
    decision: Decision = Decision.NONE
    reason: str | None = None  # when none is given


KINDS: dict[str, Kind] = {
    "accepted": Kind(Status.ACCEPTED, Status.ACCEPTED),
    "delivered": Kind(Status.DELIVERED, Status.DELIVERED),
    "failed": Kind(Status.FAILED, Status.FAILED, reason="refused"),
    "expired": Kind(Status.EXPIRED, Status.EXPIRED, reason="expired"),
    "opt_out": Kind(Status.FAILED, Status.FAILED, Decision.OPT_OUT, "opted_out"),
    "retry": Kind(Status.QUEUED, None, Decision.RETRY, "throttled"),
    "hold": Kind(Status.QUEUED, Status.FAILED, Decision.HOLD_SENDER, "queue_full"),
    "stop": Kind(Status.QUEUED, Status.FAILED, Decision.STOP_SENDER, "account"),
    "filtered": Kind(Status.FAILED, Status.FAILED, Decision.HOLD_SENDER, "filtered"),
    "unknown": Kind(Status.UNKNOWN, None, reason="vendor_unknown"),
}
_VIETNAMESE = {
    "da nhan": "accepted", "den may": "delivered", "hong": "failed", "qua han": "expired", "tu choi": "opt_out",
    "gui lai": "retry", "tam nghi": "hold", "dung": "stop", "bi loc": "filtered", "chua ro": "unknown",
}  # fmt: skip
_MEANING = re.compile(r"([^()]+?)\s*(?:\(\s*([^()]+?)\s*\))?")
_RANGE = re.compile(r"(-?\d{1,9})\.\.(-?\d{1,9})?")
_WHOLE = re.compile(r"-?\d{1,18}")


@dataclass(frozen=True, slots=True)
class Meaning:
    """A word with its reason."""

    word: str
    reason: str | None = None

    @property
    def kind(self) -> Kind:
        """What the word says."""
        return KINDS[self.word]

    @property
    def why(self) -> str | None:
        """The reason given, else the word's own."""
        return self.reason or self.kind.reason


def read_meaning(text: Any) -> Meaning:
    """``failed (blocked)`` or ``hỏng (blocked)``. Raises ``BadSender`` naming the words there are."""
    if isinstance(text, Meaning):
        return text
    found = _MEANING.fullmatch(text.strip()) if isinstance(text, str) else None
    plain = fold(found[1]).replace("-", "_") if found else ""
    word = plain if plain in KINDS else _VIETNAMESE.get(plain)
    if found is None or word is None:
        raise BadSender("channels.http-meaning", text=str(text)[:40], words=", ".join(KINDS))
    if found[2] is not None and found[2] not in REASONS:
        raise BadSender("channels.http-reason", text=found[2][:40], reasons=", ".join(REASONS))
    return Meaning(word, found[2])


def check_pattern(pattern: str) -> None:
    """Raise ``BadSender`` when ``pattern`` means nothing: an empty part, or a range written backwards."""
    for part in pattern.split("/"):
        found = _RANGE.fullmatch(part)
        backwards = found is not None and found[2] is not None and int(found[2]) < int(found[1])
        if not part.strip() or len(part) > 64 or backwards or (".." in part and found is None):
            raise BadSender("channels.http-pattern", text=pattern[:40])


def matches(pattern: str, values: tuple[str, ...]) -> bool:
    """Whether the values of a status's fields (or one code) are what a key of a table says."""
    parts = pattern.split("/") if len(values) > 1 else [pattern]
    return len(parts) == len(values) and all(map(_is, parts, values))


def _is(part: str, value: str) -> bool:
    if part == "*" or part.casefold() == value.casefold():
        return True
    span = _RANGE.fullmatch(part)
    if span is None or not _WHOLE.fullmatch(value):
        return False
    return int(span[1]) <= int(value) and (span[2] is None or int(value) <= int(span[2]))


def meaning_in(table: Mapping[str, Meaning], values: tuple[str, ...]) -> Meaning | None:
    """What a table says of these values: the word itself before a range, a range before ``*``; None: nothing."""
    found = [pattern for pattern in table if matches(pattern, values)]
    return table[min(found, key=_vagueness)] if found else None


def _vagueness(pattern: str) -> int:
    return pattern.count("*") * 100 + pattern.count("..")


def any_matches(patterns: Iterable[str], values: tuple[str, ...]) -> bool:
    """Whether one of the patterns fits."""
    return any(matches(pattern, values) for pattern in patterns)


# What is definite whatever a gateway's tables say: RFC 9110 (401, 403), RFC 6585 (429).
_REFUSALS = {401: Meaning("stop", "credentials"), 403: Meaning("stop", "account"), 429: Meaning("retry", "throttled")}


def meant(codes: Mapping[str, Meaning], status: int, code: str | None) -> Meaning | None:
    """What an answer that is no success means, by its code or its HTTP status; None: nothing definite."""
    listed = meaning_in(codes, (code,)) if code is not None else None
    return listed or _REFUSALS.get(status)


def why(codes: Mapping[str, Meaning], meaning: Meaning, code: str | None) -> Meaning:
    """Why something failed: what its code says, if that is a failure too."""
    listed = meaning_in(codes, (code,)) if code and meaning.word == "failed" else None
    return listed if listed and listed.kind.later in (Status.FAILED, Status.EXPIRED) else meaning


def later(
    codes: Mapping[str, Meaning], meaning: Meaning | None, code: str | None
) -> tuple[Status | None, str | None, Decision]:
    """What a status says of a message that was taken; None: a word that stands in no table."""
    if meaning is None:
        return None, None, Decision.NONE
    said = why(codes, meaning, code)
    return meaning.kind.later, said.why, said.kind.decision
