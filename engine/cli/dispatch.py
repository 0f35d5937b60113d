"""``loa dispatch --once``: for cron, and for people who want to see one round."""

import asyncio
import json
import sys

import click

from engine import log
from engine.errors import DONE, USAGE, USER_CONTENT
from engine.i18n import number, sentence
from engine.pipeline.once import Round, one_round
from engine.pipeline.process import opened
from engine.settings import from_environment


@click.command()
@click.option("--once", is_flag=True, help="Một vòng: mở lượt đến hạn, gửi hết, hỏi biên nhận rồi kết thúc.")
@click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
def dispatch(once: bool, as_json: bool) -> int:
    """Gửi những lượt đến hạn một lần rồi dừng (dùng với cron). Để chạy liên tục, dùng “loa run”."""
    if not once:
        click.echo(sentence("cli_dispatch.say-once"), err=True)
        return USAGE
    log.configure()
    with opened(from_environment(), claims=True) as process:
        done = asyncio.run(one_round(process, progress=_progress if sys.stderr.isatty() else None))
    for campaign, step in done.opened.unapproved:
        click.echo(sentence("cli_dispatch.unapproved", campaign=campaign, step=step), err=True)
    for problem in done.problems:
        click.echo(problem, err=True)
    if as_json:
        click.echo(json.dumps(round_json(done), ensure_ascii=False))
    else:
        click.echo(
            sentence(
                "cli_dispatch.done",
                opened=len(done.opened.opened),
                claimed=number(done.counts.claimed),
                polled=number(done.polled),
                missed=len(done.opened.missed),
                held=len(done.opened.held),
            )
        )
    return USER_CONTENT if done.problems else DONE


def round_json(done: Round) -> dict[str, object]:
    """What one round did."""
    return {
        "opened": len(done.opened.opened),
        "missed": [
            {"campaign": campaign, "step": step, "occurrence": occurrence}
            for campaign, step, occurrence in done.opened.missed
        ],
        "held": len(done.opened.held),
        "claimed": done.counts.claimed,
        "excluded": done.counts.excluded,
        "outcomes": dict(sorted(done.counts.by_status.items())),
        "polled": done.polled,
    }


def _progress(passed: int, last: int) -> None:
    end = "\n" if passed >= last else ""
    click.echo(
        f"\r{sentence('cli_dispatch.enqueueing', passed=number(passed), last=number(last))}{end}", nl=False, err=True
    )
