"""*Chiến dịch*: all of them, and one with its calendar, the plan beside the outcome, and what was decided about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from engine.clock import VIETNAM
from engine.content.snapshot import Snapshot
from engine.pipeline.due import Coming
from engine.reports import calendar_words, history
from engine.reports.calendar import Calendar, Entry
from engine.reports.figures import Figures, total
from engine.reports.standing import CampaignStands, RunStands
from engine.reports.standing_words import counts, words
from engine.web.desk import Desk
from engine.web.page import page


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run beside its plan as it was approved: deliveries and VND; None where nobody approved it."""

    run: RunStands
    why: str
    counts: str
    planned: int | None
    planned_vnd: int | None

    @property
    def queued(self) -> int:
        """What was really to be sent."""
        statuses = self.run.figures.document()
        return int(statuses["targeted"] or 0) - int(statuses["excluded"] or 0) - int(statuses["cancelled"] or 0)

    @property
    def delivered(self) -> int:
        """What the operators confirm."""
        return int(self.run.figures.document()["delivered"] or 0)


def campaigns(desk: Desk, request: Request) -> Response:
    """The list."""
    seen, snapshots = desk.overview(), desk.snapshots()
    rows = []
    for one in seen.campaigns:
        frozen = snapshots.get(one.campaign)
        coming = [run for run in seen.coming if run.campaign == one.campaign]
        rows.append(
            {
                "key": one.campaign,
                "title": desk.title(one.campaign, snapshots),
                "period": frozen.campaign.period if frozen else None,
                "stands": one,
                "mark": state_mark(one, coming),
                "next": coming[0].occurrence.due if coming else None,
                "figures": _sum(one),
            }
        )
    return page(request, "campaigns.html", rows=rows, seen=seen)


def campaign(desk: Desk, request: Request) -> Response:
    """One of them."""
    key = request.path_params["key"]
    if key not in desk.known():
        raise HTTPException(404)
    seen, snapshots = desk.overview(key), desk.snapshots()
    frozen, told = snapshots.get(key), history.history(desk.process, key)
    calendar, plan = desk.calendar(frozen) if frozen else (None, None)
    stands = seen.campaigns[0]
    outcomes = [
        Outcome(
            run,
            words("run", run.reason) if run.reason else "",
            counts(run),
            *told.planned.get((run.step, run.occurrence), (None, None)),
        )
        for run in stands.runs
    ]
    return page(
        request,
        "campaign.html",
        live=True,
        key=key,
        title=desk.title(key, snapshots),
        frozen=frozen,
        stands=stands,
        mark_kind=state_mark(stands, seen.coming),
        calendar=calendar,
        entries=_by_day(calendar) if calendar else {},
        state=calendar_words.state,
        reasons=calendar_words.reasons,
        plan=plan,
        outcomes=outcomes,
        figures=_sum(stands),
        history=told,
        what=history.what,
        seen=seen,
        senders=_senders(frozen) if frozen else [],
    )


def state_mark(stands: CampaignStands, coming: Sequence[Coming]) -> str:
    """The mark of a campaign's state: alarm, paused, cancelled, running, approved, waits, or free: no need of it."""
    if stands.faulty:
        return "alarm"
    if stands.state != "active":
        return stands.state
    if any(run.status in ("enqueueing", "ready", "running") for run in stands.runs):
        return "running"
    if any(not one.approved for one in coming):
        return "waits"
    return "approved" if stands.approvals else "free"


def _by_day(calendar: Calendar) -> dict[date, list[Entry]]:
    days: dict[date, list[Entry]] = {}
    for entry in calendar.entries:
        days.setdefault(entry.due.astimezone(VIETNAM).date(), []).append(entry)
    return days


def _sum(stands: CampaignStands) -> Figures:
    return total(run.figures for run in stands.runs)


def _senders(frozen: Snapshot) -> list[str]:
    return sorted({sender.key for step in frozen.campaign.steps for sender in frozen.senders_of(step)})
