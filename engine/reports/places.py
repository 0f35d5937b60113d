"""From the commune a delivery was counted in to the area a reader asks for."""

from collections.abc import Callable
from typing import NamedTuple, cast

from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.i18n import sentence


class Place(NamedTuple):
    """An area of a report; ``code`` is None where nobody can tell a single one across the eras."""

    era: str
    code: str | None
    name: str

    @property
    def order(self) -> tuple[bool, str, str]:
        """By code, what has none at the end by its name."""
        return self.code is None, self.code or "", self.name

    def document(self) -> dict[str, str | None]:
        """The area under the contract's keys."""
        return {"era": self.era, "code": self.code, "name": self.name}


Fold = Callable[[str, str], Place]


def districts(registry: Registry) -> Fold:
    """(era, commune) → its old district; one place without code for those whose district nobody can tell."""
    unclear = Place("legacy", None, sentence("reports.ambiguous-district"))

    def fold(era: str, commune: str) -> Place:
        its_era = cast("Era", era)
        code = registry.historic_district(its_era, commune).district_code if registry.has(its_era, commune) else None
        return Place("legacy", code, registry.get("legacy", code).name) if code else unclear

    return fold


def communes(registry: Registry, to_era: Era) -> Fold:
    """(era, commune) → the commune of ``to_era``; one place without code for those without an only counterpart."""
    unclear = Place(to_era, None, sentence(f"reports.ambiguous-commune-{to_era}"))

    def fold(era: str, commune: str) -> Place:
        its_era = cast("Era", era)
        code = registry.counterpart(its_era, commune, to_era) if registry.has(its_era, commune) else None
        return Place(to_era, code, registry.get(to_era, code).name) if code else unclear

    return fold


def labels(registry: Registry, places: list[Place]) -> dict[Place, str]:
    """How each place is written on a screen: "(cũ)" after what is no more, and where it lies when names repeat.

    There are two communes called Mẫu Sơn in Lạng Sơn's legacy list alone, and districts called Châu Thành in ten
    provinces.
    """
    named: dict[str, int] = {}
    for place in places:
        named[place.name] = named.get(place.name, 0) + 1
    return {place: _label(registry, place, alone=named[place.name] == 1) for place in places}


def _label(registry: Registry, place: Place, *, alone: bool) -> str:
    if place.code is None:
        return place.name
    name = sentence("reports.old", name=place.name) if place.era == "legacy" else place.name
    if alone:
        return name
    area = registry.get(cast("Era", place.era), place.code)
    if area.level == "commune" and area.district is not None:
        return f"{name}, {registry.get('legacy', area.district).name}"
    return f"{name}, {registry.get(area.era, area.province).name}"
