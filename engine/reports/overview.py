"""How things stand: who is at work, runs with their counts and pace, what comes next, what waits for a person.

Tallies, samples and the files only, never a delivery: it costs the same at ten thousand and ten million of them.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, select

from engine.pipeline.due import coming
from engine.pipeline.files import Files
from engine.pipeline.process import Process
from engine.pipeline.retention import kept_until
from engine.reports import tally_queries
from engine.reports.figures import Figures
from engine.reports.forecast import Forecast, Going, forecast
from engine.reports.standing import CampaignStands, OpenIncident, Overview, RunStands, SenderHeld
from engine.status import RunStatus, Status
from engine.store import pace, posts, runs, senders, snapshots
from engine.store.tables import Incident, table_of
from engine.store.workers import workers

_INCIDENT = table_of(Incident)
_GOING = (RunStatus.READY, RunStatus.RUNNING)


def overview(
    process: Process, campaigns: Iterable[str], files: Files | None = None, *, now: datetime, real_now: float
) -> Overview:
    """How ``campaigns`` stand. ``now`` is campaign time, ``real_now`` real seconds.

    ``files`` as they stand, for what is to come; without them nothing is said about that.
    """
    wanted = list(campaigns)
    found = tuple(workers(process.database))
    with process.database.read() as connection:
        held = _held(connection, real_now)
        rows = {key: runs.of_campaign(connection, key) for key in wanted}
        figures = _figures(connection, [run["id"] for found_runs in rows.values() for run in found_runs])
        on_pages = posts.counts(connection, list(figures))
        alive = any(one.alive for one in found)
        going = _forecasts(process, connection, held, now=now, real_now=real_now) if alive else {}
        current = {key: one for key, one in files.campaigns.items() if key in rows} if files else {}
        return Overview(
            now,
            real_now,
            tuple(_campaign(process, connection, key, rows[key], figures, going, files, on_pages) for key in wanted),
            found,
            tuple(coming(process, connection, current, now)),
            tuple(held),
            tuple(_incidents(connection)),
        )


def _figures(connection: Connection, run_ids: list[int]) -> dict[int, Figures]:
    figures = {run_id: Figures() for run_id in run_ids}
    for line in tally_queries.by_run(connection, run_ids):
        figures[line.run].add(*line.sums)
    return figures


def _campaign(
    process: Process,
    connection: Connection,
    campaign: str,
    rows: Iterable[RowMapping],
    figures: dict[int, Figures],
    going: dict[int, Forecast],
    files: Files | None,
    on_pages: Mapping[int, Mapping[str, int]],
) -> CampaignStands:
    known = files is not None and campaign in files.campaigns
    approvals, state = snapshots.standing(connection, campaign), snapshots.state_of(connection, campaign)
    current = files.campaigns[campaign].digest if files is not None and campaign in files.campaigns else None
    until = kept_until(process, connection, files, campaign) if files and (known or rows) else None
    return CampaignStands(
        campaign,
        state,
        len(approvals),
        tuple(_run(run, figures[run["id"]], going.get(run["id"]), on_pages.get(run["id"], {})) for run in rows),
        files is not None and campaign in files.faulty,
        until.date() if until else None,
        state != "cancelled" and bool(approvals) and current is not None and _all_of_others(approvals, current),
    )


def _all_of_others(approvals: Iterable[RowMapping], digest: str) -> bool:
    """Whether every approval is of other files than those with ``digest``."""
    return all(one["digest"] != digest for one in approvals)


def _run(run: RowMapping, figures: Figures, going: Forecast | None, on_pages: Mapping[str, int]) -> RunStands:
    return RunStands(
        step=run["step"],
        occurrence=run["occurrence"],
        channel=run["channel"],
        status=run["status"],
        reason=run["reason"],
        due=run["due"],
        expires_at=run["expires_at"],
        finished_at=run["finished_at"],
        figures=figures,
        progress=_progress(run, figures),
        going=going,
        retired=run["retired_at"] is not None,
        posts=on_pages,
    )


def _waiting(figures: Figures) -> int:
    return figures.statuses[Status.QUEUED] + figures.statuses[Status.SENDING]


def _progress(run: RowMapping, figures: Figures) -> float | None:
    if run["status"] == RunStatus.ENQUEUEING:
        return min(1.0, run["enqueue_cursor"] / run["high_water"]) if run["high_water"] else None
    return 1 - _waiting(figures) / figures.addressed if figures.addressed else None


def _forecasts(
    process: Process, connection: Connection, held: Iterable[SenderHeld], *, now: datetime, real_now: float
) -> dict[int, Forecast]:
    """Forecasts of every run that goes out now, of all campaigns: they share senders."""
    resting = {one.sender for one in held}
    open_runs = runs.in_status(connection, _GOING)
    figures = _figures(connection, [run["id"] for run in open_runs])
    going = []
    for run in open_runs:
        snapshot = process.snapshot(run["digest"])
        step = snapshot.campaign.step(run["step"])
        sender = snapshot.senders_of(step)[0]
        statuses = figures[run["id"]].statuses
        if step.posted or not _waiting(
            figures[run["id"]]
        ):  # nothing is left to hand over: it waits for outcomes, and stalls at nothing
            continue
        if sender.key in resting or snapshots.state_of(connection, run["campaign"]) != "active":
            continue
        going.append(
            Going(
                run["id"],
                _waiting(figures[run["id"]]),
                sum(statuses[one] for one in (Status.ACCEPTED, Status.DELIVERED, Status.FAILED, Status.UNKNOWN)),
                sender.key,
                sender.rate,
                run["expires_at"],
                snapshot.campaign.limits.quiet_hours if step.rings else None,
                snapshot.zone,
            )
        )
    return forecast(going, pace.oldest(connection, real_now), now=now, real_now=real_now)


def _held(connection: Connection, real_now: float) -> list[SenderHeld]:
    return [
        SenderHeld(
            sender, None if until >= senders.FOREVER else datetime.fromtimestamp(until, UTC), reason or "overloaded"
        )
        for sender, (until, reason, _) in sorted(senders.held(connection, real_now).items())
    ]


def _incidents(connection: Connection) -> list[OpenIncident]:
    query = (
        select(_INCIDENT.c.at, _INCIDENT.c.kind, _INCIDENT.c.subject)
        .where(_INCIDENT.c.settled_at.is_(None))
        .order_by(_INCIDENT.c.at.desc(), _INCIDENT.c.id.desc())
    )
    return [OpenIncident(*row) for row in connection.execute(query)]
