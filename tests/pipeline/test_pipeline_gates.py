"""Every gate stops what it is there for, and its example fails when the gate is taken out."""

import pytest
from pipeline_gates import GATES, REGISTRIES
from pipeline_moves import Walk
from pipeline_road import Road, World


def test_every_entry_of_every_registry_of_gates_has_its_example() -> None:
    named = {f"{registry} {name}" for registry, entries in REGISTRIES.items() for name in entries}
    assert named <= GATES.keys()


@pytest.mark.parametrize("name", GATES)
def test_a_gate_stops_what_it_is_there_for(
    quick_road: Road, world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    GATES[name].example(Walk(quick_road, world, monkeypatch))
    quick_road.prove_tallies()


@pytest.mark.parametrize("name", GATES)
def test_an_example_fails_without_its_gate(
    quick_road: Road, world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    GATES[name].take_out(monkeypatch)
    with pytest.raises(AssertionError):
        GATES[name].example(Walk(quick_road, world, monkeypatch))
