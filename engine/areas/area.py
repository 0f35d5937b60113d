"""Value objects of the room: an area is named by era and code, never by code or name alone."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, TypeAlias

Era = Literal["legacy", "2025"]
Level = Literal["province", "district", "commune"]
Key: TypeAlias = tuple[Era, str]

ERAS: Final[tuple[Era, ...]] = ("legacy", "2025")
LEVELS: Final[tuple[Level, ...]] = ("province", "district", "commune")
CODE_DIGITS: Final[dict[Level, int]] = {"province": 2, "district": 3, "commune": 5}


@dataclass(frozen=True, slots=True)
class Area:
    """One administrative unit of one era.

    ``era`` is ``legacy`` (until 2025-06-30) or ``2025``. ``code`` has 2, 3 or 5 digits for a province,
    district or commune; practically every 2025 code is also the code of another legacy unit. ``name``
    carries the type ("Xã Yên Khoái"). ``province`` and ``district`` are codes of the same era (an area's own
    code at its own level); no 2025 area has a district. ``lat`` and ``lon`` are the centroid in degrees.
    """

    era: Era
    code: str
    name: str
    level: Level
    province: str
    district: str | None
    lat: float
    lon: float

    def __post_init__(self) -> None:
        if self.era not in ERAS or len(self.code) != CODE_DIGITS[self.level] or not self.code.isdigit():
            raise ValueError(f"no such area: {self.era} {self.code} {self.level}")

    @property
    def key(self) -> Key:
        """(era, code): what an area is known by."""
        return self.era, self.code


class Membership(StrEnum):
    """Whether whoever lives in a commune belongs to a selection; outside means absent, not a third word."""

    IN = "in"
    AMBIGUOUS = "ambiguous"
