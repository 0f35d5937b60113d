"""The fan-out: the set-based INSERT gives everyone exactly what a plain loop over the people would give."""

import hashlib
import threading
from collections import Counter
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, text, update
from store_rows import (
    BEGIN,
    CONTACT,
    RENDERING,
    SIGNED,
    at_once,
    contacts_in,
    deliveries_in,
    recounted,
    rendering_in,
    run_in,
    tallied,
)

from engine.pipeline.process import Process
from engine.status import RunStatus
from engine.store import fanout, kinds, runs
from engine.store.database import Database
from engine.store.kinds import CONSENT, OPTED_OUT, Arms, Kind, Questions
from engine.store.outbox import DELIVERY
from engine.store.tables import ContactGroup, table_of

GROUP = table_of(ContactGroup)
HALVES = Arms("chien-dich", (("a", 5000), ("b", 5000)))
SINCE = BEGIN - timedelta(days=3)
PRICE = 850


def _shuffled(arms: Arms, bucket: int) -> int:
    seed = hashlib.sha256(arms.campaign.encode()).digest()
    factor, offset = 1 + int.from_bytes(seed[:4], "big") % 65536, int.from_bytes(seed[4:8], "big") % 65537
    return (bucket * factor + offset) % 65537


def _arm(arms: Arms, bucket: int) -> str:
    """The arm again, in Python: a bucket shuffled within a prime field and cut at the shares."""
    if not arms.shares:
        return ""
    place, bound = _shuffled(arms, bucket) * 10000 // 65537, 0
    for name, share in arms.shares:
        bound += share
        if place < bound:
            return name
    return arms.shares[-1][0]


class Person(NamedTuple):
    era: str
    commune: str
    language: str
    consent: bool
    opted_out: bool
    prefix: str
    bucket: int
    named: bool
    groups: frozenset[str]
    earlier: str | None  # the status of a delivery two days ago, of the run asked about


PEOPLE = st.lists(
    st.builds(
        Person,
        era=st.sampled_from(["2025", "legacy"]),
        commune=st.sampled_from(["06184", "06187", "6184"]),
        language=st.sampled_from(["vi", "tyz", "nung-cháo"]),
        consent=st.booleans(),
        opted_out=st.booleans(),
        prefix=st.sampled_from(["090", "086"]),
        bucket=st.integers(0, 65535),
        named=st.booleans(),
        groups=st.frozensets(st.sampled_from(["lao-dong", "hoc-sinh", "khac"])),
        earlier=st.sampled_from([None, None, "delivered", "failed", "queued", "excluded", "unknown"]),
    ),
    max_size=25,
)


def _fresh(connection: Connection) -> None:
    for table in ("delivery", "run_cell", "rendering", "tally_area", "tally_trait", "run", "contact_group", "contact"):
        connection.execute(text(f"DELETE FROM {table}"))


def _people_in(connection: Connection, process: Process, people: list[Person]) -> dict[int, Person]:
    if not people:
        return {}
    rows = [
        {
            "era": one.era, "commune": one.commune, "language": one.language, "consent": one.consent,
            "opted_out_at": BEGIN if one.opted_out else None, "prefix": one.prefix, "bucket": one.bucket,
            "name_sealed": b"name" if one.named else None,
        }
        for one in people
    ]  # fmt: skip
    ids = contacts_in(connection, process.keyring, len(people), rows=rows)
    of = dict(zip(ids, people, strict=True))
    groups = [
        {"contact_id": key, "group_key": group, "source": source}
        for key, one in of.items()
        for group in one.groups
        for source in ("xa", "huyen")  # two sources say the same: still one person
    ]
    if groups:
        connection.execute(insert(GROUP), groups)
    return of


def _earlier_in(connection: Connection, people: dict[int, Person]) -> int:
    run = run_in(connection, step="truoc")
    for status in {one.earlier for one in people.values()} - {None}:
        contacts = [key for key, one in people.items() if one.earlier == status]
        attempt = 0 if status in ("queued", "excluded") else 1
        deliveries_in(
            connection, run, contacts, status=status, attempt=attempt, reason="r", rendering_id=None,
            claimed_at=BEGIN - timedelta(days=2) if attempt else None,
        )  # fmt: skip
    return run


def _kind(questions: Questions, person: Person) -> Kind:
    """A person's kind by its definition."""
    marks = (CONSENT if person.consent else 0) | (OPTED_OUT if person.opted_out else 0)
    for keys in questions.groups:
        marks |= questions.group_mark(keys) if person.groups & set(keys) else 0
    for since in questions.contacted_since:
        handed = person.earlier in ("delivered", "unknown")
        marks |= questions.contacted_mark(since) if handed and since < BEGIN - timedelta(days=2) else 0
    for run_id in questions.runs:
        marks |= questions.run_mark(run_id) if person.earlier in ("delivered", "unknown", "queued") else 0
    arms = tuple(_arm(arms, person.bucket) for arms in questions.arms)
    return Kind(person.era, person.commune, person.language, arms, marks)


