"""The fan-out of one run: kinds, cells and renderings, then rows chunk by chunk, then tallies and the budget.

Every step can be repeated after a kill: cells and renderings are inserted if absent, the cursor moves in the
transaction of its chunk, and the run becomes ready in the transaction that writes its tallies.
"""

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from engine.areas.registry import Registry
from engine.content.campaign import Step
from engine.content.loudspeaker import EMAIL
from engine.content.organisation import Sender
from engine.content.skeleton import load
from engine.content.snapshot import Snapshot
from engine.pipeline import relay_link
from engine.pipeline.broadcasts import make_broadcasts
from engine.pipeline.open_posts import open_posts
from engine.pipeline.prepare import Prepared, prepare
from engine.pipeline.process import Process
from engine.pipeline.providers import any_live, needs_approval
from engine.pipeline.resolve import UNBILLED, Resolver
from engine.reports.publication import settle
from engine.status import RunStatus, StepStatus
from engine.store import budget, campaigns, fanout, kinds, publications, runs, snapshots
from engine.store.kinds import Questions
from engine.text.segments import count

PAUSE = 0.002  # seconds between chunks: other writers (claims, receipts) get the lock in between
TOLERANCE = 1.10  # of the approved recipients and cost; above it a person looks first

Progress = Callable[[int, int], None]


def enqueue(process: Process, run_id: int, registry: Registry, *, progress: Progress | None = None) -> RunStatus:
    """Bring a run from ``enqueueing`` to ``ready`` (or ``held`` or ``paused``, with the reason); its status afterwards.

    ``progress`` is told (contacts passed, contacts in all). Safe to call again and from two processes at once.
    """
    with process.database.read() as connection:
        run = runs.get(connection, run_id)
    if run["status"] != RunStatus.ENQUEUEING:
        return RunStatus(run["status"])
    snapshot = process.snapshot(run["digest"])
    step = snapshot.campaign.step(run["step"])
    if step.posted:
        return open_posts(process, run_id, snapshot, step, registry)
    sender = billed_sender(snapshot, step)
    resolver = Resolver(
        snapshot,
        registry,
        drafts=not any_live(process, snapshot),
        due=run["due"],
        link=relay_link.sample(process.settings),
    )
    since = contacted_since(snapshot, step, run["opened_at"])
    questions = resolver.questions(contacted_since=[since] if since else [])
    prepared = prepare(process, run_id, step, resolver, questions, sender.key)
    price = sender.price_per_segment
    whole = _insert_rows(process, run_id, questions, sender.key, price, prepared.personal, progress)
    if since or _changed(process, prepared):
        # Whoever changed between the first look and their chunk may be of a kind that had no cell: look again.
        prepare(process, run_id, step, resolver, questions, sender.key)
        _fill_gaps(process, run_id, questions, sender.key, price)
    if step.aloud:
        make_broadcasts(process, run, snapshot)
    return _make_ready(process, run_id, snapshot, prepared, whole, registry)


def billed_sender(snapshot: Snapshot, step: Step) -> Sender:
    """The sender whose price a run's segments have: the first, and no sender of e-mail while there is another."""
    several = snapshot.senders_of(step)
    return next((sender for sender in several if sender.channel != EMAIL), several[0])


def contacted_since(snapshot: Snapshot, step: Step, at: datetime) -> datetime | None:
    """The instant after which somebody counts as contacted lately, where the audience leaves such people out."""
    within = snapshot.audiences[str(step.audience)].exclude.contacted_within
    return at - within if within else None


def _insert_rows(
    process: Process,
    run_id: int,
    questions: Questions,
    sender: str,
    price_vnd: int,
    personal: bool,
    progress: Progress | None,
) -> bool:
    """Insert what is still missing, chunk by chunk; whether all of the run's rows come from this call."""
    segments_for = _counter(process, run_id) if personal else None
    whole: bool | None = None
    while True:
        with process.database.read() as connection:
            run = runs.get(connection, run_id)
        after, last = run["enqueue_cursor"], run["high_water"]
        if progress:
            progress(min(after, last), last)
        whole = after == 0 if whole is None else whole
        if after >= last or run["status"] != RunStatus.ENQUEUEING:
            return whole
        until = min(after + fanout.CHUNK, last)
        with process.database.write(durable=False) as connection:
            if not fanout.advance(connection, run_id, after, until):
                whole = False
                continue  # another process has done this chunk
            if segments_for is None:
                fanout.insert_chunk(connection, run_id, questions, sender, price_vnd, after, until)
            else:
                fanout.insert_personal_chunk(
                    connection, run_id, questions, sender, price_vnd, after, until, segments_for
                )
        time.sleep(PAUSE)


def _counter(process: Process, run_id: int) -> Callable[[int, bytes | None], int]:
    """Segments of a skeleton with the real name, by rendering id."""
    with process.database.read() as connection:
        words = fanout.words_of(connection, run_id)
    skeletons = {key: load(stored) for key, (stored, personal, _) in words.items() if personal}
    fixed = {key: count(stored).segments for key, (stored, personal, _) in words.items() if not personal}
    fixed |= dict.fromkeys((key for key, one in words.items() if one[2] == UNBILLED.encoding), 0)
    unseal, link = process.keyring.unseal, relay_link.sample(process.settings)

    def segments(rendering_id: int, name_sealed: bytes | None) -> int:
        if rendering_id in fixed:
            return fixed[rendering_id]
        return count(skeletons[rendering_id].fill(unseal(name_sealed) if name_sealed else "", link=link)).segments

    return segments


