"""Killed again and again in every phase: nobody gets two, nobody is forgotten, and every figure is the rows' own."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from road_workspace import DUE
from torture_killer import PLAIN, Count, Manner, carry_out
from torture_plan import plan
from torture_processes import Forge
from torture_proof import judge, told
from torture_scene import Pace, Scene

DROPS = ("--drop-response-rate", "0.06", "--error-rate", "0.06", "--latency", "0.02")
CALLBACKS = ("--duplicate-callbacks", "0.3", "--shuffle-callbacks", "--lose-callbacks", "0.3", "--latency", "0.02")
LATENCY = ("--latency", "0.02")
THROTTLED = ("--rate", "50", *LATENCY)


def tortured(
    folder: Path, forge: Forge, database_url: str, seed: int, kills: int, figures: Callable[[object], None],
    *, people: int, faults: tuple[str, ...] = (), pace: Pace | None = None, manner: Manner = PLAIN,
) -> None:  # fmt: skip
    """One road with its kills, settled and judged."""
    begins = (datetime.fromisoformat(DUE) + timedelta(seconds=manner.clock_wrong_by)).isoformat()
    scene = Scene(folder, forge, database_url, people=people, faults=faults, seed=seed, pace=pace, begins=begins)
    planned, count = plan(seed, kills, exact=not manner.from_nothing), Count()
    sys.stderr.write("".join(f"  {place}. {kill}\n" for place, kill in enumerate(planned, 1)))
    scene.prepare()
    with scene.vendor():
        carry_out(scene, planned, count, manner)
        try:
            scene.settle()
        finally:  # also when it never came to rest: the figures say why
            verdict = judge(scene)
            figures(f"seed {seed}; {count}; {verdict}")
    assert not verdict.faults, told(verdict)
    assert count.kills >= kills, f"the road was over after {count}"
    assert count.phases["idle"] <= max(2, kills / 6), count  # a busy machine lets some signs pass unseen


def test_killed_in_every_phase_nobody_gets_two_and_nobody_is_lost(
    tmp_path: Path, forge: Forge, database_url: str, seed: int, figures: Callable[[object], None]
) -> None:
    faults = (*DROPS, "--duplicate-callbacks", "0.2", "--shuffle-callbacks", "--lose-callbacks", "0.2")
    tortured(tmp_path, forge, database_url, seed, 10, figures, people=70, faults=faults, pace=Pace(rate="60/s"))


# 200 kills on each database, in ten roads: a road has only so many phases to be killed in.
ROADS: dict[str, tuple[int, tuple[str, ...], Manner]] = {
    "alone-1": (24, LATENCY, PLAIN),
    "alone-2": (24, LATENCY, PLAIN),
    "answers-1": (24, DROPS, PLAIN),
    "answers-2": (24, DROPS, PLAIN),
    "callbacks-1": (24, CALLBACKS, PLAIN),
    "callbacks-2": (24, CALLBACKS, PLAIN),
    "throttled": (16, THROTTLED, PLAIN),
    "beside": (16, DROPS, Manner(beside=True)),
    "clock": (16, DROPS, Manner(clock_wrong_by=90)),
    "cold": (8, CALLBACKS, Manner(from_nothing=True)),
}


@pytest.mark.torture
@pytest.mark.parametrize("road", ROADS)
def test_killed_two_hundred_times(
    tmp_path: Path, forge: Forge, database_url: str, seed: int, figures: Callable[[object], None], road: str
) -> None:
    kills, faults, manner = ROADS[road]
    tortured(
        tmp_path,
        forge,
        database_url,
        seed,
        kills,
        figures,
        people=500 if manner.from_nothing else 350,
        faults=faults,
        manner=manner,
    )
