"""How many people, not turns: whom the runs were for, and who was reached at least once. Reads delivery rows.

People are told apart by their number (a contact). Somebody whose list moved them to another commune between two runs
counts once, where the newest run had them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.reports.figures import Figures
from engine.reports.measured import Values
from engine.reports.places import Place
from engine.status import Status
from engine.store.many import LISTED, read_listed

COMMUNES = ("addressed", "reached", "none", "untouched")  # what is said of communes beside the figures
# One pass over the runs' rows, a line a person, then a line a commune. The newest run's commune is the greatest of
# run × 1,000,000 + era × 100,000 + commune: one number, so that the sums over a person need no second look.
_PEOPLE = (
    "SELECT newest - newest / 1000000 * 1000000 AS place, count(*), sum(addressed), sum(reached) FROM (SELECT"
    " max(run_id * 1000000 + CASE era WHEN '2025' THEN 100000 ELSE 0 END + CAST(commune AS INTEGER)) AS newest,"
    " max(CASE WHEN status IN ('excluded', 'cancelled') THEN 0 ELSE 1 END) AS addressed,"
    " max(CASE WHEN status = 'delivered' THEN 1 ELSE 0 END) AS reached"
    f" FROM delivery WHERE run_id {LISTED} GROUP BY contact_id) AS person GROUP BY 1 ORDER BY 1"
)


class People(NamedTuple):
    """Distinct subscribers: with a delivery, with one that was to be sent, with one confirmed by the operator."""

    targeted: int = 0
    addressed: int = 0
    reached: int = 0

    def plus(self, other: "People") -> "People":
        """The sum: of people in different communes."""
        return People(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def people_by_commune(connection: Connection, runs: Sequence[int]) -> Iterator[tuple[str, str, People]]:
    """(era, commune, people) over all of ``runs`` together; nobody counts twice."""
    for place, targeted, addressed, reached in read_listed(connection, _PEOPLE, runs):
        era, commune = divmod(place, 100_000)
        yield "2025" if era else "legacy", f"{commune:05d}", People(targeted, int(addressed), int(reached))


def values(people: People | None) -> Values:
    """The measure's columns; all None where nobody can say any more."""
    if people is None:
        return dict.fromkeys(("people_targeted", "people_addressed", "people_reached", "coverage_rate"))
    return {
        "people_targeted": people.targeted,
        "people_addressed": people.addressed,
        "people_reached": people.reached,
        "coverage_rate": people.reached / people.addressed if people.addressed else None,
    }


def communes(registry: Registry, era: Era, sums: Mapping[Place, Figures], provinces: set[str]) -> dict[str, object]:
    """Communes by what came there: how many were addressed and reached, and by name those with nothing.

    ``none``: something was to be sent there and no delivery was confirmed. ``untouched``: communes of ``provinces``
    (2025 codes) for which nothing was to be sent at all. Places without a code are in no list.
    """
    addressed = {place for place, figures in sums.items() if place.code and figures.addressed}
    reached = {place for place in addressed if sums[place].statuses[Status.DELIVERED]}
    every = {
        Place(era, area.code, area.name)
        for area in registry.communes(era)
        if registry.province_today(area) in provinces
    }
    found = (len(addressed), len(reached), _listed(addressed - reached), _listed(every - addressed))
    return dict(zip(COMMUNES, found, strict=True))


def _listed(found: set[Place]) -> list[dict[str, str | None]]:
    return [place.document() for place in sorted(found, key=lambda place: place.order)]