def _fill_gaps(process: Process, run_id: int, questions: Questions, sender: str, price_vnd: int) -> None:
    with process.database.read() as connection:
        missing = fanout.without_row(connection, run_id, questions)
    if not missing:
        return
    segments_for = _counter(process, run_id)
    for start in range(0, len(missing), fanout.CHUNK):
        some = missing[start : start + fanout.CHUNK]
        with process.database.write() as connection:
            if not fanout.fill_gap(connection, run_id):
                return  # cancelled meanwhile, or made ready by another process: its rows have been counted
            fanout.insert_personal_chunk(
                connection, run_id, questions, sender, price_vnd, some[0] - 1, some[-1], segments_for
            )


def _changed(process: Process, prepared: Prepared) -> bool:
    """Whether contacts may have changed since they were counted; an import still going on counts as a change."""
    with process.database.read() as connection:
        version = kinds.contacts_version(connection)
    return version != prepared.version or kinds.importing(version)


def _make_ready(
    process: Process, run_id: int, snapshot: Snapshot, prepared: Prepared, whole: bool, registry: Registry
) -> RunStatus:
    """``whole``: every row was inserted here, after ``prepared`` was counted."""
    while True:
        with process.database.read() as connection:
            counted = runs.get(connection, run_id)
            sums = fanout.sums_by_status(connection, run_id)
            deltas = prepared.tallies
            # What the kinds promised is what stands there: then their tallies are the rows' tallies, and the rows
            # need not be grouped again (a third of the fan-out's time). Otherwise the rows are counted: also those
            # of an earlier attempt or of another process, whose people may have moved since.
            if not whole or not _as_expected(sums, prepared) or _changed(process, prepared):
                deltas = fanout.count_enqueued(connection, run_id)
        settled = settle(deltas.people(run_id), registry, snapshot.privacy.small_cell)  # 50 ms: before the lock
        with process.database.write() as connection:
            campaigns.status_of(connection, counted["campaign"], lock=True)  # first, as who pauses or cancels does
            # Nothing but the row's lock: from here to the commit nobody cancels the run or makes it ready beside us.
            if not fanout.advance(connection, run_id, counted["high_water"], counted["high_water"]):
                return RunStatus(runs.get(connection, run_id)["status"])
            if runs.get(connection, run_id)["claim_cursor"] != counted["claim_cursor"]:
                continue  # another process has filled a gap since the rows were counted
            status = _status_of_opened(process, connection, counted, snapshot, sums.get("queued", (0, 0, 0)))
            deltas.write(connection, process.slot)
            publications.keep(connection, run_id, settled)
            fanout.drop_cells(connection, run_id)
        return status


def _as_expected(sums: dict[str, tuple[int, int, int]], prepared: Prepared) -> bool:
    return {status: one[0] for status, one in sums.items()} == {
        status: one[0] for status, one in prepared.expected.items()
    }


def _status_of_opened(
    process: Process, connection: Connection, run: RowMapping, snapshot: Snapshot, sums: tuple[int, int, int]
) -> RunStatus:
    """Reserve the cost and move the run: ready (paused where its step is), or held for its size or the budget."""
    campaign, signature = snapshot.campaign, process.signed()
    queued, _, cost = sums
    reason, status = None, RunStatus.READY
    if any(map(needs_approval, snapshot.senders_of(campaign.step(run["step"])))) and exceeds(
        approved_figures(snapshots.all_approvals(connection, campaign.key), run), queued, cost
    ):
        reason, status = "size", RunStatus.HELD
    step = campaign.step(run["step"])
    if step.aloud and relay_link.needs_address(process, snapshot.senders_of(step)):
        reason, status = relay_link.NO_ADDRESS, RunStatus.HELD
    if not budget.reserve(connection, campaign.key, cost, campaign.limits.budget):
        reason, status, cost = "budget", RunStatus.HELD, 0
    if not runs.move(
        connection, run["id"], RunStatus.ENQUEUEING, status, signature, reason=reason, reserved_vnd=cost, claim_cursor=0
    ):
        raise RuntimeError("a run was moved while its row was locked")
    # A person may have paused the step while its rows were written.
    if status is RunStatus.READY and campaigns.step_status(connection, campaign.key, run["step"]) is StepStatus.PAUSED:
        runs.move(connection, run["id"], RunStatus.READY, RunStatus.PAUSED, signature, reason="paused")
        return RunStatus.PAUSED
    return status


def approved_figures(approvals: Sequence[RowMapping], run: RowMapping) -> tuple[int, int]:
    """(recipients, cost) that a person last saw for this run; nobody has seen more of one that no approval speaks of.

    Voided approvals count here: one given while the run was being enqueued has a plan without it, and whoever gave
    it left the run as it had been approved.
    """
    key = f"{run['step']}/{run['occurrence']}"
    for approval in reversed(approvals):
        figures = json.loads(approval["figures"]).get(key)
        if figures:
            return figures[0], figures[1]
    return 0, 0


def exceeds(approved: tuple[int, int], queued: int, cost: int) -> bool:
    """Whether a run has grown beyond what was approved by more than the tolerance."""
    return queued > approved[0] * TOLERANCE or cost > approved[1] * TOLERANCE
