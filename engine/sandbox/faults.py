"""What goes wrong on purpose, decided by the seed and never by chance.

Every decision is a function of the seed and of what it is about (a number's n-th message, a message's
status), not of the order in which requests happen to arrive: a run that found a bug finds it again.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b


class Fault(StrEnum):
    """What happens to one request that creates a message."""

    NONE = "none"
    ERROR_BEFORE = "error_before"  # 5xx, nothing recorded
    ERROR_AFTER = "error_after"  # 5xx, though the message was accepted: as real life has it
    DROP_RESPONSE = "drop_response"  # accepted, then the connection is cut without an answer


@dataclass(frozen=True, slots=True)
class Faults:
    """The fault flags of ``loa sandbox``. Rates are shares from 0 to 1; ``latency`` in real seconds."""

    latency: float = 0.0
    error_rate: float = 0.0
    drop_response_rate: float = 0.0
    duplicate_callbacks: float = 0.0
    lose_callbacks: float = 0.0
    shuffle_callbacks: bool = False
    rate: float | None = None  # creates a second; what is above gets 429
    seed: int = 0

    def chance(self, *about: object) -> float:
        """A number in [0, 1) that depends on the seed and on what it is about only."""
        written = "|".join(map(str, (self.seed, *about))).encode()
        return int.from_bytes(blake2b(written, digest_size=6).digest(), "big") / (1 << 48)

    def on_create(self, to: str, nth: int) -> Fault:
        """What happens to the ``nth`` request to this number."""
        if self.error_rate and self.chance("error", to, nth) < self.error_rate:
            return Fault.ERROR_AFTER if self.chance("recorded", to, nth) < 0.5 else Fault.ERROR_BEFORE
        if self.drop_response_rate and self.chance("drop", to, nth) < self.drop_response_rate:
            return Fault.DROP_RESPONSE
        return Fault.NONE

    def callback_delays(self, sid: str, afters: list[float]) -> list[list[float]]:
        """When each of a message's callbacks goes out: none (lost), once, or twice.

        ``afters`` are the seconds after creation at which the statuses came about, in order. A callback is
        never early: shuffling holds the earlier ones back until after the last.
        """
        plan: list[list[float]] = []
        shuffled = self.shuffle_callbacks and self.chance("shuffle", sid) < 0.5
        for place, after in enumerate(afters):
            if self.lose_callbacks and self.chance("lose", sid, place) < self.lose_callbacks:
                plan.append([])
                continue
            due = [after]
            if shuffled and place < len(afters) - 1:
                due = [afters[-1] + 0.2 + self.chance("late", sid, place)]
            if self.duplicate_callbacks and self.chance("twice", sid, place) < self.duplicate_callbacks:
                due.append(due[0] + 0.2 + 2 * self.chance("again", sid, place))
            plan.append(due)
        return plan


class RateGate:
    """Lets through at most ``rate`` requests in any one second; the rest the vendor answers with 429."""

    __slots__ = ("_passed", "_rate")

    def __init__(self, rate: float) -> None:
        self._rate = max(1, int(rate))
        self._passed: deque[float] = deque(maxlen=self._rate)

    def lets_through(self, now: float) -> bool:
        """Whether a request at ``now`` (monotonic seconds) is within the rate; counts it if so."""
        if len(self._passed) == self._rate and now - self._passed[0] < 1:
            return False
        self._passed.append(now)
        return True
