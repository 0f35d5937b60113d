"""Writes engine/areas/data/ from the data files of the PyPI package vietnamadminunits 1.0.4 (MIT).

    python -m venv /tmp/source && /tmp/source/bin/pip install vietnamadminunits==1.0.4
    .venv/bin/python tools/make_area_tables.py /tmp/source/lib/python3.11/site-packages/vietnamadminunits

Only the package's data files are read: its address functions can ask an online map and are never called,
and it is no run-time dependency. The same input gives the same bytes. What is mended on the way, and why,
stands in MENDS below and in docs/areas.md.
"""

import hashlib
import json
import sqlite3
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from engine.areas.historic import Part, historic_district  # noqa: E402 - the path comes first

SOURCE = "vietnamadminunits-1.0.4"
FOLDER = ROOT / "engine" / "areas" / "data"
TYPES = ("Thành phố", "Tỉnh", "Quận", "Huyện", "Thị xã", "Xã", "Phường", "Thị trấn", "Đặc khu")

# The package resolves names without accents or district, so where two communes of one new province share a
# name it gave each the other's part as well. (legacy commune, new commune wrongly named, the namesake that
# really went there). The script refuses to run on if a line no longer fits the source.
NAMESAKES = (
    ("06079", "06184", "06205"),  # Hồng Phong of Bình Gia; Đồng Đăng took Hồng Phong of Cao Lộc
    ("10798", "11911", "11890"),  # Hòa Bình of Kim Thành, of Vĩnh Bảo
    ("11890", "10804", "10798"),
    ("11890", "10843", "10798"),
    ("25462", "27694", "27691"),  # Phường 4 of Tây Ninh, of Tân An
    ("27691", "25459", "25462"),
    ("28252", "29869", "29872"),  # numbered wards of Mỹ Tho, Cai Lậy, Sa Đéc; Cao Lãnh took its own
    ("28270", "29869", "29878"),
    ("28437", "29869", "29875"),
    ("28439", "29869", "29872"),
    ("29902", "29869", "29875"),
    ("29908", "29869", "29872"),
    ("28924", "29734", "29734"),  # Hòa Lộc of Mỏ Cày Bắc, of Tam Bình
    ("29734", "28921", "28924"),
    ("29623", "29182", "29233"),  # Mỹ An of Mang Thít, of Thạnh Phú
    ("31246", "31726", "31714"),  # Cần Thơ, Hậu Giang and Sóc Trăng became one province
    ("31268", "31666", "31666"),
    ("31378", "31654", "31657"),
    ("31379", "31582", "31582"),
    ("31438", "31741", "31741"),
    ("31474", "31741", "31744"),
    ("31480", "31639", "31669"),
    ("31483", "31591", "31606"),
    ("31582", "31378", "31379"),
    ("31606", "31495", "31483"),
    ("31657", "31378", "31378"),
    ("31666", "31288", "31268"),
    ("31669", "31480", "31480"),
    ("31714", "31246", "31246"),
    ("31741", "31408", "31438"),
    ("31744", "31473", "31474"),
)
# Resolution 1682/NQ-UBTVQH15, clause 52: Nhựt Tảo took the rest of Nhị Thành, nothing of Thủ Thừa town.
NOT_PARTS = (("28036", "28087"),)
# The official conversion table names a fourth part of Văn Khê (land without people) that the package lacks.
LEFT_OUT = (("09013", "09817"),)
# Split communes all of whose people went to one new commune, by the official conversion table (the package
# has no such column). It has 58; only these seven change a historic district, so only these are kept.
ALL_PEOPLE = frozenset(
    {
        ("00145", "00145"),
        ("00316", "00316"),
        ("00607", "00613"),
        ("00661", "00640"),
        ("06799", "06886"),
        ("11242", "11242"),
        ("11251", "11242"),
    }
)

Row = dict[str, Any]


class Source(NamedTuple):
    """The package's tables as read: legacy rows, rows of today, and (legacy code, new code) pairs."""

    legacy: list[Row]
    today: list[Row]
    pairs: set[tuple[str, str]]


def legacy_code(row: Row) -> str:
    """A legacy commune's code; of an island district without communes, the district's (3 digits)."""
    return str(row["wardCode"] or row["districtCode"])


