"""What a machine does to a process: stops it, fills the disk, locks the database, kills the server under it."""

import contextlib
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from torture_disk import small_disk
from torture_postgres import Cluster, cluster_in
from torture_processes import Forge
from torture_proof import judge, told
from torture_scene import Pace, Scene

pytestmark = pytest.mark.torture

Figures = Callable[[object], None]
LATENCY = ("--latency", "0.02")
TOO_LONG = 12.0  # seconds: a call starts within 10 s of its claim, or never


def proven(scene: Scene, figures: Figures, what: str, *, may_expire: bool = False) -> None:
    """Judge the scene, say the figures, and fail for any fault."""
    verdict = judge(scene, may_expire=may_expire)
    figures(f"seed {scene.seed}; {what}; {verdict}")
    assert not verdict.faults, told(verdict)


@pytest.mark.parametrize("seconds", [3.0, TOO_LONG])
def test_stopped_longer_than_orphan_after_while_another_works(
    tmp_path: Path, forge: Forge, database_url: str, seed: int, figures: Figures, seconds: float
) -> None:
    scene = Scene(tmp_path, forge, database_url, people=250, seed=seed, faults=LATENCY)
    chance, held = random.Random(seed), 0
    scene.prepare()
    with scene.vendor():
        stopped = scene.run()
        scene.progress(10, stopped)
        other = scene.beside()
        scene.progress(chance.randint(5, 60), stopped)
        stopped.send(signal.SIGSTOP)
        claims = dict(iter(scene.rows("SELECT id, attempt FROM delivery WHERE status = 'sending'")))
        before = scene.ledger.accepted()
        time.sleep(seconds)
        meanwhile = scene.ledger.accepted() - before
        stopped.send(signal.SIGCONT)
        scene.wait_for(scene.over, 120, stopped)
        assert stopped.stop() == 0, stopped.err
        if not other.ended():
            assert other.stop() == 0, other.err
        scene.ask_a_day_later()
        if seconds >= TOO_LONG:  # what was claimed and not called when the stop came was claimed anew
            held = sum(
                scene.count("SELECT attempt FROM delivery WHERE id = :id", id=key) > attempt
                for key, attempt in claims.items()
            )
            assert held > 0 or not claims, "claims of before a stop of 12 s were sent after it"
        what = f"stopped {seconds:.0f} s with {len(claims)} claims, {held} claimed anew, {meanwhile} sent meanwhile"
        proven(scene, figures, what)


def test_what_was_claimed_before_a_stop_is_not_sent_after_the_runs_end(
    tmp_path: Path, forge: Forge, database_url: str, seed: int, figures: Figures
) -> None:
    """Stopped a few seconds before the run's time is over, for seven: young claims, and yet nothing goes out late."""
    scene = Scene(
        tmp_path, forge, database_url, people=250, seed=seed, faults=LATENCY,
        begins="2027-07-16T08:39:54+07:00", step_keys={"valid_for": "10 minutes"},
    )  # fmt: skip
    scene.prepare()
    with scene.vendor():
        running = scene.run()
        scene.progress(20, running)
        running.send(signal.SIGSTOP)
        time.sleep(7)
        running.send(signal.SIGCONT)
        scene.wait_for(scene.over, 60, running)
        assert running.stop() == 0, running.err
        scene.ask_a_day_later()
        expired = scene.count("SELECT count(*) FROM delivery WHERE status = 'expired' AND reason = 'too_late'")
        assert expired > 0
        proven(scene, figures, f"{expired} expired", may_expire=True)


