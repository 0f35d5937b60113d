"""What an officer's ``areas:`` entry means: a quoted code or a name, its era told only where it is needed."""

from engine.areas.area import CODE_DIGITS, ERAS, Area, Era, Level
from engine.areas.registry import Registry, load


def resolve(
    text: str,
    level: Level,
    era: Era | None = None,
    within: Area | str | None = None,
    registry: Registry | None = None,
) -> Area:
    """The one area of this level that ``text`` (a code or a name) means.

    Without ``era`` both eras are looked at; where they mean the same whole land (province Cao Bằng, an
    unchanged commune) the 2025 area is given. Names are looked up in ``within`` (the organisation's 2025
    province) first, then in the country. Raises ``UnknownArea``, ``AmbiguousArea`` or ``EraNeeded``, each
    with the choices.
    """
    registry = registry or load()
    written = text.strip()
    if written.isascii() and written.isdigit():
        found = [
            registry.get(its_era, written)
            for its_era in ERAS
            if era in (None, its_era) and len(written) == CODE_DIGITS[level] and registry.has(its_era, written)
        ]
    else:
        found = registry.best(written, era, level, within) or registry.best(written, era, level)
    if not found:
        raise registry.unknown(written, era, level)
    by_land = {registry.same_area(area): area for area in sorted(found, key=lambda area: area.era == "2025")}
    if len(by_land) == 1:
        return next(iter(by_land.values()))
    raise registry.ambiguous(written, found)
