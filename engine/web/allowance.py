"""How often somebody may ask: a bucket each that fills again with time. In memory, bounded, on monotonic seconds."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

KEPT = 10_000  # buckets; the one that was used longest ago goes first


class Allowance:
    """``most`` requests at once, and ``most`` more every ``seconds``, for each key."""

    def __init__(self, most: int, seconds: float, now: Callable[[], float]) -> None:
        self._most, self._rate, self._now = float(most), most / seconds, now
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Whether one more is allowed; it counts only then."""
        now = self._now()
        left, at = self._left.pop(key, (self._most, now))
        left = min(self._most, left + (now - at) * self._rate)
        allowed = left >= 1.0
        self._left[key] = (left - 1.0 if allowed else left, now)
        if len(self._left) > KEPT:
            self._left.popitem(last=False)
        return allowed
