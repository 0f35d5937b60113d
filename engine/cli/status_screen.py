"""What ``loa status`` puts on the screen: who is at work first, what waits for a person last, where the eye stays."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.i18n import number, sentence
from engine.pipeline.incidents import about, what
from engine.reports.standing import CampaignStands, Overview, RunStands
from engine.reports.standing_words import coming_key, counts, local, pace, span, words
from engine.status import RunStatus
from engine.store.workers import WorkerStands

SHOWN = 20  # incidents on a screen; all of them are in the JSON
COMING = 6  # runs to come
BAR = 16  # characters
OVER = 4  # runs of a campaign that are over, where several campaigns are shown
_OPEN = (RunStatus.ENQUEUEING, RunStatus.READY, RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.HELD)
_STYLES = {
    RunStatus.RUNNING: "green",
    RunStatus.ENQUEUEING: "green",
    RunStatus.PAUSED: "yellow",
    RunStatus.HELD: "yellow",
    RunStatus.MISSED: "red",
    RunStatus.FINISHED: "dim",
    RunStatus.CANCELLED: "dim",
}


def screen(seen: Overview, console: Console) -> RenderableType:
    """The whole picture for ``console``; bars only where it is a terminal."""
    parts: list[RenderableType] = [Text(sentence("cli_status.as-of", as_of=local(seen.as_of)))]
    parts += _processes(seen)
    if not seen.campaigns:
        parts.append(Text(sentence("cli_status.no-campaigns")))
    for campaign in seen.campaigns:
        parts += ["", *_campaign(campaign, seen, bars=console.is_terminal)]
    parts += _coming(seen)
    parts += _senders(seen)
    parts += _incidents(seen)
    return Group(*parts)


def _processes(seen: Overview) -> Iterator[RenderableType]:
    alive = [one for one in seen.processes if one.alive]
    if not alive:
        style, key = ("bold red", "nobody-due") if seen.unattended else ("yellow", "nobody")
        yield Text(sentence(f"cli_status.{key}"), style=style)
    for one in sorted(alive, key=lambda one: (not one.leads, one.kind != "run", one.started_real)):
        silent = seen.silent(one)
        key = "silent" if silent else "leads" if one.leads else f"kind-{one.kind}"
        yield Text(_process(seen, one, words("process", key)), style="bold red" if silent else "green")
    if alive and all(not one.leads for one in alive) and any(one.kind == "run" for one in alive):
        yield Text(sentence("cli_status.no-leader"), style="yellow")
    for one in seen.processes:
        if not one.alive:
            said = sentence("cli_status.died", host=one.host, pid=one.pid, seen=local(_instant(one.seen_real)))
            yield Text(said, style="yellow")


def _process(seen: Overview, one: WorkerStands, part: str) -> str:
    ago = max(0.0, seen.real_now - one.seen_real)
    return sentence(
        "cli_status.process",
        host=one.host,
        pid=one.pid,
        since=local(_instant(one.started_real)),
        ago=span(timedelta(seconds=ago)),
        part=part,
    )


def _campaign(campaign: CampaignStands, seen: Overview, *, bars: bool) -> Iterator[RenderableType]:
    approved = "edited" if campaign.edited else "approved" if campaign.approvals else "not-approved"
    state = sentence(f"cli_status.state-{campaign.state}")
    approval = sentence(f"cli_status.{approved}", approvals=campaign.approvals)
    said = sentence("cli_status.campaign", campaign=campaign.campaign, state=state, approval=approval)
    yield Text(said, style="bold")
    if campaign.faulty:
        yield Text("  " + sentence("cli_status.faulty", campaign=campaign.campaign), style="bold red")
    if not campaign.runs:
        yield Text("  " + sentence("cli_status.no-runs"))
    else:
        over = [run for run in campaign.runs if run.status not in _OPEN]
        earlier = over[:-OVER] if len(seen.campaigns) > 1 else []
        if earlier:
            missed = sum(run.status == RunStatus.MISSED for run in earlier)
            said = sentence("cli_status.earlier", count=number(len(earlier)), missed=number(missed))
            yield Text("  " + said, style="red" if missed else "dim")
        stands_still = campaign.state == "paused"
        shown = [_as_paused(run) if stands_still else run for run in campaign.runs if run not in earlier]
        yield _runs(shown, seen, bars=bars)
    if campaign.data_until and campaign.runs:
        retired = sum(run.retired for run in campaign.runs)
        key = "data-gone" if retired and retired == len(campaign.runs) else "data-until"
        until = f"{campaign.data_until:%d/%m/%Y}"
        yield Text("  " + sentence(f"cli_status.{key}", until=until), style="dim")


def _as_paused(run: RunStands) -> RunStands:
    """A run that its campaign's pause holds back: its own row is left as it is, and says that it runs."""
    held_back = run.status in (RunStatus.ENQUEUEING, RunStatus.READY, RunStatus.RUNNING)
    return replace(run, status=RunStatus.PAUSED) if held_back else run


