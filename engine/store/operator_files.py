"""Files for operators as rows: which deliveries stand in which, once, whoever is killed when.

A delivery joins a file in the transaction that claims it. While a file is ``open`` its rows may go back to the queue
(``drop``); once it is ``sealed`` it is a promise: whoever finds it so writes it, with the same rows under the same
name. Both are conditional updates, so of a worker that was thought dead and its successor only one has its way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update

from engine.store.many import LISTED, read_listed
from engine.store.tables import Contact, Delivery, OperatorFile, OperatorRow, OptOut, Rendering, Run, table_of

_FILE, _ROW = table_of(OperatorFile), table_of(OperatorRow)
_DELIVERY, _CONTACT, _RENDERING = table_of(Delivery), table_of(Contact), table_of(Rendering)
_OPT_OUT, _RUN = table_of(OptOut), table_of(Run)
_LISTED = f"SELECT delivery_id FROM operator_row WHERE delivery_id {LISTED}"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file, as it is to be written. ``phone_sealed`` None: the contact was erased meanwhile."""

    place: int
    delivery_id: int
    attempt: int
    words: str | None = field(repr=False)
    personal: bool
    phone_sealed: bytes | None = field(repr=False)
    name_sealed: bytes | None = field(repr=False)


def open_file(
    connection: Connection, run: Any, sender: str, suffix: str, *, worker: str, at: datetime
) -> tuple[int, str]:
    """A new file of a run: (id, name). The name says campaign, step, occurrence and the file's number in the run."""
    number = 1 + int(
        connection.execute(
            select(func.coalesce(func.max(_FILE.c.number), 0)).where(_FILE.c.run_id == run["id"])
        ).scalar_one()
    )
    name = f"{run['campaign']}-{run['step']}-{run['occurrence']}-{number}.{suffix}"
    values = {"run_id": run["id"], "sender": sender, "number": number, "name": name, "state": "open"}
    file_id = connection.execute(
        insert(_FILE).values(**values, worker=worker, rows=0, opened_at=at).returning(_FILE.c.id)
    ).scalar_one()
    return int(file_id), name


def is_open(connection: Connection, file_id: int) -> bool:
    """Whether rows may still join a file; it stays so until the caller's transaction ends."""
    query = select(_FILE.c.state).where(_FILE.c.id == file_id).with_for_update()
    return connection.execute(query).scalar() == "open"


def join(connection: Connection, file_id: int, delivery_ids: Sequence[int], first_place: int) -> None:
    """Put claimed deliveries into a file, in their order."""
    if delivery_ids:
        connection.execute(
            insert(_ROW),
            [
                {"delivery_id": key, "file_id": file_id, "place": place}
                for place, key in enumerate(delivery_ids, first_place)
            ],
        )


def listed(connection: Connection, delivery_ids: Sequence[int]) -> set[int]:
    """Which of these deliveries stand in a file."""
    if not delivery_ids:
        return set()
    return {int(row[0]) for row in read_listed(connection, _LISTED, delivery_ids)}


def unfinished(connection: Connection) -> Sequence[Any]:
    """Files that are open or sealed, with their runs' columns ``campaign``, ``digest``."""
    query = (
        select(_FILE, _RUN.c.campaign, _RUN.c.digest)
        .join(_RUN, _RUN.c.id == _FILE.c.run_id)
        .where(text("operator_file.state IN ('open', 'sealed')"))
        .order_by(_FILE.c.id)
    )
    return connection.execute(query).all()


def move(connection: Connection, file_id: int, before: str, after: str, **values: Any) -> bool:
    """Move a file on, if it still stands at ``before``; False when another process was first."""
    query = update(_FILE).where(_FILE.c.id == file_id, _FILE.c.state == before)
    return connection.execute(query.values(state=after, **values)).rowcount == 1


def members(connection: Connection, file_id: int, after: int, limit: int) -> Sequence[Any]:
    """(delivery id, attempt, place) of a file's rows behind a place, in order."""
    query = (
        select(_ROW.c.delivery_id, _DELIVERY.c.attempt, _ROW.c.place)
        .join(_DELIVERY, _DELIVERY.c.id == _ROW.c.delivery_id)
        .where(_ROW.c.file_id == file_id, _ROW.c.place > after)
        .order_by(_ROW.c.place)
        .limit(limit)
    )
    return connection.execute(query).all()


def refused_since(connection: Connection, file_id: int, limit: int) -> Sequence[Any]:
    """(delivery id, attempt) of rows of people who opted out or were erased since they were claimed."""
    query = (
        select(_ROW.c.delivery_id, _DELIVERY.c.attempt)
        .join(_DELIVERY, _DELIVERY.c.id == _ROW.c.delivery_id)
        .outerjoin(_CONTACT, _CONTACT.c.id == _DELIVERY.c.contact_id)
        .outerjoin(_OPT_OUT, _OPT_OUT.c.phone_hash == _CONTACT.c.phone_hash)
        .where(
            _ROW.c.file_id == file_id,
            _CONTACT.c.id.is_(None) | _CONTACT.c.opted_out_at.is_not(None) | _OPT_OUT.c.phone_hash.is_not(None),
        )
        .limit(limit)
    )
    return connection.execute(query).all()


