"""An excerpt of the database in an SQLite file of its own: what a rehearsal needs of it, and nothing more.

The original is opened for reading only and read as it stood at one instant, also while others write to it. Numbers and
names stay sealed as they are; e-mail addresses, people whom nothing addresses, and what went out long ago, stay where
they are.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    MetaData,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlmodel import SQLModel

from engine.errors import LoaError
from engine.settings import Settings
from engine.store import every_table as _every_table  # noqa: F401
from engine.store.crypto import Keyring, load_keyring
from engine.store.database import Database
from engine.store.instant import Instant
from engine.store.many import stored, write_many
from engine.store.runs import OPEN
from engine.store.schema import check

AT_ONCE = 5000  # rows read from PostgreSQL before they are written
ORIGINAL = "original"  # the name under which SQLite sees the original beside the excerpt
KEPT_BACK = b"-"  # stands for an e-mail address: that there is one decides the road, which one it is nobody rehearses
# What happened, who was at work, and what only the true vendor can answer: nothing of it decides what will happen.
_LEFT_OUT = frozenset(
    {
        "attempt", "receipt", "audit", "incident", "worker", "look_up", "post_response", "page_state",
        "publication", "publication_unit", "frozen_report", "vendor_token", "web_user", "web_session",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the excerpt is to hold: people in ``places`` (era, commune), and what went out to them after ``since``.

    What happened after ``until`` is left out, as if it were that instant now. ``campaign`` keeps its figures.
    """

    campaign: str
    places: Collection[tuple[str, str]]
    since: datetime
    until: datetime


def open_original(settings: Settings) -> tuple[Database, Keyring]:
    """The workspace's database for reading only, and its keyring, checked. Raises ``LoaError`` as ``open_store``."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        if not path.is_file():
            raise LoaError("store.no-database")
        url = _file_url(path, mode="ro")
    database = Database(url.render_as_string(hide_password=False))
    try:
        keyring = load_keyring(settings.key_file)
        check(database, keyring)
    except BaseException:
        database.close()
        raise
    return database, keyring


def create_excerpt(path: Path) -> Database:
    """A new, empty excerpt: the tables with their constraints, without the triggers that other writers need."""
    database = Database(_file_url(path).render_as_string(hide_password=False), disposable=True)
    with database.write() as connection:
        SQLModel.metadata.create_all(connection)
    return database


def fill_excerpt(original: Database, excerpt: Database, wanted: Wanted) -> None:
    """Copy ``wanted`` from ``original``. Raises ``LoaError`` when either is not usable."""
    if original.is_sqlite:
        found = _chosen(_under(ORIGINAL), wanted)
        with excerpt.write() as connection:
            connection.exec_driver_sql(f"ATTACH DATABASE ? AS {ORIGINAL}", (f"{original.url.database}?mode=ro",))
            for table in SQLModel.metadata.sorted_tables:
                if table.name in found:
                    connection.execute(insert(table).from_select(list(table.c.keys()), found[table.name]))
        excerpt.close()  # and with the connection goes the last tie to the original
        return
    found = _chosen(SQLModel.metadata.tables, wanted)
    with original.read() as reading, excerpt.write() as writing:
        for table in SQLModel.metadata.sorted_tables:
            if table.name in found:
                _carry_over(reading, writing, table, found[table.name])


def _carry_over(reading: Connection, writing: Connection, table: Table, query: Select[Any]) -> None:
    names = list(table.c.keys())
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    at, as_stored = [place for place, column in enumerate(table.c) if isinstance(column.type, Instant)], stored(writing)

    def written(rows: Collection[Any]) -> Iterator[tuple[Any, ...]]:
        for row in rows:
            values = list(row)
            for place in at:
                values[place] = as_stored(values[place])
            yield tuple(values)

    for part in reading.execute(query, execution_options={"yield_per": AT_ONCE}).partitions():
        write_many(writing, statement, list(written(part)))


def _under(schema: str) -> dict[str, Table]:
    """Every table as it is named where the original is attached as ``schema``."""
    metadata = MetaData()
    return {name: table.to_metadata(metadata, schema=schema) for name, table in SQLModel.metadata.tables.items()}


def _chosen(of: Mapping[str, Table], wanted: Wanted) -> dict[str, Select[Any]]:
    """Table → what of it goes into the excerpt; a table that nothing is said of goes as a whole."""
    contact, run, delivery = of["contact"].c, of["run"].c, of["delivery"].c
    here = (contact.era + ":" + contact.commune).in_([f"{era}:{commune}" for era, commune in wanted.places])
    people = select(contact.id).where(here)
    known = run.opened_at <= wanted.until
    still_open = select(run.id).where(known, run.status.in_([str(status) for status in OPEN]))
    figures = select(run.id).where(known, or_(run.campaign == wanted.campaign, run.id.in_(still_open)))
    weighs = and_(delivery.attempt > 0, delivery.claimed_at > wanted.since, delivery.claimed_at <= wanted.until)
    conditions: dict[str, ColumnElement[bool]] = {
        "contact": here,
        "contact_group": of["contact_group"].c.contact_id.in_(people),
        "opt_out": of["opt_out"].c.phone_hash.in_(select(contact.phone_hash).where(here)),
        "run": known,
        "delivery": and_(or_(weighs, delivery.run_id.in_(still_open)), delivery.contact_id.in_(people)),
        "broadcast": of["broadcast"].c.run_id.in_(still_open),
        "post": of["post"].c.run_id.in_(figures),
        "rendering": of["rendering"].c.run_id.in_(still_open),
        "run_cell": of["run_cell"].c.run_id.in_(still_open),
        "tally_area": of["tally_area"].c.run_id.in_(figures),
        "tally_trait": of["tally_trait"].c.run_id.in_(figures),
    }
    chosen = {
        name: select(*_columns(table)).where(conditions[name]) if name in conditions else select(table)
        for name, table in of.items()
        if name not in _LEFT_OUT
    }
    area = of["tally_area"].c
    keys = (run.campaign, area.era, area.commune, area.status, area.slot)
    sums = [cast(func.sum(column), BigInteger) for column in (area.deliveries, area.segments, area.cost_vnd)]
    # The campaigns' sums are made anew: those of the original have runs in them that stay where they are.
    known_areas = select(*keys, *sums).join_from(of["run"], of["tally_area"], area.run_id == run.id)
    return chosen | {"tally_place": known_areas.where(run.id.in_(figures)).group_by(*keys)}


def _columns(table: Table) -> list[ColumnElement[Any]]:
    """A table's columns as they go over."""
    return [
        case((column.is_not(None), literal(KEPT_BACK, LargeBinary)), else_=null()).label(column.name)
        if column.name == "email_sealed"
        else column
        for column in table.c
    ]


def _file_url(path: Path, **query: str) -> URL:
    """The address of an SQLite file with ``query`` for SQLite itself."""
    return URL.create("sqlite", database=path.resolve().as_uri(), query=query | {"uri": "true"})