def _decide(kind: Kind) -> tuple[str, int, str | None] | None:
    """A rule of the test's own: (language, segments, reason), or None for people who are not matched."""
    if kind.commune == "06187" and kind.language == "tyz":
        return None
    if kind.marks & OPTED_OUT:
        return kind.language, 0, "opted_out"
    if kind.marks & ~(CONSENT | OPTED_OUT) == 0 and not kind.marks & CONSENT:
        return None
    return ("vi" if kind.language != "tyz" else "tyz"), 1 + kind.marks % 3, None


def _open(connection: Connection, questions: Questions, *, personal: bool = False) -> int:
    """A run with its cells and renderings, as engine.pipeline.prepare makes them; its id."""
    last = fanout.high_water(connection)
    run = run_in(connection, step="nay", status="enqueueing", high_water=last)
    ids = fanout.save_renderings(connection, run, [_rendering(language, personal) for language in ("vi", "tyz")])
    _save_cells(connection, run, questions, ids)
    return run


def _rendering(language: str, personal: bool = False) -> dict[str, Any]:
    return {
        "tuple_key": language, "language": language, "personal": personal, "words": "Goi 111.", "encoding": "GSM-7",
        "segments": 1,
    }  # fmt: skip


def _save_cells(connection: Connection, run: int, questions: Questions, ids: dict[str, int]) -> None:
    decided = {kind: _decide(kind) for kind, _ in kinds.count_kinds(connection, questions)}
    cells = [
        {
            "run_id": run, "era": kind.era, "commune": kind.commune, "reads": kind.language,
            "variant": kind.arms[0] if kind.arms else "", "marks": kind.marks, "language": cell[0],
            "rendering_id": None if cell[2] else ids[cell[0]], "segments": cell[1], "reason": cell[2],
        }
        for kind, cell in decided.items()
        if cell is not None
    ]  # fmt: skip
    fanout.save_cells(connection, cells)


def _expected(questions: Questions, people: dict[int, Person]) -> dict[int, tuple[Any, ...]]:
    rows = {}
    for key, person in people.items():
        kind = _kind(questions, person)
        cell = _decide(kind)
        if cell is not None:
            language, segments, reason = cell
            rows[key] = (
                person.era, person.commune, language, kind.arms[0] if kind.arms else "", person.prefix,
                segments, "excluded" if reason else "queued", reason, 0, segments * PRICE,
            )  # fmt: skip
    return rows


def _rows(connection: Connection, run: int) -> dict[int, tuple[Any, ...]]:
    columns = (
        DELIVERY.c.era, DELIVERY.c.commune, DELIVERY.c.language, DELIVERY.c.variant, DELIVERY.c.prefix,
        DELIVERY.c.segments, DELIVERY.c.status, DELIVERY.c.reason, DELIVERY.c.attempt, DELIVERY.c.cost_vnd,
    )  # fmt: skip
    found = connection.execute(select(DELIVERY.c.contact_id, *columns).where(DELIVERY.c.run_id == run)).all()
    assert len({row[0] for row in found}) == len(found)
    return {row[0]: tuple(row[1:]) for row in found}


def _work(
    database: Database, run: int, questions: Questions, size: int, fault: type[BaseException] | None = None
) -> int:
    """Chunks from the run's cursor to its end, as engine.pipeline.enqueue does; how many were ours."""
    ours = 0
    while True:
        with database.read() as connection:
            row = runs.get(connection, run)
        after = row["enqueue_cursor"]
        if after >= row["high_water"]:
            return ours
        until = min(after + size, row["high_water"])
        with database.write() as connection:
            if not fanout.advance(connection, run, after, until):
                continue
            fanout.insert_chunk(connection, run, questions, "dien-tap", PRICE, after, until)
            if fault:
                raise fault
        ours += 1


