"""The scene: a workspace with its people, the vendor in a process of its own, and ``loa run`` that is to be killed.

Three steps go to the same people within the same minutes, one of them with names in it. Among the people are some who
have opted out and some who never consented: a message to one of those is as wrong as a second one.
"""

import contextlib
import json
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import road_workspace as files
from road_kit import Loa, commune_of, number, wait_for
from sqlalchemy import text
from torture_processes import Forge, Tripwire, Victim, cold

from engine.store.database import Database

STEPS = ("mot", "hai", "ba")
WORDS = {"mot": "Tin thứ nhất, xin gọi 111.", "hai": "Tin thứ hai, chào {{ contact.name }}.", "ba": "Tin thứ ba."}
OPTED_OUT, WITHOUT_CONSENT = 3, 4
OPEN = ("queued", "sending", "unknown")
# A chunk of 5,000 people is one transaction: with a few hundred people the fan-out would be over in one blow.
# The last life does it as always.
CONSTANTS: Mapping[str, Any] = {"engine.store.fanout.CHUNK": 20}


@dataclass(frozen=True)
class Pace:
    """What ``loa.yaml`` says about the sender."""

    rate: str = "80/s"
    settle_after: str = "1 seconds"
    orphan_after: str = "1 seconds"
    poll_after: str = "1 seconds"


@dataclass
class Ledger:
    """The vendor's ledger and the callbacks it has had answered, counted without reading anything twice."""

    lines_file: Path
    callbacks_file: Path
    _read: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def lines(self) -> list[dict[str, Any]]:
        """Every message the vendor accepted."""
        return _json_lines(self.lines_file)

    def callbacks(self) -> list[dict[str, Any]]:
        """Every callback that was answered: ``path``, ``form``, ``status``."""
        return _json_lines(self.callbacks_file)

    def accepted(self) -> int:
        """How many messages the vendor has accepted."""
        return self._count(self.lines_file)

    def answered(self) -> int:
        """How many callbacks have been answered."""
        return self._count(self.callbacks_file)

    def _count(self, path: Path) -> int:
        place, count = self._read.get(path, (0, 0))
        if not path.exists():
            return 0
        with path.open("rb") as opened:
            opened.seek(place)
            new = opened.read()
        self._read[path] = place + len(new), count + new.count(b"\n")
        return self._read[path][1]


def _json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def quiet_port() -> int:
    """A free port below those that the system gives to outgoing calls: between two lives nobody else may take it."""
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as opened, contextlib.suppress(OSError):
            opened.bind(("127.0.0.1", port))
            return port


