"""The road in one process on either database, with a vendor by script and clocks that are turned by hand."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from pipeline_road import Road, Wall, World, vendor_of, walking

from engine import clock
from engine.channels import VENDORS
from engine.clock import StoppedClock, parse_instant
from engine.pipeline import alerts, calls, dispatch, incidents, once, sender_list, service
from engine.pipeline.process import Process
from engine.settings import Settings
from engine.store import database
from engine.store.schema import prepare

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
    # `clock`: for whoever asks `process.seconds`
    for module in (clock, alerts, calls, dispatch, incidents, once, sender_list, service):
        monkeypatch.setattr(module, "real", made)
    monotonic = clock.monotonic
    monkeypatch.setattr(clock, "monotonic", lambda: monotonic() + made.ahead)
    monkeypatch.setattr(dispatch, "IDLE", 0.002)  # a round has a few idle looks, and these tests hundreds of rounds
    return made


@pytest.fixture
def road(prepared: Process, settings: Settings, world: World, wall: Wall) -> Iterator[Road]:
    """The small workspace with its database, at 08:30 on the day of its only step."""
    with walking(settings, world.clock, world, wall) as made:
        made.write()
        yield made


@pytest.fixture(scope="session")
def one_workspace(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Callable[[], Path]
) -> Callable[[], Settings]:
    """Gives a workspace on SQLite as after ``loa init``, in the same place each time and as new each time."""
    engines = cache(database.create_engine)
    folder = tmp_path_factory.mktemp("one")
    settings = Settings(folder, f"sqlite:///{folder / '.loa' / 'loa.db'}", None, None, clock_turned=False)

    @cache
    def template() -> Path:
        settings.state_folder.mkdir(mode=0o700)
        shutil.copyfile(sqlite_template(), settings.state_folder / "loa.db")
        prepare(settings)
        return Path(shutil.copytree(settings.state_folder, tmp_path_factory.mktemp("state") / "state"))

    def as_new() -> Settings:
        state = template()
        shutil.rmtree(folder)
        shutil.copytree(state, settings.state_folder)
        return settings

    as_new.engines = engines  # type: ignore[attr-defined]  # for the fixture below
    return as_new


@pytest.fixture
def quick_road(
    one_workspace: Callable[[], Settings], world: World, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Road]:
    """As ``road`` on SQLite, for tests by the hundred: SQL once compiled stays so (nearly half of such a test)."""

    def create(url: object, **options: object) -> object:
        return one_workspace.engines(str(url))  # type: ignore[attr-defined]  # see above

    monkeypatch.setattr(database, "create_engine", create)
    with walking(one_workspace(), world.clock, world, wall) as made:
        made.write()
        yield made
