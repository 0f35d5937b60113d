"""``loa status``: how every campaign stands, and what waits for a person."""

import json
import sys
from datetime import datetime
from typing import Any

import click

from engine.clock import VIETNAM, real
from engine.i18n import number, sentence
from engine.pipeline.process import opened
from engine.reports import campaigns as keys
from engine.reports.figures import STATUSES
from engine.reports.overview import CampaignStands, Overview, RunStands, overview
from engine.reports.tally_queries import campaigns_with_runs
from engine.settings import from_environment

SHOWN = 20  # incidents on a screen; all of them are in the JSON


@click.command()
@click.argument("campaign", metavar="[CHIẾN_DỊCH]", required=False)
@click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
def status(campaign: str | None, as_json: bool) -> None:
    """Xem các lượt gửi đang ở đâu, vì sao tạm giữ, và việc gì đang chờ người xử lý."""
    settings = from_environment()
    with opened(settings) as process:
        with process.database.read() as connection:
            known = sorted({*keys.in_folder(settings.workspace), *campaigns_with_runs(connection)})
        wanted = keys.chosen([campaign], known) if campaign else known
        seen = overview(process.database, wanted, now=process.clock.now(), real_now=real())
    if as_json:
        click.echo(json.dumps(document(seen), ensure_ascii=False))
    else:
        show(seen)


def document(seen: Overview) -> dict[str, Any]:
    """The overview as JSON; reasons as stable words and as sentences."""
    return {
        "as_of": _iso(seen.as_of),
        "campaigns": [
            {
                "campaign": one.campaign,
                "state": one.state,
                "approvals": one.approvals,
                "runs": [_run_document(run) for run in one.runs],
            }
            for one in seen.campaigns
        ],
        "senders": [
            {
                "sender": held.sender,
                "until": _iso(held.until) if held.until else None,
                "reason": held.reason,
                "message": words("sender", held.reason),
            }
            for held in seen.senders
        ],
        "incidents": [
            {
                "at": _iso(incident.at),
                "kind": incident.kind,
                "subject": incident.subject,
                "message": words("incident", incident.kind),
            }
            for incident in seen.incidents
        ],
    }


def _run_document(run: RunStands) -> dict[str, Any]:
    counts = {key: value for key, value in run.figures.document().items() if key != "delivery_rate"}
    return {
        "step": run.step,
        "occurrence": run.occurrence,
        "channel": run.channel,
        "status": run.status,
        "reason": run.reason,
        "message": words("run", run.reason) if run.reason else None,
        "due": _iso(run.due),
        "expires": _iso(run.expires_at),
        "finished": _iso(run.finished_at) if run.finished_at else None,
        **counts,
    }


def show(seen: Overview) -> None:
    """Print the overview for a person: what waits for them comes last, where the eye stays."""
    click.echo(sentence("cli_status.as-of", as_of=_local(seen.as_of)))
    if not seen.campaigns:
        click.echo(sentence("cli_status.no-campaigns"))
    for campaign in seen.campaigns:
        click.echo()
        _show_campaign(campaign)
    if seen.senders:
        click.echo()
        click.secho(sentence("cli_status.senders"), bold=True)
    for held in seen.senders:
        until = _local(held.until.astimezone(VIETNAM)) if held.until else sentence("cli_status.until-released")
        click.echo(
            "  " + sentence("cli_status.held", sender=held.sender, until=until, why=words("sender", held.reason))
        )
    if seen.incidents:
        click.echo()
        click.secho(sentence("cli_status.incidents", count=number(len(seen.incidents))), bold=True)
    for incident in seen.incidents[:SHOWN]:
        what = words("incident", incident.kind)
        click.echo("  " + sentence("cli_status.incident", at=_local(incident.at), what=what, subject=incident.subject))
    if len(seen.incidents) > SHOWN:
        click.echo("  " + sentence("cli_status.more", more=number(len(seen.incidents) - SHOWN)))


def _show_campaign(campaign: CampaignStands) -> None:
    approved = "approved" if campaign.approvals else "not-approved"
    state = sentence(f"cli_status.state-{campaign.state}")
    approval = sentence(f"cli_status.{approved}", approvals=campaign.approvals)
    click.secho(sentence("cli_status.campaign", campaign=campaign.campaign, state=state, approval=approval), bold=True)
    if not campaign.runs:
        click.echo("  " + sentence("cli_status.no-runs"))
        return
    from engine.reports.screen import console_for, plain_table

    table = plain_table()
    for head in ("due", "step", "run", "deliveries"):
        table.add_column(sentence(f"cli_status.head-{head}"), overflow="fold", no_wrap=head == "due")
    for run in campaign.runs:
        stands = sentence(f"cli_status.run-status-{run.status}")
        if run.reason:
            stands += f" ({words('run', run.reason)})"
        table.add_row(_local(run.due), run.step, stands, _counts(run))
    console_for(sys.stdout).print(table)


def _counts(run: RunStands) -> str:
    """The counts that are not zero, in words: 12.000 nhà mạng xác nhận, 300 chờ gửi."""
    parts = [
        f"{number(run.figures.statuses[one])} {sentence(f'cli_status.status-{one}')}"
        for one in STATUSES
        if run.figures.statuses[one]
    ]
    return ", ".join(parts) or "—"


def words(about: str, code: str) -> str:
    """The sentence for a stable word about a run, a sender or an incident; one without a sentence stands for itself."""
    try:
        return sentence(f"cli_status.{about}-{code}")
    except KeyError:
        return sentence("cli_status.other", code=code)


def _iso(instant: datetime) -> str:
    return instant.astimezone(VIETNAM).isoformat(timespec="seconds")


def _local(instant: datetime) -> str:
    return f"{instant.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
