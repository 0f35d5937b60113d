"""A PostgreSQL server of our own: in a folder of its own, to be killed, filled up and started again.

The server that other tests share is never touched. The server refuses to run as root; then it runs as ``postgres``.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from torture_scene import quiet_port

USER = "postgres"


def programs() -> Path | None:
    """Where ``initdb`` and ``postgres`` are; None when they are not installed."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    places += [Path(found).resolve().parent] if found else []
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


class Cluster:
    """The server. ``folder`` is empty, and everyone may pass through the folders above it."""

    def __init__(self, folder: Path) -> None:
        found = programs()
        if found is None:
            pytest.skip("no programs of a PostgreSQL server here: initdb, postgres")
        self._programs, self._data, self.port = found, folder / "data", quiet_port()
        self._log = folder / "log"
        self._as: list[str] = []
        if os.geteuid() == 0:
            try:
                shutil.chown(folder, USER)
            except LookupError:
                pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
            self._as = ["runuser", "-u", USER, "--"]
        self._call("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C",
                   "--wal-segsize=1", "--no-sync")  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
                "max_wal_size = 16MB\nmin_wal_size = 2MB\nshared_buffers = 16MB\nlogging_collector = off\n"
            )
        self.url = f"postgresql://{USER}@127.0.0.1:{self.port}/loa"
        self.start()
        with psycopg.connect(self._of("postgres"), autocommit=True) as server:
            server.execute("CREATE DATABASE loa")

    def _of(self, name: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._as, str(self._programs / program), *arguments], check=True, capture_output=True, cwd="/", timeout=90
        )

    def start(self, patience: float = 60) -> None:
        """Start the server (again) and wait until it answers."""
        deadline = time.monotonic() + patience
        while True:
            with self._log.open("ab") as log:
                self._server = subprocess.Popen(
                    [*self._as, str(self._programs / "postgres"), "-D", str(self._data)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
                )  # fmt: skip
            while self._server.poll() is None:
                if self.answers():
                    return
                assert time.monotonic() < deadline, self._log.read_text()[-3000:]
                time.sleep(0.02)
            # What is left of a killed server goes on for a moment and holds the shared memory: try again.
            assert time.monotonic() < deadline, self._log.read_text()[-3000:]
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether the server takes connections."""
        try:
            psycopg.connect(self._of("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def running(self) -> bool:
        """Whether the server's first process is there."""
        return self._postmaster() is not None and self._server.poll() is None

    def _postmaster(self) -> int | None:
        try:
            return int((self._data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def kill(self) -> None:
        """SIGKILL for the server's first process and all its children: what only memory knew is lost."""
        first = self._postmaster()
        assert first is not None
        family = [first, *_children(first)]
        for process in family:
            _kill(process)
        self._server.wait(20)

    def stop(self) -> None:
        """Stop the server, however it stands."""
        if self._server.poll() is None:
            first = self._postmaster()
            if first is not None:
                os.kill(first, signal.SIGQUIT)
            else:
                self._server.terminate()
            self._server.wait(30)


@contextmanager
def cluster_in(folder: Path) -> Iterator[Cluster]:
    """A server in ``folder`` for the block."""
    running = Cluster(folder)
    try:
        yield running
    finally:
        running.stop()


def _children(process: int) -> Sequence[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            found.append(int(path.parent.name))
    return found


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return
