"""The sentences of an official report, built from its figures. Pure.

Each sentence is said only where its figure is not zero; none says more than the figures do. They are Vietnamese in
every case (``engine.i18n.speaking``): the law asks for that.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from engine.content.activity_kinds import kind_label, measure_label
from engine.i18n import number, sentence
from engine.reports.activities import ActivityLine
from engine.reports.charts.bars import Line, lines_of
from engine.reports.charts.shares import percent, shares
from engine.reports.official.appendices import numbers
from engine.reports.official.gathered import Gathered
from engine.reports.places import Place
from engine.status import Status

_MOST_NAMES = 12
_MOST_LOW = 5
_MOST_REASONS = 4
_KNOWN_CHANNELS = ("sms", "facebook", "zalo", "telegram", "loudspeaker")
_FEW = 30  # deliveries: a rate of fewer says nothing about a place


def decree_date(day: date) -> str:
    """``01/7/2027``: days below 10 and the months 1 and 2 have a zero, as the decree writes them."""
    return f"{day.day:02d}/{_month(day)}/{day.year}"


def _month(day: date) -> str:
    return f"{day.month:02d}" if day.month < 3 else str(day.month)


def place_and_date(place: str, day: date) -> str:
    """``Lạng Sơn, ngày 31 tháng 7 năm 2027``."""
    return sentence("official.place-date", place=place, day=f"{day.day:02d}", month=_month(day), year=day.year)


def subject(gathered: Gathered) -> str:
    """What the report is about."""
    if len(gathered.titles) == 1:
        return sentence("official.subject", title=gathered.titles[0])
    return sentence("official.subject-several", titles=_quoted(gathered.titles))


def opening(gathered: Gathered) -> str:
    """The sentence above the sections: on what ground, who, what, from when to when."""
    owner = gathered.organisation.name
    basis = ", ".join(dict.fromkeys(text for one in gathered.campaigns for text in one.legal_basis))
    if not basis:
        return sentence("official.opening-plain", owner=owner, titles=_quoted(gathered.titles))
    if len(gathered.keys) > 1:
        return sentence("official.opening-several", basis=basis, owner=owner, titles=_quoted(gathered.titles))
    [campaign] = gathered.campaigns
    start, end = decree_date(campaign.period.start), decree_date(campaign.period.end)
    return sentence("official.opening", basis=basis, owner=owner, title=campaign.title, start=start, end=end)


def _quoted(titles: Sequence[str]) -> str:
    return ", ".join(sentence("official.quoted", text=title) for title in titles)


def situation(gathered: Gathered, names: Mapping[Place, str]) -> list[str]:
    """I. Tình hình."""
    lines = [sentence("official.theme", theme=one.theme) for one in gathered.campaigns if one.theme]
    if not gathered.days.rows:
        return [*lines, sentence("official.nothing-sent")]
    days = [date.fromisoformat(str(row.key)) for row in gathered.days.rows]
    channels = ", ".join(_channel(str(row.key)) for row in gathered.channels.rows)
    first, last = decree_date(days[0]), decree_date(days[-1])
    lines.append(sentence("official.days", days=number(len(days)), first=first, last=last, channels=channels))
    places = [names.get(row.key, row.key.name) for row in gathered.districts.rows if isinstance(row.key, Place)]
    lines.append(sentence("official.places", names=_some(places, _MOST_NAMES)))
    as_of = gathered.as_of
    return [*lines, sentence("official.meaning", time=f"{as_of:%H:%M}", day=decree_date(as_of.date()))]


def _channel(channel: str) -> str:
    return sentence(f"official.channel-{channel}") if channel in _KNOWN_CHANNELS else channel


def _some(words: Sequence[str], most: int) -> str:
    told = list(words[:most])
    if len(words) > most:
        told.append(sentence("official.places-more", count=number(len(words) - most)))
    return "; ".join(told)  # a merged unit has a comma of its own


def results(gathered: Gathered) -> list[str]:
    """II.1: all in all."""
    totals, parts = gathered.totals, shares(gathered.totals)
    if not totals.targeted:
        return [sentence("official.nothing-sent")]
    left_out = totals.targeted - parts.to_send
    targeted = number(totals.targeted)
    lines = [
        sentence("official.targeted", targeted=targeted, left_out=number(left_out), to_send=number(parts.to_send))
        if left_out
        else sentence("official.targeted-all", targeted=targeted)
    ]
    counts = totals.statuses
    lines.append(
        sentence(
            "official.result",
            to_send=number(parts.to_send),
            delivered=number(parts.delivered),
            rate=percent(parts.delivered, parts.to_send),
            failed=number(counts[Status.FAILED]),
            expired=number(counts[Status.EXPIRED]),
            waiting=number(parts.waiting),
        )
    )
    if totals.cost_vnd:
        spent = {"segments": number(totals.segments), "cost": number(totals.cost_vnd)}
        each = number(round(totals.cost_vnd / parts.delivered)) if parts.delivered else None
        lines.append(sentence("official.cost", **spent, each=each) if each else sentence("official.cost-only", **spent))
    if appendix := numbers(gathered).get("measures"):
        lines.append(sentence("official.measures-appendix", appendix=appendix))
    return lines


def by_place(gathered: Gathered, names: Mapping[Place, str]) -> list[str]:
    """II.2: the best and the worst of the places that are large enough to say so."""
    lines = lines_of(gathered.districts, names)
    if len(lines) == 1:
        [only] = lines
        return [
            sentence(
                "official.one-place", place=only.name, delivered=number(only.parts.delivered),
                to_send=number(only.parts.to_send), rate=_rate(only),
            )
        ]  # fmt: skip
    ranked = _ranked(lines)
    if len(ranked) < 2:
        return []
    best, worst = ranked[-1], ranked[0]
    return [
        sentence(
            "official.best-worst", best=best.name, best_rate=_rate(best), worst=worst.name, worst_rate=_rate(worst)
        )
    ]


def _ranked(lines: Sequence[Line]) -> list[Line]:
    """From the lowest delivery rate to the highest."""
    large = [one for one in lines if one.parts.to_send >= _FEW]
    return sorted(large, key=lambda one: (one.parts.delivered / one.parts.to_send, one.name))


def _rate(line: Line) -> str:
    return percent(line.parts.delivered, line.parts.to_send)


def activities(gathered: Gathered) -> list[str]:
    """II.3: a line a kind, each measure by itself."""
    report = gathered.activities
    if report is None or report.empty:
        return []
    by_kind: dict[str, list[ActivityLine]] = {}
    for line in report.totals:
        by_kind.setdefault(line.kind, []).append(line)
    lines = [
        sentence("official.activity", kind=kind_label(kind), counts=_all_counts(its_lines))
        for kind, its_lines in by_kind.items()
    ]
    lines.append(sentence("official.activities-apart"))
    if appendix := numbers(gathered).get("activities"):
        lines[-1] += " " + sentence("official.activities-appendix", appendix=appendix)
    return lines


def _all_counts(lines: Sequence[ActivityLine]) -> str:
    told = [_counted(line) for line in lines if line.done is not None]
    planned = [f"{number(line.planned or 0)} {measure_label(line.measure)}" for line in lines if line.done is None]
    if planned:
        told.append(sentence("official.activity-planned", counts=", ".join(planned)))
    return ", ".join(told)


def _counted(line: ActivityLine) -> str:
    measure = measure_label(line.measure)
    assert line.done is not None
    if line.planned is None:
        return sentence("official.activity-done", done=number(line.done), measure=measure)
    return sentence("official.activity-both", done=number(line.done), planned=number(line.planned), measure=measure)


def shortcomings(gathered: Gathered, names: Mapping[Place, str]) -> list[str]:
    """III. Tồn tại, hạn chế."""
    counts, parts = gathered.totals.statuses, shares(gathered.totals)
    lines = []
    if failed := counts[Status.FAILED]:
        told = sentence("official.failed", failed=number(failed), rate=percent(failed, parts.to_send))
        if gathered.reasons:
            reasons = "; ".join(
                sentence("official.reason", reason=one.words, count=number(one.deliveries))
                for one in gathered.reasons[:_MOST_REASONS]
            )
            told += " " + sentence("official.reasons", reasons=reasons)
        lines.append(told)
    if expired := counts[Status.EXPIRED]:
        lines.append(sentence("official.expired", expired=number(expired)))
    if not failed and not expired:
        lines.append(sentence("official.no-fault"))
    if parts.waiting:
        lines.append(sentence("official.waiting", waiting=number(parts.waiting)))
    if low := _low(gathered, names):
        told = "; ".join(sentence("official.low-place", name=one.name, rate=_rate(one)) for one in low[:_MOST_LOW])
        rate = percent(parts.delivered, parts.to_send)
        lines.append(sentence("official.low", rate=rate, names=told))
    return [*lines, sentence("official.not-measured")]


def _low(gathered: Gathered, names: Mapping[Place, str]) -> list[Line]:
    """Districts below the rate of the whole, the lowest first."""
    whole = shares(gathered.totals)
    ranked = _ranked(lines_of(gathered.districts, names))
    return [one for one in ranked if one.parts.delivered * whole.to_send < whole.delivered * one.parts.to_send]


def directions(gathered: Gathered, names: Mapping[Place, str]) -> list[str]:
    """IV. Phương hướng, đề xuất, kiến nghị: one for each thing that section III named."""
    counts = gathered.totals.statuses
    hotlines = ", ".join(gathered.hotlines)
    lines = [sentence("official.go-on", hotlines=hotlines) if hotlines else sentence("official.go-on-plain")]
    if counts[Status.FAILED]:
        lines.append(sentence("official.mend-numbers"))
    if counts[Status.EXPIRED]:
        lines.append(sentence("official.mend-expired"))
    if shares(gathered.totals).waiting:
        lines.append(sentence("official.mend-waiting"))
    if _low(gathered, names):
        lines.append(sentence("official.mend-low"))
    return lines