def leave(connection: Connection, delivery_ids: Sequence[int]) -> None:
    """Take deliveries out of their (open) file."""
    connection.execute(delete(_ROW).where(_ROW.c.delivery_id.in_(delivery_ids)))


def lines(connection: Connection, file_id: int, after: int, limit: int) -> list[Line]:
    """A file's rows behind a place with what is to be written, in order."""
    query = (
        select(
            _ROW.c.place, _DELIVERY.c.id, _DELIVERY.c.attempt, _RENDERING.c.words, _RENDERING.c.personal,
            _CONTACT.c.phone_sealed, _CONTACT.c.name_sealed,
        )
        .select_from(_ROW)
        .join(_DELIVERY, _DELIVERY.c.id == _ROW.c.delivery_id)
        .outerjoin(_RENDERING, _RENDERING.c.id == _DELIVERY.c.rendering_id)
        .outerjoin(_CONTACT, _CONTACT.c.id == _DELIVERY.c.contact_id)
        .where(_ROW.c.file_id == file_id, _ROW.c.place > after)
        .order_by(_ROW.c.place)
        .limit(limit)
    )  # fmt: skip
    return [Line(*row[:4], bool(row[4]), *row[5:]) for row in connection.execute(query)]


def written(connection: Connection, sender: str | None = None) -> Sequence[Any]:
    """Every file that is sealed or done, the newest first, with its run's columns and its rows by status."""
    query = (
        select(_FILE, _RUN.c.campaign, _RUN.c.step, _RUN.c.occurrence)
        .join(_RUN, _RUN.c.id == _FILE.c.run_id)
        .where(_FILE.c.state.in_(["sealed", "done"]), *([] if sender is None else [_FILE.c.sender == sender]))
        .order_by(_FILE.c.id.desc())
    )
    return connection.execute(query).all()


def run_of(connection: Connection, file_id: int) -> int | None:
    """The run of a file."""
    return connection.execute(select(_FILE.c.run_id).where(_FILE.c.id == file_id)).scalar()


def runs_of(connection: Connection, sender: str, campaign: str | None, step: str | None) -> list[int]:
    """The runs of a campaign, a step, or both that have files of this sender."""
    query = select(_FILE.c.run_id).join(_RUN, _RUN.c.id == _FILE.c.run_id).where(_FILE.c.sender == sender)
    if campaign is not None:
        query = query.where(_RUN.c.campaign == campaign)
    if step is not None:
        query = query.where(_RUN.c.step == step)
    return list(connection.execute(query.distinct()).scalars())


def standing(connection: Connection, file_id: int) -> dict[str, int]:
    """A file's deliveries by status."""
    query = (
        select(_DELIVERY.c.status, func.count())
        .join(_ROW, _ROW.c.delivery_id == _DELIVERY.c.id)
        .where(_ROW.c.file_id == file_id)
        .group_by(_DELIVERY.c.status)
    )
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}


def by_id(connection: Connection, sender: str, ids: Sequence[str]) -> dict[str, Any]:
    """Our id in the file → (id, attempt, vendor_id, run_id, phone_hash or None)."""
    query = _known(sender).where(_DELIVERY.c.vendor_id.in_(ids))
    return {row.vendor_id: row for row in connection.execute(query)}


def by_number(
    connection: Connection, sender: str, hashes: Sequence[bytes], run_ids: Sequence[int] | None
) -> dict[bytes, list[Any]]:
    """Number's hash → the deliveries to it that stand in files of this sender (and of these runs)."""
    query = _known(sender).join(_ROW, _ROW.c.delivery_id == _DELIVERY.c.id).where(_CONTACT.c.phone_hash.in_(hashes))
    if run_ids is not None:
        query = query.where(_DELIVERY.c.run_id.in_(run_ids))
    found: dict[bytes, list[Any]] = {}
    for row in connection.execute(query.where(_DELIVERY.c.vendor_id.is_not(None))):
        found.setdefault(bytes(row.phone_hash), []).append(row)
    return found


def _known(sender: str) -> Any:
    return (
        select(_DELIVERY.c.id, _DELIVERY.c.attempt, _DELIVERY.c.vendor_id, _DELIVERY.c.run_id, _CONTACT.c.phone_hash)
        .select_from(_DELIVERY)
        .outerjoin(_CONTACT, _CONTACT.c.id == _DELIVERY.c.contact_id)
        .where(_DELIVERY.c.sender == sender)
    )