@contextmanager
def on_a_small_disk(kind: str, folder: Path) -> Iterator[tuple[str, "object", Cluster | None]]:
    """A database on a disk that can be filled: its URL, the disk, and the server if there is one."""
    if kind == "sqlite":
        with small_disk(folder / ".loa", 8) as disk:
            yield f"sqlite:///{folder / '.loa' / 'loa.db'}", disk, None
        return
    place = Path(tempfile.mkdtemp(prefix="loa-torture-"))
    place.chmod(0o755)
    try:
        with small_disk(place, 120) as disk:
            place.chmod(0o755)
            (place / "server").mkdir()
            with cluster_in(place / "server") as server:
                yield server.url, disk, server
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_full_disk_holds_everything_up_and_loses_nothing(
    tmp_path: Path, forge: Forge, kind: str, seed: int, figures: Figures
) -> None:
    """The disk fills up twice: once under a process that lives through it, once under one that is killed."""
    with on_a_small_disk(kind, tmp_path) as (database_url, disk, server):
        scene = Scene(tmp_path, forge, database_url, people=200, seed=seed, faults=LATENCY, constants=PATIENCE)
        scene.prepare()
        with scene.vendor():
            running = scene.run()
            for killed in (False, True):
                scene.progress(40, running)
                disk.fill()
                time.sleep(4)
                if killed:
                    assert running.kill() == -signal.SIGKILL
                    refused = scene.run()
                    time.sleep(2)
                    refused.kill()
                    assert "Traceback" not in refused.err, refused.err
                else:
                    assert not running.ended(), running.err
                disk.free()
                if server is not None and not server.answers():
                    server.stop()
                    server.start()
            assert "Traceback" not in running.err, running.err
            scene.settle()
            proven(scene, figures, "disk full twice for 4 s, one kill")


PATIENCE = {"engine.store.database.LOCK_PATIENCE": 2.0}


def test_a_database_locked_beyond_our_patience_holds_everything_up_and_loses_nothing(
    tmp_path: Path, forge: Forge, database_url: str, seed: int, figures: Figures
) -> None:
    scene = Scene(tmp_path, forge, database_url, people=200, seed=seed, faults=LATENCY, constants=PATIENCE)
    scene.prepare()
    with scene.vendor():
        running = scene.run()
        for _ in range(2):
            scene.progress(40, running)
            with scene.database.write() as connection:
                if not scene.database.is_sqlite:
                    connection.execute(text("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE"))
                time.sleep(5)
        assert "code='locked'" in running.err
        scene.wait_for(scene.over, 120, running)
        assert running.stop() == 0, running.err
        scene.ask_a_day_later()
        proven(scene, figures, "locked twice for 5 s, patience 2 s")


def test_the_server_killed_under_two_workers_loses_nothing(
    tmp_path: Path, forge: Forge, cluster: Cluster, seed: int, figures: Figures
) -> None:
    """The server dies ten times; two processes live through it. What it had confirmed must be there afterwards.

    With the server go the sessions whose locks say that a worker lives: a claim must be safe by its age alone, so
    ``orphan_after`` is longer than a call may take here.
    """
    pace = Pace(rate="60/s", orphan_after="12 seconds")
    scene = Scene(tmp_path, forge, cluster.url, people=300, seed=seed, faults=LATENCY, pace=pace, constants=PATIENCE)
    chance = random.Random(seed)
    scene.prepare()
    with scene.vendor():
        both = [scene.run(), scene.run(web=False)]
        for _ in range(10):
            scene.progress(chance.randint(1, 50), *both)
            time.sleep(chance.uniform(0, 0.05))
            cluster.kill()
            time.sleep(chance.uniform(0, 1.5))
            cluster.start()
            with contextlib.suppress(Exception):
                scene.database.raw().dispose()
        scene.wait_for(scene.over, 180, *both)
        for running in both:
            assert running.stop() == 0, running.err
            assert "Traceback" not in running.err, running.err
        scene.ask_a_day_later()
        proven(scene, figures, "the server killed 10 times")


def test_the_server_and_the_process_killed_together_lose_nothing(
    tmp_path: Path, forge: Forge, cluster: Cluster, seed: int, figures: Figures
) -> None:
    scene = Scene(tmp_path, forge, cluster.url, people=200, seed=seed, faults=LATENCY, constants=PATIENCE)
    chance = random.Random(seed)
    scene.prepare()
    with scene.vendor():
        for _ in range(10):
            running = scene.run()
            scene.progress(chance.randint(1, 40), running)
            time.sleep(chance.uniform(0, 0.05))
            victims = [cluster.kill, running.kill]
            chance.shuffle(victims)
            for kill in victims:
                kill()
            cluster.start()
            scene.database.raw().dispose()
        scene.settle()
        proven(scene, figures, "server and process killed 10 times")
