"""The fan-out: from kinds of contacts to one delivery row each, by INSERT … SELECT in short transactions.

Shaped by measurements at a million contacts: a bare INSERT … SELECT writes 640k rows/s, so a chunk of 5,000
keeps SQLite's lock for about 20 ms; the join finds a contact's cell by primary key; only one unique index is
touched. Tallies are written once, in the transaction that makes the run ready: until then none of its rows can
move, and tallying each chunk would cost as much as the rows themselves.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update

from engine.status import RunStatus
from engine.store.kinds import Questions
from engine.store.tables import Contact, Delivery, Rendering, Run, RunCell, table_of
from engine.store.tallies import Counted, Deltas

CHUNK = 5000  # contacts a transaction: about 20 ms of SQLite's lock

_RUN = table_of(Run)
_CONTACT = table_of(Contact)
_DELIVERY = table_of(Delivery)
_CELL = table_of(RunCell)
_RENDERING = table_of(Rendering)


def high_water(connection: Connection) -> int:
    """The newest contact's id: who is imported later is not part of a run that is opening now."""
    return int(connection.execute(select(func.coalesce(func.max(_CONTACT.c.id), 0))).scalar_one())


_SAVE_RENDERING = text(
    "INSERT INTO rendering (run_id, tuple_key, language, personal, words, encoding, segments)"
    " VALUES (:run_id, :tuple_key, :language, :personal, :words, :encoding, :segments) ON CONFLICT DO NOTHING"
)


