"""Signals: the first asks, the second ends, and Windows' Ctrl-Break is one of them."""

import asyncio
import os
import signal
import threading

import pytest

from engine.pipeline import stopping
from engine.pipeline.stopping import on_signal


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why the process would have ended at once."""
    told: list[str] = []
    monkeypatch.setattr(stopping, "_end_now", told.append)
    monkeypatch.setattr(stopping, "STOP_WITHIN", 3600.0)
    return told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_the_first_signal_asks_and_the_second_ends(
    ended: list[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)  # as Windows names Ctrl-Break
    before = signal.getsignal(number)
    called: list[int] = []

    async def course() -> None:
        stop = asyncio.Event()
        with on_signal(stop, lambda: called.append(1)):
            os.kill(os.getpid(), number)
            async with asyncio.timeout(20):
                await stop.wait()
            assert (called, ended) == ([1], [])
            os.kill(os.getpid(), number)
            while not ended:
                await asyncio.sleep(0)
        assert ended == ["second_signal"]

    asyncio.run(course())
    assert signal.getsignal(number) == before
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()


def test_a_stop_that_takes_too_long_is_ended(ended: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "STOP_WITHIN", 0.01)

    async def course() -> None:
        with on_signal(asyncio.Event()):
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(20):
                while not ended:
                    await asyncio.sleep(0.005)

    asyncio.run(course())
    assert ended == ["time"]


def test_without_a_signal_nothing_ends(ended: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "STOP_WITHIN", 0.0)

    async def course() -> None:
        with on_signal(asyncio.Event()):
            await asyncio.sleep(0.02)

    asyncio.run(course())
    assert ended == []
