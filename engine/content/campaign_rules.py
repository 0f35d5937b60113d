"""What must hold within one campaign, beyond each value by itself. Needs the workspace's senders and channels only."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.content.campaign import NIGHT, POSTED, Campaign, Step
from engine.content.loudspeaker import CARRIERS, Loudspeaker
from engine.content.occurrences import Occurrence, anchor_of, date_of, occurrences, recurring_days, span
from engine.content.organisation import Sender
from engine.content.reading import Reading
from engine.content.risk_words import risk_word
from engine.content.template_rules import HOTLINES_LIMIT
from engine.content.values import minutes_between
from engine.content.when import LAST, Moment
from engine.content.words import suggestion
from engine.content.yamlfile import Steps
from engine.errors import LoaError
from engine.text.phone import parse_hotline


def check_campaign(
    reading: Reading[Campaign],
    *,
    senders: Mapping[str, Sender],
    written_senders: Collection[str],
    channels: Collection[str],
    audiences: Collection[str],
    messages: Collection[str],
    hotlines: Collection[str],
    zone: ZoneInfo,
    loudspeaker: Loudspeaker | None = None,
    public_address: bool = True,
    played: Collection[str] = (),
    by_file: Collection[str] = (),
) -> None:
    """Report on ``reading`` all that is wrong or doubtful in this campaign.

    ``senders`` are the usable ones; ``written_senders``, ``audiences`` and ``messages`` every key there is, whether
    usable or not, so that one mistake is told once; ``hotlines`` and ``loudspeaker`` are the workspace's; ``played``
    are the senders that reach nobody, ``by_file`` those whose messages leave as a list; ``public_address`` says
    whether links of ours lead anywhere.
    """
    campaign = reading.value
    if campaign is None:
        return
    if word := risk_word(campaign.key):
        reading.report((), "error", "content.names-a-risk", text=campaign.key, word=word)
    check_hotlines(reading, campaign.hotlines)
    if not campaign.hotlines and not hotlines and reading.intact(("hotlines",)):
        reading.report((), "error", "content.no-hotline")
    if reading.intact(("limits", "quiet_hours")) and not campaign.limits.quiet_hours.cover_all_of(NIGHT):
        reading.report(("limits", "quiet_hours"), "warning", "content.quiet-hours-short")
    _check_anchor(reading, campaign)
    if not reading.intact(("steps",)) and ("steps",) in reading.broken:
        return
    seen: dict[str, int] = {}
    for index, step in enumerate(campaign.steps):
        at: Steps = ("steps", index)
        if reading.intact((*at, "id")):
            if step.id in seen:
                reading.report((*at, "id"), "error", "content.duplicate-step", id=step.id, first=seen[step.id] + 1)
            seen.setdefault(step.id, index)
            if word := risk_word(step.id):
                reading.report((*at, "id"), "error", "content.names-a-risk", text=step.id, word=word)
        _check_references(reading, at, step, senders, written_senders, channels, audiences, messages)
        _check_stand_ins(reading, at, step, senders, played)
        _check_times(reading, at, step, campaign, zone)
        if step.aloud and reading.intact((*at, "channel")):
            for place, key in enumerate(step.sender):
                if key in by_file:
                    reading.report((*at, "sender", place), "error", "loudspeaker.by-file", key=key)
        if step.aloud and reading.intact((*at, "when"), (*at, "channel")):
            _check_reading_hour(reading, at, step, loudspeaker or Loudspeaker())
            if not public_address and any(key in senders and key not in played for key in step.sender):
                reading.report((*at, "channel"), "warning", "loudspeaker.no-public-url", step=step.id)


def check_hotlines(reading: Reading[Any], hotlines: Collection[str]) -> None:
    """Each hotline must be a number people can call: 3 digits, 1800/1900, a landline or a mobile."""
    if len(hotlines) > HOTLINES_LIMIT:
        reading.report(("hotlines",), "error", "content.too-many-hotlines", limit=HOTLINES_LIMIT)
    for index, hotline in enumerate(hotlines):
        try:
            parse_hotline(hotline)
        except LoaError as error:
            reading.report_error(("hotlines", index), error)


def _check_anchor(reading: Reading[Campaign], campaign: Campaign) -> None:
    if campaign.anchor is None or not reading.intact(("anchor",), ("period",)):
        return
    try:
        anchor_of(campaign, campaign.anchor)
    except LoaError as error:
        reading.report_error(("anchor",), error)
        reading.broken.add(("anchor",))


def _check_references(
    reading: Reading[Campaign],
    at: Steps,
    step: Step,
    senders: Mapping[str, Sender],
    written_senders: Collection[str],
    channels: Collection[str],
    audiences: Collection[str],
    messages: Collection[str],
) -> None:
    channel_known = step.channel in channels
    if reading.intact((*at, "channel")) and not channel_known:
        choices = ", ".join(sorted(channels))
        reading.report((*at, "channel"), "error", "content.unknown-channel", text=step.channel, known=choices)
        reading.broken.add((*at, "channel"))  # nothing follows from it: no file of its messages is missing
    for index, key in enumerate(step.sender):
        path = (*at, "sender", index)
        if key not in written_senders:
            _unknown(reading, path, "sender", key, written_senders)
        elif key in senders and channel_known and senders[key].channel not in _carriers(step):
            serves = senders[key].channel
            values = {"key": key, "serves": serves, "channel": step.channel}
            reading.report(path, "error", "content.sender-channel", **values)
        elif key in step.sender[:index]:
            reading.report(path, "warning", "content.listed-twice", key=key)
    for name, named, known in (("audience", step.audience, audiences), ("message", step.message, messages)):
        if named is not None and named not in known:
            _unknown(reading, (*at, name), name, named, known)
    if step.rings:
        for name, value in (("sender", step.sender), ("audience", step.audience), ("message", step.message)):
            if not value and reading.intact((*at, name)):
                reading.report(at, "error", "content.missing-key", key=name)

    if step.channel in POSTED:
        for name, value in (("sender", step.sender), ("message", step.message)):
            if not value and reading.intact((*at, name)):
                reading.report(at, "error", "content.missing-key", key=name)
        for name in ("audience", "valid_for"):
            if getattr(step, name) is not None and reading.intact((*at, name)):
                reading.report_key((*at, name), "error", "content.not-of-posts", key=name, channel=step.channel)


def _carriers(step: Step) -> Collection[str]:
    """The channels of the senders that may carry a step: its own, or those that bring a relay the link."""
    return CARRIERS if step.aloud else {step.channel}


def _check_stand_ins(
    reading: Reading[Campaign], at: Steps, step: Step, senders: Mapping[str, Sender], played: Collection[str]
) -> None:
    """A sender that reaches nobody must not take over from a true one: its rows would count as sent.

    A relay's other road is nobody's stand-in; that whoever is on it gets nothing is said all the same.
    """
    true_ones: dict[str, str] = {}  # channel → its first true sender
    for key in step.sender:
        if key in senders and key not in played:
            true_ones.setdefault(senders[key].channel, key)
    for index, key in enumerate(step.sender):
        if key not in played:
            continue
        first = true_ones.get(senders[key].channel)
        if first is not None and first in step.sender[:index]:
            reading.report((*at, "sender", index), "error", "content.stand-in-plays", key=key, first=first)
        elif step.aloud and first is None and true_ones:
            other = next(iter(true_ones.values()))
            reading.report((*at, "sender", index), "warning", "loudspeaker.half-played", key=key, other=other)


def _unknown(reading: Reading[Campaign], path: Steps, kind: str, key: str, known: Collection[str]) -> None:
    near = suggestion(key, sorted(known))
    code = f"content.unknown-{kind}-near" if near else f"content.unknown-{kind}"
    reading.report(path, "error", code, key=key, near=near)


def _check_times(reading: Reading[Campaign], at: Steps, step: Step, campaign: Campaign, zone: ZoneInfo) -> None:
    if not reading.intact((*at, "when")):
        return
    if step.person_addressed and reading.intact((*at, "channel")) and NIGHT.cover(step.when.at):
        reading.report((*at, "when"), "error", "content.at-night", at=f"{step.when.at:%H:%M}")
    limits: list[tuple[Steps, object]] = [
        ((*at, "from"), step.start),
        ((*at, "until"), step.end),
        ((*at, "except"), step.skipping),
    ]
    if not step.when.recurring:
        for path, value in limits:
            if value and reading.intact(path):
                reading.report_key(path, "error", "content.recurring-only", key=path[-1])
    _check_whole_days(reading, at, step)
    if not reading.intact(("period",)):
        return
    if campaign.anchor is None or ("anchor",) in reading.broken:
        moments: list[tuple[Steps, Moment | None]] = [
            (("when",), step.when.moment),
            (("from",), step.start),
            (("until",), step.end),
        ]
        moments += [(("except", index), moment) for index, moment in enumerate(step.skipping)]
        using = [path for path, moment in moments if moment is not None and moment.from_anchor]
        if using:
            if reading.intact(("anchor",)):
                for path in using:
                    reading.report((*at, *path), "error", "content.no-anchor", text="anchor")
            return
    if not reading.intact(*(path for path, _ in limits)):
        return
    if step.when.recurring:
        if not _check_span(reading, at, step, campaign):
            return
    else:
        assert step.when.moment is not None
        try:
            day = date_of(step.when.moment, campaign)
        except LoaError as error:
            reading.report_error((*at, "when"), error)
            return
        if day not in campaign.period:
            reading.report((*at, "when"), "error", "content.outside-period", day=f"{day:%d/%m/%Y}")
            return
    found = occurrences(step, campaign, zone)
    if not found:
        reading.report((*at, "when"), "error", "content.never-due")
    elif step.person_addressed and reading.intact(("limits", "quiet_hours"), (*at, "valid_for"), (*at, "channel")):
        _check_quiet(reading, at, step, campaign, found, zone)


def _check_reading_hour(reading: Reading[Campaign], at: Steps, step: Step, loudspeaker: Loudspeaker) -> None:
    """Loudspeakers have hours of their own: they wake a whole commune."""
    hours = loudspeaker.hours
    if not hours.cover(step.when.at):
        said = {"at": f"{step.when.at:%H:%M}", "start": f"{hours.start:%H:%M}", "end": f"{hours.end:%H:%M}"}
        reading.report((*at, "when"), "error", "loudspeaker.outside-hours", **said)


def _check_whole_days(reading: Reading[Campaign], at: Steps, step: Step) -> None:
    """A time in ``from``, ``until`` or ``except`` would mean nothing, and whoever wrote it meant something."""
    limits: list[tuple[Steps, Moment | None]] = [(("from",), step.start), (("until",), step.end)]
    limits += [(("except", index), moment) for index, moment in enumerate(step.skipping)]
    for path, moment in limits:
        if moment is not None and moment.at is not None and step.when.recurring and reading.intact((*at, *path)):
            reading.report((*at, *path), "warning", "content.limit-has-time", at=f"{moment.at:%H:%M}")


def _check_span(reading: Reading[Campaign], at: Steps, step: Step, campaign: Campaign) -> bool:
    limits: list[tuple[Steps, Moment | None]] = [(("from",), step.start), (("until",), step.end)]
    limits += [(("except", index), moment) for index, moment in enumerate(step.skipping)]
    settled: dict[Steps, date] = {}
    for path, moment in limits:
        if moment is None:
            continue
        try:
            settled[path] = date_of(moment, campaign)
        except LoaError as error:
            reading.report_error((*at, *path), error)
    if len(settled) < sum(moment is not None for _, moment in limits):
        return False
    for path in (("from",), ("until",)):
        if path in settled and settled[path] not in campaign.period:
            said = f"{settled[path]:%d/%m/%Y}"
            reading.report((*at, *path), "warning", "content.limit-outside-period", day=said)
    first, last = span(step, campaign)
    if first > last:
        path = (*at, "until") if step.end else (*at, "from") if step.start else (*at, "when")
        reading.report(path, "error", "content.until-before-from", first=f"{first:%d/%m/%Y}", last=f"{last:%d/%m/%Y}")
        return False
    days = set(recurring_days(step.model_copy(update={"skipping": ()}), campaign)) if step.skipping else set()
    for index in range(len(step.skipping)):
        day = settled["except", index]
        if day not in days:
            reading.report((*at, "except", index), "warning", "content.except-nothing", day=f"{day:%d/%m/%Y}")
    recurrence = step.when.recurrence
    if recurrence and recurrence.day is not None and recurrence.day != LAST and recurrence.day > 28:
        months = {(day.year, day.month) for day in (first + timedelta(n) for n in range((last - first).days + 1))}
        skipped = sorted({month for year, month in months if not _has_day(year, month, recurrence.day)})
        if skipped:
            said = ", ".join(map(str, skipped))
            reading.report((*at, "when"), "warning", "content.months-skipped", day=recurrence.day, months=said)
    return True


def _has_day(year: int, month: int, day: int) -> bool:
    try:
        datetime(year, month, day)  # noqa: DTZ001 # only whether the calendar has it
    except ValueError:
        return False
    return True


def _check_quiet(
    reading: Reading[Campaign], at: Steps, step: Step, campaign: Campaign, found: list[Occurrence], zone: ZoneInfo
) -> None:
    quiet, due = campaign.limits.quiet_hours, step.when.at
    if not quiet.cover(due) or NIGHT.cover(due):
        return
    said = {"at": f"{due:%H:%M}", "end": f"{quiet.end:%H:%M}"}
    wait = timedelta(minutes=minutes_between(due, quiet.end))
    if min(once.expires - once.due for once in found) <= wait:
        reading.report((*at, "when"), "warning", "content.expires-in-quiet-hours", **said)
    else:
        reading.report((*at, "when"), "warning", "content.in-quiet-hours", **said)