class Scene:
    """Workspace, vendor and clock of one torture. ``people`` consent; a few more do not."""

    def __init__(
        self,
        folder: Path,
        forge: Forge,
        database_url: str,
        *,
        people: int,
        pace: Pace | None = None,
        faults: tuple[str, ...] = (),
        seed: int = 0,
        steps: tuple[str, ...] = STEPS,
        constants: Mapping[str, Any] | None = None,
        begins: str = files.DUE,
        step_keys: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.forge, self.people, self.steps, self.seed = folder, forge, people, steps, seed
        self.faults, self.constants = faults, CONSTANTS | (constants or {})
        self.database_url = database_url
        self.port, self._vendor_port = quiet_port(), quiet_port()
        self.ledger = Ledger(folder / "ledger.jsonl", folder / "callbacks.jsonl")
        self._begins, self._origin = datetime.fromisoformat(begins), time.monotonic()
        self.loa = Loa(
            folder,
            {
                "LOA_TWILIO_URL": f"http://127.0.0.1:{self._vendor_port}",
                "LOA_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
                "LOA_DATABASE_URL": database_url,
            },
        )
        self._pace, self._step_keys = pace or Pace(), dict(step_keys or {})
        self.database = Database(database_url)
        self._vendor: Victim | None = None

    def clock(self, later: timedelta = timedelta(0)) -> str:
        """What the wall clock of this scene says now: it runs on while processes come and go."""
        return (self._begins + timedelta(seconds=time.monotonic() - self._origin) + later).isoformat()

    def prepare(self) -> None:
        """Files, database, people, opt-outs, approval."""
        pace = self._pace
        keys = {"valid_for": "9 hours"} | self._step_keys
        written: dict[str, str | None] = {
            "loa.yaml": files.loa_yaml(
                rate=pace.rate, settle_after=pace.settle_after, orphan_after=pace.orphan_after,
                poll_after=pace.poll_after,
            ),
            "campaigns/thu.yaml": files.campaign(
                *(files.step(step, sender="cong", message=f"tin-{step}", **keys) for step in self.steps),
                limits="{budget: 60_000_000}",
            ),
            "messages/tin/sms.vi.j2": None,
        }  # fmt: skip
        written |= {f"messages/tin-{step}/sms.vi.j2": WORDS[step] + "\n" for step in self.steps}
        files.write(self.folder, written)
        loa = self.loa.here
        loa.ok("init", str(self.folder))
        for name, first, last, flags in (
            ("dong-y.csv", 1, self.people, ["--consent"]),
            ("chua.csv", self.people + 1, self.people + WITHOUT_CONSENT, []),
        ):
            rows = [f"{number(place)},Người Thử {place:05d},{commune_of(place)}" for place in range(first, last + 1)]
            (self.folder / name).write_text("\n".join(["SĐT,Họ và tên,Xã/Phường", *rows]) + "\n", encoding="utf-8")
            loa.ok(
                "contacts", "import", str(self.folder / name), "--source", name, "--basis", "thử", "--era", "2025",
                "--synthetic", "--json", *flags,
            )  # fmt: skip
        loa.ok("contacts", "opt-out", *(number(place) for place in range(1, OPTED_OUT + 1)), "--source", "thử")
        loa.ok("approve", "thu", "--by", "Người Duyệt", "--json")

    @contextmanager
    def vendor(self) -> Iterator[None]:
        """The vendor's process around the block, and after a ``restart_vendor`` the new one."""
        self.restart_vendor()
        try:
            yield
        finally:
            self._stop_vendor()
            self.database.close()

    def restart_vendor(self, later: timedelta = timedelta(0), *faults: str) -> None:
        """Stop the vendor and start it again on its ledger, with the scene's faults or with these."""
        self._stop_vendor()
        self._vendor = vendor = self.forge.start(
            self.loa, "sandbox", "--port", str(self._vendor_port), "--ledger", str(self.ledger.lines_file), "--json",
            "--seed", str(self.seed % 1000), *(faults or self.faults), clock=self.clock(later),
            witness=self.ledger.callbacks_file,
        )  # fmt: skip
        wait_for(lambda: vendor.out or vendor.ended(), every=0.01)
        assert vendor.out, vendor.err

    def _stop_vendor(self) -> None:
        if self._vendor is not None:
            assert self._vendor.stop() == 0, self._vendor.err
            self._vendor = None

    def run(
        self,
        tripwire: Tripwire | None = None,
        *,
        web: bool = True,
        from_nothing: bool = False,
        later: timedelta = timedelta(0),
    ) -> Victim:
        """Start ``loa run`` at the scene's present time, by the forge or ``from_nothing``."""
        where = ("--port", str(self.port)) if web else ("--no-web",)
        if from_nothing:
            return cold(self.loa, "run", *where, clock=self.clock(later))
        return self.forge.start(
            self.loa, "run", *where, clock=self.clock(later), constants=self.constants, tripwire=tripwire
        )

    def beside(self) -> Victim:
        """A second process on the same database: another worker on PostgreSQL, a round of cron's on SQLite."""
        return self.once() if self.database.is_sqlite else self.run(web=False)

    def once(self, later: timedelta = timedelta(0)) -> Victim:
        """Start ``loa dispatch --once``."""
        return self.forge.start(
            self.loa, "dispatch", "--once", "--json", clock=self.clock(later), constants=self.constants
        )

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a query, whoever is writing."""
        with self.database.read() as connection:
            return list(connection.execute(text(statement), values))

    def count(self, statement: str, **values: Any) -> int:
        """One number from a query."""
        return int(self.rows(statement, **values)[0][0] or 0)

    def over(self) -> bool:
        """Every run is finished and nothing is on its way."""
        runs = dict(iter(self.rows("SELECT status, count(*) FROM run GROUP BY status")))
        if set(runs) != {"finished"} or runs["finished"] != len(self.steps):
            return False
        return not self.count(f"SELECT count(*) FROM delivery WHERE status IN {OPEN}")

    def progress(self, more: int, *victims: Victim) -> None:
        """Wait until the vendor has accepted that many more."""
        goal = self.ledger.accepted() + more
        self.wait_for(lambda: self.ledger.accepted() >= goal, 60, *victims)

    def wait_for(self, condition: Callable[[], Any], seconds: float = 120, *victims: Victim) -> None:
        """Wait until ``condition()`` holds; none of ``victims`` may end meanwhile."""
        deadline = time.monotonic() + seconds
        while not condition():
            for victim in victims:
                assert not victim.ended(), f"it ended by itself:\n{victim.err[-3000:]}"
            assert time.monotonic() < deadline, f"it did not come about; {self.standing()}" + "".join(
                f"\n{victim.err[-2000:]}" for victim in victims
            )
            time.sleep(0.01)

    def standing(self) -> str:
        """Where everything stands, for the message of a failure."""
        deliveries = self.rows("SELECT status, count(*) FROM delivery GROUP BY status")
        runs = self.rows("SELECT step, status, reason FROM run")
        look_ups = self.rows("SELECT waits_for, count(*) FROM look_up GROUP BY waits_for")
        return f"deliveries {deliveries}, runs {runs}, look-ups {look_ups}, accepted {self.ledger.accepted()}"

    def settle(self, seconds: float = 120) -> None:
        """A last life, from nothing and undisturbed, until everything is over, and the vendor's last word on it."""
        last = self.run(from_nothing=True)
        try:
            self.wait_for(lambda: last.err, 60, last)  # before its first line it knows no signals
            self.wait_for(self.over, seconds, last)
        finally:
            code = last.stop()
        assert (code, "Traceback" in last.err) == (0, False), last.err
        self.ask_a_day_later()

    def ask_a_day_later(self) -> None:
        """A day later every phone has answered: one round asks the vendor about what no callback told."""
        day = timedelta(days=1)
        self.restart_vendor(day, "--latency", "0")
        asked = self.once(day)
        assert asked.wait() == 0, asked.err
