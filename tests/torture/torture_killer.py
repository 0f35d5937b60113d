"""The killer: carries out a plan, and looks at each victim to say what it was killed in the middle of."""

import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from torture_plan import Kill
from torture_processes import Victim
from torture_scene import Scene

PATIENCE = 10.0  # seconds for a sign; later the kill comes all the same, and counts as idle
UNTIL_THE_END = 30.0  # for the end of a run, which waits for every look-up
QUIET = 0.002  # seconds between looks


@dataclass
class Count:
    """What was killed: by phase, and what the dead left behind."""

    kills: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        phases = ", ".join(f"{phase} {count}" for phase, count in sorted(self.phases.items()))
        left = ", ".join(f"{what} {count}" for what, count in sorted(self.left.items()))
        return f"{self.kills} kills ({phases}); left behind: {left or 'nothing'}"


@dataclass(frozen=True)
class Manner:
    """How a plan is carried out, besides the plan."""

    from_nothing: bool = False  # victims are not forked by the forge
    beside: bool = False  # a second process works beside each victim, and sometimes dies with it
    clock_wrong_by: float = 0.0  # seconds by which each life's wall clock may be off, either way


PLAIN = Manner()


def carry_out(scene: Scene, kills: list[Kill], count: Count, manner: Manner = PLAIN) -> None:
    """Start ``loa run`` and kill it, for every kill of the plan; ends early when there is nothing left to disturb.

    Whatever a victim wrote to stderr must not contain a traceback.
    """
    chance, other = random.Random(scene.seed), None
    for kill in kills:
        if scene.ledger.accepted() and scene.over():
            break
        before = _unknown(scene)
        wrong = timedelta(seconds=chance.uniform(-1, 1) * manner.clock_wrong_by)
        if manner.beside and (other is None or other.ended()):
            other = scene.beside()
        victim = scene.run(kill.tripwire, from_nothing=manner.from_nothing, later=wrong)
        phase = _await(scene, kill, victim)
        _bury(victim, kill)
        count.kills += 1
        count.phases[phase] += 1
        if other is not None and chance.random() < 0.5 and not other.ended():
            _bury(other, kill)
            count.kills += 1
            count.phases["beside"] += 1
        _look_at_the_dead(scene, count, before)
    if other is not None and not other.ended():
        _bury(other, None)
    sys.stderr.write(f"  {count}\n")


def _bury(victim: Victim, kill: Kill | None) -> None:
    code = victim.kill()
    assert code == -signal.SIGKILL, f"{kill}: it ended by itself with {code}\n{victim.err[-3000:]}"
    assert "Traceback" not in victim.err and "torture_forge" not in victim.err, victim.err[-3000:]


def _await(scene: Scene, kill: Kill, victim: Victim) -> str:
    """Wait for the kill's instant; the phase in which it really falls."""
    if kill.tripwire is None and kill.after == 0:
        time.sleep(max(0.0, victim.born + kill.delay - time.monotonic()))
        return kill.phase
    if kill.tripwire is None:  # on a busy machine a cold start takes many seconds; patience begins after it
        scene.wait_for(lambda: victim.err, 60, victim)
    accepted, answered, born = scene.ledger.accepted(), scene.ledger.answered(), time.monotonic()
    patience = UNTIL_THE_END if kill.phase == "finishing" else PATIENCE
    while time.monotonic() < born + patience:
        if kill.tripwire is not None:
            if victim.ended():
                return kill.phase
            if kill.phase in ("opening", "enqueue") and scene.ledger.accepted() > accepted:
                return "dispatch"  # there was nothing left to enqueue
        else:
            count = (
                scene.ledger.answered() - answered if kill.phase == "receipts" else scene.ledger.accepted() - accepted
            )
            if count >= kill.after:
                time.sleep(kill.delay)
                return kill.phase
        time.sleep(QUIET)
    return "idle"


def _unknown(scene: Scene) -> int:
    """Messages that the vendor has accepted and the database does not know."""
    return scene.ledger.accepted() - scene.count("SELECT count(vendor_id) FROM delivery")


def _look_at_the_dead(scene: Scene, count: Count, unknown_before: int) -> None:
    """Count the kills that left something half done."""
    born = scene.rows("SELECT id FROM worker ORDER BY started_real DESC LIMIT 1")
    if born and scene.count("SELECT count(*) FROM delivery WHERE status = 'sending' AND worker = :id", id=born[0].id):
        count.left["claims"] += 1
    if _unknown(scene) > unknown_before:
        count.left["messages accepted that the database does not know"] += 1
    if scene.count("SELECT count(*) FROM run WHERE status = 'enqueueing'"):
        count.left["runs half enqueued"] += 1
