"""What the state of things says in words, the same on a terminal and on a page."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from engine.clock import VIETNAM
from engine.i18n import number, sentence
from engine.pipeline.due import Coming
from engine.reports.figures import STATUSES
from engine.reports.standing import RunStands
from engine.status import PostStatus


def words(about: str, code: str) -> str:
    """The sentence for a stable word about a run or a sender; one without a sentence stands for itself."""
    try:
        return sentence(f"cli_status.{about}-{code}")
    except KeyError:
        return sentence("cli_status.other", code=code)


def pace(run: RunStands, now: datetime) -> Iterator[str]:
    """How fast a run goes, when it will be through, and whether that is in time; nothing where nobody can say."""
    going = run.going
    if going is None:
        return
    if going.resumes is not None:
        yield sentence("cli_status.resumes", at=short(going.resumes, now))
    elif going.rate:
        yield sentence("cli_status.rate", rate=number(going.rate, 1 if going.rate < 10 else 0))
    elif going.rate is not None:
        yield sentence(f"cli_status.{'stalls' if going.finishes is None else 'in-line'}")
    if going.finishes is not None:
        left = span(max(timedelta(), going.finishes - now))
        yield sentence("cli_status.left", left=left, at=short(going.finishes, now))
    if going.in_time is False:
        yield sentence("cli_status.not-in-time", at=short(run.expires_at, now))


def counts(run: RunStands) -> str:
    """The counts of deliveries and posts that are not zero, in words: 12.000 nhà mạng xác nhận, 300 chờ gửi."""
    parts = [
        f"{number(run.figures.statuses[one])} {sentence(f'cli_status.status-{one}')}"
        for one in STATUSES
        if run.figures.statuses[one]
    ]
    parts += [
        sentence("cli_posts.counted", count=number(run.posts[one]), status=sentence(f"cli_posts.status-{one}"))
        for one in PostStatus
        if run.posts.get(one)
    ]
    return ", ".join(parts)


def coming_key(one: Coming, now: datetime) -> str:
    """Which sentence says how a run to come stands: ``ready``, ``due-now``, ``unapproved`` or ``due-unapproved``."""
    due = one.occurrence.due <= now
    return ("due-now" if due else "ready") if one.approved else "due-unapproved" if due else "unapproved"


def span(length: timedelta) -> str:
    """A length of time in words, as exact as anybody wants to know it: 40 giây, 25 phút, 3 giờ 5 phút."""
    seconds = int(length.total_seconds())
    if seconds < 90:
        return sentence("cli_status.seconds", count=seconds)
    minutes = (seconds + 30) // 60
    hours, minutes_left = divmod(minutes, 60)
    if hours == 0:
        return sentence("cli_status.minutes", count=minutes)
    if hours < 24:
        return sentence("cli_status.hours", count=hours, minutes=minutes_left)
    return sentence("cli_status.days", count=hours // 24, hours=hours % 24)


def local(instant: datetime) -> str:
    """``08:30 16/07/2027``, in Vietnam."""
    return f"{instant.astimezone(VIETNAM):%H:%M %d/%m/%Y}"


def short(instant: datetime, now: datetime) -> str:
    """The time of day, with the date where it is another day than ``now``'s."""
    there = instant.astimezone(VIETNAM)
    return f"{there:%H:%M}" if there.date() == now.astimezone(VIETNAM).date() else f"{there:%H:%M %d/%m}"
