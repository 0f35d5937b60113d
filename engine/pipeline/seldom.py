"""A log line that would come ten times a second: said at once, then once a minute with how often it was."""

from typing import Any

EVERY = 60.0  # seconds


class Seldom:
    """Says ``event`` through ``log``. What is different (``code``, ``sender`` …) is counted apart."""

    def __init__(self, log: Any, event: str) -> None:
        self._log, self._event = log, event
        self._said: dict[tuple[tuple[str, object], ...], tuple[float, int]] = {}

    def say(self, now: float, **about: object) -> None:
        """Log an error at ``now`` (monotonic seconds) unless the same was logged within the last minute."""
        key = tuple(sorted(about.items()))
        at, times = self._said.get(key, (None, 0))
        if at is not None and now - at < EVERY:
            self._said[key] = at, times + 1
            return
        if times:
            about = {**about, "times": times + 1}
        self._log.error(self._event, **about)
        self._said[key] = now, 0

    def over(self, **about: object) -> None:
        """It is well again: the next time is a first one."""
        self._said.pop(tuple(sorted(about.items())), None)
