"""``loa approve``, ``pause``, ``resume``, ``cancel``: people's decisions about a campaign."""

import json

import click

from engine.areas import registry as areas
from engine.cli.plan import show
from engine.i18n import number, sentence
from engine.pipeline import control
from engine.pipeline.approve import approve as approve_snapshot
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.plan import make_plan
from engine.pipeline.process import opened
from engine.settings import from_environment


@click.command()
@click.argument("campaign", metavar="CHIẾN_DỊCH")
@click.option("--by", required=True, metavar="HỌ_TÊN", help="Người phê duyệt.")
@click.option("--document", metavar="SỐ", help="Số tờ trình hoặc văn bản phê duyệt.")
@click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
def approve(campaign: str, by: str, document: str | None, as_json: bool) -> None:
    """Phê duyệt chiến dịch đúng như tệp và số liệu lúc này.

    Sửa tệp sau khi phê duyệt thì phê duyệt hết hiệu lực và phải phê duyệt lại.
    """
    settings = from_environment()
    with opened(settings) as process:
        snapshot = campaign_snapshot(load_workspace(settings, None), campaign)
        plan = make_plan(process, snapshot, areas.load())
        for warning in plan.warnings:
            click.echo(warning, err=True)
        if not as_json:
            show(plan)
        done = approve_snapshot(process, snapshot, plan, by=by, document=document)
    if as_json:
        document_json = {
            "campaign": done.campaign,
            "digest": done.digest,
            "approvals": done.people,
            "needed": done.needed,
            "approved": done.complete,
            "recipients": plan.totals.recipients,
            "segments": plan.totals.segments,
            "cost_vnd": plan.totals.cost_vnd,
        }
        click.echo(json.dumps(document_json, ensure_ascii=False))
        return
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


def _control(action: str, campaign: str, step: str | None, by: str | None, why: str | None, as_json: bool) -> None:
    settings = from_environment()
    with opened(settings) as process:
        touched = control.act(process, action, campaign, step, by=by, why=why)
    if as_json:
        click.echo(json.dumps({"campaign": campaign, "step": step, "action": action, "runs": touched}))
        return
    click.echo(sentence(f"cli_approve.{action}", campaign=campaign, runs=touched))


def _command(action: str, help_text: str) -> click.Command:
    @click.command(name=action, help=help_text)
    @click.argument("campaign", metavar="CHIẾN_DỊCH")
    @click.argument("step", metavar="[BƯỚC]", required=False)
    @click.option("--by", metavar="HỌ_TÊN", help="Người quyết định.")
    @click.option("--why", metavar="LÝ_DO", help="Lý do, được ghi vào nhật ký.")
    @click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
    def command(campaign: str, step: str | None, by: str | None, why: str | None, as_json: bool) -> None:
        _control(action, campaign, step, by, why, as_json)

    return command


pause = _command("pause", "Tạm dừng chiến dịch (hoặc một bước): không lượt tin nào mới được lấy ra gửi.")
resume = _command("resume", "Cho chạy tiếp những gì đang tạm dừng hoặc tạm giữ.")
cancel = _command("cancel", "Hủy chiến dịch (hoặc một bước): những lượt còn chờ sẽ không gửi nữa.")
