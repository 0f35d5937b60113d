"""The figures of one row of a report: deliveries by status, and what was handed over of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.status import Status

# The order of the contract: what did not go out, what is on its way, how it ended.
STATUSES = (
    Status.EXCLUDED,
    Status.QUEUED,
    Status.SENDING,
    Status.ACCEPTED,
    Status.DELIVERED,
    Status.FAILED,
    Status.EXPIRED,
    Status.UNKNOWN,
    Status.CANCELLED,
)
_NAMES = tuple(str(status) for status in STATUSES)
COUNTS = ("targeted", *_NAMES, "segments", "cost_vnd")  # whole numbers
COLUMNS = (*COUNTS, "delivery_rate")


@dataclass(slots=True)
class Figures:
    """Counts of deliveries (turns, not people), segments handed over and their cost in VND."""

    statuses: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    segments: int = 0
    cost_vnd: int = 0

    def add(self, status: str, deliveries: int, segments: int, cost_vnd: int) -> None:
        """Add one tally; segments and cost are what that tally says was handed over, whatever its status."""
        self.statuses[status] += deliveries  # type: ignore[index]  # a word finds its own member: both are strings
        self.segments += segments
        self.cost_vnd += cost_vnd

    def take(self, status: str, deliveries: int, segments: int, cost_vnd: int) -> None:
        """Take one tally away again."""
        self.add(status, -deliveries, -segments, -cost_vnd)

    @property
    def targeted(self) -> int:
        """All deliveries: the sum of the statuses, always."""
        return sum(self.statuses.values())

    @property
    def delivery_rate(self) -> float | None:
        """delivered / (targeted - excluded - cancelled); None when nothing was to be sent."""
        addressed = self.addressed
        return self.statuses[Status.DELIVERED] / addressed if addressed else None

    @property
    def addressed(self) -> int:
        """What was to be sent: targeted - excluded - cancelled, the denominator of ``delivery_rate``."""
        return self.targeted - self.statuses[Status.EXCLUDED] - self.statuses[Status.CANCELLED]

    @property
    def cost_per_delivered_vnd(self) -> float | None:
        """All that was spent / delivered, in VND; None where nothing was delivered."""
        delivered = self.statuses[Status.DELIVERED]
        return self.cost_vnd / delivered if delivered else None

    @property
    def empty(self) -> bool:
        """Whether there is nothing at all to show."""
        return not (self.segments or self.cost_vnd or any(self.statuses.values()))

    def document(self) -> dict[str, int | float | None]:
        """The figures under the contract's keys, in its order (``COLUMNS``)."""
        counts: dict[str, int | float | None] = dict(zip(_NAMES, self.statuses.values(), strict=True))
        return {
            "targeted": self.targeted,
            **counts,
            "segments": self.segments,
            "cost_vnd": self.cost_vnd,
            "delivery_rate": self.delivery_rate,
        }

    def include(self, other: "Figures") -> None:
        """Add another line's figures to these."""
        for status, deliveries in other.statuses.items():
            self.statuses[status] += deliveries
        self.segments += other.segments
        self.cost_vnd += other.cost_vnd


def total(figures: Iterable[Figures]) -> Figures:
    """The sum of several rows' figures."""
    summed = Figures()
    for one in figures:
        summed.include(one)
    return summed
