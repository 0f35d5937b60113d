"""Stopping: a first signal asks the process to end in order, a second one ends it, and time is not unlimited.

One way for every system: ``signal.signal`` and a word into the event loop. (A loop's own handlers do not exist on
Windows, where Ctrl-C is SIGINT, and Ctrl-Break or a closed window is SIGBREAK.)
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from engine.errors import USER_CONTENT
from engine.log import get

# Calls on their way end within 30 s of their claim; their outcomes are committed after that.
STOP_WITHIN = 35.0
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")

_log = get("stopping")


@contextmanager
def on_signal(stop: asyncio.Event, *also: Callable[[], object]) -> Iterator[None]:
    """Set ``stop`` in the running loop, and call ``also``, at the first SIGINT, SIGTERM or SIGBREAK.

    A second one ends the process at once, and so do ``STOP_WITHIN`` seconds: what was being sent is then settled by
    the next process, as after a kill. Only the main thread hears signals; elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    deadline = threading.Timer(STOP_WITHIN, _end_now, ("time",))
    deadline.daemon = True
    asked = False

    def heard(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            _end_now("second_signal")
            return
        asked = True
        deadline.start()
        for call in also:
            call()
        loop.call_soon_threadsafe(stop.set)

    numbers = [number for name in _NAMES if (number := getattr(signal, name, None)) is not None]
    before = [(number, signal.signal(number, heard)) for number in numbers]
    try:
        yield
    finally:  # the deadline stands: what is still to be closed may hang as well
        for number, handler in before:
            signal.signal(number, handler)


def _end_now(why: str) -> None:
    _log.error("ended_at_once", why=why)
    os._exit(USER_CONTENT)
