"""Rows for the store's tests, made the shortest way, and a recount of the tallies that shares no code with them."""

import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text

from engine.status import Status
from engine.store import fanout
from engine.store.audit import Signature
from engine.store.crypto import Keyring
from engine.store.outbox import DELIVERY
from engine.store.tables import (
    Contact,
    ContactImport,
    Rendering,
    Run,
    SnapshotRow,
    TallyArea,
    TallyTrait,
    table_of,
)

CONTACT, IMPORT, RENDERING = table_of(Contact), table_of(ContactImport), table_of(Rendering)
RUN, SNAPSHOT = table_of(Run), table_of(SnapshotRow)
BEGIN = datetime(2027, 7, 16, 1, 30, tzinfo=UTC)  # 08:30 in Vietnam
REAL = 1_800_000_000.0
SIGNED = Signature(BEGIN, "tien-trinh-thu")
PYTHON = sys.executable
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def contacts_in(
    connection: Connection, keyring: Keyring, count: int, rows: Sequence[Mapping[str, Any]] = (), **columns: Any
) -> list[int]:
    """``count`` contacts in Đồng Đăng; ``columns`` hold for all of them, ``rows[n]`` for the n-th. Their ids."""
    import_id = connection.execute(
        insert(IMPORT)
        .values(
            source="thử", basis="thử", consent=True, file_digest="0", started_at=BEGIN,
            rows=0, imported=0, updated=0, unchanged=0, rejected=0,
        )
        .returning(IMPORT.c.id)
    ).scalar_one()  # fmt: skip
    first = connection.execute(select(CONTACT.c.id).order_by(CONTACT.c.id.desc()).limit(1)).scalar() or 0
    made = []
    for number in range(count):
        phone_hash = keyring.phone_hash(f"+8490000{first + number:04d}")
        row = {
            "phone_hash": phone_hash, "phone_sealed": b"sealed", "name_sealed": None, "era": "2025",
            "commune": "06184", "language": "vi", "consent": True, "prefix": "090",
            "bucket": int.from_bytes(phone_hash[:2], "big"), "synthetic": False, "opted_out_at": None,
            "import_id": import_id, "updated_at": BEGIN,
        }  # fmt: skip
        made.append(row | columns | (rows[number] if rows else {}))
    if made:
        connection.execute(insert(CONTACT), made)
    query = select(CONTACT.c.id).where(CONTACT.c.id > first).order_by(CONTACT.c.id)
    return [row.id for row in connection.execute(query)]


def run_in(connection: Connection, step: str = "canh-bao", campaign: str = "chien-dich", **columns: Any) -> int:
    """A run that is ready to be claimed, of a campaign that is running; its id."""
    connection.execute(
        text(
            "INSERT INTO snapshot (digest, campaign, content, created_at) SELECT 'd', 'chien-dich', '{}',"
            " CURRENT_TIMESTAMP WHERE NOT EXISTS (SELECT 1 FROM snapshot)"
        )
    )
    connection.execute(
        text(
            "INSERT INTO campaign_state (campaign, status, reserved_vnd) VALUES (:campaign, 'running', 0)"
            " ON CONFLICT DO NOTHING"
        ),
        {"campaign": campaign},
    )
    values = {
        "campaign": campaign, "step": step, "occurrence": "once", "channel": "sms", "due": BEGIN,
        "expires_at": BEGIN + timedelta(days=30), "status": "ready", "digest": "d", "high_water": 0,
        "enqueue_cursor": 0, "claim_cursor": 0, "reserved_vnd": 0, "opened_at": BEGIN,
    }  # fmt: skip
    return int(connection.execute(insert(RUN).values(values | columns).returning(RUN.c.id)).scalar_one())


def rendering_in(connection: Connection, run_id: int, tuple_key: str = "06184|vi|", **columns: Any) -> int:
    """Words of one segment for a run; the rendering's id."""
    values = {
        "run_id": run_id, "tuple_key": tuple_key, "language": "vi", "personal": False, "words": "Goi 111.",
        "encoding": "GSM-7", "segments": 1,
    }  # fmt: skip
    return int(connection.execute(insert(RENDERING).values(values | columns).returning(RENDERING.c.id)).scalar_one())


