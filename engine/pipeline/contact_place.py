"""The commune of a row: from what the list says of commune, district, province and era."""

from typing import NamedTuple

from engine.areas.area import Area, Era, Key
from engine.areas.errors import UnknownArea
from engine.areas.registry import Registry
from engine.areas.written import era_named
from engine.errors import LoaError
from engine.text.accents import fold

_MOST_DIGITS = 6  # codes have 2, 3 or 5
_KEPT = 50_000  # distinct places remembered; a country has 13,000, misspellings come on top


class WrittenPlace(NamedTuple):
    """A place as written, spaces trimmed; empty where nothing is said."""

    commune: str
    district: str
    province: str
    era: str


class Misplaced(NamedTuple):
    """Why a place is not usable: the field at fault and the error with the mend."""

    field: str
    error: LoaError


class Places:
    """Looks places up, each distinct one once: a list of a million rows names a few hundred.

    ``province`` is the organisation's own (a 2025 code): where a row names neither district nor province its
    commune is looked for there first.
    """

    def __init__(self, registry: Registry, province: str | None) -> None:
        self._registry, self._province = registry, province
        self._known: dict[WrittenPlace, Key | Misplaced] = {}

    def look_up(self, place: WrittenPlace) -> Key | Misplaced:
        """The commune's (era, code), or what is wrong with it.

        A bare code without its era is refused (``bare-code``), and so is a name that both eras have when
        neither era nor district is given.
        """
        found = self._known.get(place)
        if found is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            found = self._known[place] = self._look_up(place)
        return found

    def _look_up(self, place: WrittenPlace) -> Key | Misplaced:
        field = "era"
        try:
            for field, text in zip(place._fields, place, strict=True):  # noqa: B007 - the handler below reads it
                # Shifted columns: a sentence that repeats the place would repeat a phone number.
                if sum(map(str.isdigit, text)) > _MOST_DIGITS:
                    raise LoaError("contacts.number-for-place")
            field = "era"
            era = _era(place.era)
            field = "commune"
            if not place.commune:
                raise LoaError("contacts.no-commune")
            if era is None and place.commune.isdigit():
                raise LoaError("contacts.bare-code", code=place.commune)
            field = "province"
            within = self._province_named(place.province) if place.province else None
            field = "district"
            if place.district:
                within = self._registry.one(place.district, "legacy", "district", within)
            field = "commune"
            return self._commune(place.commune, era, within).key
        except LoaError as error:
            return Misplaced(field, error)

    def _commune(self, text: str, era: Era | None, within: Area | None) -> Area:
        if within is None and self._province and self._registry.best(text, era, "commune", self._province):
            return self._registry.one(text, era, "commune", self._province)
        try:
            return self._registry.one(text, era, "commune", within)
        except UnknownArea:  # what is suggested lies where the list is from
            raise self._registry.unknown(text, era, "commune", within or self._province) from None

    def _province_named(self, text: str) -> Area:
        """A province to look in: of two of one name today's, which holds all that the old one held."""
        both = {area.era: area for area in self._registry.best(text, None, "province")}
        return both.get("2025") or self._registry.one(text, None, "province")


def _era(text: str) -> Era | None:
    if not text:
        return None
    era = era_named(fold(text))
    if era is None:
        raise LoaError("contacts.unknown-era", text=text)
    return era
