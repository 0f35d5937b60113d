"""Heavy work of the dashboard is done in another process: charts, and files with charts in them.

The library that draws holds the interpreter's lock from beginning to end: 640 ms the first time and 30–110 ms for each
further chart (a ticking thread beside it, two cores; with the other process the longest gap was 12 ms). In a thread of
ours nothing would be sent or received meanwhile. The other process is started when something is first asked of it, goes
behind everything else (``nice``), and ends by itself when nobody has asked for a while or this process is gone: it
holds 200 MB.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import Any, Protocol, TypeAlias

from engine.errors import LoaError
from engine.i18n import language, speaking
from engine.log import get

IDLE = 300.0  # seconds without a question, then the other process ends
Line: TypeAlias = "Connection[Any, Any]"
_log = get("elsewhere")


class Work(Protocol):
    """Something to be done there: it can be pickled, and so can what comes of it."""

    def done(self) -> Any:
        """Do it."""


class NotDone(LoaError):
    """The work did not come back: ``web.elsewhere-busy``, ``-late``, ``-absent`` or ``-failed``."""


class _Words(NotDone):
    """What an officer can mend, in the words of who found it."""

    def __init__(self, words: str) -> None:
        super().__init__("web.elsewhere-failed")
        self._words = words

    def __str__(self) -> str:
        return self._words


class Elsewhere:
    """One other process, asked one thing at a time. ``start`` gives the line to it, and what is to be ended with it."""

    def __init__(self, start: Callable[[], tuple[Line, BaseProcess | None]] | None = None) -> None:
        self._start = start or _started
        self._open: tuple[Line, BaseProcess | None] | None = None
        self._one = Lock()

    def done(self, work: Work, *, patience: float, queue: float) -> Any:
        """What comes of ``work``, at the latest ``patience`` seconds after those before it are through.

        Raises ``NotDone``, also where they are not through after ``queue`` seconds.
        """
        if not self._one.acquire(timeout=queue):
            raise NotDone("web.elsewhere-busy")
        try:
            return self._ask(work, patience)
        finally:
            self._one.release()

    def _ask(self, work: Work, patience: float) -> Any:
        """Ask; a second process where the first had just gone home."""
        for _ in range(2):
            self._open = self._open or self._start()
            line, _process = self._open
            try:
                line.send((language(), work))
                if not line.poll(patience):
                    self._end()
                    raise NotDone("web.elsewhere-late")
                how, found = line.recv()
            except (OSError, EOFError):
                self._end()
                continue
            if how == "done":
                return found
            if how == "words":
                raise _Words(found)
            if how == "failed":
                _log.error("elsewhere", kind=found)
            raise NotDone(f"web.elsewhere-{how}")
        raise NotDone("web.elsewhere-failed")

    def _end(self) -> None:
        if self._open is not None:
            line, process = self._open
            line.close()
            if process is not None:
                process.kill()
                process.join()
            self._open = None


def _started() -> tuple[Line, BaseProcess]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work_for, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return ours, process


def work_for(line: Line) -> None:
    """The other process: do one thing after the other until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for who asks; the line ends then
    if hasattr(os, "nice"):
        os.nice(10)
    with suppress(EOFError, OSError):
        while line.poll(IDLE):
            line.send(answer(*line.recv()))


def answer(tongue: str, work: Work) -> tuple[str, Any]:
    """How it went (``done``, ``words`` of an officer's mistake, ``absent`` libraries, ``failed``), and what came."""
    with speaking(tongue):
        try:
            return "done", work.done()
        except LoaError as error:
            return "words", str(error)
        except ImportError:
            return "absent", None
        except Exception as error:  # whatever goes wrong is an answer: the page is shown without it
            return "failed", type(error).__name__
