"""Publication units: which communes, districts or words a published figure may tell apart. Pure.

Everything a figure is told by is a node of a tree: ``()`` is all there is, ``(province,)``, ``(province, district)``,
``(province, district, commune)`` the areas below it; the values of another dimension (languages, variants) are the
children of ``()``. A ``Coarsening`` says of some nodes that they are told together with their siblings (``joined``) and
of others that nothing below them is told (``closed``). Joining two coarsenings is the union of their sets: whatever
the order, the result is the same and never finer than either. That is what keeps publications of different runs, cuts
and days from telling more side by side than each alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

Node: TypeAlias = tuple[str, ...]
EVERYTHING: Node = ()


class Unit(NamedTuple):
    """What is told as one: a node, or (``group``) those children of a node that are told together."""

    node: Node
    group: bool = False


@dataclass(frozen=True, slots=True)
class Coarsening:
    """Which nodes are told together with their siblings, and below which nothing is told."""

    joined: frozenset[Node] = frozenset()
    closed: frozenset[Node] = frozenset()

    def plus(self, other: "Coarsening") -> "Coarsening":
        """The finest coarsening that tells nothing apart which either of the two does not."""
        return Coarsening(self.joined | other.joined, self.closed | other.closed)

    def unit(self, path: Node) -> Unit:
        """The unit in which ``path`` is told: the first on the way down that goes no further."""
        for depth in range(len(path) + 1):
            node = path[:depth]
            if depth and node in self.joined:
                return Unit(node[:-1], group=True)
            if node in self.closed:
                return Unit(node)
        return Unit(path)

    def members(self, parent: Node) -> tuple[Node, ...]:
        """The children of ``parent`` that are told together, in order."""
        return tuple(sorted(node for node in self.joined if node[:-1] == parent))


def common(coarsenings: Iterable[Coarsening]) -> Coarsening:
    """The finest coarsening that is no finer than any of ``coarsenings``."""
    result = Coarsening()
    for one in coarsenings:
        result = result.plus(one)
    return result


def coarsening_of(people: Mapping[Node, int], least: int) -> Coarsening:
    """What must be told together so that no unit stands for fewer than ``least`` people.

    ``people`` are the distinct people of one run (of one value of a run's trait) by leaf; none may be negative. Where
    the whole is smaller than ``least``, nothing below it is told.

    Among the children of a node those below ``least`` are told together, with the smallest of the others until they
    are ``least`` people and one more for each further member: who sees the members' names knows of each that it has
    somebody, and must not conclude that another has fewer than ``least``. Where that cannot be reached, the node is
    told as a whole. A child that stays below is its parent's small child then: it rises.
    """
    sums: dict[Node, dict[Node, int]] = defaultdict(lambda: defaultdict(int))
    for path, count in people.items():
        for depth in range(len(path)):
            sums[path[:depth]][path[: depth + 1]] += count
    joined: set[Node] = set()
    closed: set[Node] = set()
    waiting = [EVERYTHING]
    while waiting:
        node = waiting.pop()
        children = {child: count for child, count in sums.get(node, {}).items() if count > 0}
        group = _group(children, least)
        if group is None:
            closed.add(node)
            continue
        joined |= group
        waiting += [child for child in children if child not in group]
    return Coarsening(frozenset(joined), frozenset(closed))


def _group(children: Mapping[Node, int], least: int) -> set[Node] | None:
    """The children to be told together; none where all are large enough; None where they cannot reach it."""
    by_size = sorted(children, key=lambda child: (children[child], child))
    small = sum(count < least for count in children.values())
    if not small:
        return set()
    for size in range(small, len(by_size) + 1):
        if sum(children[child] for child in by_size[:size]) >= least + size - 1:
            return set(by_size[:size])
    return None


class Cell(NamedTuple):
    """People of one run in one area who share a value of another dimension."""

    run: int
    path: Node
    value: str
    people: int


def depth_of(cells: Iterable[Cell], units: Coarsening, deepest: int, least: int) -> int:
    """To which depth an area may be crossed with another dimension: 3 communes, 2 districts, 1 provinces, 0 nothing.

    The first level at which, in every run, every cell that is not empty stands for ``least`` people. ``units`` are the
    campaign's units, ``cells`` those of all its runs, not only of the cut that is asked for: otherwise the cut would
    tell the difference.
    """
    known = list(cells)
    for depth in range(deepest, 0, -1):
        sums: dict[tuple[int, Unit, str], int] = defaultdict(int)
        for cell in known:
            sums[cell.run, at_depth(units, cell.path, depth), cell.value] += cell.people
        if all(count == 0 or count >= least for count in sums.values()):
            return depth
    return 0


def at_depth(units: Coarsening, path: Node, depth: int) -> Unit:
    """The unit of ``path`` when nothing below ``depth`` is told: never finer than ``units`` allow."""
    return units.unit(path[:depth])


def written(coarsening: Coarsening) -> Iterator[tuple[Node, str]]:
    """(node, ``joined`` or ``closed``) in order: for a table, or a frozen report."""
    for node in sorted(coarsening.joined):
        yield node, "joined"
    for node in sorted(coarsening.closed):
        yield node, "closed"


def read(rows: Iterable[tuple[Iterable[str], str]]) -> Coarsening:
    """The coarsening that ``written`` wrote."""
    sets: dict[str, set[Node]] = {"joined": set(), "closed": set()}
    for node, how in rows:
        sets[how].add(tuple(node))
    return Coarsening(frozenset(sets["joined"]), frozenset(sets["closed"]))
