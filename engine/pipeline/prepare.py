"""What a run needs before its rows: a cell for each kind of contact, the words, and the tallies to expect."""

from collections import Counter
from dataclasses import dataclass, field

from engine.content.campaign import Step
from engine.pipeline.process import Process
from engine.pipeline.resolve import Resolved, Resolver, Words
from engine.pipeline.rules import NO_CONSENT
from engine.store import broadcasts, fanout, kinds
from engine.store.kinds import Questions
from engine.store.tallies import Counted, Deltas

CELLS_AT_ONCE = 2000  # rows a transaction: 10 ms of SQLite's lock


@dataclass(slots=True)
class Prepared:
    """What the kinds of contacts come to. ``expected``: status → (deliveries, segments); no names counted yet."""

    version: tuple[int, ...]  # of the contacts, when they were counted
    personal: bool = False
    tallies: Deltas = field(default_factory=Deltas)
    expected: dict[str, tuple[int, int]] = field(default_factory=dict)


def prepare(
    process: Process, run_id: int, step: Step, resolver: Resolver, questions: Questions, sender: str
) -> Prepared:
    """Count the kinds of contacts there are now, and store cells and renderings for those that are matched.

    ``sender`` is the run's own: what a cell says nothing of.
    """
    since = questions.contacted_since[0] if questions.contacted_since else None
    found: dict[kinds.Kind, Resolved | None] = {}
    people: Counter[kinds.Kind] = Counter()
    prefixes: Counter[tuple[str, str]] = Counter()
    with process.database.read() as connection:
        prepared = Prepared(kinds.contacts_version(connection))
        for kind, prefix, count in kinds.count_kinds_by_prefix(connection, questions):
            if kind not in found:
                found[kind] = resolver.resolve(step, kind, questions, arm=kind.arms[0], contacted_since=since)
            resolved = found[kind]
            if resolved is not None and resolved.status != NO_CONSENT:
                people[kind] += count
                prefixes[prefix, resolved.row_status] += count
    matched = [one for one in found.values() if one is not None and one.status != NO_CONSENT]
    for one in matched:
        _count(prepared, run_id, one, people[one.kind])
    for (prefix, status), count in prefixes.items():
        prepared.tallies.add_trait((run_id, "prefix", prefix, status), Counted(count, 0, 0))
    words = {one.words.tuple_key: one.words for one in matched if one.words is not None}
    prepared.personal = any(made.counts_names for made in words.values())
    _save(process, run_id, matched, words, sender)
    return prepared


def _count(prepared: Prepared, run_id: int, resolved: Resolved, people: int) -> None:
    kind, reason, status = resolved.kind, resolved.excluded, resolved.row_status
    counted = Counted(people, 0, 0)
    prepared.tallies.add_area((run_id, kind.era, kind.commune, kind.arms[0], status), counted)
    traits = {"variant": kind.arms[0], "language": _language(resolved), "sender": resolved.sender.key}
    if reason:
        traits["reason"] = reason
    for trait, value in traits.items():
        prepared.tallies.add_trait((run_id, trait, value, status), counted)
    deliveries, segments = prepared.expected.get(status, (0, 0))
    each = resolved.words.counted.segments if resolved.words else 0
    prepared.expected[status] = deliveries + people, segments + people * each


def _save(process: Process, run_id: int, matched: list[Resolved], words: dict[str, Words], sender: str) -> None:
    renderings = [
        {
            "tuple_key": key,
            "language": made.language,
            "personal": made.rendered.personal,
            "words": made.rendered.stored,
            "encoding": made.counted.encoding,
            "segments": made.counted.segments,
        }
        for key, made in words.items()
    ]
    renderings += [
        {
            "tuple_key": f"{broadcasts.SCRIPT}{key}",
            "language": made.language,
            "personal": False,
            "words": made.script,
            "encoding": made.counted.encoding,
            "segments": 0,  # nobody sends it
        }
        for key, made in words.items()
        if made.script is not None
    ]
    with process.database.write(durable=False) as connection:
        ids = fanout.save_renderings(connection, run_id, renderings)
    for start in range(0, len(matched), CELLS_AT_ONCE):
        cells = [_cell(run_id, one, ids, sender) for one in matched[start : start + CELLS_AT_ONCE]]
        with process.database.write(durable=False) as connection:
            fanout.save_cells(connection, cells)


def _cell(run_id: int, resolved: Resolved, ids: dict[str, int], sender: str) -> dict[str, object]:
    kind, words = resolved.kind, resolved.words
    return {
        "run_id": run_id,
        "era": kind.era,
        "commune": kind.commune,
        "reads": kind.language,
        "variant": kind.arms[0],
        "marks": kind.marks,
        "language": _language(resolved),
        "rendering_id": ids[words.tuple_key] if words else None,
        "segments": words.counted.segments if words else 0,
        "reason": resolved.excluded,
        "sender": None if resolved.sender.key == sender else resolved.sender.key,
    }


def _language(resolved: Resolved) -> str:
    return resolved.words.language if resolved.words else resolved.kind.language
