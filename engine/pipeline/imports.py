"""Imports that were killed get an end.

While one seems to go on, every fan-out must count its rows instead of trusting the kinds (a third of its time), and
people see an import that never ends. Whether it goes on is what its lock says.
"""

from engine.log import get
from engine.pipeline.process import Process
from engine.store import audit, contacts
from engine.store.locks import is_free

_log = get("imports")


def settle_broken(process: Process) -> int:
    """End every import whose process has died; how many. Raises ``LoaError`` when the database cannot be used."""
    with process.database.read() as connection:
        unfinished = contacts.unfinished_imports(connection)
    ended = 0
    for import_id in unfinished:
        if not is_free(process.database, contacts.lock_of(import_id), forget=True):
            continue
        now = process.clock.now()
        with process.database.write() as connection:
            if contacts.end_broken_import(connection, import_id, now):
                audit.record(connection, process.keyring, at=now, action="import_broken", subject=f"import {import_id}")
                ended += 1
    if ended:
        _log.warning("imports_broken", imports=ended)
    return ended
