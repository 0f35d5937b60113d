"""``loa dispatch --once``: for cron, and for people who want to see one round."""

import asyncio
import json
import sys

import click

from engine import log
from engine.errors import DONE, USAGE, USER_CONTENT
from engine.i18n import number, sentence
from engine.pipeline.once import AT_ONCE, Round, one_round, turn
from engine.pipeline.process import opened
from engine.settings import from_environment


@click.command()
@click.option("--once", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def dispatch(once: bool, as_json: bool) -> int:
    """One round; exit code 1 when something could not be opened."""
    if not once:
        click.echo(sentence("cli_dispatch.say-once"), err=True)
        return USAGE
    settings = from_environment()
    with (
        opened(settings, claims=True, kind="once") as process,
        log.to_file(settings.state_folder / "logs" / "dispatch.log"),
        turn(process) as ours,
    ):
        done = Round()
        if ours:
            done = asyncio.run(one_round(process, progress=_progress if sys.stderr.isatty() else None))
    for campaign, step in done.opened.unapproved:
        click.echo(sentence("cli_dispatch.unapproved", campaign=campaign, step=step), err=True)
    for problem in done.problems:
        click.echo(problem, err=True)
    for file in done.files:
        click.echo(sentence("operator.written", file=file), err=True)
    if as_json:
        click.echo(json.dumps(round_json(done, busy=not ours), ensure_ascii=False))
    elif not done.idle or sys.stdout.isatty():  # cron makes a letter of every word
        click.echo(told(done) if ours else sentence("cli_dispatch.busy", count=AT_ONCE))
    return USER_CONTENT if done.problems else DONE


def told(done: Round) -> str:
    """What one round did, in a sentence."""
    on_pages = sum(done.posts.values())
    also = " " + sentence("cli_dispatch.posts", posts=number(on_pages)) if on_pages else ""
    said = sentence(
        "cli_dispatch.done",
        opened=len(done.opened.opened),
        claimed=number(done.counts.claimed),
        polled=number(done.polled),
        missed=len(done.opened.missed),
        held=len(done.opened.held),
    )
    return said + also


def round_json(done: Round, *, busy: bool = False) -> dict[str, object]:
    """What one round did; ``busy``: nothing, as others are at it."""
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
        "posts": dict(sorted(done.posts.items())),
        "files": done.files,
        "busy": busy,
    }


def _progress(passed: int, last: int) -> None:
    end = "\n" if passed >= last else ""
    click.echo(
        f"\r{sentence('cli_dispatch.enqueueing', passed=number(passed), last=number(last))}{end}", nl=False, err=True
    )
