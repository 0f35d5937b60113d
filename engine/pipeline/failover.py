"""Who sends for a run at this moment: the first sender of its step that can, the next while it cannot. Pure.

A sender cannot while its breaker is open or it is stopped, and where this process cannot open it (a secret is not
set). A pause that the vendor asked for is waited for, by everybody. Half open, it gets the one row that goes ahead,
and the next sender the rest. When it is free again, new claims go to it. What was ever in doubt with a sender stays
with that sender: never another one for an unknown outcome.

A loudspeaker's step may have two roads, SMS and e-mail: a relay's row stands on one, and only its senders take it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.content.loudspeaker import EMAIL
from engine.content.organisation import Sender
from engine.pipeline.breaker import State
from engine.pipeline.gates import OpenGate
from engine.store.claims import Claimable


@dataclass(slots=True)
class Turn:
    """What one sender may claim from, with the gate of each run as this sender's own."""

    sender: Sender
    runs: list[Claimable] = field(default_factory=list)
    gate_of: dict[int, OpenGate] = field(default_factory=dict)

    def add(self, gate: OpenGate, run: Claimable) -> None:
        """Let the sender claim from ``gate``'s run, as ``run`` says."""
        self.runs.append(run)
        self.gate_of[run.run_id] = replace(gate, sender=self.sender)


def turns(
    gates: Sequence[OpenGate],
    *,
    now: datetime,
    state: Callable[[str], State],
    usable: Callable[[Sender], bool],
    doubtful: Collection[tuple[int, str]],
) -> tuple[list[Turn], bool]:
    """The senders that may claim now, each with its runs, in the order of ``gates``; whether one is only paused.

    ``state`` gives where a sender stands, ``usable`` whether it can be opened here (asked only where it matters);
    ``doubtful`` are (run, sender) with queued rows that must not change their sender. ``now`` is campaign time.
    """
    # By the whole sender, not by its key: two snapshots may know the key with different accounts.
    found: dict[str, Turn] = {}
    paused = False

    def add(gate: OpenGate, sender: Sender, run: Claimable) -> None:
        found.setdefault(sender.model_dump_json(), Turn(sender)).add(gate, run)

    for gate, several in ((one, road) for one in gates for road in one.roads.values()):
        acting: Sender | None = None
        for place, sender in enumerate(several):
            if place > 0 and not may_take_over(gate, sender, now):
                continue
            stands = state(sender.key)
            if acting is None and stands is State.PAUSED:
                paused = True
                break
            run = replace(
                gate.claimable,
                shared=len(several) > 1,
                among=among(gate, sender),
                by_email=sender.channel == EMAIL,
                campaign=gate.run["campaign"],
                budget=gate.snapshot.campaign.limits.budget,
            )
            if acting is None and stands in (State.FREE, State.HALF_OPEN) and usable(sender):
                add(gate, sender, run)
                acting = sender if stands is State.FREE else None
            elif (run.run_id, sender.key) in doubtful and stands in (State.FREE, State.HALF_OPEN) and usable(sender):
                add(gate, sender, replace(run, shared=False, doubtful_only=True))
    return list(found.values()), paused


def senders_of(gate: OpenGate) -> tuple[Sender, ...]:
    """Every sender that the run's step names, in order of preference."""
    return gate.snapshot.senders_of(gate.snapshot.campaign.step(gate.run["step"]))


def among(gate: OpenGate, sender: Sender) -> tuple[str, ...]:
    """The senders of ``sender``'s road where the run has several; () where it has one."""
    roads = gate.roads
    return tuple(one.key for one in roads[sender.channel]) if len(roads) > 1 else ()


def may_take_over(gate: OpenGate, sender: Sender, now: datetime) -> bool:
    """Whether a sender's registered name may still be used on the local day of ``now``."""
    until = sender.registered_until
    return until is None or now.astimezone(gate.snapshot.zone).date() <= until
