"""Reads the committed tables of engine/areas/data/, which tools/make_area_tables.py writes.

Plain tab-separated text, so that a change of the tables can be read in a diff. Rows stay text until
somebody asks for an area: a look-up by code is ready in a few dozen milliseconds.
"""

from dataclasses import dataclass
from pathlib import Path

from engine.areas.area import Key

FOLDER = Path(__file__).parent / "data"

Row = tuple[str, ...]


def rows_of(folder: Path, name: str) -> list[Row]:
    """All rows of one table, as tuples of text."""
    return [tuple(line.split("\t")) for line in (folder / name).read_text("utf-8").split("\n") if line]


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables keyed for look-up; the columns are told where they are read.

    ``provinces``: era, code, name, lat, lon. ``districts``: code, name, province, lat, lon. ``legacy``:
    code, name, district, lat, lon. ``today``: code, name, province, lat, lon, km², historic district, rule.
    ``successors``: a legacy commune (or an island district without communes, 3 digits) to the codes of the
    2025 communes it went into; a single one means it went there whole.
    """

    version: str
    provinces: dict[Key, Row]
    districts: dict[str, Row]
    legacy: dict[str, Row]
    today: dict[str, Row]
    successors: dict[str, tuple[str, ...]]


def read_tables(folder: Path = FOLDER) -> Tables:
    """Everything but areas themselves, from ``folder``."""
    return Tables(
        version=(folder / "VERSION").read_text("utf-8").strip(),
        provinces={("2025" if row[0] == "2025" else "legacy", row[1]): row for row in rows_of(folder, "provinces.tsv")},
        districts={row[0]: row for row in rows_of(folder, "districts.tsv")},
        legacy={row[0]: row for row in rows_of(folder, "communes_legacy.tsv")},
        today={row[0]: row for row in rows_of(folder, "communes_2025.tsv")},
        successors={row[0]: tuple(row[1].split(" ")) for row in rows_of(folder, "successions.tsv")},
    )
