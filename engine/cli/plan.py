"""``loa plan``: what a campaign will do, to how many, when, and for how much."""

import json
import sys
from datetime import timedelta

import click
from rich.console import Console
from rich.table import Table

from engine.areas import registry as areas
from engine.cli.area_json import district_json
from engine.clock import VIETNAM, parse_instant
from engine.i18n import number, sentence
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.plan import Plan, make_plan
from engine.pipeline.process import opened
from engine.settings import from_environment


@click.command()
@click.argument("campaign", metavar="CHIẾN_DỊCH")
@click.option("--at", "at", metavar="THỜI_ĐIỂM", help="Lập kế hoạch như đang ở thời điểm này (ISO, giờ Việt Nam).")
@click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
def plan(campaign: str, at: str | None, as_json: bool) -> None:
    """Xem trước: sẽ gửi những gì, cho bao nhiêu thuê bao, khi nào, tốn bao nhiêu."""
    settings = from_environment()
    instant = parse_instant(at) if at else None
    with opened(settings) as process:
        snapshot = campaign_snapshot(load_workspace(settings, None), campaign)
        made = make_plan(process, snapshot, areas.load(), at=instant)
    for warning in made.warnings:
        click.echo(warning, err=True)
    if as_json:
        click.echo(json.dumps(plan_json(made), ensure_ascii=False))
    else:
        show(made)


def plan_json(made: Plan) -> dict[str, object]:
    """The plan as the contract has it."""
    registry = areas.load()
    totals = made.totals
    return {
        "campaign": made.campaign,
        "runs": [
            {
                "step": run.step,
                "occurrence": run.occurrence,
                "channel": run.channel,
                "due": run.due.astimezone(VIETNAM).isoformat(),
                "recipients": run.recipients,
                "excluded": dict(sorted(run.excluded.items())),
                "segments": run.segments,
                "cost_vnd": run.cost_vnd,
                "duration_s": round(run.duration_s, 1),
            }
            for run in made.runs
        ],
        "by_district": [
            {
                "area": district_json(registry, code),
                "recipients": sums.recipients,
                "segments": sums.segments,
                "cost_vnd": sums.cost_vnd,
            }
            for code, sums in sorted(made.by_district.items(), key=lambda item: (item[0] is None, item[0] or ""))
        ],
        "totals": {
            "recipients": totals.recipients,
            "people": totals.people,
            "excluded": totals.excluded,
            "segments": totals.segments,
            "cost_vnd": totals.cost_vnd,
        },
    }


def show(made: Plan) -> None:
    """The plan as two tables: the calendar, and the old districts."""
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 200, soft_wrap=not sys.stdout.isatty())
    if not made.runs:
        console.print(sentence("cli_plan.nothing"))
        return
    calendar = Table(title=sentence("cli_plan.calendar"), title_justify="left")
    for head in ("when", "step", "recipients", "excluded", "segments", "cost", "duration"):
        right = head not in ("when", "step", "excluded")
        calendar.add_column(sentence(f"cli_plan.{head}"), justify="right" if right else "left", no_wrap=right)
    for run in made.runs:
        left_out = ", ".join(f"{sentence(f'reasons.{why}')} {number(n)}" for why, n in sorted(run.excluded.items()))
        calendar.add_row(
            f"{run.due.astimezone(VIETNAM):%d/%m/%Y %H:%M}",
            run.step,
            number(run.recipients),
            left_out or "–",
            number(run.segments),
            number(run.cost_vnd),
            str(timedelta(seconds=round(run.duration_s))),
        )
    console.print(calendar)
    districts = Table(title=sentence("cli_plan.districts"), title_justify="left")
    for head in ("district", "recipients", "segments", "cost"):
        districts.add_column(sentence(f"cli_plan.{head}"), justify="left" if head == "district" else "right")
    registry = areas.load()
    for code, sums in sorted(made.by_district.items(), key=lambda item: (item[0] is None, item[0] or "")):
        name = str(district_json(registry, code)["name"])
        districts.add_row(
            sentence("cli_plan.old", name=name) if code else name,
            number(sums.recipients),
            number(sums.segments),
            number(sums.cost_vnd),
        )
    console.print(districts)
    totals = made.totals
    console.print(
        sentence(
            "cli_plan.totals",
            recipients=number(totals.recipients),
            people=number(totals.people),
            excluded=number(totals.excluded),
            segments=number(totals.segments),
            cost=number(totals.cost_vnd),
        )
    )
