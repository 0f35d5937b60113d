"""What is being sent by nobody: claims of dead workers, forgotten claims of our own; and stamps of wrong clocks."""

from collections.abc import Collection, Mapping

from engine.content.organisation import Sender
from engine.log import get
from engine.pipeline.process import Process
from engine.status import Status
from engine.store import attempts, look_ups, operator_files, outbox, stamps
from engine.store.outbox import Change, Fate

# Our own claims: a call starts within 10 s and ends within 30 s; whatever is on hand is not asked about anyway.
OWN_AFTER = 60.0

_log = get("orphans")


def find_lost(process: Process, senders: Mapping[str, Sender], on_hand: Collection[tuple[int, int]]) -> int:
    """Mend stamps of a wrong clock, then find what is being sent by nobody; how many deliveries that were.

    ``on_hand`` are the (delivery, attempt) that this process has claimed and not settled; it may change meanwhile.
    """
    waits = [max(one.settle_after, one.poll_after).total_seconds() for one in senders.values()]
    longest = max([stamps.DAY, *waits])
    with process.database.read() as connection:
        wrong = stamps.implausible(connection, process.seconds.real(), longest)
    if wrong:
        with process.database.write() as connection:
            _log.warning("stamps_mended", stamps=stamps.mend(connection, process.seconds.real(), longest))
    ages = {key: sender.orphan_after.total_seconds() for key, sender in senders.items()}
    return find_orphans(process, ages, on_hand)


def find_orphans(
    process: Process, orphan_after: Mapping[str, float], on_hand: Collection[tuple[int, int]] | None = None
) -> int:
    """Claims of dead workers become unknown, to be looked up at once; how many.

    So do claims of our own that are not ``on_hand``: a connection that is lost during the claim's COMMIT leaves rows
    that nobody will ever call; what stands in a file for an operator is not called either, and finished with the
    file. ``orphan_after``: sender → seconds.
    """
    if process.worker is None:
        return 0
    now_real, found = process.seconds.real(), []
    with process.database.read() as connection:
        rows = look_ups.orphans(connection, now_real - min([*orphan_after.values(), OWN_AFTER]))
        listed = operator_files.listed(connection, [row[0] for row in rows if row[3] == process.worker.id])
    dead: dict[str, bool] = {}
    for delivery_id, attempt, sender, worker, claimed_real in rows:
        if worker == process.worker.id:
            forgotten = on_hand is not None and (delivery_id, attempt) not in on_hand and delivery_id not in listed
            if forgotten and claimed_real <= now_real - OWN_AFTER:
                found.append((delivery_id, attempt, sender))
            continue
        if claimed_real > now_real - orphan_after.get(sender, 60.0):
            continue
        if worker not in dead:
            dead[worker] = process.worker.is_dead(worker)
        if dead[worker]:
            found.append((delivery_id, attempt, sender))
    if not found:
        return 0
    at = process.clock.now()
    with process.database.write() as connection:
        changes = [Change(key, attempt, Status.UNKNOWN, at, reason="orphan") for key, attempt, _ in found]
        fates = outbox.apply(connection, changes, slot=process.slot)
        lost = [orphan for orphan, (_, fate) in zip(found, fates, strict=True) if fate is Fate.APPLIED]
        look_ups.ask(
            connection,
            [{"delivery_id": key, "attempt": attempt, "sender": sender, "due_real": now_real}
             for key, attempt, sender in lost],
        )  # fmt: skip
        attempts.keep(
            connection,
            [{"delivery_id": key, "attempt": attempt, "sender": sender, "status": str(Status.UNKNOWN), "ended_at": at}
             for key, attempt, sender in lost],
        )  # fmt: skip
    _log.warning("orphans", deliveries=len(lost))
    return len(lost)
