"""The tree of areas behind publication units, and how a unit is called.

All views of an area are unions of the same leaves: communes of today with the old communes that went into them whole,
and those old communes that were split. A published district is therefore the sum of its communes of today, also where
an exact report counts an old commune to the district it lay in: two ways of counting the same people would tell the
difference between them.
"""

from collections.abc import Callable
from typing import Literal, cast

from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.i18n import sentence
from engine.reports.places import Fold, Place
from engine.reports.publication_units import EVERYTHING, Coarsening, Node, Unit, at_depth

DEPTH = {"province": 1, "district": 2, "commune": 3}
Level = Literal["province", "district", "commune"]
UNKNOWN = "?"  # a place that the tables do not have, or a district that nobody can tell


def leaf_of(registry: Registry, era: str, commune: str) -> Node:
    """(province of today, old district, commune) of where a delivery was counted."""
    its_era = cast("Era", era)
    if not registry.has(its_era, commune):
        return UNKNOWN, UNKNOWN, f"{era}:{commune}"
    if its_era == "legacy" and (today := registry.counterpart("legacy", commune, "2025")):
        its_era, commune = "2025", today
    province = registry.province_today(registry.get(its_era, commune))
    district = registry.historic_district(its_era, commune).district_code
    return province, district or UNKNOWN, f"{its_era}:{commune}"


def paths(registry: Registry) -> Callable[[str, str], Node]:
    """``leaf_of`` that remembers what it has looked up."""
    known: dict[tuple[str, str], Node] = {}

    def path(era: str, commune: str) -> Node:
        found = known.get((era, commune))
        if found is None:
            found = known[era, commune] = leaf_of(registry, era, commune)
        return found

    return path


def published_fold(registry: Registry, units: Coarsening, level: Level, era: Era, deepest: int = 3) -> Fold:
    """(era, commune) → the published place at ``level``; ``era`` names communes by today's or by the old ones.

    ``deepest`` is how far down areas may be told at all: 3 communes, 2 districts, 1 provinces, 0 nothing.
    """
    path, named = paths(registry), _Names(registry, units, era)
    known: dict[Unit, Place] = {}

    def fold(its_era: str, commune: str) -> Place:
        unit = at_depth(units, path(its_era, commune), min(DEPTH[level], deepest))
        if unit not in known:
            known[unit] = named.place(unit, level)
        return known[unit]

    return fold


class _Names:
    """How units are called on paper."""

    def __init__(self, registry: Registry, units: Coarsening, era: Era) -> None:
        self._registry, self._units, self._era = registry, units, era

    def place(self, unit: Unit, level: Level) -> Place:
        era = self._era if level == "commune" else "2025" if level == "province" else "legacy"
        if unit.group:
            return Place(era, None, self._group(unit.node))
        node = unit.node
        if len(node) == 3:
            return self._commune(node[2])
        if len(node) == 2 and level == "district" and node[1] != UNKNOWN:
            return Place("legacy", node[1], self._registry.get("legacy", node[1]).name)
        if len(node) == 1 and level == "province" and node[0] != UNKNOWN:
            return Place("2025", node[0], self._registry.get("2025", node[0]).name)
        return Place(era, None, self._name(node) if len(node) == DEPTH[level] else self._whole(node))

    def _group(self, parent: Node) -> str:
        kind = ("provinces", "districts", "communes")[len(parent)]
        members = len(self._units.members(parent))
        if parent == EVERYTHING:
            return sentence("publication.provinces", count=members)
        return sentence(f"publication.{kind}", count=members, place=self._name(parent))

    def _whole(self, node: Node) -> str:
        return sentence("publication.whole", place=self._name(node)) if node else sentence("publication.everything")

    def _name(self, node: Node) -> str:
        if len(node) == 1:
            known = node[0] != UNKNOWN
            return self._registry.get("2025", node[0]).name if known else sentence("publication.unknown-province")
        if node[1] != UNKNOWN:
            return sentence("reports.old", name=self._registry.get("legacy", node[1]).name)
        return sentence("publication.unknown-district", place=self._name(node[:1]))

    def _commune(self, leaf: str) -> Place:
        era, _, code = leaf.partition(":")
        its_era, wanted = cast("Era", era), self._era
        if not self._registry.has(its_era, code):
            return Place(wanted, None, sentence(f"reports.ambiguous-commune-{wanted}"))
        name = self._registry.get(its_era, code).name
        other = self._registry.counterpart(its_era, code, wanted)
        if other is not None:
            return Place(wanted, other, self._registry.get(wanted, other).name)
        if wanted == "legacy":
            return Place("legacy", None, sentence("publication.former", place=name))
        return Place("2025", None, sentence("publication.split", place=name, code=code))
