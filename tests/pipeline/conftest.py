"""The road in one process on either database, with a vendor by script and clocks that are turned by hand."""

from collections.abc import Iterator

import pytest
from pipeline_road import Road, Wall, World, vendor_of, walking

from engine import clock
from engine.channels import VENDORS
from engine.clock import StoppedClock, parse_instant
from engine.pipeline import dispatch, once, reconcile, service
from engine.pipeline.process import Process
from engine.settings import Settings

# A busy machine is no failure; what must be fast has a test that says how fast.


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The scripted vendor's world; the vendor ``scripted`` is in the registry meanwhile."""
    made = World(StoppedClock(parse_instant("2027-07-16 08:30")))
    monkeypatch.setitem(VENDORS, "scripted", vendor_of(made))
    return made


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """Real seconds as the pipeline sees them; ``ahead`` moves them."""
    made = Wall(clock.real)
    for module in (dispatch, once, reconcile, service):
        monkeypatch.setattr(module, "real", made)
    monkeypatch.setattr(reconcile, "monotonic", lambda: clock.monotonic() + made.ahead, raising=False)
    monkeypatch.setattr(dispatch, "IDLE", 0.002)  # a round has a few idle looks, and these tests hundreds of rounds
    return made


@pytest.fixture
def road(prepared: Process, settings: Settings, world: World, wall: Wall) -> Iterator[Road]:
    """The small workspace with its database, at 08:30 on the day of its only step."""
    with walking(settings, world.clock, world, wall) as made:
        made.write()
        yield made
