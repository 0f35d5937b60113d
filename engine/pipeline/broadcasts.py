"""Broadcasts on the road: made with a run's rows, reminded of once, confirmed by the relay or the office.

What a relay gets is an ordinary delivery of an ordinary run, so claims, gates, receipts and look-ups are those of
every message. Beside each stands a broadcast: what is to be read, when, and what came of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Row, RowMapping

from engine.content.loudspeaker import EMAIL, minutes
from engine.content.organisation import Sender
from engine.content.snapshot import Snapshot
from engine.errors import LoaError
from engine.log import get
from engine.pipeline import relay_link
from engine.pipeline.invitation import invitation, letter
from engine.pipeline.process import Process
from engine.pipeline.resolve import UNBILLED
from engine.status import CampaignStatus, RunStatus, StepStatus
from engine.store import audit, broadcasts, budget, campaigns, fanout, runs
from engine.text.segments import count

CHUNK = 500  # broadcasts a transaction
MOST_TIMES = 50  # that one script may have been read
LATER = timedelta(days=1)  # after the period's end a relay may still say what was read on its last day
VALID = timedelta(hours=20)  # of a reminder
CONFIRMED = "broadcast.confirmed"  # of the audit log

_log = get("broadcasts")


def make_broadcasts(process: Process, run: RowMapping, snapshot: Snapshot) -> None:
    """A broadcast for each queued delivery of a run that is being enqueued. Safe to repeat, and from two at once."""
    settings, planned = snapshot.reading, run["due"]
    closes = datetime.combine(snapshot.campaign.period.end + timedelta(days=1), time.min, snapshot.zone) + LATER
    lengths: dict[int, int] = {}
    while True:
        with process.database.read() as connection:
            found = broadcasts.without(connection, run["id"], CHUNK)
        if not found:
            return
        rows = []
        for one in found:
            if one.script_id not in lengths:
                lengths[one.script_id] = minutes(one.words, settings.words_per_minute)
            token = relay_link.token_of(process.keyring, run["id"], one.contact_id)
            rows.append({
                "run_id": run["id"], "contact_id": one.contact_id, "delivery_id": one.id,
                "token_hash": relay_link.hash_of(token), "era": one.era, "commune": one.commune,
                "language": one.language, "script_id": one.script_id, "minutes": lengths[one.script_id],
                "planned_at": planned, "remind_at": planned + settings.remind_after, "closes_at": closes,
            })  # fmt: skip
        with process.database.write() as connection:
            broadcasts.make(connection, rows)


def remind_due(process: Process) -> list[int]:
    """Open the reminder of every run whose hour for it has come; their ids.

    A reminder is a run of its own beside the first, with its own occurrence: it comes into being whole in one
    transaction with its rows, its tallies and its share of the budget, or not at all, and never twice.
    """
    now = process.clock.now()
    with process.database.read() as connection:
        waiting = [runs.get(connection, run_id) for run_id in broadcasts.runs_to_remind(connection, now)]
    opened = []
    for run in waiting:
        reminder = _remind(process, run, process.snapshot(run["digest"]), now)
        if reminder is not None:
            opened.append(reminder)
            _log.info("reminder", run=run["id"], reminder=reminder)
    return opened


def _remind(process: Process, run: RowMapping, snapshot: Snapshot, now: datetime) -> int | None:
    campaign, signature = run["campaign"], process.signed(now)
    step = snapshot.campaign.step(run["step"])
    with process.database.write() as connection:
        if campaigns.status_of(connection, campaign, lock=True) is not CampaignStatus.RUNNING:
            return None
        if campaigns.step_status(connection, campaign, step.id) is not StepStatus.ACTIVE:
            return None
        values = {
            "campaign": campaign, "step": step.id, "occurrence": run["occurrence"] + runs.REMINDER,
            "channel": run["channel"], "due": now, "expires_at": now + VALID, "status": str(RunStatus.PLANNED),
            "digest": run["digest"], "opened_at": now,
        }  # fmt: skip
        reminder = runs.create(connection, values)
        if reminder is None:
            return None
        runs.move(
            connection, reminder, RunStatus.PLANNED, RunStatus.ENQUEUEING, signature,
            high_water=run["high_water"], enqueue_cursor=run["high_water"],
        )  # fmt: skip
        queued = _queue(process, connection, run, reminder, snapshot, snapshot.roads(step))
        broadcasts.note_reminded(connection, run["id"], reminder, now)
        fanout.count_enqueued(connection, reminder).write(connection, process.slot)
        cost = fanout.sums_by_status(connection, reminder).get("queued", (0, 0, 0))[2]
        if not queued:
            runs.move(connection, reminder, RunStatus.ENQUEUEING, RunStatus.CANCELLED, signature, reason="nobody",
                      finished_at=now)  # fmt: skip
            return None
        if budget.reserve(connection, campaign, cost, snapshot.campaign.limits.budget):
            runs.move(connection, reminder, RunStatus.ENQUEUEING, RunStatus.READY, signature, reserved_vnd=cost)
        else:
            runs.move(connection, reminder, RunStatus.ENQUEUEING, RunStatus.HELD, signature, reason="budget")
    return reminder


def _queue(
    process: Process, connection: Connection, run: RowMapping, reminder: int, snapshot: Snapshot,
    roads: Mapping[str, tuple[Sender, ...]],
) -> int:  # fmt: skip
    """The reminder's words in our two languages for each road, and a row for each relay who has not confirmed."""
    ways = [(language, channel) for channel in roads for language in ("vi", "en")]
    made, counted = {}, {}
    for language, channel in ways:
        if channel == EMAIL:
            words = letter("reminder", language, run["due"], snapshot.zone, snapshot.organisation.name)
        else:
            words = invitation("reminder", language, run["due"], snapshot.zone, snapshot.reading.accents)
        by_segment = count(words.words(link=relay_link.sample(process.settings)))
        made[language, channel], counted[language, channel] = words, UNBILLED if channel == EMAIL else by_segment
    ids = fanout.save_renderings(connection, reminder, [
        {
            "tuple_key": "|".join(way), "language": way[0], "personal": True, "words": made[way].stored,
            "encoding": counted[way].encoding, "segments": counted[way].segments,
        }
        for way in ways
    ])  # fmt: skip
    return sum(
        broadcasts.remind(
            connection, run["id"], reminder, english=way[0] == "en", rendering=ids["|".join(way)],
            segments=counted[way].segments, sender=roads[way[1]][0].key,
            cost_vnd=counted[way].segments * roads[way[1]][0].price_per_segment,
            among=[sender.key for sender in roads[way[1]]],
        )
        for way in ways
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a relay says: how often it was read, and when last."""

    times: int
    read_at: datetime


def confirm(process: Process, which: bytes | int, word: Confirmation, *, by: str, who: str | None = None) -> Row[Any]:
    """Note a confirmation and log it; the broadcast as it then stands.

    ``which`` is the hash of a link's token, or the broadcast's number. ``by`` is ``link`` or ``office``, ``who`` the
    officer who took the call. Raises ``LoaError``: no such link, its time is over, a number of times or an hour that
    cannot be.
    """
    now = process.clock.now()
    with process.database.write() as connection:
        row = broadcasts.one(connection, which, lock=True)
        if row is None:
            raise LoaError("loudspeaker.no-such-link")
        if now >= row.closes_at:
            raise LoaError("loudspeaker.link-over")
        if not 1 <= word.times <= MOST_TIMES:
            raise LoaError("loudspeaker.bad-times", most=MOST_TIMES)
        # A day ahead of the plan at most (some read early), and not what is still to come.
        if not row.planned_at - timedelta(days=1) <= word.read_at <= now + timedelta(minutes=5):
            raise LoaError("loudspeaker.bad-hour")
        broadcasts.confirm(connection, row.id, times=word.times, read_at=word.read_at, at=now, by=by)
        before = "" if row.times is None else f"; {row.times} → {word.times}"
        audit.record(
            connection, process.keyring, at=now, action=CONFIRMED, who=who,
            subject=f"broadcast:{row.id}", detail=f"{by}; {word.times}{before}",
        )  # fmt: skip
        changed = broadcasts.one(connection, which)
    assert changed is not None
    return changed
