"""The historic-district rule: to which old district a commune of today is counted.

Districts were abolished on 2025-07-01, yet officers plan and report by "huyện (cũ)". The rule is worked
out once, by ``tools/make_area_tables.py``, from the communes that were merged into the new one; a report
freezes the version of the tables it used.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Rule = Literal["exact", "whole", "majority", "ambiguous", "zone"]
RULES: tuple[Rule, ...] = ("exact", "whole", "majority", "ambiguous", "zone")


@dataclass(frozen=True, slots=True)
class Historic:
    """The old district of a commune (legacy code) and the rule that gave it; no code when ambiguous."""

    district_code: str | None
    rule: Rule


class Part(NamedTuple):
    """One legacy unit that went into a new commune: its district, and whether it brought all its people."""

    district: str
    entire: bool
    is_commune: bool = True


def historic_district(parts: Sequence[Part]) -> Historic:
    """The rule of DOMAIN.md, in its order.

    ``zone``: a special zone made of an island district that had no communes: that district. ``exact``: all
    parts lay in one district. ``whole``: the communes that came entirely lay in one. ``majority``: more of
    the entire communes (of the pieces, when nothing came entirely) lay in one district than in any other.
    ``ambiguous``: two districts are level, and an officer decides. Raises ``ValueError`` without parts.
    """
    if not parts:
        raise ValueError("a commune without parts has no history")
    if not any(part.is_commune for part in parts):
        return Historic(parts[0].district, "zone")
    if len({part.district for part in parts}) == 1:
        return Historic(parts[0].district, "exact")
    entire = [part.district for part in parts if part.entire]
    if len(set(entire)) == 1:
        return Historic(entire[0], "whole")
    counted = Counter(entire or [part.district for part in parts]).most_common(2)
    if counted[0][1] == counted[1][1]:
        return Historic(None, "ambiguous")
    return Historic(counted[0][0], "majority")
