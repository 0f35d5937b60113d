"""Where an activity took place: a commune, or as wide as the list tells it: an old district, a province.

The rule is that of contact lists (a bare code needs its era; a name that both eras have needs the era or the old
district; the organisation's own province comes first), and one more: what happened before 2025-07-01 happened in a
legacy commune.
"""

from typing import NamedTuple

from engine.areas.area import Area, Era
from engine.areas.registry import Registry
from engine.areas.written import era_named
from engine.content.activity_kinds import quoted
from engine.content.words import BadValue
from engine.errors import LoaError
from engine.text.accents import fold

_MOST_DIGITS = 6  # codes have 2, 3 or 5
_WHOLE_DISTRICT = frozenset({"toan huyen", "ca huyen", "cap huyen", "whole district"})
_WHOLE_PROVINCE = frozenset({"toan tinh", "ca tinh", "cap tinh", "whole province"})


class Misplaced(NamedTuple):
    """Why a place is not usable: the field at fault and the error with the mend."""

    field: str
    error: LoaError


class Places:
    """Looks places up, each distinct one once. ``province`` is the organisation's own (a 2025 code)."""

    def __init__(self, registry: Registry, province: str | None) -> None:
        self._registry, self._province = registry, province
        self._known: dict[tuple[str, str, str, str, bool], Area | Misplaced] = {}
        self._around: dict[tuple[str, str, Era | None], Area] = {}

    def look_up(self, commune: str, district: str, province: str, era: str, old: bool) -> Area | Misplaced:
        """The area, or what is wrong with it. Texts are as written, empty where nothing is said.

        ``old``: it was before the districts were abolished.
        """
        key = (commune, district, province, era, old)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._look_up(*key)
        return found

    def _look_up(self, commune: str, district: str, province: str, era_text: str, old: bool) -> Area | Misplaced:
        field = "commune"
        try:
            written = {"commune": commune, "district": district, "province": province, "era": era_text}
            for field, text in written.items():  # noqa: B007 - the handler below reads it
                # Shifted columns: a sentence that repeats the place would repeat a phone number.
                if sum(map(str.isdigit, text)) > _MOST_DIGITS:
                    raise LoaError("contacts.number-for-place")
            field = "era"
            era = _era(era_text, old)
            if fold(commune) in _WHOLE_PROVINCE:
                commune = district = ""
                province = province or self._province or ""
            elif fold(commune) in _WHOLE_DISTRICT:
                commune = ""
            field = "district" if district else "province"
            within = self._within(district, province, era)
            field = "commune"
            if commune:
                if era is None and commune.isdigit():
                    raise LoaError("contacts.bare-code", code=commune)
                return self._commune(commune, era, within)
            if within is None:
                raise BadValue("activities.no-place")
            return within
        except LoaError as error:
            return Misplaced(field, error)

    def _within(self, district: str, province: str, era: Era | None) -> Area | None:
        """What a row names around the commune; the few there are are looked up once."""
        if not (district or province):
            return None
        key = (district, province, era)
        found = self._around.get(key)
        if found is None:
            found = self._province_named(province, era) if province else None
            if district:
                found = self._district(district, found)
            assert found is not None
            self._around[key] = found
        return found

    def _commune(self, text: str, era: Era | None, within: Area | None) -> Area:
        if within is None and self._province and self._registry.best(text, era, "commune", self._province):
            return self._registry.one(text, era, "commune", self._province)
        return self._registry.one(text, era, "commune", within)

    def _district(self, text: str, within: Area | None) -> Area:
        own = within or self._province
        if own and self._registry.best(text, "legacy", "district", own):
            return self._registry.one(text, "legacy", "district", own)
        return self._registry.one(text, "legacy", "district", within)

    def _province_named(self, text: str, era: Era | None) -> Area:
        """A province; of two of one name today's, which holds all that the old one held, unless the era is told."""
        both = {area.era: area for area in self._registry.best(text, era, "province")}
        return both.get("2025") or self._registry.one(text, era, "province")


def _era(text: str, old: bool) -> Era | None:
    if not text:
        return "legacy" if old else None
    era = era_named(fold(text))
    if era is None:
        raise LoaError("contacts.unknown-era", text=quoted(text))
    return era
