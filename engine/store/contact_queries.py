"""Reading and erasing contacts."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from engine.store.crypto import Keyring
from engine.store.tables import Attempt, Contact, ContactGroup, ContactImport, Delivery, OptOut, Receipt, table_of

_CONTACT, _GROUP, _IMPORT = table_of(Contact), table_of(ContactGroup), table_of(ContactImport)
_DELIVERY, _RECEIPT, _ATTEMPT, _OPT_OUT = table_of(Delivery), table_of(Receipt), table_of(Attempt), table_of(OptOut)


def count_by(connection: Connection, column: str) -> dict[str, int]:
    """People per value of ``era``, ``language``, ``prefix``, ``consent`` or ``synthetic``."""
    value = _CONTACT.c[column]
    return {str(row[0]): row[1] for row in connection.execute(select(value, func.count()).group_by(value))}


def count_communes(connection: Connection) -> dict[tuple[str, str], int]:
    """People per (era, commune)."""
    query = select(_CONTACT.c.era, _CONTACT.c.commune, func.count()).group_by(_CONTACT.c.era, _CONTACT.c.commune)
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def count_groups(connection: Connection) -> dict[str, int]:
    """People per group, whoever says so."""
    query = select(_GROUP.c.group_key, func.count(func.distinct(_GROUP.c.contact_id))).group_by(_GROUP.c.group_key)
    return {row[0]: row[1] for row in connection.execute(query)}


def totals(connection: Connection) -> dict[str, int]:
    """All contacts, those who have opted out, and numbers on the opt-out list."""
    everyone = select(func.count()).select_from(_CONTACT)
    return {
        "contacts": connection.execute(everyone).scalar_one(),
        "opted_out": connection.execute(everyone.where(_CONTACT.c.opted_out_at.is_not(None))).scalar_one(),
        "with_email": connection.execute(everyone.where(_CONTACT.c.email_sealed.is_not(None))).scalar_one(),
        "opt_out_list": connection.execute(select(func.count()).select_from(_OPT_OUT)).scalar_one(),
    }


def imports(connection: Connection) -> list[RowMapping]:
    """Every import with its source and legal ground, oldest first."""
    return list(connection.execute(select(_IMPORT).order_by(_IMPORT.c.id)).mappings())


def everyone(connection: Connection) -> Iterator[RowMapping]:
    """All contacts with the source and ground of their last import, by id."""
    query = (
        select(_CONTACT, _IMPORT.c.source, _IMPORT.c.basis)
        .join(_IMPORT, _IMPORT.c.id == _CONTACT.c.import_id)
        .order_by(_CONTACT.c.id)
    )
    yield from connection.execution_options(yield_per=2000).execute(query).mappings()


def groups_of(connection: Connection) -> dict[int, list[str]]:
    """Contact id → groups, in order."""
    found: dict[int, list[str]] = {}
    query = select(_GROUP.c.contact_id, _GROUP.c.group_key).distinct().order_by(_GROUP.c.contact_id, _GROUP.c.group_key)
    for row in connection.execute(query):
        found.setdefault(row.contact_id, []).append(row.group_key)
    return found


def erase(connection: Connection, keyring: Keyring, phone_hash: bytes) -> bool:
    """Remove everything that names the person; False when we hold nobody with that number.

    Delivery rows stay, without a way back to the person: tallies and reports must not change afterwards.
    """
    contact: Any = connection.execute(select(_CONTACT.c.id).where(_CONTACT.c.phone_hash == phone_hash)).scalar()
    if contact is None:
        return False
    theirs = select(_DELIVERY.c.id).where(_DELIVERY.c.contact_id == contact)
    connection.execute(
        update(_RECEIPT).where(_RECEIPT.c.delivery_id.in_(theirs)).values(payload_sealed=keyring.seal(""))
    )
    connection.execute(update(_ATTEMPT).where(_ATTEMPT.c.delivery_id.in_(theirs)).values(detail_sealed=None))
    connection.execute(delete(_GROUP).where(_GROUP.c.contact_id == contact))
    connection.execute(delete(_CONTACT).where(_CONTACT.c.id == contact))
    return True