def read_source(package: Path) -> Source:
    """Reads dataset.db and converter_2025.json, whose keys are names without accents."""
    database = sqlite3.connect(f"file:{package / 'data' / 'dataset.db'}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    legacy = [dict(row) for row in database.execute("SELECT * FROM admin_units_legacy")]
    today = [dict(row) for row in database.execute("SELECT * FROM admin_units")]
    database.close()
    converter = json.loads((package / "data" / "converter_2025.json").read_text("utf-8"))
    old = {f"{row['provinceKey']}_{row['districtKey']}_{row['wardKey'] or ''}": legacy_code(row) for row in legacy}
    new = {(row["provinceKey"], row["wardKey"]): row["wardCode"] for row in today}
    pairs = set()
    for province, merged in converter["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        pairs |= {(old[key], new[province, ward]) for ward, keys in merged.items() for key in keys}
    for province, divided in converter["DICT_PROVINCE_WARD_DIVIDED"].items():
        pairs |= {(old[k], new[province, part["newWardKey"]]) for k, parts in divided.items() for part in parts}
    return Source(legacy, today, pairs)


def mend(source: Source) -> set[tuple[str, str]]:
    """The pairs without the package's mistakes; stops when a mend no longer fits the source."""
    names = {legacy_code(row): row["wardKey"] for row in source.legacy}
    pairs = set(source.pairs)
    for code, wrong, namesake in NAMESAKES:
        if names[code] != names[namesake] or not {(code, wrong), (namesake, wrong)} <= source.pairs:
            raise SystemExit(f"mend {code} {wrong} {namesake} does not fit this source")
    gone = {(code, wrong) for code, wrong, _ in NAMESAKES} | set(NOT_PARTS)
    if not gone <= pairs or pairs & set(LEFT_OUT):
        raise SystemExit("a mend does not fit this source")
    return (pairs - gone) | set(LEFT_OUT)


def clean(name: str) -> str:
    """One spelling of types and capitals: "Thị Trấn Prao" → "Thị trấn Prao", "Đồng ý" → "Đồng Ý"."""
    words = " ".join(unicodedata.normalize("NFC", name).split())
    for kind in TYPES:
        if words.lower().startswith(kind.lower() + " "):
            rest = words[len(kind) + 1 :].split(" ")
            proper = " ".join(word[0].upper() + word[1:] for word in rest)
            return f"{kind} {proper}".replace("Thị trấn Nông Trường", "Thị trấn Nông trường")
    raise SystemExit(f"no type in the name {name}")


def figure(value: float | None, decimals: int = 4) -> str:
    """A coordinate to 4 decimals (11 m, far finer than a centroid means), without trailing zeros."""
    return "" if value is None else f"{value:.{decimals}f}".rstrip("0").rstrip(".")


def tables(source: Source) -> dict[str, list[tuple[str, ...]]]:
    """File name → rows in a stable order; the columns are those that engine/areas/tables.py reads."""
    pairs = mend(source)
    successors, sources = defaultdict(list), defaultdict(list)
    for old, new in sorted(pairs):
        successors[old].append(new)
        sources[new].append(old)
    district_of = {legacy_code(row): row["districtCode"] for row in source.legacy}

    def parts(code: str) -> list[Part]:
        return [
            Part(district_of[old], len(successors[old]) == 1 or (old, code) in ALL_PEOPLE, len(old) == 5)
            for old in sources[code]
        ]

    provinces = {
        (era, row["provinceCode"], clean(row["province"]), figure(row["provinceLat"]), figure(row["provinceLon"]))
        for era, rows in (("legacy", source.legacy), ("2025", source.today))
        for row in rows
    }
    districts = {
        (
            row["districtCode"],
            clean(row["district"]),
            row["provinceCode"],
            figure(row["districtLat"]),
            figure(row["districtLon"]),
        )
        for row in source.legacy
    }
    communes = {
        (row["wardCode"], clean(row["ward"]), row["districtCode"], figure(row["wardLat"]), figure(row["wardLon"]))
        for row in source.legacy
        if row["wardCode"]
    }
    today = set()
    for row in source.today:
        historic = historic_district(parts(row["wardCode"]))
        today.add(
            (
                row["wardCode"],
                clean(row["ward"]),
                row["provinceCode"],
                figure(row["wardLat"]),
                figure(row["wardLon"]),
                figure(row["wardAreaKm2"], 2),
                historic.district_code or "",
                historic.rule,
            )
        )
    return {
        "provinces.tsv": sorted(provinces),
        "districts.tsv": sorted(districts),
        "communes_legacy.tsv": sorted(communes),
        "communes_2025.tsv": sorted(today),
        "successions.tsv": sorted((old, " ".join(new)) for old, new in successors.items()),
    }


def digest(folder: Path) -> str:
    """The version string of the tables in ``folder``: the source and 12 hex digits over all their bytes."""
    content = hashlib.sha256()
    for file in sorted(folder.glob("*.tsv")):
        content.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"{SOURCE}+{content.hexdigest()[:12]}"


def write(package: Path, folder: Path) -> None:
    """Writes all tables and VERSION into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables(read_source(package)).items():
        (folder / name).write_bytes("".join("\t".join(row) + "\n" for row in rows).encode())
    (folder / "VERSION").write_bytes((digest(folder) + "\n").encode())


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or not (Path(arguments[0]) / "data" / "dataset.db").is_file():
        raise SystemExit("usage: make_area_tables.py FOLDER-OF-THE-INSTALLED-PACKAGE")
    write(Path(arguments[0]), FOLDER)
    for file in sorted(FOLDER.iterdir()):
        print(f"{file.stat().st_size:>8} {file.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