def save_renderings(connection: Connection, run_id: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Store the renderings of a run that are not there yet; tuple key → id of all of them.

    Two processes may do this at once: in key order, so that they don't deadlock, and each finds the other's.
    """
    known = _rendering_ids(connection, run_id)
    new = [{"run_id": run_id, **row} for row in rows if row["tuple_key"] not in known]
    if new:
        connection.execute(_SAVE_RENDERING, sorted(new, key=lambda row: str(row["tuple_key"])))
        known = _rendering_ids(connection, run_id)
    return known


def _rendering_ids(connection: Connection, run_id: int) -> dict[str, int]:
    query = select(_RENDERING.c.tuple_key, _RENDERING.c.id).where(_RENDERING.c.run_id == run_id)
    return {row.tuple_key: row.id for row in connection.execute(query)}


_SAVE_CELL = text(
    "INSERT INTO run_cell (run_id, era, commune, reads, variant, marks, language, rendering_id, segments, reason,"
    " sender) VALUES (:run_id, :era, :commune, :reads, :variant, :marks, :language, :rendering_id, :segments, :reason,"
    " :sender)"
    " ON CONFLICT DO NOTHING"
)


_CELL_KEY = ("era", "commune", "reads", "variant", "marks")


def save_cells(connection: Connection, cells: Iterable[Mapping[str, Any]]) -> None:
    """Store what each kind of contact gets; a cell that is there already stays (a resumed run)."""
    whole = [{"sender": None, **cell} for cell in cells]
    rows = sorted(whole, key=lambda row: [row[name] for name in _CELL_KEY])  # unsorted upserts deadlock
    if rows:
        connection.execute(_SAVE_CELL, rows)


_WITHOUT_ROW = " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.run_id = :run AND d.contact_id = c.id)"


def _joined(questions: Questions, columns: str) -> tuple[str, dict[str, Any], Callable[[str], Any]]:
    classified = questions.sql()
    arm = classified.arms[0] if classified.arms else "''"
    # CROSS JOIN tells SQLite the order: contacts by id, the cell of each by its key. Left to itself it walks all cells
    # for every chunk and seeks contacts in each: twice the time, and rows out of order for the unique index.
    statement = (
        f"SELECT {columns} FROM contact c CROSS JOIN run_cell x"
        " WHERE x.run_id = :run AND x.era = c.era AND x.commune = c.commune"
        f" AND x.reads = c.language AND x.variant = {arm} AND x.marks = {classified.marks}"
        " AND c.id > :after AND c.id <= :until"
    )
    return statement, classified.parameters, classified.bind


def insert_chunk(
    connection: Connection, run_id: int, questions: Questions, sender: str, price_vnd: int, after: int, until: int
) -> None:
    """Delivery rows for the contacts with ``after < id <= until``: queued, or excluded with the reason."""
    statement, parameters, bind = _joined(
        questions,
        ":run, c.id, c.era, c.commune, x.language, x.variant, c.prefix, x.rendering_id, x.segments,"
        " COALESCE(x.sender, :sender),"
        " CASE WHEN x.reason IS NULL THEN 'queued' ELSE 'excluded' END, x.reason, 0, x.segments * :price",
    )
    connection.execute(
        bind(
            "INSERT INTO delivery (run_id, contact_id, era, commune, language, variant, prefix, rendering_id,"
            " segments, sender, status, reason, attempt, cost_vnd) " + statement
        ),
        parameters | {"run": run_id, "sender": sender, "price": price_vnd, "after": after, "until": until},
    )


def insert_personal_chunk(
    connection: Connection,
    run_id: int,
    questions: Questions,
    sender: str,
    price_vnd: int,
    after: int,
    until: int,
    segments_for: Callable[[int, bytes | None], int],
) -> None:
    """The same for texts with a name in them: each row's segments are counted with the real name.

    Contacts that have a row are passed over. A run that another process has made ready meanwhile gets no more rows:
    its tallies and its budget are made, and the claims' cursor may be past them.
    """
    if not _still_opening(connection, run_id):
        return
    statement, parameters, bind = _joined(
        questions,
        "c.id, c.era, c.commune, x.language, x.variant, c.prefix, x.rendering_id, x.segments, x.reason, c.name_sealed,"
        " x.sender",
    )
    statement += _WITHOUT_ROW
    found = connection.execute(bind(statement), parameters | {"run": run_id, "after": after, "until": until})
    rows = [
        {
            "run_id": run_id,
            "contact_id": row[0],
            "era": row[1],
            "commune": row[2],
            "language": row[3],
            "variant": row[4],
            "prefix": row[5],
            "rendering_id": row[6],
            "segments": row[7] if row[8] is not None or row[6] is None else segments_for(row[6], row[9]),
            "sender": row[10] or sender,
            "status": "queued" if row[8] is None else "excluded",
            "reason": row[8],
            "attempt": 0,
        }
        for row in found
    ]
    for row in rows:
        row["cost_vnd"] = row["segments"] * price_vnd
    if rows:
        connection.execute(insert(_DELIVERY), rows)


def _still_opening(connection: Connection, run_id: int) -> bool:
    """Whether the run still takes rows; PostgreSQL keeps others from changing that while this transaction lasts."""
    query = select(_RUN.c.id).where(_RUN.c.id == run_id, _RUN.c.status == RunStatus.ENQUEUEING).with_for_update()
    return connection.execute(query).first() is not None


def without_row(connection: Connection, run_id: int, questions: Questions) -> list[int]:
    """Contacts that have a cell but no row: they changed while the run was opening. Reads only."""
    statement, parameters, bind = _joined(questions, "c.id")
    statement += _WITHOUT_ROW + " ORDER BY c.id"
    last = connection.execute(select(_RUN.c.high_water).where(_RUN.c.id == run_id)).scalar_one()
    found = connection.execute(bind(statement), parameters | {"run": run_id, "after": 0, "until": last})
    return [row.id for row in found]


def words_of(connection: Connection, run_id: int) -> dict[int, tuple[str, bool, str]]:
    """Rendering id → (stored words, whether they are a skeleton, encoding)."""
    columns = (_RENDERING.c.id, _RENDERING.c.words, _RENDERING.c.personal, _RENDERING.c.encoding)
    found = connection.execute(select(*columns).where(_RENDERING.c.run_id == run_id))
    return {row.id: (row.words, row.personal, row.encoding) for row in found}


def advance(connection: Connection, run_id: int, after: int, until: int) -> bool:
    """Move the run's cursor; False when another process has moved it meanwhile (then nothing may be kept)."""
    moved = connection.execute(
        update(_RUN)
        .where(_RUN.c.id == run_id, _RUN.c.enqueue_cursor == after, _RUN.c.status == RunStatus.ENQUEUEING)
        .values(enqueue_cursor=until)
    )
    return moved.rowcount == 1


def count_enqueued(connection: Connection, run_id: int) -> Deltas:
    """Tallies of a run as it was enqueued, by counting its rows. Reads only."""
    deltas = Deltas()
    areas = connection.execute(
        text(
            "SELECT era, commune, variant, language, status, reason, count(*) FROM delivery"
            " WHERE run_id = :run GROUP BY era, commune, variant, language, status, reason"
        ),
        {"run": run_id},
    )
    for era, commune, variant, language, status, reason, count in areas:
        counted = Counted(count, 0, 0)
        deltas.add_area((run_id, era, commune, variant, status), counted)
        deltas.add_trait((run_id, "variant", variant, status), counted)
        deltas.add_trait((run_id, "language", language, status), counted)
        if reason is not None:
            deltas.add_trait((run_id, "reason", reason, status), counted)
    prefixes = connection.execute(
        text("SELECT prefix, sender, status, count(*) FROM delivery WHERE run_id = :run GROUP BY 1, 2, 3"),
        {"run": run_id},
    )
    for prefix, sender, status, count in prefixes:
        deltas.add_trait((run_id, "prefix", prefix, status), Counted(count, 0, 0))
        deltas.add_trait((run_id, "sender", sender, status), Counted(count, 0, 0))
    return deltas


def fill_gap(connection: Connection, run_id: int) -> bool:
    """Announce rows outside the chunks; False when the run is not being enqueued any more (then none may come).

    It moves ``claim_cursor``, which means nothing before the run is ready: who has counted the rows before sees it.
    """
    moved = connection.execute(
        update(_RUN)
        .where(_RUN.c.id == run_id, _RUN.c.status == RunStatus.ENQUEUEING)
        .values(claim_cursor=_RUN.c.claim_cursor + 1)
    )
    return moved.rowcount == 1


def sums_by_status(connection: Connection, run_id: int) -> dict[str, tuple[int, int, int]]:
    """Status → (deliveries, segments, cost in VND) of a run's rows, by counting them. Reads only."""
    query = text("SELECT status, count(*), sum(segments), sum(cost_vnd) FROM delivery WHERE run_id = :run GROUP BY 1")
    return {row[0]: (row[1], int(row[2]), int(row[3])) for row in connection.execute(query, {"run": run_id})}


def drop_cells(connection: Connection, run_id: int) -> None:
    """The cells have done their work once every row is there."""
    connection.execute(_CELL.delete().where(_CELL.c.run_id == run_id))
