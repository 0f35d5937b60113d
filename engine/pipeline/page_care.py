"""What pages are asked again and again: how people answered each post, and when the page's credentials end."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import RowMapping

from engine.channels.base import Decision, LookUpFailed, NoLog
from engine.channels.publishing import Response
from engine.clock import VIETNAM
from engine.content.organisation import Sender
from engine.errors import LoaError
from engine.log import get
from engine.pipeline.post_outcomes import EXPIRE, GONE, stop, tell
from engine.pipeline.publish import Posting
from engine.status import PostStatus
from engine.store import audit, post_responses, posts

DAILY, WEEKLY = timedelta(days=30), timedelta(days=90)  # of a post's age: then it is asked about no more
FAILED_WAIT = 3600.0  # seconds until a page that could not be asked is asked again
AHEAD = timedelta(days=14)  # so long before credentials end a person hears of it
ASK_EVERY = 86_400.0  # seconds between two questions about credentials

_log = get("page_care")


async def ask_responses(posting: Posting) -> int:
    """Ask about every post whose turn it is; how many answered. Daily for 30 days, then weekly until the 90th."""
    rows: Sequence[RowMapping] = await posting.do(_due, posting)
    answered = 0
    for row in rows:
        opened = posting.publishers.of_run(row["digest"], row["sender"])
        if opened is None:
            await posting.do(_again, posting, row, FAILED_WAIT)
            continue
        try:
            response = await opened[1].response(row["vendor_id"])
        except NoLog:
            await posting.do(_again, posting, row, None)
        except LookUpFailed as error:
            if error.decision is Decision.STOP_SENDER:
                await posting.do(_stop, posting, row["sender"], error.reason)
            await posting.do(_again, posting, row, max(FAILED_WAIT, error.retry_after or 0.0))
        except Exception as error:
            _log.error("adapter", sender=row["sender"], kind=type(error).__name__)
            await posting.do(_again, posting, row, FAILED_WAIT)
        else:
            await posting.do(_note, posting, row, response)
            answered += response is not None
    return answered


def next_question(published: datetime, now: datetime) -> datetime | None:
    """When a post of that age is asked about next; None: never."""
    if now - published < DAILY:
        return now + timedelta(days=1)
    return now + timedelta(days=7) if now - published < WEEKLY else None


def _due(posting: Posting) -> Sequence[RowMapping]:
    with posting.process.database.read() as connection:
        return post_responses.due(connection, posting.process.clock.now())


def _note(posting: Posting, row: RowMapping, response: Response | None) -> None:
    process = posting.process
    now = process.clock.now()
    with process.database.write() as connection:
        if response is None:
            post_responses.ask_again(connection, row["id"], None)
            tell(connection, process, GONE, row["id"])
            return
        figures = {name: getattr(response, name) for name in post_responses.FIGURES}
        post_responses.add(connection, row["id"], now, figures)
        if row["status"] == PostStatus.ACCEPTED:  # what a moderator looked at is there to be seen
            posts.move(connection, row["id"], row["attempt"], PostStatus.PUBLISHED, now)
        following = next_question(row["published_at"] or row["claimed_at"] or now, now)
        post_responses.ask_again(connection, row["id"], following)


def _again(posting: Posting, row: RowMapping, wait: float | None) -> None:
    at = None if wait is None else posting.process.clock.now() + timedelta(seconds=wait)
    with posting.process.database.write() as connection:
        post_responses.ask_again(connection, row["id"], at)


def _stop(posting: Posting, sender: str, reason: str) -> None:
    with posting.process.database.write() as connection:
        stop(connection, posting.process, sender, reason)


async def check_credentials(posting: Posting, senders: Iterable[Sender]) -> None:
    """Ask every page once a day when its credentials end, and tell a person 14 days before they do."""
    states = await posting.do(_states, posting)
    for sender in senders:
        state = states.get(sender.key)
        age = posting.process.seconds.real() - state["asked_real"] if state is not None else ASK_EVERY
        if 0 <= age < ASK_EVERY:
            continue
        try:
            publisher = posting.publishers.open(sender)
            expires_at = await publisher.expiry()
        except LoaError:  # a secret that is not set here: publishing says so
            continue
        except LookUpFailed as error:
            if error.decision is Decision.STOP_SENDER:
                await posting.do(_stop, posting, sender.key, error.reason)
            continue
        except Exception as error:
            _log.error("adapter", sender=sender.key, kind=type(error).__name__)
            continue
        await posting.do(_note_expiry, posting, sender.key, expires_at)


def _states(posting: Posting) -> dict[str, RowMapping]:
    with posting.process.database.read() as connection:
        return post_responses.page_states(connection)


def _note_expiry(posting: Posting, sender: str, expires_at: datetime | None) -> None:
    process = posting.process
    now, subject = process.clock.now(), f"sender:{sender}"
    with process.database.write() as connection:
        post_responses.save_page(connection, sender, process.seconds.real(), expires_at)
        if expires_at is not None and expires_at - now <= AHEAD:
            audit.raise_incident(
                connection, process.keyring, at=now, kind=EXPIRE, subject=subject,
                detail=f"{expires_at.astimezone(VIETNAM):%H:%M %d/%m/%Y}",
            )  # fmt: skip
        else:
            audit.settle_incident(connection, at=now, kind=EXPIRE, subject=subject)
