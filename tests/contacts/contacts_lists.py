"""Lists to import, and the contacts that came of them. Every person in them is made of clay."""

from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import text

from engine.areas import registry
from engine.pipeline.contact_row import Defaults
from engine.pipeline.import_contacts import Request, Result, import_contacts
from engine.pipeline.process import Process

HEADER = "STT,Họ và tên,Số ĐT,Xã/Phường,Huyện"


class Stored(NamedTuple):
    """A contact as it is stored, its secrets opened."""

    name: str | None
    era: str
    commune: str
    language: str
    consent: bool
    groups: dict[str, set[str]]
    synthetic: bool
    opted_out: bool


def person(number: int, place: str = "Yên Khoái,Lộc Bình", name: str | None = None) -> str:
    return f"{number},{name or f'Người Thử {number:03d}'},0900000{number:03d},{place}"


def write(folder: Path, *lines: str, name: str = "list.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes("".join(line + "\r\n" for line in lines).encode(encoding))
    return path


def bring(process: Process, path: Path, **options: Any) -> Result:
    """Import ``path``; options are those of the request, ``defaults`` as a dictionary, and ``province``."""
    province = options.pop("province", "20")
    defaults = Defaults(**options.pop("defaults", {}))
    given = {"source": "UBND xã", "basis": "Kế hoạch thử", "defaults": defaults} | options
    return import_contacts(process, Request(path, **given), registry.load(), province=province)


def stored(process: Process) -> dict[str, Stored]:
    """Contacts by their number."""
    with process.database.read() as connection:
        groups: dict[int, dict[str, set[str]]] = {}
        for contact, key, source in connection.execute(text("SELECT contact_id, group_key, source FROM contact_group")):
            groups.setdefault(contact, {}).setdefault(source, set()).add(key)
        rows = connection.execute(
            text(
                "SELECT phone_sealed, name_sealed, era, commune, language, consent, id, synthetic, opted_out_at"
                " FROM contact"
            )
        ).all()
    unseal = process.keyring.unseal
    return {
        unseal(bytes(row[0])): Stored(
            unseal(bytes(row[1])) if row[1] is not None else None,
            *row[2:5],
            bool(row[5]),
            groups.get(row[6], {}),
            bool(row[7]),
            row[8] is not None,
        )
        for row in rows
    }


def codes(result: Result) -> list[tuple[int, str]]:
    return [(problem.row, problem.code) for problem in result.problems]
