"""Groups of contacts, by key."""

from sqlalchemy import Connection, select

from engine.store.tables import ContactGroup, table_of

_GROUP = table_of(ContactGroup)


def known(connection: Connection) -> set[str]:
    """Every group that somebody is in."""
    return {row[0] for row in connection.execute(select(_GROUP.c.group_key).distinct())}
