"""What a calendar says in words, on the screen and in the file for other calendars."""

from datetime import datetime

from engine.clock import VIETNAM
from engine.i18n import number, sentence
from engine.reports.calendar import PASSED, Calendar, Entry
from engine.status import RunStatus


def day(instant: datetime) -> str:
    """``Thứ sáu 16/07/2027``, in Vietnam."""
    local = instant.astimezone(VIETNAM)
    return f"{sentence(f'calendar.weekday-{local.weekday()}')} {local:%d/%m/%Y}"


def moment(instant: datetime) -> str:
    """``Thứ sáu 16/07/2027 08:30``, in Vietnam."""
    return f"{day(instant)} {instant.astimezone(VIETNAM):%H:%M}"


def state(calendar: Calendar, entry: Entry) -> str:
    """How an entry stands, and why where there is something to know."""
    if entry.state == PASSED:
        return sentence("calendar.passed")
    if not entry.is_planned:
        return _of_run(entry)
    if calendar.standing in ("cancelled", "paused", "not-approved"):
        return sentence(f"calendar.planned-{calendar.standing}")
    if entry.starts is None or (not entry.recipients and entry.reasons.get("expired")):
        return sentence("calendar.never")
    if entry.waits:
        return sentence("calendar.waits", at=_short(entry.starts, entry.due))
    return sentence("calendar.due-now" if entry.due <= calendar.as_of else "calendar.planned")


def reasons(entry: Entry) -> str:
    """Why how many get nothing: ``từ chối nhận 12, chưa đồng ý 3``; only their number where reasons are not known."""
    if entry.reasons:
        return ", ".join(f"{sentence(f'reasons.{why}')} {number(n)}" for why, n in sorted(entry.reasons.items()))
    return number(entry.excluded) if entry.excluded else "–"


def _of_run(entry: Entry) -> str:
    if entry.state == RunStatus.FINISHED:
        return sentence("calendar.finished", delivered=number(entry.delivered))
    told = sentence(f"cli_status.run-status-{entry.state}")
    if entry.reason:
        try:
            why = sentence(f"cli_status.run-{entry.reason}")
        except KeyError:
            why = sentence("cli_status.other", code=entry.reason)
        told += f" ({why})"
    return told


def _short(instant: datetime, beside: datetime) -> str:
    """The time alone on the same day, else with its date."""
    local, other = instant.astimezone(VIETNAM), beside.astimezone(VIETNAM)
    return f"{local:%H:%M}" if local.date() == other.date() else f"{local:%H:%M %d/%m}"
