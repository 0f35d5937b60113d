"""What a frozen report keeps of the deliveries: every dimension and pair, under an id made of the figures."""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from engine import __version__
from engine.areas.area import ERAS
from engine.areas.registry import Registry
from engine.errors import LoaError
from engine.i18n import language
from engine.reports import tally_queries
from engine.reports.counting import ByRun, Snapshots
from engine.reports.definitions import DEFINITIONS
from engine.reports.dimensions import DIMENSIONS, By, partners
from engine.reports.figures import COUNTS
from engine.reports.frozen import FORMAT
from engine.reports.places import Place
from engine.reports.publication import Publication
from engine.reports.report import Asked, Row, report_of
from engine.store.database import Database
from engine.store.publications import Kept
from engine.text.accents import strip

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: none that are read as another
_SUFFIX = 4


def freeze(
    database: Database,
    registry: Callable[[], Registry],
    snapshot_of: Snapshots,
    asked: Asked,
    now: datetime,
    publication: Publication | None,
    parts: Callable[[frozenset[int]], Mapping[str, Any]],
    *,
    note: str | None = None,
) -> Kept:
    """The figures of ``asked`` (its campaigns and days) along every dimension as they stand, ready to be stored.

    ``publication`` None keeps exact figures. ``parts`` gives what is kept beside them, from the runs that count
    (``engine.reports.keeping``). Raises ``LoaError`` (``frozen.nothing``) when there is nothing to keep.
    """
    now = now.replace(microsecond=0)  # as the forms write it
    tables, by_run = [], ByRun()
    with database.read() as connection:  # every table speaks of the same runs, and of the same moment
        runs = tally_queries.runs_of(connection, asked.campaigns)
        begun = frozenset(run.id for run in runs)
        only = begun & frozenset(publication.runs) if publication else begun
        for dimensions in every():
            for era in ERAS if "commune" in dimensions else ("2025",):
                one = replace(asked, by=dimensions[0], second=dimensions[1] if len(dimensions) > 1 else None, era=era)
                made = report_of(connection, registry, snapshot_of, one, now, publication, only, by_run)
                tables.append({"by": ",".join(dimensions), "era": era, "rows": [_row(row) for row in made.rows]})
    beside = parts(only)
    if not any(table["rows"] for table in tables) and not beside["posts"] and not beside["broadcasts"]:
        raise LoaError("frozen.nothing")
    newest = snapshot_of(runs[-1].digest)
    content = {
        "format": FORMAT,
        "definitions": DEFINITIONS,
        "program": __version__,
        "area_table": registry().version,
        "language": language(),
        "campaigns": [
            {"key": key, "digests": list(dict.fromkeys(run.digest for run in runs if run.campaign == key))}
            for key in asked.campaigns
        ],
        "as_of": now.astimezone(newest.zone).isoformat(),
        "since": asked.since.isoformat() if asked.since else None,
        "until": asked.until.isoformat() if asked.until else None,
        "runs": sorted(only),
        "publication": publication.document() if publication else None,
        "tables": tables,
        **beside,
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    text = unicodedata.normalize("NFC", text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Kept(
        _id(registry(), newest.organisation.province, now.astimezone(newest.zone).date(), digest),
        digest,
        ", ".join(asked.campaigns),
        now.astimezone(UTC),
        publication is not None,
        note,
        DEFINITIONS,
        registry().version,
        __version__,
        text,
    )


def _id(registry: Registry, province: str, day: date, digest: str) -> str:
    """``LS-2027-0930-7K3F``: whose, of which day, and four letters of the figures' own digest."""
    name = registry.get("2025", province).name if registry.has("2025", province) else "Loa"
    words = [word for word in strip(name).upper().split() if word.isalpha()]
    number, letters = int(digest, 16), ""
    for _ in range(_SUFFIX):
        number, place = divmod(number, len(_LETTERS))
        letters += _LETTERS[place]
    return f"{''.join(word[0] for word in words[-2:])}-{day:%Y-%m%d}-{letters}"


def every() -> list[tuple[By, ...]]:
    """What is kept: every dimension, and every two that the tallies carry together, once each (see ``turned``).

    Communes are not crossed: 3,000 of them on each day of a year would be most of the database.
    """
    found: list[tuple[By, ...]] = [(one,) for one in DIMENSIONS]
    for place, one in enumerate(DIMENSIONS):
        found += [(one, other) for other in DIMENSIONS[place + 1 :] if other in partners(one)]
    return [dimensions for dimensions in found if len(dimensions) == 1 or "commune" not in dimensions]


def _row(row: Row) -> dict[str, Any]:
    keys = [list(key) if isinstance(key, Place) else key for key in row.keys]
    figures = row.figures.document()
    return {"keys": keys, "figures": {name: value for name, value in figures.items() if name in COUNTS and value}}
