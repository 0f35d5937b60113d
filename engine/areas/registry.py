"""The registry: every administrative unit of both eras, what became of it, and how it is found.

``load()`` reads the tables once a process. Codes are text of 2, 3 or 5 digits and mean nothing without
their era; nobody outside this room looks into the tables.
"""

from collections.abc import Callable, Iterator
from functools import cache, cached_property

from engine.areas.area import ERAS, Area, Era, Key, Level
from engine.areas.errors import AmbiguousArea, EraNeeded, UnknownArea
from engine.areas.lookup import Match, NameIndex
from engine.areas.tables import read_tables
from engine.areas.units import Units


class Registry(Units):
    """All areas by code (``Units``) and by name; names are indexed when one is first sought."""

    @cached_property
    def _index(self) -> NameIndex:
        return NameIndex(self._names())

    def _names(self) -> Iterator[tuple[Key, Level, str]]:
        for key, row in self.tables.provinces.items():
            yield key, "province", row[2]
        for code, row in self.tables.districts.items():
            yield ("legacy", code), "district", row[1]
        for code, row in self.tables.legacy.items():
            yield ("legacy", code), "commune", row[1]
        for code, row in self.tables.today.items():
            yield ("2025", code), "commune", row[1]

    def find(
        self, text: str, era: Era | None = None, level: Level | None = None, within: Area | str | None = None
    ) -> list[Area]:
        """All areas ``text`` can mean, best first; empty when there is none.

        ``text`` is a name, with or without type and accents ("H. Cao Loc", "TT Đồng Đăng"), a name with the
        areas around it after commas ("Mẫu Sơn, Lộc Bình"), or a code. ``within`` is an area or the code of a
        2025 province (2 digits; its legacy parts are in it) or of a legacy district (3).
        """
        return [match.area for match in self.matches(text, era, level, within)]

    def one(
        self, text: str, era: Era | None = None, level: Level | None = None, within: Area | str | None = None
    ) -> Area:
        """The one area ``text`` means (see ``find``).

        Raises ``AmbiguousArea`` with all candidates when several fit equally well (``EraNeeded`` when the era
        would tell them apart), ``UnknownArea`` with the nearest spellings when none does.
        """
        best = self.best(text, era, level, within)
        if len(best) == 1:
            return best[0]
        raise self.ambiguous(text, best) if best else self.unknown(text, era, level, within)

    def best(
        self, text: str, era: Era | None = None, level: Level | None = None, within: Area | str | None = None
    ) -> list[Area]:
        """Those areas that fit ``text`` best, equally well among themselves."""
        matches = self.matches(text, era, level, within)
        return [match.area for match in matches if match.rank == matches[0].rank]

    def matches(
        self, text: str, era: Era | None = None, level: Level | None = None, within: Area | str | None = None
    ) -> list[Match]:
        """``find`` with ranks."""
        name, *around = [part for part in text.split(",") if part.strip()] or [""]
        inside = self._nearness(within)

        def nearness(area: Area) -> int | None:
            steps = [inside(area), *(self._around(area, place) for place in around)]
            known = [step for step in steps if step is not None]
            return max(known) if len(known) == len(steps) else None

        code = name.strip()
        if not (code.isascii() and code.isdigit()):
            return self._index.match(name, lambda key: self.get(*key), era=era, level=level, nearness=nearness)
        areas = [self.get(its_era, code) for its_era in ERAS if era in (None, its_era) and self.has(its_era, code)]
        return [
            Match((0, 0, near), area)
            for area in areas
            if level in (None, area.level) and (near := nearness(area)) is not None
        ]

    def _nearness(self, within: Area | str | None) -> Callable[[Area], int | None]:
        """How near an area lies to ``within``: 0 inside, 1 partly by its history, ``None`` elsewhere."""
        if within is None:
            return lambda area: 0
        place = within if isinstance(within, Area) else self.get("2025" if len(within) == 2 else "legacy", within)
        if place.era == "2025" and place.level == "province":
            return lambda area: 0 if self.province_today(area) == place.code else None
        if place.level == "commune":
            return lambda area: 0 if area.key == place.key else None

        def near(area: Area) -> int | None:
            if place.code in (area.province, area.district) and area.era == "legacy":
                return 0
            if area.era == "2025" and area.level == "commune":
                came_from = {self.legacy_place(part) for part in self.parts(area.code)}
                return 1 if any(place.code in pair for pair in came_from) else None
            return None

        return near

    def _around(self, area: Area, place: str) -> int | None:
        """How a name written after the comma fits what is around the area: 0 as it stands, 1 by its history."""
        named = {match.area.key for match in self._index.match(place, lambda key: self.get(*key))}
        own: set[Key] = {(area.era, area.province), ("2025", self.province_today(area))}
        if area.district:
            own.add(("legacy", area.district))
        if named & own:
            return 0
        if area.era == "legacy" or area.level != "commune":
            return None
        before: set[Key] = set()
        for part in self.parts(area.code):
            before |= {("legacy", code) for code in self.legacy_place(part)}
        return 1 if named & before else None

    def ambiguous(self, text: str, areas: list[Area]) -> AmbiguousArea:
        """The error for a name that fits several areas."""
        eras = [area.era for area in areas]
        if len(set(eras)) == len(eras):
            return EraNeeded("areas.era-needed", text=text.strip(), candidates=areas, labels=self.labels(areas))
        return AmbiguousArea("areas.ambiguous", text=text.strip(), candidates=areas, labels=self.labels(areas))

    def unknown(
        self, text: str, era: Era | None = None, level: Level | None = None, within: Area | str | None = None
    ) -> UnknownArea:
        """The error for a name nobody has there, with what may be meant.

        Where a place to look in is told: its own nearest spellings, and areas of this very name in its province (then
        the place is what was mistaken). Else, or where that gives nothing, the name anywhere, else the nearest ones.
        """
        areas = self.find(text, None, level) or self.find(text)
        name = text.partition(",")[0].strip()
        if not areas and name.isascii() and name.isdigit():
            padded = name.zfill(5)  # Excel drops the zero in front
            areas = [self.get(its_era, padded) for its_era in ERAS if self.has(its_era, padded)]
            return UnknownArea("areas.unknown", text=text.strip(), candidates=areas, labels=self.labels(areas))
        here = self._nearby(name, era, level, within, areas) if within is not None else []
        areas = here or areas or [self.get(*key) for key in self._index.nearest(name, level=level)]
        return UnknownArea("areas.unknown", text=text.strip(), candidates=areas, labels=self.labels(areas))

    def _nearby(
        self, name: str, era: Era | None, level: Level | None, within: Area | str, same_name: list[Area]
    ) -> list[Area]:
        """The nearest spellings inside ``within``, then the areas of ``same_name`` that lie in its province.

        Without any, the nearest spellings in the province, and what resembles the name from afar inside ``within``.
        """
        place = within if isinstance(within, Area) else self.get("2025" if len(within) == 2 else "legacy", within)
        province = self.province_today(place)

        def spelled_like(place: Area | str, cutoff: float) -> list[Key]:
            inside = self._nearness(place)
            return self._index.nearest(
                name,
                level=level,
                allowed=lambda key: era in (None, key[0]) and inside(self.get(*key)) is not None,
                cutoff=cutoff,
            )

        close = spelled_like(place, 0.75)
        beside = [area.key for area in same_name if self.province_today(area) == province]
        # A district has some twenty communes: among so few, a name half right is worth a question.
        found = [*close, *beside] or [*spelled_like(province, 0.75), *spelled_like(place, 0.6)]
        return [self.get(*key) for key in dict.fromkeys(found)]


@cache
def load() -> Registry:
    """The registry of the committed tables, read once a process."""
    return Registry(read_tables())