def deliveries_in(
    connection: Connection,
    run_id: int,
    contacts: Sequence[int],
    rows: Sequence[Mapping[str, Any]] = (),
    **columns: Any,
) -> list[int]:
    """A queued delivery of two segments for each contact, with the tallies as the fan-out writes them; their ids.

    ``columns`` hold for all of them, ``rows[n]`` for the n-th. Once a run.
    """
    row = {
        "run_id": run_id, "era": "2025", "commune": "06184", "language": "vi", "variant": "", "prefix": "090",
        "rendering_id": None, "segments": 2, "sender": "dien-tap", "status": "queued", "reason": None, "attempt": 0,
        "cost_vnd": 1700,
    }  # fmt: skip
    if "rendering_id" not in columns:
        columns["rendering_id"] = rendering_in(connection, run_id)
    made = [row | columns | {"contact_id": contact} for contact in contacts]
    if not made:
        return []
    if rows:
        made = [one | dict(more) for one, more in zip(made, rows, strict=True)]
    connection.execute(insert(DELIVERY), made)
    fanout.count_enqueued(connection, run_id).write(connection, 0)
    query = select(DELIVERY.c.id).where(DELIVERY.c.run_id == run_id).order_by(DELIVERY.c.contact_id)
    return [row.id for row in connection.execute(query)]


def delivery(connection: Connection, delivery_id: int) -> dict[str, Any]:
    """A delivery as it stands."""
    return dict(connection.execute(select(DELIVERY).where(DELIVERY.c.id == delivery_id)).mappings().one())


Counts = dict[tuple[Any, ...], tuple[int, int, int]]


def recounted(connection: Connection, run_id: int) -> tuple[Counts, Counts]:
    """What the tallies of a run must be (areas, traits), counted row by row in plain Python."""
    areas: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    traits: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in connection.execute(select(DELIVERY).where(DELIVERY.c.run_id == run_id)).mappings():
        handed = row["handed_at"] is not None
        adds = (1, row["segments"] if handed else 0, row["cost_vnd"] if handed else 0)
        keys = [
            ("variant", row["variant"]),
            ("language", row["language"]),
            ("sender", row["sender"]),
            ("prefix", row["prefix"]),
        ]
        if row["reason"] is not None:
            keys.append(("reason", row["reason"]))
        if handed:
            keys.append(("hour", f"{(row['handed_at'] + timedelta(hours=7)).hour:02d}"))
            if row["status"] == Status.DELIVERED:
                seconds = (row["finished_at"] - row["handed_at"]).total_seconds()
                names = ((60, "1m"), (300, "5m"), (1800, "30m"), (7200, "2h"), (43_200, "12h"), (86_400, "24h"))
                keys.append(("delay", next((name for limit, name in names if seconds <= limit), ">24h")))
        _add(areas[row["era"], row["commune"], row["variant"], row["status"]], adds)
        for trait, value in keys:
            _add(traits[trait, value, row["status"]], adds)
    return ({key: tuple(value) for key, value in areas.items()}, {key: tuple(value) for key, value in traits.items()})


def _add(counts: list[int], adds: Sequence[int]) -> None:
    for place, value in enumerate(adds):
        counts[place] += value


def tallied(connection: Connection, run_id: int) -> tuple[Counts, Counts]:
    """The tallies of a run (areas, traits) summed over the slots, without those that came back to nothing."""
    area, trait = table_of(TallyArea), table_of(TallyTrait)
    found = []
    for table, keys in (
        (area, (area.c.era, area.c.commune, area.c.variant, area.c.status)),
        (trait, (trait.c.trait, trait.c.value, trait.c.status)),
    ):
        counts: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
        query = select(*keys, table.c.deliveries, table.c.segments, table.c.cost_vnd).where(table.c.run_id == run_id)
        for row in connection.execute(query):
            _add(counts[tuple(row[:-3])], row[-3:])
        found.append({key: tuple(value) for key, value in counts.items() if any(value)})
    return found[0], found[1]


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run ``works`` in threads that start together; their results, or the first exception."""
    results: list[Any] = [None] * len(works)
    start = threading.Barrier(len(works))

    def run(place: int) -> None:
        try:
            start.wait(timeout=10)
            results[place] = works[place]()
        except BaseException as error:  # handed to the test's own thread
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
