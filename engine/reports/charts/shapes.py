"""The outlines of communes that an officer has put into the workspace: ``maps/*.geojson``.

No file of boundaries comes with the project. Features are matched to communes of today by a code among their
properties, else by name within the organisation's province.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.areas.registry import Registry
from engine.errors import LoaError, reason_of

FOLDER = "maps"
LARGEST = 30_000_000  # bytes of one file: a province at 20 m; more would take minutes to draw
_CODES = ("code", "ma", "ma_xa", "maxa", "ward_code", "commune_code")
_NAMES = ("name", "ten", "ten_xa", "tenxa", "ward_name", "full_name")
Point = tuple[float, float]
Polygons = tuple[tuple[tuple[Point, ...], ...], ...]  # of rings: the outer one, then holes


@dataclass(frozen=True, slots=True)
class Shapes:
    """Polygons by the code of a commune of today, in degrees. ``unknown``: features that are no commune we know."""

    by_commune: Mapping[str, Polygons]
    unknown: int = 0


def load_shapes(workspace: Path, registry: Registry, province: str | None) -> Shapes | None:
    """The outlines of ``maps/*.geojson``; None without such files.

    Raises ``LoaError`` (``charts.bad-map``, ``charts.large-map``) with the file's name for what cannot be read.
    """
    found: dict[str, Polygons] = {}
    unknown = 0
    files = sorted((workspace / FOLDER).glob("*.geojson"))
    for path in files:
        for feature in _features(path, f"{FOLDER}/{path.name}"):
            code = _commune(feature.get("properties") or {}, feature.get("id"), registry, province)
            if code is None:
                unknown += 1
                continue
            found[code] = (*found.get(code, ()), *_polygons(feature, f"{FOLDER}/{path.name}"))
    return Shapes(found, unknown) if files else None


def _features(path: Path, shown: str) -> list[dict[str, Any]]:
    try:
        if path.stat().st_size > LARGEST:
            raise LoaError("charts.large-map", file=shown, megabytes=LARGEST // 1_000_000)
        read = json.loads(path.read_text("utf-8-sig"))
        features = read["features"]
        if not all(isinstance(one, dict) and isinstance(one.get("properties") or {}, dict) for one in features):
            raise ValueError
        return list(features)
    except OSError as error:
        raise LoaError("charts.bad-map", file=shown, why=reason_of(error)) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise LoaError("charts.bad-map", file=shown, why="GeoJSON") from None


def _commune(properties: Mapping[str, Any], its_id: Any, registry: Registry, province: str | None) -> str | None:
    lower = {str(key).lower(): value for key, value in properties.items()}
    for value in (*(lower.get(key) for key in _CODES), its_id):
        code = str(value).strip().zfill(5) if value is not None else ""
        if code.isdigit() and len(code) == 5 and registry.has("2025", code):
            return code
    for key in _NAMES:
        if isinstance(lower.get(key), str):
            areas = registry.find(lower[key], "2025", "commune", province)
            if len(areas) == 1:
                return areas[0].code
    return None


def _polygons(feature: Mapping[str, Any], shown: str) -> Iterator[tuple[tuple[Point, ...], ...]]:
    geometry = feature.get("geometry") or {}
    try:
        kind, coordinates = geometry.get("type"), geometry.get("coordinates")
        polygons: Any = [coordinates] if kind == "Polygon" else coordinates if kind == "MultiPolygon" else []
        for polygon in polygons:
            yield tuple(tuple((float(place[0]), float(place[1])) for place in ring) for ring in polygon)
    except (ValueError, TypeError, IndexError, AttributeError):
        raise LoaError("charts.bad-map", file=shown, why="GeoJSON") from None


def flat(points: Iterable[Point]) -> Point:
    """The middle of ``points`` in degrees: the box's, which is enough to stretch a province."""
    known = list(points)
    longitudes, latitudes = [x for x, _ in known], [y for _, y in known]
    return (min(longitudes) + max(longitudes)) / 2, (min(latitudes) + max(latitudes)) / 2


def stretched(point: Point, middle: Point) -> Point:
    """A point on paper: a degree of longitude is as much shorter as it is there. North is up."""
    return (point[0] - middle[0]) * math.cos(math.radians(middle[1])), point[1] - middle[1]
