"""What people may ask of us: to be left alone, to be erased; and what an office must be able to show of its lists."""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from engine.areas.registry import Registry
from engine.errors import LoaError, reason_of
from engine.pipeline import do_not_call
from engine.pipeline.process import Process
from engine.store import audit, contact_queries, suppression
from engine.text.phone import PhoneError, parse

EXPORT_HEADER = (
    "phone",
    "name",
    "commune",
    "era",
    "groups",
    "language",
    "consent",
    "opted_out",
    "source",
    "basis",
    "email",
)
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def opt_out(process: Process, numbers: Iterable[str], *, source: str) -> tuple[int, int, list[tuple[int, str]]]:
    """Record opt-outs; (numbers recorded, contacts among them, [(place, what is wrong)] of those not understood)."""
    hashes, wrong = set(), []
    for place, text in enumerate(numbers, 1):
        if not text.strip():
            continue
        try:
            hashes.add(process.keyring.phone_hash(parse(text).e164))
        except PhoneError as error:
            wrong.append((place, str(error)))
    now = process.clock.now()
    with process.database.write() as connection:
        marked = suppression.opt_out(connection, hashes, at=now, source=source)
        audit.record(
            connection, process.keyring, at=now, action="contacts.opt_out", subject=source, detail=str(len(hashes))
        )
    return len(hashes), marked, wrong


def erase(process: Process, number: str, *, by: str | None) -> bool:
    """Erase a person on request and never write to the number again; False when we did not hold it.

    The opt-out list keeps only the number's keyed hash: without it the next import would bring the person back.
    """
    phone_hash = process.keyring.phone_hash(parse(number).e164)
    now = process.clock.now()
    with process.database.write() as connection:
        found = contact_queries.erase(connection, process.keyring, phone_hash)
        suppression.opt_out(connection, [phone_hash], at=now, source="erased")
        audit.record(connection, process.keyring, at=now, action="contacts.erase", subject="contact", who=by)
    return found


def stats(process: Process, registry: Registry) -> dict[str, object]:
    """Counts of the contacts by everything a campaign may ask about, and the imports with their legal grounds."""
    with process.database.read() as connection:
        districts: Counter[str | None] = Counter()
        for (era, commune), people in contact_queries.count_communes(connection).items():
            districts[registry.historic_district(era, commune).district_code] += people  # type: ignore[arg-type]  # the table's check holds the era
        return {
            **contact_queries.totals(connection),
            "do_not_call": do_not_call.stand(connection),
            "by_language": contact_queries.count_by(connection, "language"),
            "by_era": contact_queries.count_by(connection, "era"),
            "by_group": contact_queries.count_groups(connection),
            "by_district": [
                {
                    "area": {
                        "era": "legacy",
                        "code": code,
                        "name": registry.get("legacy", code).name if code else None,
                    },
                    "contacts": people,
                }
                for code, people in sorted(districts.items(), key=lambda item: (item[0] is None, item[0] or ""))
            ],
            "imports": [
                {
                    "id": row["id"],
                    "at": row["started_at"].isoformat(),
                    "source": row["source"],
                    "basis": row["basis"],
                    "consent": row["consent"],
                    "imported": row["imported"],
                    "updated": row["updated"],
                }
                for row in contact_queries.imports(connection)
            ],
        }


def _name(registry: Registry, district: str | None) -> str | None:
    return registry.get("legacy", district).name if district else None


def export(process: Process, path: Path, *, by: str | None) -> int:
    """Write every contact as CSV with numbers and names in clear, for its owner only (0600); how many there were.

    The one way in which numbers leave the database. It is written to the audit log. Raises ``LoaError`` when the
    file is there already or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise LoaError("contacts.cannot-write", file=path, reason=reason_of(error)) from None
    written = 0
    with process.database.read() as connection, os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(EXPORT_HEADER)
        groups = contact_queries.groups_of(connection)
        unseal = process.keyring.unseal
        for row in contact_queries.everyone(connection):
            writer.writerow(
                [
                    unseal(row["phone_sealed"]).replace("+84", "0", 1),
                    _harmless(unseal(row["name_sealed"]) if row["name_sealed"] else ""),
                    row["commune"],
                    row["era"],
                    ";".join(groups.get(row["id"], ())),
                    row["language"],
                    "yes" if row["consent"] else "no",
                    "yes" if row["opted_out_at"] else "no",
                    _harmless(row["source"]),
                    _harmless(row["basis"]),
                    _harmless(unseal(row["email_sealed"]) if row["email_sealed"] else ""),
                ]
            )
            written += 1
    with process.database.write() as connection:
        audit.record(
            connection, process.keyring, at=process.clock.now(), action="contacts.export", subject=str(written), who=by
        )
    return written


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def numbers_in(text: str) -> list[str]:
    """The numbers of a file of opt-outs: the first cell of each line, whatever separates the rest."""
    rows = csv.reader(io.StringIO(text.lstrip("\ufeff").replace(";", ",").replace("\t", ",")))
    cells = [row[0] if row else "" for row in rows]
    return cells[1:] if cells and not any(character.isdigit() for character in cells[0]) else cells
