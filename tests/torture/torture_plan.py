"""One seed, one plan: in which phase each kill falls, what it waits for, and how long after that it comes.

A kill that falls while nothing happens proves nothing, so every kill waits for a sign of its phase: a line in the
vendor's ledger, a callback that was answered, a statement of the fan-out. Half of them come at a random instant after
the sign, from outside; half at an exact one, where a transaction is half done or has just been committed.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from torture_processes import Tripwire

MOMENTS = ("before", "after", "commit", "committed")
# What each phase says to the database; the highest n-th that a short life still reaches.
STATEMENTS: dict[str, tuple[tuple[str, int], ...]] = {
    "opening": (("INSERT INTO run ", 2), ("INSERT INTO run_cell", 1), ("INSERT INTO rendering", 1)),
    "start-up": (("INSERT INTO worker", 1),),
    "enqueue": (
        ("UPDATE run SET enqueue_cursor", 4),
        ("INSERT INTO delivery", 4),
        ("INSERT INTO tally_area", 1),
        ("UPDATE campaign_state SET reserved_vnd", 1),
        ("DELETE FROM run_cell", 1),
    ),
    "dispatch": (("UPDATE sender_state SET", 3), ("UPDATE delivery SET", 12), ("INSERT INTO tally_trait", 8)),
    "receipts": (("INSERT INTO receipt", 6),),
    "reconcile": (("INSERT INTO look_up", 1), ("UPDATE look_up", 3), ("DELETE FROM look_up WHERE", 3)),
    "finishing": (("UPDATE run SET status=.*finished_at", 1),),
}
SHARES = {"start-up": 0.12, "enqueue": 0.20, "dispatch": 0.30, "receipts": 0.20, "reconcile": 0.12, "finishing": 0.06}
EXACT = {"opening": 1.0, "start-up": 0.3, "enqueue": 0.7, "dispatch": 0.4, "receipts": 0.5, "reconcile": 1.0,
         "finishing": 1.0}  # fmt: skip


@dataclass(frozen=True)
class Kill:
    """One kill: ``after`` that many signs of its phase (ledger lines, callbacks) and ``delay`` seconds, or at a
    statement."""

    phase: str
    after: int = 0
    delay: float = 0.0
    tripwire: Tripwire | None = None

    def __str__(self) -> str:
        if self.tripwire is not None:
            wire = self.tripwire
            return f"{self.phase}: {wire.moment} {wire.nth} × {wire.statement!r}"
        return f"{self.phase}: +{self.after}, {self.delay * 1000:.0f} ms"


def plan(seed: int, kills: int, *, exact: bool = True) -> list[Kill]:
    """The kills of one road in the order in which the road can meet them; without ``exact`` all come from outside."""
    chance = random.Random(seed)
    count = {phase: max(1, round(share * kills)) for phase, share in SHARES.items()}
    count["dispatch"] = max(1, kills - sum(count.values()) + count["dispatch"])
    early = ["enqueue"] * (count["enqueue"] - 1) + ["start-up"] * (count["start-up"] // 2)
    middle = ["start-up"] * (count["start-up"] - count["start-up"] // 2)
    for phase in ("dispatch", "receipts", "reconcile"):
        middle += [phase] * count[phase]
    if not exact:
        phases = [phase for phase in (*early, *middle) if phase != "reconcile"]  # nobody outside sees a look-up
        phases += ["dispatch"] * (kills - len(phases))
        return [_kill(chance, phase, 0.0) for phase in _shuffled(chance, phases)[:kills]]
    phases = ["opening", *_shuffled(chance, early), *_shuffled(chance, middle), *["finishing"] * count["finishing"]]
    return [_kill(chance, phase, EXACT[phase]) for phase in phases[:kills]]


def _shuffled(chance: random.Random, phases: Sequence[str]) -> list[str]:
    return chance.sample(phases, len(phases))


def _kill(chance: random.Random, phase: str, exact: float) -> Kill:
    if chance.random() < exact:
        statement, most = chance.choice(STATEMENTS[phase])
        moments = MOMENTS[:3] if phase == "finishing" else MOMENTS  # what is finished cannot be finished again
        return Kill(phase, tripwire=Tripwire(statement, chance.randint(1, most), chance.choice(moments)))
    if phase in ("start-up", "enqueue"):
        return Kill(phase, 0, chance.uniform(0.0, 0.35) + (0.0 if exact else 1.5))  # cold: imports take the second
    return Kill(phase, chance.randint(1, 20), chance.choice((0.0, chance.uniform(0.0, 0.05))))
