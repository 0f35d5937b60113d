"""The national Do-Not-Call list: imported as it is delivered, kept as keyed hashes, applied to advertising alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from engine.clock import VIETNAM
from engine.content.snapshot import Snapshot
from engine.errors import LoaError
from engine.i18n import number, sentence
from engine.pipeline.number_list import Listed, open_numbers
from engine.pipeline.process import Process
from engine.store import audit, do_not_call
from engine.text.phone import PhoneError, parse

# The registry changes daily and no text we know says how often it must be asked: a month is the usual delivery.
STALE_AFTER = timedelta(days=30)
MOST_PROBLEMS = 1000  # listed; the rest is only counted
# Numbers that no text message reaches: the list holds them too, and they are nobody's mistake.
_OTHERS = frozenset({"landline", "service", "short-number", "foreign"})


@dataclass(slots=True)
class Result:
    """What came of an import. ``numbers`` are the distinct mobiles in the file; ``skipped`` no mobiles.

    ``removed``: numbers of the former list that a whole new one lacks; none are while rows could not be read.
    """

    rows: int = 0
    numbers: int = 0
    added: int = 0
    removed: int = 0
    skipped: int = 0
    rejected: int = 0
    problems: list[tuple[int, str, str]] = field(default_factory=list)  # row, code, sentence

    def as_json(self) -> dict[str, Any]:
        """The document of ``--json``."""
        counts = ("rows", "numbers", "added", "removed", "skipped", "rejected")
        problems = [{"row": row, "code": code, "message": said} for row, code, said in self.problems]
        return {**{name: getattr(self, name) for name in counts}, "problems": problems}


def import_list(
    process: Process, path: Path, *, source: str, listed_on: date | None = None, whole: bool = False
) -> Result:
    """Import a list as of the day ``listed_on`` (default: today); ``whole``: it replaces the former one.

    Safe to repeat, and to break off: too much is forbidden then, never too little. Raises ``LoaError``: no source, a
    day to come, a file that cannot be read, or a whole list without a number.
    """
    now, result = process.clock.now(), Result()
    today = now.astimezone(VIETNAM).date()
    if not source.strip():
        raise LoaError("contacts.no-list-source")
    if listed_on is not None and listed_on > today:
        raise LoaError("contacts.list-to-come", day=f"{listed_on:%d/%m/%Y}")
    listed = open_numbers(path)
    hashes = _hashes(process, listed.numbers(), result)
    first = list(islice(hashes, do_not_call.CHUNK))
    if not first:
        raise LoaError("contacts.no-numbers", file=path)
    with process.database.write() as connection:
        import_id = do_not_call.begin(
            connection, source=source.strip(), listed_on=listed_on or today, whole=whole, file_digest=listed.digest,
            at=now,
        )  # fmt: skip
    chunk = first
    while chunk:
        with process.database.write(durable=False) as connection:
            result.added += do_not_call.add(connection, import_id, chunk)
        chunk = list(islice(hashes, do_not_call.CHUNK))
    # A row that could not be read may be a number of the former list: it stays forbidden until the file is mended.
    while whole and not result.rejected:
        with process.database.write(durable=False) as connection:
            removed = do_not_call.remove_others(connection, import_id)
        result.removed += removed
        if not removed:
            break
    _end(process, import_id, result, source.strip(), now)
    return result


def _hashes(process: Process, listed: Iterator[Listed], result: Result) -> Iterator[bytes]:
    for row, text in listed:
        result.rows += 1
        try:
            yield process.keyring.phone_hash(parse(text).e164)
        except PhoneError as error:
            if error.code in _OTHERS:
                result.skipped += 1
                continue
            result.rejected += 1
            if len(result.problems) < MOST_PROBLEMS:
                result.problems.append((row, error.code, str(error)))


def _end(process: Process, import_id: int, result: Result, source: str, now: datetime) -> None:
    with process.database.read() as connection:
        result.numbers = do_not_call.brought_by(connection, import_id)
    with process.database.write() as connection:
        do_not_call.end(
            connection, import_id, numbers=result.numbers, added=result.added, removed=result.removed, at=now
        )
        audit.record(
            connection,
            process.keyring,
            at=now,
            action="contacts.do_not_call",
            subject=source,
            detail=f"{result.numbers} +{result.added} -{result.removed}",
        )


def list_warnings(connection: Connection, snapshot: Snapshot, now: datetime) -> list[str]:
    """What a plan says of the list: an advertising campaign without one, or with one that is older than a month."""
    if not any(map(snapshot.is_advertising, snapshot.campaign.steps)):
        return []
    newest = do_not_call.newest(connection)
    if newest is None:
        return [sentence("pipeline.no-do-not-call")]
    age = now.astimezone(VIETNAM).date() - newest["listed_on"]
    if age <= STALE_AFTER:
        return []
    day = f"{newest['listed_on']:%d/%m/%Y}"
    return [sentence("pipeline.stale-do-not-call", day=day, days=number(age.days))]


def stand(connection: Connection) -> dict[str, Any]:
    """The list for ``contacts stats``: how many numbers and contacts, from whom, as of which day, every import."""
    numbers, contacts = do_not_call.counts(connection)
    newest = do_not_call.newest(connection)
    return {
        "numbers": numbers,
        "contacts": contacts,
        "source": newest["source"] if newest else None,
        "date": newest["listed_on"].isoformat() if newest else None,
        "imports": [
            {
                "id": row["id"],
                "at": row["started_at"].isoformat(),
                "source": row["source"],
                "date": row["listed_on"].isoformat(),
                "whole": row["whole"],
                "finished": row["finished_at"] is not None,
                "numbers": row["numbers"],
                "added": row["added"],
                "removed": row["removed"],
            }
            for row in do_not_call.imports(connection)
        ],
    }
