"""How often a password may be tried: for each user and for each address, in a sliding window.

Kept in memory: a restart forgives everybody, and whoever can restart us needs no password. The address is the peer's;
behind a proxy all share one, which is why it may try more often. Headers that name another address are not believed.
"""

from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import Literal

WINDOW = 15 * 60.0  # seconds
PER_USER, PER_ADDRESS = 8, 40
MOST = 10_000  # keys that are remembered

Answer = Literal["go", "too-many", "still-too-many"]


class Attempts:
    """Counts every attempt when it begins, so that many at once are many; a login that succeeds is forgotten."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], deque[float]] = {}
        self._told: dict[tuple[str, str], float] = {}
        self._lock = Lock()

    def begin(self, user: str, address: str, now: float) -> Answer:
        """Whether a password may be tried at ``now`` (monotonic seconds); ``too-many`` is said once a window."""
        with self._lock:
            if len(self._at) > MOST:
                self._sweep(now)
            keys = (("user", user), PER_USER), (("address", address), PER_ADDRESS)
            for key, most in keys:
                past = self._past(key, now)
                if len(past) >= most:
                    first = now - self._told.get(key, -WINDOW) >= WINDOW
                    self._told[key] = now if first else self._told[key]
                    return "too-many" if first else "still-too-many"
            for key, _ in keys:
                self._past(key, now).append(now)
            return "go"

    def succeeded(self, user: str, address: str) -> None:
        """Forget the user's failures, and this one attempt of the address."""
        with self._lock:
            self._at.pop(("user", user), None)
            tried = self._at.get(("address", address))
            if tried:
                tried.pop()

    def _past(self, key: tuple[str, str], now: float) -> deque[float]:
        found = self._at.setdefault(key, deque())
        while found and now - found[0] >= WINDOW:
            found.popleft()
        return found

    def _sweep(self, now: float) -> None:
        """Forget what is over; if that is not enough, the half that was remembered first."""
        self._drop(key for key in list(self._at) if not self._past(key, now))
        if len(self._at) > MOST:
            self._drop(list(self._at)[: MOST // 2])

    def _drop(self, keys: Iterable[tuple[str, str]]) -> None:
        for key in keys:
            self._at.pop(key, None)
            self._told.pop(key, None)
