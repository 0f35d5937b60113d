"""Processes under torture: started through the forge (warm) or from nothing (cold), and killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from road_kit import LOA, ROOT, Loa

FORGE = Path(__file__).with_name("torture_forge.py")


@dataclass(frozen=True)
class Tripwire:
    """Death at the ``nth`` SQL statement that matches: before it, after it, at its commit, or once committed."""

    statement: str
    nth: int
    moment: str  # before | after | commit | committed


class Forge:
    """The running forge. A context manager."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LOA_", "TWILIO_"))}
        self._process = subprocess.Popen(
            [sys.executable, str(FORGE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environment, "PYTHONPATH": str(ROOT)},
            encoding="utf-8",
        )
        self._started, self.seconds = 0, 0.0
        self._answer()

    def __enter__(self) -> "Forge":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def start(
        self,
        loa: Loa,
        *arguments: str,
        clock: str | None = None,
        constants: Mapping[str, Any] | None = None,
        tripwire: Tripwire | None = None,
        witness: Path | None = None,
        **changes: str | None,
    ) -> "Victim":
        """Start ``loa`` with these arguments. ``constants`` (``engine.room.NAME``) are set in the child first."""
        self._started += 1
        said = loa.workspace / "said"
        said.mkdir(exist_ok=True)
        out, err = (said / f"{self._started:04d}.{kind}" for kind in ("out", "err"))
        answer = self._ask(
            {
                "do": "start",
                "arguments": arguments,
                "environment": loa._environment(changes | ({"LOA_CLOCK": clock} if clock else {})),
                "folder": str(loa.workspace),
                "out": str(out),
                "err": str(err),
                "constants": dict(constants or {}),
                "tripwire": None if tripwire is None else vars(tripwire),
                "witness": str(witness) if witness else None,
            }
        )
        return Victim(answer["pid"], out, err, self.code_of)

    def code_of(self, process: int) -> int | None:
        """The exit code of a process that has ended, negative for a signal; None while it runs."""
        answer = self._ask({"do": "reap", "pid": process})
        code: int | None = answer["code"]
        if code is not None:
            self.seconds += answer["seconds"]
        return code

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the forge has died"
        answer: dict[str, Any] = json.loads(line)
        return answer


def cold(loa: Loa, *arguments: str, clock: str) -> "Victim":
    """Start ``loa`` as an officer does, from nothing."""
    said = loa.workspace / "said"
    said.mkdir(exist_ok=True)
    out, err = (said / f"cold-{time.monotonic_ns()}.{kind}" for kind in ("out", "err"))
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(
            [*LOA, *arguments],
            env=loa._environment({"LOA_CLOCK": clock}),
            cwd=loa.workspace,
            stdin=subprocess.DEVNULL,
            stdout=to_out,
            stderr=to_err,
        )
    return Victim(process.pid, out, err, lambda _: process.poll())


@dataclass
class Victim:
    """A process that goes on. ``code_of`` gives its exit code, None while it runs."""

    pid: int
    out_file: Path
    err_file: Path
    code_of: Callable[[int], int | None]
    born: float = field(default_factory=time.monotonic)
    _code: int | None = None

    def ended(self) -> bool:
        """Whether the process has ended."""
        if self._code is None:
            self._code = self.code_of(self.pid)
        return self._code is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; none to a process that has ended, whose number may be another's by now."""
        if not self.ended():
            os.kill(self.pid, number)

    def wait(self, timeout: float = 60) -> int:
        """The exit code, once it has ended; after ``timeout`` seconds it is killed and the test fails."""
        deadline = time.monotonic() + timeout
        while not self.ended():
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"it did not end in {timeout} s:\n{self.err[-3000:]}")
            time.sleep(0.003)
        assert self._code is not None
        return self._code

    def kill(self) -> int:
        """SIGKILL, and the exit code."""
        self.send(signal.SIGKILL)
        return self.wait()

    def stop(self, timeout: float = 60) -> int:
        """SIGTERM, and the exit code."""
        self.send(signal.SIGTERM)
        return self.wait(timeout)

    @property
    def out(self) -> str:
        """What it has written to stdout."""
        return self.out_file.read_text(encoding="utf-8") if self.out_file.exists() else ""

    @property
    def err(self) -> str:
        """What it has written to stderr."""
        return self.err_file.read_text(encoding="utf-8") if self.err_file.exists() else ""
