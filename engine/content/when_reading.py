"""The grammar of days and schedules, in English and in Vietnamese.

Letters are compared without accents and in any Unicode form, so ``hằng tuần``, ``hàng tuần`` and ``hang tuan`` are
one. The time stands at the end (``30/7 lúc 08:30``) or, as in official letters, at the front (``08:30 ngày 30/7``).
Every reader gives the fields of a model in ``engine.content.when`` or raises ``BadValue`` with the mend.
"""

import re
from datetime import date, time, timedelta
from typing import Any

from engine.content.values import read_date, read_time
from engine.content.when_mending import nearest
from engine.content.words import BadValue
from engine.text.accents import fold

LAST = 0  # the day of the month that stands for the last one

_DAY_MONTH = re.compile(r"(?:ngay )?(\d{1,2})/(\d{1,2})")
_TIME = r"\d{1,2}(?::\d{2}| ?h ?(?:\d{2})?| ?gio ?(?:\d{2})?)"
_AT = re.compile(rf"^(?P<rest>.*?)(?: ?(?:vao luc|at|luc) ?| |t)(?P<at>{_TIME})$")
_AT_FRONT = re.compile(rf"^(?:(?:vao )?luc |at )?(?P<at>{_TIME})(?: ?,)? (?:on |vao )?(?P<rest>.+)$")
_ANY_TIME = re.compile(rf"(?<!\d){_TIME}(?!\w)")
_HALF_DAY = r"(?:sang|trua|chieu|toi|dem|am|pm|a\.m\.|p\.m\.)"
_TWELVE_HOURS = re.compile(rf"\d ?(?:h|gio|:\d{{2}})? ?(?:\d{{2}} ?)?{_HALF_DAY}$|^{_HALF_DAY}(?: |$)")
_ANCHOR = re.compile(
    r"(?:the )?(?:anchor|moc)(?: ?(?P<sign>[+-]|truoc|sau) ?(?P<count>\d{1,4}) ?(?P<unit>days?|ngay|weeks?|tuan))?"
)
_FROM_ANCHOR = re.compile(
    r"(?P<count>\d{1,4}) ?(?P<unit>days?|ngay|weeks?|tuan) (?P<sign>before|after|truoc|sau) (?:the )?(?:anchor|moc)"
)
_WEEKDAYS = {
    **dict.fromkeys(("monday", "thu hai", "thu 2"), 0),
    **dict.fromkeys(("tuesday", "thu ba", "thu 3"), 1),
    **dict.fromkeys(("wednesday", "thu tu", "thu 4"), 2),
    **dict.fromkeys(("thursday", "thu nam", "thu 5"), 3),
    **dict.fromkeys(("friday", "thu sau", "thu 6"), 4),
    **dict.fromkeys(("saturday", "thu bay", "thu 7"), 5),
    **dict.fromkeys(("sunday", "chu nhat"), 6),
}
_NAMES = "|".join(sorted(_WEEKDAYS, key=len, reverse=True))
_SHORT = "|".join(name.removeprefix("thu ") for name in _WEEKDAYS if name.startswith("thu "))  # thứ 2, 4, 6
_ON = rf"(?P<on>(?:{_NAMES})(?:(?: ?, ?| and | va )(?:{_NAMES}|{_SHORT}))*)"
_EACH = "(?:hang|moi)"  # hằng and hàng are one word here
_RECURRING = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("day", rf"every day|{_EACH} ngay"),
        ("day", r"every (?P<n>\d{1,3}) days?|moi (?P<m>\d{1,3}) ngay|(?P<l>\d{1,3}) ngay mot lan"),
        ("week", rf"every {_ON}"),
        ("week", rf"every week on {_ON}"),
        ("week", rf"(?:vao )?{_ON} {_EACH} tuan"),
        ("week", rf"{_EACH} tuan(?: vao)? {_ON}"),
        ("week", rf"moi {_ON}"),
        ("week", rf"every (?P<n>\d{{1,2}}) weeks? on {_ON}"),
        ("week", rf"(?:moi )?(?P<n>\d{{1,2}}) tuan(?: mot lan)?(?: vao)? {_ON}"),
        ("week", rf"(?:vao )?{_ON}(?: ,)? ?(?:moi (?P<n>\d{{1,2}}) tuan|(?P<m>\d{{1,2}}) tuan mot lan)"),
        ("month", r"every month on (?:the )?(?:day )?(?P<day>\d{1,2})(?:st|nd|rd|th)?"),
        ("month", r"every month on the (?P<last>last) day"),
        ("month", rf"(?:vao )?ngay (?P<day>\d{{1,2}})(?: cua)? {_EACH} thang"),
        ("month", rf"{_EACH} thang(?: vao)? ngay (?P<day>\d{{1,2}})"),
        ("month", rf"(?:vao )?(?P<last>ngay cuoi)(?: cung)?(?: cua)? {_EACH} thang"),
        ("month", rf"{_EACH} thang(?: vao)? (?P<last>ngay cuoi)(?: cung)?"),
    )
)