def test_everyone_gets_what_a_plain_loop_would_give_them(prepared: Process) -> None:
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        people=PEOPLE, shares=st.sampled_from([(), (5000, 5000), (3000, 2000, 5000), (10000,)]), size=st.integers(1, 9)
    )
    def holds(people: list[Person], shares: tuple[int, ...], size: int) -> None:
        arms = Arms("chien-dich", tuple(zip("abc", shares, strict=False)))
        with prepared.database.write() as connection:
            _fresh(connection)
            of = _people_in(connection, prepared, people)
            earlier = _earlier_in(connection, of)
            questions = Questions((arms,), (("lao-dong", "hoc-sinh"), ("khac",)), (SINCE, BEGIN), (earlier,))
            counted = dict(kinds.count_kinds(connection, questions))
            assert counted == Counter(_kind(questions, one) for one in people)
            named = Counter(kinds.names_of(connection, questions))
            assert named == Counter((_kind(questions, one), b"name" if one.named else None) for one in people)
            run = _open(connection, questions)
        _work(prepared.database, run, questions, size)
        with prepared.database.write() as connection:
            assert _rows(connection, run) == _expected(questions, of)
            assert fanout.without_row(connection, run, questions) == []
            fanout.count_enqueued(connection, run).write(connection, 0)
            assert tallied(connection, run) == recounted(connection, run)
            sums = fanout.sums_by_status(connection, run)
            rows = list(_rows(connection, run).values())
            for status in ("queued", "excluded"):
                found = [row for row in rows if row[6] == status]
                expected = (len(found), sum(row[5] for row in found), sum(row[9] for row in found))
                assert sums.get(status, (0, 0, 0)) == expected

    holds()


def _many(process: Process, count: int) -> tuple[int, Questions, dict[int, tuple[Any, ...]]]:
    people = [
        Person("2025", "06184", "vi", n % 3 > 0, n % 7 == 0, "090", n * 997 % 65536, False, frozenset(), None)
        for n in range(count)
    ]
    questions = Questions((HALVES,))
    with process.database.write() as connection:
        of = _people_in(connection, process, people)
        run = _open(connection, questions)
    return run, questions, _expected(questions, of)


def test_a_fan_out_goes_on_from_wherever_it_was_broken_off(prepared: Process) -> None:
    run, questions, expected = _many(prepared, 60)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            _work(prepared.database, run, questions, 7, fault=ZeroDivisionError)
        with prepared.database.read() as connection:
            assert runs.get(connection, run)["enqueue_cursor"] == len(_rows(connection, run)) == 0
    assert _work(prepared.database, run, questions, 25) == 3
    with prepared.database.read() as connection:
        assert _rows(connection, run) == expected


def test_two_processes_that_open_one_run_give_each_contact_one_row(prepared: Process, settings) -> None:
    run, questions, expected = _many(prepared, 120)
    other = Database(settings.database_url)
    done = at_once(lambda: _work(prepared.database, run, questions, 5), lambda: _work(other, run, questions, 7))
    with prepared.database.read() as connection:
        assert _rows(connection, run) == expected
    with other.write() as connection:
        assert not fanout.advance(connection, run, 0, 5), "a chunk that was done is done again"
    other.close()
    assert sum(done) >= 17


def test_two_processes_that_store_the_same_words_at_once_find_each_others(prepared: Process, settings) -> None:
    """On PostgreSQL the second one's INSERT broke on the unique key, and with it the opening of the run."""
    run, questions, _ = _many(prepared, 5)
    other, found = Database(settings.database_url), []

    def save(database: Database, order: int, stop: threading.Event | None = None) -> None:
        words = [_rendering(f"ngon-ngu-{number}") for number in range(20)][::order]
        with database.write() as connection:
            found.append(fanout.save_renderings(connection, run, words))
            _save_cells(connection, run, questions, found[-1] | {"vi": 1, "tyz": 1})
            if stop:
                stop.wait(timeout=0.1)

    at_once(lambda: save(prepared.database, 1, threading.Event()), lambda: save(other, -1, threading.Event()))
    other.close()
    assert found[0] == found[1]
    with prepared.database.read() as connection:
        assert connection.execute(select(RENDERING.c.id)).all() != []
        assert len(fanout.words_of(connection, run)) == 22


def test_a_run_made_ready_takes_no_more_rows_from_a_process_that_lags_behind(prepared: Process) -> None:
    """Rows that came after the tallies were made stood in no report and behind the claims' cursor."""
    run, questions, _ = _many(prepared, 10)
    with prepared.database.write() as connection:
        assert fanout.without_row(connection, run, questions) != []
        runs.move(connection, run, RunStatus.ENQUEUEING, RunStatus.READY, SIGNED)
    with prepared.database.write() as connection:
        fanout.insert_personal_chunk(connection, run, questions, "dien-tap", PRICE, 0, 10**6, lambda *_: 1)
        assert _rows(connection, run) == {}
        assert not fanout.advance(connection, run, 0, 10)


