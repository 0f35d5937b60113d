"""The plan of kills: replayable, and in every phase; a plan that kills an idle process proves nothing."""

from collections import Counter

import pytest
from torture_plan import SHARES, plan


def test_one_seed_is_one_plan() -> None:
    assert plan(7, 24) == plan(7, 24)
    assert plan(7, 24) != plan(8, 24)


@pytest.mark.parametrize("kills", [10, 16, 24])
def test_every_phase_is_killed_in(kills: int) -> None:
    for seed in range(20):
        phases = Counter(kill.phase for kill in plan(seed, kills))
        assert phases.total() == kills
        assert set(phases) == {"opening", *SHARES}
        assert phases["dispatch"] + phases["receipts"] >= 0.4 * kills


def test_half_of_the_kills_come_from_outside() -> None:
    """Exact instants find what one thinks of; random ones find the rest."""
    outside = [kill.tripwire is None for seed in range(40) for kill in plan(seed, 24)]
    assert 0.3 < sum(outside) / len(outside) < 0.7
    assert all(kill.tripwire is None for kill in plan(1, 8, exact=False))