def read_day(text: str) -> dict[str, Any]:
    """The fields of a ``Day``: ``30/7``, ``2027-07-30``, ``30/07/2027``, ``ngày 30/7``."""
    found = _DAY_MONTH.fullmatch(_plain(text))
    if found is None:
        meant = read_date(text)
        return {"text": text, "year": meant.year, "month": meant.month, "day": meant.day}
    day, month = int(found[1]), int(found[2])
    try:
        date(2028, month, day)  # a leap year: 29/2 exists, 30/2 never does
    except ValueError:
        raise BadValue("content.no-such-date", text=text) from None
    return {"text": text, "month": month, "day": day}


def read_moment(text: str) -> dict[str, Any]:
    """The fields of a ``Moment``: a day, or the anchor and days or weeks from it; with or without a time."""
    rest, at = _split_time(_plain(text), text)
    moment = _moment(rest, text)
    if moment is None:
        near = nearest(text, _is_moment)
        raise BadValue("content.bad-moment-near" if near else "content.bad-moment", text=text, near=near)
    return {"text": text, **moment, "at": at}


def read_when(text: str) -> dict[str, Any]:
    """The fields of a ``When``: a moment or a recurrence, and always a time of day."""
    rest, at = _split_time(_plain(text), text)
    recurrence = _recurrence(rest, text)
    moment = _moment(rest, text) if recurrence is None else None
    if recurrence is None and moment is None:
        if at is not None and _ANY_TIME.search(rest):
            raise BadValue("content.two-times", text=text)
        if _TWELVE_HOURS.search(rest):
            raise BadValue("content.twelve-hours", text=text)
        near = nearest(text, _is_when)
        raise BadValue("content.bad-when-near" if near else "content.bad-when", text=text, near=near)
    if at is None:
        raise BadValue("content.when-without-time", text=text)
    if recurrence is not None:
        return {"text": text, "recurrence": {**recurrence, "at": at}}
    return {"text": text, "moment": {"text": text, **(moment or {}), "at": at}}


def _plain(text: str) -> str:
    """Folded, with every dash an ASCII hyphen."""
    return re.sub("[‐‑‒–—−]", "-", fold(text))


def _split_time(plain: str, text: str) -> tuple[str, time | None]:
    found = _AT.match(plain) or _AT_FRONT.match(plain)
    if found is None:
        return plain, None
    try:
        return found["rest"].strip(), read_time(found["at"])
    except BadValue:
        raise BadValue("content.bad-time", text=text) from None


def _recurrence(rest: str, text: str) -> dict[str, Any] | None:
    for unit, pattern in _RECURRING:
        found = pattern.fullmatch(rest)
        if found is None:
            continue
        given = {name: value for name, value in found.groupdict().items() if value is not None}
        every = int(given.get("n") or given.get("m") or given.get("l") or 1)
        if not 1 <= every <= 366:
            raise BadValue("content.bad-when", text=text)
        if unit == "month":
            day = LAST if "last" in given else int(given["day"])
            if "last" not in given and not 1 <= day <= 31:
                raise BadValue("content.bad-month-day", text=text)
            return {"unit": "month", "day": day}
        return {"unit": unit, "every": every, "weekdays": _weekdays(given["on"]) if unit == "week" else ()}
    return None


def _weekdays(on: str) -> tuple[int, ...]:
    names = re.split(r" ?, ?| and | va ", on)
    return tuple(sorted({_WEEKDAYS.get(name, _WEEKDAYS.get(f"thu {name}", 0)) for name in names}))


def _moment(rest: str, text: str) -> dict[str, Any] | None:
    """A day or a distance from the anchor, its time already taken off."""
    if found := _ANCHOR.fullmatch(rest) or _FROM_ANCHOR.fullmatch(rest):
        days = int(found["count"] or 0) * (7 if (found["unit"] or "").startswith(("week", "tuan")) else 1)
        back = found["sign"] in ("-", "truoc", "before")
        return {"offset": timedelta(days=-days if back else days)}
    if _DAY_MONTH.fullmatch(rest) or re.fullmatch(r"[\d/-]+|ngay [\d/]+", rest):
        return {"day": {**read_day(rest), "text": text}}
    return None


def _is_moment(near: str) -> bool:
    rest, _ = _split_time(_plain(near), near)
    return _moment(rest, near) is not None


def _is_when(near: str) -> bool:
    rest, at = _split_time(_plain(near), near)
    return at is not None and bool(_recurrence(rest, near) or _moment(rest, near))