def test_a_text_with_a_name_is_counted_with_each_real_name(prepared: Process) -> None:
    names = {b"An": 1, b"Nguyen Thi Thanh": 3, None: 1}
    with prepared.database.write() as connection:
        rows = [
            {"name_sealed": name, "opted_out_at": BEGIN if number == 2 else None}
            for number, name in enumerate([*names, *names])
        ]
        people = contacts_in(connection, prepared.keyring, 6, rows=rows)
        questions = Questions()
        run = _open(connection, questions, personal=True)
    asked = []

    def segments(rendering: int, name: bytes | None) -> int:
        asked.append(rendering)
        return names[bytes(name) if name else None]

    with prepared.database.write() as connection:
        for _ in range(2):  # a second time gives nobody a second row
            fanout.insert_personal_chunk(
                connection, run, questions, "dien-tap", PRICE, people[0] - 1, people[-1], segments
            )
    with prepared.database.read() as connection:
        found = _rows(connection, run)
    assert [found[key][5] for key in people] == [1, 3, 0, 1, 3, 1]
    assert [found[key][9] for key in people] == [850, 2550, 0, 850, 2550, 850]
    assert len(asked) == 5, "a name was opened for somebody who gets nothing"


def test_somebody_who_changed_while_the_run_opened_is_found_and_gets_a_row_once(prepared: Process) -> None:
    run, questions, expected = _many(prepared, 30)
    someone = next(iter(expected))
    with prepared.database.write() as connection:
        connection.execute(update(CONTACT).where(CONTACT.c.id == someone).values(commune="09999"))
    _work(prepared.database, run, questions, 10)
    with prepared.database.write() as connection:
        assert someone not in _rows(connection, run)
        assert fanout.without_row(connection, run, questions) == [], "without a cell it is not known what they get"
        _save_cells(connection, run, questions, fanout.save_renderings(connection, run, []))
        assert fanout.without_row(connection, run, questions) == [someone]
        for _ in range(2):
            fanout.insert_personal_chunk(
                connection, run, questions, "dien-tap", PRICE, someone - 1, someone, lambda *_: 1
            )
        assert fanout.without_row(connection, run, questions) == []
        assert set(_rows(connection, run)) == set(expected)
        fanout.drop_cells(connection, run)
        assert connection.execute(text("SELECT count(*) FROM run_cell")).scalar() == 0


def test_who_is_imported_later_is_not_part_of_a_run_that_is_opening(prepared: Process) -> None:
    run, questions, expected = _many(prepared, 10)
    with prepared.database.write() as connection:
        contacts_in(connection, prepared.keyring, 5)
    _work(prepared.database, run, questions, 4)
    with prepared.database.read() as connection:
        assert set(_rows(connection, run)) == set(expected)
        assert fanout.without_row(connection, run, questions) == []


def test_arms_are_the_same_on_both_databases_near_their_shares_and_other_in_another_campaign(
    prepared: Process,
) -> None:
    """SQL and Python agree for every bucket there is, so SQLite and PostgreSQL agree with one another."""
    three = Arms("chien-dich", (("a", 4500), ("b", 4500), ("holdout", 1000)))
    other = Arms("chien-dich-2", (("a", 5000), ("b", 5000)))
    one = Arms("mot", (("a", 10000),))
    halves = range(32766, 32771)  # where the first half of a shuffled campaign ends
    edges = [bucket for bucket in range(65536) if _shuffled(HALVES, bucket) in halves]
    buckets = [*range(0, 65536, 13), *edges]
    asked = [arms.sql(f"arm{number}") for number, arms in enumerate((three, HALVES, other, one))]
    parameters = {
        name: value
        for number, arms in enumerate((three, HALVES, other, one))
        for name, value in arms.parameters(f"arm{number}").items()
    }
    with prepared.database.write() as connection:
        contacts_in(connection, prepared.keyring, len(buckets), rows=[{"bucket": bucket} for bucket in buckets])
        rows = connection.execute(text(f"SELECT c.bucket, {', '.join(asked)} FROM contact c"), parameters).all()
    for bucket, *arms in rows:
        assert arms == [_arm(each, bucket) for each in (three, HALVES, other, one)]
    shares = Counter(row[1] for row in rows)
    assert [round(shares[name] / len(rows), 2) for name in ("a", "b", "holdout")] == pytest.approx(
        [0.45, 0.45, 0.1], abs=0.02
    )
    together = Counter((row[2], row[3]) for row in rows)
    assert all(0.2 < count / len(rows) < 0.3 for count in together.values()), "arms of two campaigns go together"
    assert len(together) == 4


def test_a_rendering_is_stored_once_however_often_the_run_is_prepared(prepared: Process) -> None:
    with prepared.database.write() as connection:
        run = run_in(connection)
        first = fanout.save_renderings(connection, run, [_rendering("vi")])
        assert fanout.save_renderings(connection, run, [_rendering("vi") | {"words": "khác"}]) == first
        assert fanout.words_of(connection, run) == {first["vi"]: ("Goi 111.", False, "GSM-7")}
        other = rendering_in(connection, run_in(connection, step="khac"), "vi")
        assert other not in fanout.words_of(connection, run)