def _runs(runs: Sequence[RunStands], seen: Overview, *, bars: bool) -> Table:
    table = Table.grid(padding=(0, 2))
    for place in range(5):  # the first one is an indent
        table.add_column(overflow="fold", no_wrap=place == 1)
    for run in runs:
        stands = sentence(f"cli_status.run-status-{run.status}")
        why = words("run", run.reason) if run.reason else ""
        if why and not bars:
            stands, why = f"{stands} ({why})", ""
        style = _STYLES.get(RunStatus(run.status), "")
        table.add_row("", local(run.due), run.step, Text(stands, style=style), _course(run, why, seen, bars=bars))
    return table


def _course(run: RunStands, why: str, seen: Overview, *, bars: bool) -> RenderableType:
    """How far a run is, how fast it goes, why it stands still, and its counts: lines on a terminal, else one line."""
    told = counts(run)
    if run.progress is None or run.status not in _OPEN:
        return Text(", ".join(filter(None, (why, told))) or "—")
    percent = f"{number(int(run.progress * 100))}%"  # never 100% before the last one
    late = run.going is not None and run.going.in_time is False
    speed = Text(", ".join(pace(run, seen.as_of)), style="bold red" if late else "")
    if not bars:
        return Text(", ".join(filter(None, (percent, speed.plain, told))))
    line = Table.grid(padding=(0, 1))
    line.add_row(ProgressBar(total=1.0, completed=run.progress, width=BAR), percent)
    return Group(*(one for one in (line, speed, Text(why), Text(told, style="dim")) if one))


def _coming(seen: Overview) -> Iterator[RenderableType]:
    if not seen.coming:
        return
    yield ""
    yield Text(sentence("cli_status.coming"), style="bold")
    table = Table.grid(padding=(0, 2))
    for one in seen.coming[:COMING]:
        due = one.occurrence.due <= seen.as_of
        key = coming_key(one, seen.as_of)
        style = "" if one.approved else "bold red" if due else "yellow"
        if one.approved and one.paused:
            key, style = "coming-paused", "yellow"
        table.add_row(
            "", local(one.occurrence.due), one.campaign, one.step, Text(sentence(f"cli_status.{key}"), style=style)
        )
    yield table
    if len(seen.coming) > COMING:
        yield Text("  " + sentence("cli_status.more-coming", more=number(len(seen.coming) - COMING)))


def _senders(seen: Overview) -> Iterator[RenderableType]:
    if seen.senders:
        yield ""
        yield Text(sentence("cli_status.senders"), style="bold")
    for held in seen.senders:
        until = local(held.until) if held.until else sentence("cli_status.until-released")
        said = sentence("cli_status.held", sender=held.sender, until=until, why=words("sender", held.reason))
        yield Text("  " + said, style="" if held.until else "bold red")


def _incidents(seen: Overview) -> Iterator[RenderableType]:
    if seen.incidents:
        yield ""
        yield Text(sentence("cli_status.incidents", count=number(len(seen.incidents))), style="bold red")
    for incident in seen.incidents[:SHOWN]:
        told = {"at": local(incident.at), "subject": about(incident.subject), "what": what(incident.kind)}
        yield Text("  " + sentence("cli_status.incident", **told))
    if len(seen.incidents) > SHOWN:
        yield Text("  " + sentence("cli_status.more", more=number(len(seen.incidents) - SHOWN)))


def _instant(real_seconds: float) -> datetime:
    return datetime.fromtimestamp(real_seconds, UTC)
