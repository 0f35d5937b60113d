"""Who belongs to a selection of areas, across the eras: in, ambiguous, or (absent) outside.

Everybody lives on one piece of land that lay in one legacy unit and lies in one 2025 commune; we know only
one of the two. The eras' conversion gives 10,571 such pieces. A selection is a plain set of pieces: kinds
are alternatives inside and conditions among themselves. Whoever gave a commune may live on any of its
pieces: all chosen, in; some, ambiguous; none, outside. So a legacy contact is in a 2025 set if all its
successors are (one that merged whole has only one), and a 2025 contact is in a legacy set if all that its
commune was made of is. The five special zones are pieces of their island district.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import chain
from typing import NamedTuple
from weakref import WeakKeyDictionary

from engine.areas.area import Key, Membership
from engine.areas.units import Units


@dataclass(frozen=True, slots=True)
class Selection:
    """Areas as (era, code) pairs by kind; every kind that is given must hold, any area of a kind is enough.

    An empty kind is not given. ``tags`` are the areas that carry one of the tags, of any level. Who builds
    one must refuse a kind that was written but names no area: here it would widen the selection.
    """

    provinces: tuple[Key, ...] = ()
    districts: tuple[Key, ...] = ()
    communes: tuple[Key, ...] = ()
    tags: tuple[Key, ...] = ()

    def kinds(self) -> list[tuple[Key, ...]]:
        """The given kinds."""
        return [kind for field in fields(self) if (kind := getattr(self, field.name))]


class Pieces(NamedTuple):
    """The pieces of land: those each area is made of, and each piece's communes (2025, and legacy if any)."""

    of: dict[Key, list[int]]
    communes: list[tuple[Key, ...]]


_known: WeakKeyDictionary[Units, Pieces] = WeakKeyDictionary()


def pieces(registry: Units) -> Pieces:
    """The pieces of this registry's tables, worked out once."""
    if registry not in _known:
        made_of: dict[Key, list[int]] = defaultdict(list)
        communes_of: list[tuple[Key, ...]] = []
        for old, successors in registry.tables.successors.items():
            district, province = registry.legacy_place(old)
            for new in successors:
                piece = len(communes_of)
                communes: tuple[Key, ...] = (("2025", new), ("legacy", old)) if len(old) == 5 else (("2025", new),)
                communes_of.append(communes)
                for commune in communes:
                    made_of[commune].append(piece)
                made_of["legacy", district].append(piece)
                made_of["legacy", province].append(piece)
                made_of["2025", registry.tables.today[new][2]].append(piece)
        _known[registry] = Pieces(dict(made_of), communes_of)
    return _known[registry]


def membership(selection: Selection, registry: Units) -> dict[Key, Membership]:
    """For every commune of both eras that is not outside: whether who lives there is in or ambiguous.

    Raises ``UnknownArea`` for an area that is not in the tables and ``ValueError`` when no kind is given
    (all the country is never meant by leaving the areas out).
    """
    kinds = selection.kinds()
    if not kinds:
        raise ValueError("a selection needs at least one kind of area")
    land = pieces(registry)
    chosen = set.intersection(*(_pieces_of(kind, registry, land) for kind in kinds))
    counted = Counter(chain.from_iterable(land.communes[piece] for piece in chosen))
    return {
        commune: Membership.IN if count == len(land.of[commune]) else Membership.AMBIGUOUS
        for commune, count in counted.items()
    }


def _pieces_of(areas: Iterable[Key], registry: Units, land: Pieces) -> set[int]:
    chosen: set[int] = set()
    for era, code in areas:
        chosen.update(land.of[registry.get(era, code).key])
    return chosen
