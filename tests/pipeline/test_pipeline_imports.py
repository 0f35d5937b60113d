"""An import that was killed gets its end; one that goes on keeps its own."""

from pathlib import Path

from pipeline_road import AREAS, Person, Road

from engine.pipeline import imports
from engine.pipeline.contact_row import Defaults
from engine.pipeline.import_contacts import Request, import_contacts
from engine.store import contacts, kinds
from engine.store.locks import LifeLock


def begun(road: Road) -> int:
    with road.process.database.write() as connection:
        return contacts.begin_import(
            connection, source="xã", basis="thử", consent=True, file_digest="-", at=road.clock.now()
        )


def importing(road: Road) -> bool:
    with road.process.database.read() as connection:
        return kinds.importing(kinds.contacts_version(connection))


def test_a_killed_import_does_not_slow_every_fan_out_for_ever(road: Road) -> None:
    broken, going = begun(road), begun(road)
    life = LifeLock(road.process.database, contacts.lock_of(going))
    assert life.take()
    assert imports.settle_broken(road.process) == 1
    assert road.rows("SELECT id FROM contact_import WHERE finished_at IS NULL") == [(going,)]
    assert road.rows("SELECT subject FROM audit WHERE action = 'import_broken'") == [(f"import {broken}",)]
    assert importing(road)
    life.let_go(forget=True)  # killed
    assert imports.settle_broken(road.process) == 1
    assert not importing(road)
    assert imports.settle_broken(road.process) == 0


def test_an_import_that_goes_on_holds_its_lock_and_gives_it_back(road: Road, tmp_path: Path) -> None:
    path = tmp_path / "xa.csv"
    path.write_text("SĐT,Xã\n" + "".join(f"090000{n:04d},06184\n" for n in range(1, 30)), encoding="utf-8")
    settled = []

    def progress(share: float) -> None:
        if road.rows("SELECT 1 FROM contact_import WHERE finished_at IS NULL"):
            settled.append(imports.settle_broken(road.process))

    request = Request(path, "xã", "thử", Defaults(era="2025"))
    import_contacts(road.process, request, AREAS, progress=progress)
    assert settled and set(settled) == {0}
    assert road.rows("SELECT count(*) FROM contact_import WHERE finished_at IS NULL") == [(0,)]
    assert not list((road.settings.state_folder / "locks").glob("*import-*")), "the file of its lock stays for ever"


def test_a_single_round_settles_them_too(road: Road) -> None:
    begun(road)
    road.people(Person())
    road.round()
    assert not importing(road)
