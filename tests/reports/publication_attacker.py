"""An attacker who has everything that was ever passed on, and exact arithmetic. Shares no code with what it attacks.

What the attacker knows: every published form of every report of a campaign, along every dimension and pair, for every
cut by step or day, for both eras, and every freeze of them all; the area tables; and which communes a published line
stands for (granted, though a line does not say it). In numbers: each line is a sum over *cells* (run, place of the
contact, arm), each cell a number of people, none negative. Forms add nothing: they are written from the same lines.
Beside what one freeze tells, the attacker may know from elsewhere in which places nobody came or went all the time.

What the attacker wants: to know of the people whom one run targeted in some area that there are some, and fewer than
the threshold. ``found`` says of which areas that succeeds: by linear programming over fractions, so that neither
rounding nor a solver's tolerance decides.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

Cell = Hashable
Release = tuple[frozenset[Cell], int]


class Knowledge:
    """Everything that was passed on, and what follows from it."""

    def __init__(
        self, releases: Iterable[Release], same: Iterable[tuple[frozenset[Cell], frozenset[Cell]]] = ()
    ) -> None:
        known, pairs = dict(releases), list(same)
        # Cells that only ever appear together: nobody can tell them apart.
        self._groups = _alike([*known, *(cells for pair in pairs for cells in pair)])
        rows = [[Fraction(int(group <= cells)) for group in self._groups] for cells in known]
        rows += [[Fraction(int(group <= one) - int(group <= other)) for group in self._groups] for one, other in pairs]
        values = [*map(Fraction, known.values()), *([Fraction(0)] * len(pairs))]
        self._table, self._basis = _first_corner(*_independent(rows, values), len(self._groups))

    def bounds(self, target: frozenset[Cell]) -> tuple[Fraction, Fraction]:
        """The fewest and the most people who can be in ``target``; no bound is told as −1.

        A cell that was never published apart from others may have all of theirs, or none.
        """
        least = [Fraction(int(group <= target)) for group in self._groups]
        most = [Fraction(int(bool(group & target))) for group in self._groups]
        loose = not target <= frozenset().union(*self._groups)
        low = -self._maximum([-one for one in least])
        return low, Fraction(-1) if loose else self._maximum(most)

    def _maximum(self, objective: Sequence[Fraction]) -> Fraction:
        """The most that ``objective · x`` can be; −1 without bound."""
        table, basis = [*self._table], [*self._basis]  # rows are replaced, never changed
        if not _climb(table, basis, objective, len(objective)):
            return Fraction(-1)
        return sum((objective[at] * table[place][-1] for place, at in enumerate(basis)), Fraction(0))


def found(
    releases: Iterable[Release],
    targets: Mapping[str, frozenset[Cell]],
    truth: Mapping[Cell, int],
    threshold: int,
    same: Iterable[tuple[frozenset[Cell], frozenset[Cell]]] = (),
) -> Iterator[str]:
    """Of which targets the attacker learns that somebody is there, and fewer than ``threshold`` people.

    ``truth`` only saves work: a bound always holds for the truth, so that nothing is learnt of what is large or empty.
    """
    knowledge = Knowledge(releases, same)
    for name, target in targets.items():
        if 0 < sum(truth.get(cell, 0) for cell in target) < threshold:
            low, high = knowledge.bounds(target)
            if low > 0 and -1 < high < threshold:
                yield f"{name}: {low} … {high}"


def _alike(lists: Sequence[frozenset[Cell]]) -> list[frozenset[Cell]]:
    by_lists: dict[tuple[int, ...], set[Cell]] = {}
    for cell in {cell for cells in lists for cell in cells}:
        by_lists.setdefault(tuple(place for place, cells in enumerate(lists) if cell in cells), set()).add(cell)
    return [frozenset(cells) for _, cells in sorted(by_lists.items())]


def _independent(
    rows: Sequence[list[Fraction]], values: Sequence[Fraction]
) -> tuple[list[list[Fraction]], list[Fraction]]:
    """The same knowledge in as few equations as it needs; ``ValueError`` where two lines contradict each other."""
    kept: list[tuple[int, list[Fraction]]] = []
    for row, value in zip(rows, values, strict=True):
        line = [*row, value]
        for pivot, other in kept:
            if line[pivot]:
                factor = line[pivot]
                line = [mine - factor * theirs if theirs else mine for mine, theirs in zip(line, other, strict=True)]
        pivot = next((place for place, one in enumerate(line[:-1]) if one), None)
        if pivot is None:
            if line[-1]:
                raise ValueError("published lines contradict each other")
            continue
        line = [one / line[pivot] for one in line]
        for place, (other_pivot, other) in enumerate(kept):
            if other[pivot]:
                factor = other[pivot]
                reduced = [theirs - factor * mine if mine else theirs for mine, theirs in zip(line, other, strict=True)]
                kept[place] = other_pivot, reduced
        kept.append((pivot, line))
    return [line[:-1] for _, line in kept], [line[-1] for _, line in kept]


def _first_corner(
    rows: Sequence[list[Fraction]], values: Sequence[Fraction], size: int
) -> tuple[list[list[Fraction]], list[int]]:
    """A table of ``rows · x = values`` with a corner where no x is negative, and which x are not zero there.

    The simplex method's first phase, by Bland's rule, which always ends.
    """
    count, table = len(rows), []
    for place, (row, value) in enumerate(zip(rows, values, strict=True)):
        sign = -1 if value < 0 else 1
        artificial = [Fraction(int(place == other)) for other in range(count)]
        table.append([*(sign * one for one in row), *artificial, sign * value])
    basis = [size + place for place in range(count)]
    _climb(table, basis, [Fraction(0)] * size + [Fraction(-1)] * count, size + count)
    if any(table[place][-1] for place, at in enumerate(basis) if at >= size):
        raise ValueError("published lines contradict each other")
    for place, at in enumerate(basis):
        if at >= size:  # an artificial one at zero: any column that is there takes its place; the rows are independent
            _pivot(table, basis, place, next(column for column in range(size) if table[place][column]))
    return [[*row[:size], row[-1]] for row in table], basis


def _climb(table: list[list[Fraction]], basis: list[int], objective: Sequence[Fraction], columns: int) -> bool:
    """Pivot until nothing is gained; False where the gain has no bound."""
    while True:
        weighed = [(place, at) for place, at in enumerate(basis) if objective[at]]
        for column in range(columns):
            priced = (objective[at] * table[place][column] for place, at in weighed if table[place][column])
            gain = objective[column] - sum(priced, Fraction(0))
            if gain > 0:
                break
        else:
            return True
        ratios = [(row[-1] / row[column], basis[place], place) for place, row in enumerate(table) if row[column] > 0]
        if not ratios:
            return False
        _pivot(table, basis, min(ratios)[2], column)


def _pivot(table: list[list[Fraction]], basis: list[int], place: int, column: int) -> None:
    by = table[place][column]
    table[place] = [one / by if one else one for one in table[place]]
    for other, row in enumerate(table):
        if other != place and row[column]:
            factor = row[column]
            table[other] = [one - factor * mine if mine else one for one, mine in zip(row, table[place], strict=True)]
    basis[place] = column
