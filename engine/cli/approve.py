"""``loa approve``, ``pause``, ``resume``, ``cancel``: people's decisions about a campaign."""

import json

import click

from engine.areas import registry as areas
from engine.cli.plan import show
from engine.errors import LoaError, UsageError
from engine.i18n import number, sentence
from engine.pipeline import control
from engine.pipeline.approve import approve as approve_snapshot
from engine.pipeline.changes import as_document, said
from engine.pipeline.files import campaign_snapshot, load_workspace, refuse_unknown
from engine.pipeline.plan import make_plan
from engine.pipeline.process import opened
from engine.reports.calendar import make_calendar
from engine.settings import from_environment
from engine.status import CampaignStatus

SHOWN = 40  # changed lines on a screen


@click.command()
@click.argument("campaign")
@click.option("--by", required=True)
@click.option("--document")
@click.option("--json", "as_json", is_flag=True)
def approve(campaign: str, by: str, document: str | None, as_json: bool) -> None:
    """Show the plan and take one person's approval of it; a file that changes afterwards voids it."""
    if not by.strip():
        raise UsageError("pipeline.approve-no-name")
    settings = from_environment()
    with opened(settings) as process:
        snapshot = campaign_snapshot(load_workspace(settings, None), campaign)
        plan = make_plan(process, snapshot, areas.load())
        for warning in plan.warnings:
            click.echo(warning, err=True)
        if not as_json:  # before the decision: as it stands, with what has been sent and what waits for this approval
            show(plan, make_calendar(process, snapshot, plan, now=process.clock.now()))
        done = approve_snapshot(process, snapshot, plan, by=by, document=document)
    if as_json:
        document_json = {
            "campaign": done.campaign,
            "digest": done.digest,
            "approvals": done.people,
            "needed": done.needed,
            "approved": done.complete,
            "status": str(done.status),
            "resumed": done.resumed,
            "recipients": plan.totals.recipients,
            "segments": plan.totals.segments,
            "cost_vnd": plan.totals.cost_vnd,
            "changes": [as_document(change) for change in done.changes],
        }
        click.echo(json.dumps(document_json, ensure_ascii=False))
        return
    if done.changes:
        click.echo(sentence("cli_approve.changes", count=number(len(done.changes))))
        for change in done.changes[:SHOWN]:
            click.echo(f"  {said(change)}")
        if len(done.changes) > SHOWN:
            click.echo("  " + sentence("cli_approve.more-changes", more=number(len(done.changes) - SHOWN)))
    key = "cli_approve.approved" if done.complete else "cli_approve.one-more"
    click.echo(
        sentence(
            key,
            campaign=campaign,
            recipients=number(plan.totals.recipients),
            cost=number(plan.totals.cost_vnd),
            digest=done.digest[:12],
            missing=done.needed - done.people,
        )
    )
    if done.status is CampaignStatus.PAUSED:
        click.echo(sentence("cli_approve.still-paused", campaign=campaign))


def _control(action: str, campaign: str, step: str | None, by: str | None, why: str | None, as_json: bool) -> None:
    settings = from_environment()
    with opened(settings) as process:
        try:
            decided = control.act(process, action, campaign, step, by=by, why=why)
        except LoaError as error:
            if error.key == "pipeline.nothing-to-control":  # a slip of the pen, more likely than not
                refuse_unknown(load_workspace(settings, None), campaign)
            raise
    if as_json:
        document = {
            "campaign": campaign,
            "step": step,
            "action": action,
            "runs": decided.runs,
            "status": str(decided.status),
            "missing_approvals": decided.missing,
            "waiting": [{"step": one, "reason": reason} for one, reason in decided.waiting],
        }
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    key = f"cli_approve.{action}-step" if step else f"cli_approve.{action}"
    click.echo(sentence(key, campaign=campaign, step=step, runs=number(decided.runs)))
    if decided.missing:
        click.echo(sentence("cli_approve.missing", campaign=campaign, missing=decided.missing))
    elif step and decided.status is CampaignStatus.PAUSED and action == "resume":
        click.echo(sentence("cli_approve.still-paused", campaign=campaign))
    for one, reason in () if decided.missing else decided.waiting:
        click.echo(sentence(f"cli_approve.waits-{reason}", campaign=campaign, step=one))


def _command(action: str) -> click.Command:
    @click.command(name=action)
    @click.argument("campaign")
    @click.argument("step", required=False)
    @click.option("--by")
    @click.option("--why")
    @click.option("--json", "as_json", is_flag=True)
    def command(campaign: str, step: str | None, by: str | None, why: str | None, as_json: bool) -> None:
        _control(action, campaign, step, by, why, as_json)

    return command


pause, resume, cancel = map(_command, ("pause", "resume", "cancel"))
