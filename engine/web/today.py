"""*Hôm nay*: what goes out now, what comes next, and what needs a person. One look at it should be enough."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from engine.i18n import number, sentence
from engine.pipeline.incidents import about, what
from engine.reports.standing import Overview, RunStands
from engine.reports.standing_words import coming_key, counts, local, pace, words
from engine.status import RunStatus
from engine.web.desk import Desk
from engine.web.page import page

GOING = (RunStatus.ENQUEUEING, RunStatus.READY, RunStatus.RUNNING)
STOPPED = (RunStatus.HELD, RunStatus.PAUSED)
NEXT = 10  # runs to come
SOON = timedelta(days=14)  # an approval that is missing for a later run can wait
OVER = timedelta(hours=24)  # what has ended since then is still shown


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that needs a person: how it stands (a mark), about what, what it means, and the page with more."""

    mark: str
    about: str
    what: str
    at: datetime | None = None
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A run with its campaign, and what there is to say about it."""

    campaign: str
    title: str
    run: RunStands
    why: str
    pace: str
    counts: str


def today(desk: Desk, request: Request) -> Response:
    """The page."""
    seen, snapshots = desk.overview(), desk.snapshots()
    titles = {one.campaign: desk.title(one.campaign, snapshots) for one in seen.campaigns}
    lines = [line(one.campaign, titles[one.campaign], run, seen.as_of) for one in seen.campaigns for run in one.runs]
    ended = [one for one in lines if one.run.finished_at and one.run.finished_at > seen.as_of - OVER]
    return page(
        request,
        "today.html",
        live=True,
        seen=seen,
        going=[one for one in lines if one.run.status in GOING],
        ended=sorted(ended, key=lambda one: one.run.finished_at or seen.as_of, reverse=True),
        coming=[
            (one, titles.get(one.campaign, one.campaign), coming_key(one, seen.as_of)) for one in seen.coming[:NEXT]
        ],
        more=max(0, len(seen.coming) - NEXT),
        matters=list(_matters(seen, lines)),
        campaigns=len(seen.campaigns),
    )


def line(campaign: str, title: str, run: RunStands, now: datetime) -> Line:
    """A run and what there is to say about it now."""
    why = words("run", run.reason) if run.reason else ""
    return Line(campaign, title, run, why, ", ".join(pace(run, now)), counts(run))


def _matters(seen: Overview, lines: list[Line]) -> Iterator[Matter]:
    if seen.running is None:
        key = "nobody-due" if seen.unattended else "nobody"
        yield Matter("alarm", sentence("web.process"), sentence(f"cli_status.{key}"))
    for process in seen.processes:
        if seen.silent(process):
            yield Matter("alarm", sentence("web.process"), words("process", "silent"))
    for held in seen.senders:
        until = local(held.until) if held.until else sentence("cli_status.until-released")
        why = sentence("web.until", until=until, why=words("sender", held.reason))
        yield Matter("held", sentence("web.sender", sender=held.sender), why)
    stopped = {f"run:{one.campaign}/{one.run.step}/{one.run.occurrence}" for one in lines if one.run.status in STOPPED}
    for one in lines:
        if one.run.status in STOPPED:
            name = sentence("web.run", title=one.title, step=one.run.step)
            why = one.why or sentence(f"cli_status.run-status-{one.run.status}")
            yield Matter(one.run.status, name, why, one.run.due, one.campaign)
    for incident in seen.incidents:
        if not (incident.kind == "run_held" and incident.subject in stopped):
            yield Matter("alarm", about(incident.subject), what(incident.kind), incident.at)
    for campaign in seen.campaigns:
        if campaign.faulty:
            told = sentence("cli_status.faulty", campaign=campaign.campaign)
            yield Matter(
                "alarm", sentence("web.about-campaign", campaign=campaign.campaign), told, None, campaign.campaign
            )
    waiting: dict[str, list[datetime]] = {}
    for coming in seen.coming:
        if not coming.approved and coming.occurrence.due - seen.as_of <= SOON:
            waiting.setdefault(coming.campaign, []).append(coming.occurrence.due)
    for key, dues in waiting.items():
        told = sentence("web.to-approve", runs=number(len(dues)), first=local(min(dues)), campaign=key)
        yield Matter("waits", sentence("web.about-campaign", campaign=key), told, None, key)
