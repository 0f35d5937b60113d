"""Finding out what became of posts whose answer was lost, or whose process died: from the page's own list.

A post that the list shows with our words is published. One that two complete lists do not show, ``settle_after`` apart
by the wall clock and by the one that nobody can set, is proven absent and queued again. A page without a list, and
everything that a list cannot decide, goes to a person. Nothing is ever published to see what happens.
"""

import unicodedata
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import RowMapping

from engine.channels.base import Decision, LookUpFailed, NoLog
from engine.channels.publishing import ListedPost
from engine.content.organisation import Sender
from engine.log import get
from engine.pipeline.post_outcomes import DOUBTFUL, NO_LOG, stop, tell
from engine.pipeline.publish import Posting
from engine.status import PostStatus
from engine.store import posts

OWN_AFTER = 180.0  # seconds after which a claim of ours that is not on hand is in doubt: no call takes that long
FAILED_WAIT = 30.0  # seconds before a list that could not be read is asked for again
BACK = timedelta(days=1)  # before the claim the list is read: a clock of ours that is ahead must not hide a post
CLOCKS = timedelta(minutes=10)  # by which the vendor's clock may be behind ours
EXCERPT = 40  # characters from which the beginning of our words, as some lists show it, is proof enough

_log = get("settle_posts")


async def settle_posts(posting: Posting) -> int:
    """One round: claims of the dead, then the lists of pages with posts in doubt; how many posts were looked up."""
    await posting.do(find_orphans, posting)
    rows: Sequence[RowMapping] = await posting.do(_due, posting)
    for row in rows:
        await _look_up(posting, row)
    return len(rows)


def find_orphans(posting: Posting) -> int:
    """Posts that nobody is publishing any more become unknown, to be looked up at once; how many."""
    process = posting.process
    if process.worker is None:
        return 0
    now_real, lost, dead = process.seconds.real(), [], dict[str, bool]()
    with process.database.read() as connection:
        flying = posts.in_flight(connection)
    for row in flying:
        worker, age = row["worker"], now_real - (row["claimed_real"] or 0.0)
        if worker == process.worker.id:
            if (row["id"], row["attempt"]) not in posting.on_hand and age >= OWN_AFTER:
                lost.append(row)
            continue
        sender = process.snapshot(row["digest"]).senders.get(row["sender"])
        patience = sender.orphan_after.total_seconds() if sender else 60.0
        if 0 <= age < patience:
            continue
        if worker not in dead:
            dead[worker] = process.worker.is_dead(worker)
        if dead[worker]:
            lost.append(row)
    for row in lost:
        with process.database.write() as connection:
            posts.move(
                connection, row["id"], row["attempt"], PostStatus.UNKNOWN, process.clock.now(), reason="orphan",
                look_real=now_real,
            )  # fmt: skip
    if lost:
        _log.warning("orphans", posts=len(lost))
    return len(lost)


def _due(posting: Posting) -> Sequence[RowMapping]:
    with posting.process.database.read() as connection:
        return posts.in_doubt(connection, posting.process.seconds.real())


async def _look_up(posting: Posting, row: RowMapping) -> None:
    opened = posting.publishers.of_run(row["digest"], row["sender"])
    if opened is None:  # not with what this process was given
        await posting.do(_again, posting, row, FAILED_WAIT)
        return
    sender, publisher = opened
    try:
        listed = await publisher.listed(row["claimed_at"] - BACK)
    except NoLog:
        await posting.do(_to_person, posting, row, NO_LOG)
    except LookUpFailed as error:
        if error.decision is Decision.STOP_SENDER:
            await posting.do(_stop, posting, row["sender"], error.reason)
        wait = max(min(FAILED_WAIT, sender.settle_after.total_seconds()), error.retry_after or 0.0)
        await posting.do(_again, posting, row, wait)
    except Exception as error:  # an adapter's fault: nothing is concluded from it
        _log.error("adapter", sender=row["sender"], kind=type(error).__name__)
        await posting.do(_again, posting, row, FAILED_WAIT)
    else:
        await posting.do(_decide, posting, row, sender, listed)


def _decide(posting: Posting, row: RowMapping, sender: Sender, listed: Sequence[ListedPost]) -> None:
    process = posting.process
    with process.database.read() as connection:
        taken = posts.bound(connection, row["sender"], [one.vendor_id for one in listed], row["id"])
        rival = posts.has_rival(connection, row)
    ours = [one for one in listed if one.vendor_id not in taken and is_ours(one, row)]
    since = row["claimed_at"] - CLOCKS
    fresh = [one for one in ours if one.created_at >= since]
    if len(fresh) == 1 and not rival:
        with process.database.write() as connection:
            posts.move(
                connection, row["id"], row["attempt"], PostStatus.PUBLISHED, process.clock.now(),
                vendor_id=fresh[0].vendor_id, address=fresh[0].address, published_at=fresh[0].created_at, reason=None,
            )  # fmt: skip
    elif ours:  # several, or one from before the claim: which is which only eyes can tell
        _to_person(posting, row, DOUBTFUL)
    else:
        _absent(posting, row, sender.settle_after.total_seconds())


def is_ours(listed: ListedPost, row: RowMapping) -> bool:
    """Whether the place's list shows our words, whole, with what the place adds, or their beginning; or our title."""
    shown, words, title = _plain(listed.text), _plain(str(row["words"])), _plain(str(row["title"] or ""))
    if not shown:
        return False
    if (words and words in shown) or (title and shown == title):
        return True
    beginning = shown.rstrip("….").rstrip()
    return len(beginning) >= EXCERPT and (words.startswith(beginning) or (bool(title) and beginning.startswith(title)))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _absent(posting: Posting, row: RowMapping, settle_after: float) -> None:
    process = posting.process
    now_real, now_monotonic, boot = process.seconds.real(), process.seconds.monotonic(), process.seconds.boot()
    since, since_monotonic = row["absent_since"], row["absent_monotonic"]
    # Monotonic time begins anew with the machine, and another machine's is another time: then the proof begins anew.
    begun = since is not None and since_monotonic is not None and row["absent_boot"] == boot
    goes_on = begun and now_monotonic >= since_monotonic
    if goes_on and now_real - since >= settle_after and now_monotonic - since_monotonic >= settle_after:
        with process.database.write() as connection:
            posts.move(
                connection, row["id"], row["attempt"], PostStatus.QUEUED, process.clock.now(), reason="absent",
                not_before=None, look_real=None,
            )  # fmt: skip
        return
    absent = {} if goes_on else {"absent_since": now_real, "absent_monotonic": now_monotonic, "absent_boot": boot}
    with process.database.write() as connection:
        posts.look_again(connection, row["id"], row["attempt"], now_real + settle_after, **absent)


def _again(posting: Posting, row: RowMapping, wait: float) -> None:
    with posting.process.database.write() as connection:
        posts.look_again(connection, row["id"], row["attempt"], posting.process.seconds.real() + wait)


def _to_person(posting: Posting, row: RowMapping, kind: str) -> None:
    with posting.process.database.write() as connection:
        posts.look_again(connection, row["id"], row["attempt"], None)
        tell(connection, posting.process, kind, row["id"])


def _stop(posting: Posting, sender: str, reason: str) -> None:
    with posting.process.database.write() as connection:
        stop(connection, posting.process, sender, reason)
