"""Phones that answer, or not: a pure, deterministic model.

What becomes of a message is a function of the seed, the number, the instant at which it was created and its
validity, and of nothing else: no state, no clock, no randomness. So the same phones answer a rehearsal
in-process and an exercise over HTTP, and a server that was killed gives the same answers when it is back.

A number is reduced at once to a *trait* of 16 bits. Everything else derives from it, so a program may keep
the trait and forget the number: each trait is shared by thousands of numbers.

Statuses and error codes are Twilio's (documented under "Message status values" and "Error and Warning
Dictionary"): 30003 unreachable, 30005 unknown number, 30006 landline, 30008 unknown error, 30036 validity
period ran out in the vendor's queue, 21610 opted out, 21211 not a phone number.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from itertools import accumulate
from typing import NamedTuple

from engine.errors import LoaError

LONGEST_VALIDITY = 36_000  # seconds; also what Twilio uses when the message does not say
TRAITS = 1 << 16
_DAY = 86_400
_E164 = re.compile(r"\+[1-9][0-9]{7,14}")


class Kind(StrEnum):
    """How a phone behaves."""

    ON = "on"  # answers within seconds
    OFF = "off"  # switched off for some hours of every day
    SLOW = "slow"  # behind an operator that takes minutes to most of an hour
    DEAD = "dead"  # the number is in nobody's hand any more
    LANDLINE = "landline"
    OPTED_OUT = "opted_out"  # the vendor itself refuses to send to it


# The only place that says how many phones behave how; it sums to 1.
SHARES: Mapping[Kind, float] = {
    Kind.ON: 0.88,
    Kind.OFF: 0.05,
    Kind.SLOW: 0.03,
    Kind.DEAD: 0.02,
    Kind.LANDLINE: 0.01,
    Kind.OPTED_OUT: 0.01,
}


class Step(NamedTuple):
    """A status in a message's course: Twilio's word, seconds after creation, Twilio's error code if any."""

    status: str
    after: float
    error_code: int | None = None


def _mixed(trait: int, milliseconds: int) -> int:
    """32 well-mixed bits of a trait and an instant; integer arithmetic only, 1 µs."""
    mixed = (trait * 0x9E3779B1 ^ milliseconds * 0x85EBCA6B) & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 15) * 0x2C1B3C6D & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 12) * 0x297A2D39 & 0xFFFFFFFF
    return mixed ^ mixed >> 15


class PhoneModel:
    """The phones of one seed. ``shares`` gives each kind's part and sums to 1 (``LoaError`` otherwise)."""

    __slots__ = ("_bounds", "_key", "_kinds")

    def __init__(self, seed: int = 0, shares: Mapping[Kind, float] = SHARES) -> None:
        if abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) < 0:
            raise LoaError("sandbox.shares", total=f"{sum(shares.values()):g}")
        self._key = str(seed).encode()[:64]
        self._kinds = tuple(kind for kind, share in shares.items() if share > 0)
        self._bounds = tuple(
            round(bound * TRAITS) for bound in accumulate(share for share in shares.values() if share > 0)
        )

    def trait(self, number: str) -> int:
        """What the model keeps of a number: 16 bits."""
        return int.from_bytes(blake2b(number.encode(), digest_size=2, key=self._key).digest(), "big")

    def take(self, number: str) -> tuple[int | None, int]:
        """(error code with which the vendor refuses the number, or None; its trait): both with one hash."""
        if not _E164.fullmatch(number):
            return 21211, 0
        trait = self.trait(number)
        return (21610 if self.kind(trait) is Kind.OPTED_OUT else None), trait

    def kind(self, trait: int) -> Kind:
        """How the phone with this trait behaves."""
        return self._kinds[min(bisect_right(self._bounds, trait), len(self._kinds) - 1)]

    def refusal(self, number: str) -> int | None:
        """The error code with which the vendor refuses to take a message to this number; None: it takes it."""
        return self.take(number)[0]

    def course(self, trait: int, created_ms: int, validity: int | None = LONGEST_VALIDITY) -> tuple[Step, ...]:
        """Everything that will become of a message, in order of time; the first step is ``queued`` at 0.

        ``created_ms`` is the creation instant in milliseconds since 1970 (UTC); ``validity`` in seconds.
        """
        sent, end = self._sent_and_end(trait, created_ms, validity)
        if sent is None:
            return Step("queued", 0.0), end
        return Step("queued", 0.0), Step("sending", sent / 2), Step("sent", sent), end

    def end(self, trait: int, created_ms: int, validity: int | None = LONGEST_VALIDITY) -> Step:
        """The last step of a message's course."""
        return self._sent_and_end(trait, created_ms, validity)[1]

    def _sent_and_end(self, trait: int, created_ms: int, validity: int | None) -> tuple[float | None, Step]:
        """When the message leaves the vendor's queue (None: never), and its last step."""
        lifetime = float(validity or LONGEST_VALIDITY)
        mixed = _mixed(trait, created_ms)
        first, second = (mixed & 0xFFFF) / 0x10000, (mixed >> 16) / 0x10000
        kind = self.kind(trait)
        sent = 60 + 2640 * first**2 if kind is Kind.SLOW else 0.3 + 0.7 * first
        if sent > lifetime:
            return None, Step("failed", lifetime, 30036)
        end = sent + 1 + 3 * second
        if kind is Kind.ON:
            return sent, Step("delivered", end)
        status, error_code = "delivered", None
        if kind is Kind.SLOW:
            end = sent + 30 + 1170 * second
        elif kind is Kind.DEAD:
            status, end = "undelivered", sent + 5 + 40 * second
            error_code = (30005, 30005, 30003, 30008)[trait & 3]
        elif kind in (Kind.LANDLINE, Kind.OPTED_OUT):  # the latter only if somebody asks after a refusal
            status, end = "undelivered", sent + 2 + 6 * second
            error_code = 30006 if kind is Kind.LANDLINE else 21610
        elif kind is Kind.OFF:
            dark = self.off_for(trait, created_ms / 1000 + sent)
            if dark:
                end = sent + dark + 20 * second
            if end > lifetime:
                status, end, error_code = "undelivered", max(lifetime, sent), 30003
        return sent, Step(status, end, error_code)

    def off_for(self, trait: int, instant: float) -> float:
        """Seconds until a phone of kind off is switched on again, 0 when it is on.

        It is off for 2 to 16 hours of every day, always the same ones. ``instant`` in seconds since 1970.
        """
        bits = _mixed(trait, 0)
        dark = 7_200 + (bits & 0xFFFF) / 0x10000 * 50_400
        begins = (bits >> 16) / 0x10000 * _DAY
        since = (instant - begins) % _DAY
        return dark - since if since < dark else 0.0


def step_at(course: tuple[Step, ...], elapsed: float) -> Step:
    """Where a message stands ``elapsed`` seconds after its creation (before it: the first step)."""
    standing = course[0]
    for step in course:
        if step.after > elapsed:
            break
        standing = step
    return standing
