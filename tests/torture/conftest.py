"""What torture needs: the forge, a seed that can be given again, and the figures at the end of the run."""

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from torture_postgres import Cluster, cluster_in
from torture_processes import Forge


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    """A program that starts ``loa`` without paying for its imports each time."""
    with Forge() as running:
        yield running


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this test: a new one each time, or the one in ``TORTURE_SEED``. Printed, so that it can be given."""
    given = os.environ.get("TORTURE_SEED")
    seed = int(given) if given else random.SystemRandom().randrange(1 << 32)
    sys.stderr.write(f"{request.node.nodeid}: TORTURE_SEED={seed}\n")
    return seed


@pytest.fixture
def figures(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Callable[[object], None]:
    """Call it with a sentence of figures: it stands at the end of the run, whoever ran the test."""

    def figures(sentence: object) -> None:
        record_property("torture", f"{request.node.name}: {sentence}")

    return figures


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of the test's own."""
    folder = Path(tempfile.mkdtemp(prefix="loa-torture-"))  # not in tmp_path: the server's user may not go there
    folder.chmod(0o755)
    try:
        with cluster_in(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was counted."""
    told = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "torture"
    ]
    if told:
        terminalreporter.section("torture")
        for line in told:
            terminalreporter.write_line(line)
