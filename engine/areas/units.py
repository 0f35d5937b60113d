"""Every administrative unit of both eras by code, and what became of it on 2025-07-01."""

from collections import defaultdict
from functools import cached_property

from engine.areas.area import ERAS, Area, Era, Key
from engine.areas.errors import UnknownArea
from engine.areas.historic import RULES, Historic, Rule
from engine.areas.tables import Tables

_RULES: dict[str, Rule] = {rule: rule for rule in RULES}


class Units:
    """All areas. Look-ups by code are dictionary look-ups; an ``Area`` is made when it is first asked for."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.version = tables.version
        self._areas: dict[Key, Area] = {}

    # --- by code -----------------------------------------------------------------------------------

    def get(self, era: Era, code: str) -> Area:
        """The area of this era and code. Raises ``UnknownArea``, naming the era in which the code does exist."""
        area = self._areas.get((era, code)) or self._make(era, code)
        if area is not None:
            return area
        candidates = [self.get(other, code) for other in ERAS if other != era and self.has(other, code)]
        if not candidates and self.has(era, code.zfill(5)):  # Excel drops the zero in front
            candidates = [self.get(era, code.zfill(5))]
        raise UnknownArea(
            "areas.unknown-code", code=code, era=era, candidates=candidates, labels=self.labels(candidates)
        )

    def has(self, era: Era, code: str) -> bool:
        """Whether the area exists."""
        return (era, code) in self._areas or self._make(era, code) is not None

    def _make(self, era: Era, code: str) -> Area | None:
        tables = self.tables
        if len(code) == 2 and (row := tables.provinces.get((era, code))):
            area = Area(era, code, row[2], "province", code, None, float(row[3]), float(row[4]))
        elif era == "legacy" and (row := tables.districts.get(code)):
            area = Area(era, code, row[1], "district", row[2], code, float(row[3]), float(row[4]))
        elif era == "legacy" and (row := tables.legacy.get(code)):
            province = tables.districts[row[2]][2]
            area = Area(era, code, row[1], "commune", province, row[2], float(row[3]), float(row[4]))
        elif era == "2025" and (row := tables.today.get(code)):
            area = Area(era, code, row[1], "commune", row[2], None, float(row[3]), float(row[4]))
        else:
            return None
        self._areas[era, code] = area
        return area

    def provinces(self, era: Era) -> tuple[Area, ...]:
        """All provinces of an era, by code (34 today, 63 before)."""
        return tuple(self.get(era, code) for its_era, code in self.tables.provinces if its_era == era)

    def districts(self) -> tuple[Area, ...]:
        """All 696 districts, by code; they exist in the legacy era only."""
        return tuple(self.get("legacy", code) for code in self.tables.districts)

    def communes(self, era: Era) -> tuple[Area, ...]:
        """All communes of an era, by code (3,321 today, 10,035 before)."""
        codes = self.tables.legacy if era == "legacy" else self.tables.today
        return tuple(self.get(era, code) for code in codes)

    def communes_of(self, area: Area) -> tuple[Area, ...]:
        """The communes of the same era inside ``area``; a commune's own is itself, an island district has none."""
        if area.level == "commune":
            return (area,)
        return self._inside[area.key]

    @cached_property
    def _inside(self) -> dict[Key, tuple[Area, ...]]:
        inside: dict[Key, list[Area]] = {("legacy", code): [] for code in self.tables.districts}
        for era in ERAS:
            for commune in self.communes(era):
                inside.setdefault((era, commune.province), []).append(commune)
                if commune.district:
                    inside["legacy", commune.district].append(commune)
        return {key: tuple(communes) for key, communes in inside.items()}

    def area_km2(self, commune: str) -> float | None:
        """The surface of a 2025 commune in km²; two are not known."""
        written = self.tables.today[commune][5]
        return float(written) if written else None

    # --- across the eras ---------------------------------------------------------------------------

    def successors(self, legacy_commune: str) -> tuple[tuple[str, bool], ...]:
        """The 2025 communes a legacy commune went into, each with whether it went there whole."""
        codes = self.tables.successors[self.get("legacy", legacy_commune).code]
        return tuple((code, len(codes) == 1) for code in codes)

    def sources(self, new_commune: str) -> tuple[tuple[str, bool], ...]:
        """The legacy communes that went into a 2025 commune, each with whether it did whole.

        Empty for the five special zones made of island districts that had no communes.
        """
        self.get("2025", new_commune)
        return tuple(
            (code, len(self.tables.successors[code]) == 1) for code in self.parts(new_commune) if len(code) == 5
        )

    def parts(self, new_commune: str) -> tuple[str, ...]:
        """Codes of the legacy units a 2025 commune was made of: communes, or one island district (3 digits)."""
        return self._sources[new_commune]

    @cached_property
    def _sources(self) -> dict[str, tuple[str, ...]]:
        sources: dict[str, list[str]] = defaultdict(list)
        for old, codes in self.tables.successors.items():
            for code in codes:
                sources[code].append(old)
        return {code: tuple(olds) for code, olds in sources.items()}

    def counterpart(self, era: Era, commune: str, to_era: Era) -> str | None:
        """The commune's only counterpart in ``to_era``, or ``None``.

        A legacy commune that went whole into one has that one; a 2025 commune has one only if a single legacy
        commune became it, whole and alone.
        """
        if era == to_era:
            return self.get(era, commune).code
        others = self.successors(commune) if era == "legacy" else self.sources(commune)
        return others[0][0] if len(others) == 1 and others[0][1] else None

    def historic_district(self, era: Era, commune: str) -> Historic:
        """The old district of a commune: a legacy one's own, exactly; a 2025 one's by the rule."""
        area = self.get(era, commune)
        if era == "legacy":
            return Historic(area.district, "exact")
        code, rule = self.tables.today[commune][6:8]
        return Historic(code or None, _RULES[rule])

    def province_today(self, area: Area) -> str:
        """The 2025 province an area belongs to or became part of (every legacy province went whole into one)."""
        return area.province if area.era == "2025" else self._province_today[area.province]

    @cached_property
    def _province_today(self) -> dict[str, str]:
        return {
            self.legacy_place(old)[1]: self.tables.today[codes[0]][2] for old, codes in self.tables.successors.items()
        }

    def legacy_place(self, part: str) -> tuple[str, str]:
        """(district, province) of a legacy commune or island district."""
        district = part if len(part) == 3 else self.tables.legacy[part][2]
        return district, self.tables.districts[district][2]

    def same_area(self, area: Area) -> Key:
        """A key that two areas share exactly when they mean the same whole land in both eras."""
        if area.era == "2025" or area.level == "district":
            return area.key
        if area.level == "province":
            today = self._province_today[area.province]
            alone = sum(province == today for province in self._province_today.values()) == 1
            return ("2025", today) if alone else area.key
        today_commune = self.counterpart("legacy", area.code, "2025")
        if today_commune and self.counterpart("2025", today_commune, "legacy") == area.code:
            return "2025", today_commune
        return area.key

    def label(self, area: Area) -> str:
        """An area in words that tell it from all others, for lists of choices."""
        names = [area.name]
        if area.district and area.level == "commune":
            names.append(self.get("legacy", area.district).name)
        if area.level != "province":
            names.append(self.get(area.era, area.province).name)
        return f"{', '.join(names)} ({area.era} {area.code})"

    def labels(self, areas: list[Area]) -> list[str]:
        """The labels of several areas."""
        return [self.label(area) for area in areas]
