"""The road in one process, for tests: a workspace, people, a clock that is turned by hand, a vendor by script."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import road_workspace as files
from pydantic import BaseModel, ConfigDict
from road_proof import prove_tallies
from sqlalchemy import insert, text

from engine.areas import registry as areas
from engine.channels.base import (
    Decision,
    InvalidReceipt,
    LookUpFailed,
    OpenedWith,
    Outcome,
    Outgoing,
    ReceiptWord,
    Vendor,
    VendorMessage,
)
from engine.clock import StoppedClock, parse_instant
from engine.content.snapshot import Snapshot
from engine.pipeline.approve import Approved, approve
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.once import Round, one_round
from engine.pipeline.plan import Plan, make_plan
from engine.pipeline.process import Process, opened
from engine.sandbox.model import PhoneModel
from engine.settings import Settings
from engine.status import Status
from engine.store import suppression
from engine.store.crypto import bucket_of
from engine.store.tables import Contact, ContactGroup, ContactImport, table_of

AREAS = areas.load()
# For what no database decides: one is enough.
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
_PHONES = PhoneModel(0)
# Made-up mobile numbers that the sandbox's model takes.
NUMBERS = [number for number in (f"+84900{place:06d}" for place in range(1, 4000)) if _PHONES.refusal(number) is None]


class ScriptedKeys(BaseModel):
    """The scripted vendor's keys: a name."""

    model_config = ConfigDict(extra="forbid")
    name: str = "THU"


@dataclass
class World:
    """What the scripted vendor does and knows. ``answer`` decides each call; ``log`` is the vendor's own."""

    clock: StoppedClock
    sent: list[Outgoing] = field(default_factory=list)
    log: dict[str, list[VendorMessage]] = field(default_factory=dict)
    answer: Callable[[Outgoing], Outcome] | None = None
    listings: int = 0
    fetched: list[str] = field(default_factory=list)
    unreadable: bool = False
    standing: dict[str, tuple[Status, str | None, Decision]] = field(default_factory=dict)
    opened: int = 0
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def take(self, message: Outgoing, *, body: str | None = None, at: datetime | None = None) -> str:
        """Put a message into the vendor's log; its id."""
        vendor_id = f"V{next(self._ids)}"
        entry = VendorMessage(vendor_id, "THU", Status.ACCEPTED, at or self.clock.now(), body or message.body)
        self.log.setdefault(message.to, []).insert(0, entry)
        return vendor_id

    def accept(self, message: Outgoing) -> Outcome:
        """Take it and say so."""
        return Outcome(message.delivery_id, message.attempt, Status.ACCEPTED, vendor_id=self.take(message))

    def lost(self, message: Outgoing) -> Outcome:
        """Nothing arrived, and nobody can say so."""
        return Outcome(message.delivery_id, message.attempt, Status.UNKNOWN, reason="no_answer")

    def cut(self, message: Outgoing) -> Outcome:
        """Taken, but the answer was cut off."""
        self.take(message)
        return self.lost(message)


def refused(status: Status, reason: str, decision: Decision = Decision.NONE, retry_after: float | None = None) -> Any:
    """An answer for every call."""

    def answer(message: Outgoing) -> Outcome:
        return Outcome(
            message.delivery_id,
            message.attempt,
            status,
            code="1",
            reason=reason,
            decision=decision,
            retry_after=retry_after,
            detail="lời của nhà cung cấp",
        )

    return answer


