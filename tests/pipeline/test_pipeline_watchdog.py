"""The watchdog: who is silent is found, and nobody is for a machine that slept."""

import socket
import threading
from pathlib import Path

import pytest

from engine.pipeline import watchdog
from engine.pipeline.watchdog import Beat, Watchdog, Writer, notify


class Hands:
    """Monotonic seconds, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 1000.0
        monkeypatch.setattr(watchdog, "monotonic", lambda: self.at)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The clock of the watchdog."""
    return Hands(monkeypatch)


def test_a_part_that_gives_no_sign_is_named(hands: Hands) -> None:
    dog, well, ill = Watchdog(lambda part: None), Beat(), Beat()
    dog.watch("well", 60, well.silent)
    dog.watch("ill", 120, ill.silent)
    for _ in range(3):
        hands.at += 40
        well()
        assert dog.silent_part() is None
    hands.at += 1
    assert dog.silent_part() == "ill"
    ill()
    assert dog.silent_part() is None


def test_a_writer_is_silent_only_while_it_is_at_the_same_piece_of_work(hands: Hands) -> None:
    writer, begun, go_on = Writer(), threading.Event(), threading.Event()
    hands.at += 500
    assert writer.silent() == 0.0, "idle is not dead"
    work = writer.submit(lambda: (begun.set(), go_on.wait(20), "done")[-1])
    assert begun.wait(20)
    hands.at += 70
    assert writer.silent() == 70.0
    go_on.set()
    assert work.result(20) == "done"
    failing = writer.submit(lambda: 1 / 0)
    assert isinstance(failing.exception(20), ZeroDivisionError)
    writer.shutdown()
    assert writer.silent() == 0.0


class Looks:
    """Stands for the event between two looks: moves the clock by what the test says, then ends the thread."""

    def __init__(self, hands: Hands, steps: list[float]) -> None:
        self.hands, self.steps = hands, steps

    def wait(self, seconds: float) -> bool:
        if not self.steps:
            return True
        self.hands.at += self.steps.pop(0)
        return False


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([1.0] * 70, ["part"]),
        ([1.0] * 55, []),
        ([7200.0] + [1.0] * 20, []),  # stopped, or a machine that slept: nobody could give a sign
        ([7200.0] + [1.0] * 40, ["part"]),  # but who gives none afterwards either is dead
    ],
)
def test_a_process_that_was_stopped_as_a_whole_is_not_dead(hands: Hands, steps: list[float], found: list[str]) -> None:
    told: list[str] = []
    dog, part = Watchdog(told.append), Beat()
    dog.watch("part", 60, part.silent)
    dog._ended = Looks(hands, list(steps))  # type: ignore[assignment]
    dog._run()
    assert told == found


def test_systemd_is_told_where_it_asked_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notify("READY=1")  # nobody asked
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(address)
        line.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify("READY=1")
        assert line.recv(100) == b"READY=1"
    notify("WATCHDOG=1")  # nobody listens any more: that is no error
