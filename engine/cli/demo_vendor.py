"""The demonstration's vendor: the sandbox in a process of its own, on a clock that can be turned from outside."""

import asyncio
import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path

from engine.clock import TurnedClock
from engine.errors import LoaError

PATIENCE = 60.0  # seconds to start


class Vendor:
    """The other end of the line: ``url`` is where it listens, ``turn`` moves its clock."""

    def __init__(self, line: "Connection[datetime, str]", url: str) -> None:
        self._line, self.url = line, url

    def turn(self, instant: datetime) -> None:
        """Let ``instant`` be now for the vendor's phones."""
        self._line.send(instant)
        self._line.recv()


@contextmanager
def vendor(ledger: Path, credentials: tuple[str, str], instant: datetime, *, seed: int) -> Iterator[Vendor]:
    """A running sandbox; stopped at the end. Raises ``LoaError`` when it does not start."""
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_serve, args=(theirs, ledger, credentials, instant, seed), daemon=True)
    process.start()
    try:
        if not ours.poll(PATIENCE):
            raise LoaError("cli_demo.failed", command="sandbox", words="-")
        yield Vendor(ours, ours.recv())
    finally:
        process.terminate()
        process.join(timeout=10)


def _serve(
    line: "Connection[str, datetime]", ledger: Path, credentials: tuple[str, str], instant: datetime, seed: int
) -> None:
    from engine.sandbox.faults import Faults
    from engine.sandbox.server import Sandbox
    from engine.sandbox.service import listen, serve

    clock = TurnedClock(instant)
    app = Sandbox(ledger, clock, Faults(seed=seed), credentials)

    def obey() -> None:
        while True:
            try:
                clock.turn(line.recv())
            except EOFError:  # the demonstration is over
                return
            line.send("turned")

    threading.Thread(target=obey, daemon=True).start()
    asyncio.run(serve(app, listen(0), line.send))