class Scripted:
    """A provider that does what its world says."""

    name = "scripted"
    sender = "THU"
    live = True

    def __init__(self, world: World) -> None:
        self._world = world

    async def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        answers = []
        for message in batch:
            self._world.sent.append(message)
            answers.append((self._world.answer or self._world.accept)(message))
        return answers

    async def fetch(self, vendor_id: str) -> VendorMessage | None:
        self._world.fetched.append(vendor_id)
        if self._world.unreadable:
            raise LookUpFailed("no_connection")
        for entries in self._world.log.values():
            for entry in entries:
                if entry.vendor_id == vendor_id:
                    status, reason, decision = self._world.standing.get(vendor_id, (entry.status, None, Decision.NONE))
                    return VendorMessage(
                        vendor_id, "THU", status, entry.created_at, entry.body, reason=reason, decision=decision
                    )
        return None

    async def list_to(self, to: str) -> list[VendorMessage]:
        self._world.listings += 1
        if self._world.unreadable:
            raise LookUpFailed("no_connection")
        return list(self._world.log.get(to, []))

    def read_receipt(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> ReceiptWord:
        if headers.get("x-signature") != "clay":
            raise InvalidReceipt("signature")
        query = dict(part.split("=", 1) for part in url.partition("?")[2].split("&"))
        status = form.get("status")
        return ReceiptWord(
            int(query["d"]),
            int(query["a"]),
            form["id"],
            Status(status) if status else None,
            form.get("word", status or "?"),
            decision=Decision(form.get("decision", "none")),
        )

    async def close(self) -> None:
        self._world.opened -= 1


def vendor_of(world: World, name: str = "scripted", channel: str = "sms") -> Vendor:
    """The scripted vendor for the registry: it needs an approval, and counts as live."""

    def opens(sender_key: str, config: Any, environment: OpenedWith) -> Scripted:
        world.opened += 1
        return Scripted(world)

    return Vendor(name=name, channel=channel, schema=ScriptedKeys, open=opens)


@dataclass
class Person:
    """A contact to be: ``place`` is (era, commune)."""

    place: tuple[str, str] = ("2025", "06184")
    language: str = "vi"
    consent: bool = True
    opted_out: bool = False
    groups: tuple[str, ...] = ()
    name: str | None = None
    synthetic: bool = False
    number: str | None = None
    email: str | None = None


class Wall:
    """Real seconds that a test may move: ``engine.clock.real`` as the pipeline sees it."""

    def __init__(self, real: Callable[[], float]) -> None:
        self._real, self.ahead = real, 0.0

    def __call__(self) -> float:
        return self._real() + self.ahead


@dataclass
class Road:
    """A workspace on its database, with everything a test does to it."""

    settings: Settings
    clock: StoppedClock
    process: Process
    world: World
    wall: Wall
    numbers: Iterator[str] = field(default_factory=lambda: iter(NUMBERS))

    def at(self, local: str) -> datetime:
        """Turn the campaign clock to a local time (``2027-07-16 08:30``)."""
        self.clock.instant = parse_instant(local)
        return self.clock.instant

    def later(self, **span: float) -> datetime:
        """Let campaign time and real time pass together."""
        length = timedelta(**span)
        self.clock.instant += length
        self.wall.ahead += length.total_seconds()
        return self.clock.instant

    def write(self, changes: Mapping[str, str | None] | None = None) -> None:
        """The workspace's files, with these over the usual ones."""
        files.write(self.settings.workspace, changes)

    def people(self, *persons: Person) -> list[str]:
        """Insert contacts; their numbers."""
        keyring, now = self.process.keyring, self.clock.now()
        numbers = [person.number or next(self.numbers) for person in persons]
        with self.process.database.write() as connection:
            import_id = connection.execute(
                insert(table_of(ContactImport))
                .values(
                    source="thử", basis="thử", consent=True, file_digest="-", started_at=now, finished_at=now, rows=1,
                    imported=1, updated=0, unchanged=0, rejected=0,
                )
                .returning(table_of(ContactImport).c.id)
            ).scalar_one()  # fmt: skip
            for person, number in zip(persons, numbers, strict=True):
                hashed = keyring.phone_hash(number)
                contact_id = connection.execute(
                    insert(table_of(Contact))
                    .values(
                        phone_hash=hashed,
                        phone_sealed=keyring.seal(number),
                        name_sealed=keyring.seal(person.name) if person.name else None,
                        email_sealed=keyring.seal(person.email) if person.email else None,
                        era=person.place[0],
                        commune=person.place[1],
                        language=person.language,
                        consent=person.consent,
                        prefix=number[3:5],
                        bucket=bucket_of(hashed),
                        synthetic=person.synthetic,
                        opted_out_at=None,
                        import_id=import_id,
                        updated_at=now,
                    )
                    .returning(table_of(Contact).c.id)
                ).scalar_one()
                for group in person.groups:
                    connection.execute(
                        insert(table_of(ContactGroup)).values(contact_id=contact_id, group_key=group, source="thử")
                    )
                if person.opted_out:
                    suppression.opt_out(connection, [hashed], at=now, source="hotline")
        return numbers

    def snapshot(self, campaign: str = "thu") -> Snapshot:
        """The campaign as its files stand. Raises ``ContentError``."""
        return campaign_snapshot(load_workspace(self.settings, None), campaign)

    def plan(self, campaign: str = "thu", at: datetime | None = None) -> Plan:
        """Its plan."""
        return make_plan(self.process, self.snapshot(campaign), AREAS, at=at)

    def approve(self, campaign: str = "thu", by: str = "Người Duyệt") -> Approved:
        """Approve it as it stands."""
        snapshot = self.snapshot(campaign)
        return approve(self.process, snapshot, make_plan(self.process, snapshot, AREAS), by=by, document="Số 1/TTr")

    def round(self) -> Round:
        """``loa dispatch --once``."""
        return asyncio.run(one_round(self.process))

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a query."""
        with self.process.database.read() as connection:
            return list(connection.execute(text(statement), values))

    def statuses(self, step: str | None = None) -> Counter[str]:
        """Deliveries by status."""
        where = "" if step is None else " WHERE r.step = :step"
        found = self.rows(
            f"SELECT d.status, count(*) FROM delivery d JOIN run r ON r.id = d.run_id{where} GROUP BY d.status",
            **({} if step is None else {"step": step}),
        )
        return Counter({row[0]: row[1] for row in found})

    def runs(self) -> dict[str, str]:
        """``step/occurrence`` → status, with the reason after a colon where there is one."""
        found = self.rows("SELECT step, occurrence, status, reason FROM run ORDER BY id")
        return {f"{row[0]}/{row[1]}": row[2] + (f":{row[3]}" if row[3] else "") for row in found}

    def incidents(self) -> Counter[str]:
        """Open incidents by kind."""
        return Counter(row[0] for row in self.rows("SELECT kind FROM incident WHERE settled_at IS NULL"))

    def tallied(self) -> Counter[str]:
        """Deliveries by status as the tallies have them; zero sums left out."""
        found = self.rows("SELECT status, sum(deliveries) FROM tally_area GROUP BY status")
        return Counter({row[0]: int(row[1]) for row in found if row[1]})

    def prove_tallies(self) -> None:
        """Both tallies equal the rows, in every key."""
        prove_tallies(self.rows)


@contextmanager
def walking(settings: Settings, clock: StoppedClock, world: World, wall: Wall) -> Iterator[Road]:
    """A road whose process may claim."""
    with opened(settings, clock=clock, claims=True) as process:
        yield Road(settings, clock, process, world, wall)
