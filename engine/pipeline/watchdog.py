"""The watchdog: a thread that notices when a part of the process no longer does its work, and says so.

A process that looks alive and sends nothing is worse than one that has ended: what has ended is started again (by
systemd, by a person), and its claims are settled as those of a dead worker.
"""

import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from engine.clock import monotonic

LOOK_EVERY = 1.0  # seconds
ASLEEP = 5.0  # the watchdog's own thread was late by that: the whole process (or machine) stood still
GRACE = 30.0  # seconds after that before anybody is found silent

P = ParamSpec("P")
R = TypeVar("R")


class Beat:
    """The sign of life of a part: it calls this, and the watchdog asks for how long it has been silent."""

    def __init__(self) -> None:
        self._at = monotonic()

    def __call__(self) -> None:
        self._at = monotonic()

    def silent(self) -> float:
        """Seconds since the last sign."""
        return monotonic() - self._at


class Writer(ThreadPoolExecutor):
    """The one writer thread; it knows for how long it has been at the same piece of work."""

    def __init__(self) -> None:
        super().__init__(max_workers=1, thread_name_prefix="writer")
        self._began: float | None = None

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        """As the base class has it."""

        def work() -> R:
            self._began = monotonic()
            try:
                return fn(*args, **kwargs)
            finally:
                self._began = None

        return super().submit(work)

    def silent(self) -> float:
        """Seconds for which it has been at one piece of work; 0 while it has none."""
        began = self._began
        return 0.0 if began is None else monotonic() - began


class Watchdog:
    """Looks once a second; calls ``found(part)`` once, in its own thread, for the first part that is silent."""

    def __init__(self, found: Callable[[str], None]) -> None:
        self._found = found
        self._parts: dict[str, tuple[float, Callable[[], float]]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def watch(self, part: str, within: float, silent: Callable[[], float]) -> None:
        """Find ``part`` dead when ``silent()`` is more than ``within`` seconds."""
        self._parts[part] = (within, silent)

    def silent_part(self) -> str | None:
        """The first part that has been silent for too long, or None."""
        return next((part for part, (within, silent) in self._parts.items() if silent() > within), None)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more: from here the parts end one after the other."""
        self._ended.set()

    def _run(self) -> None:
        last, grace_until = monotonic(), 0.0
        while not self._ended.wait(LOOK_EVERY):
            now = monotonic()
            if now - last > LOOK_EVERY + ASLEEP:  # nobody could have given a sign: SIGSTOP, a machine that slept
                grace_until = now + GRACE
            last = now
            part = self.silent_part() if now >= grace_until else None
            if part is None:
                notify("WATCHDOG=1")
                continue
            self._found(part)
            return


def notify(state: str) -> None:
    """Tell systemd (``READY=1``, ``WATCHDOG=1``, ``STOPPING=1``) where it asked to be told; see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        line.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
