"""A dashboard over an empty workspace of one campaign, asked without a network; hashing made cheap."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import road_workspace as files
from argon2 import PasswordHasher
from web_visitor import NAME, PASSWORD, Web

from engine.clock import StoppedClock
from engine.pipeline import dashboard_users
from engine.pipeline.process import Process
from engine.store import passwords
from engine.web.dashboard import dashboard

NOW = datetime(2027, 7, 1, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real parameters have a test of their own."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(dashboard_users, "_NOBODYS", [])


@pytest.fixture
def web(prepared: Process) -> Iterator[Web]:
    """Nobody has a password yet."""
    files.write(prepared.settings.workspace)
    prepared.clock = StoppedClock(NOW)
    yield Web(prepared, dashboard(prepared))


@pytest.fixture
def guarded(web: Web) -> Web:
    """There is a user, who has not logged in."""
    dashboard_users.add(web.process, NAME, PASSWORD)
    return web


@pytest.fixture
def another(guarded: Web) -> Callable[[], Web]:
    """A second browser before the same dashboard."""
    return lambda: Web(guarded.process, guarded.app)
