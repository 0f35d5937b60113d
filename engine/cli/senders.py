"""``loa senders``: every sender, how it stands and how much waits for it; ``release`` lets one send again."""

import json
import sys
from typing import Any

import click

from engine.clock import VIETNAM
from engine.errors import LoaError
from engine.i18n import number, sentence
from engine.pipeline import incidents
from engine.pipeline.files import load_workspace
from engine.pipeline.process import Process, opened
from engine.pipeline.sender_list import UNUSABLE, SenderStands, all_senders
from engine.settings import from_environment


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def senders(context: click.Context, as_json: bool) -> None:
    """How every sender stands, and what waits for it."""
    if context.invoked_subcommand is not None:
        return
    with opened(from_environment()) as process:
        found = _found(process)
    if as_json:
        click.echo(json.dumps({"senders": [document(one) for one in found]}, ensure_ascii=False))
    else:
        show(found)


@senders.command()
@click.argument("sender")
@click.option("--by", required=True)
@click.option("--why")
@click.option("--json", "as_json", is_flag=True)
def release(sender: str, by: str, why: str | None, as_json: bool) -> None:
    """Let a sender that is stopped or rests send again at once; audited."""
    with opened(from_environment()) as process:
        known = [one.key for one in _found(process)]
        if sender not in known:
            raise LoaError("cli_senders.no-such", sender=sender, known=", ".join(known) or "–")
        incidents.release(process, sender, by=by, why=why)
        stands = next((document(one) for one in _found(process) if one.key == sender), None)
    if as_json:
        click.echo(json.dumps({"released": sender, "sender": stands}, ensure_ascii=False))
    else:
        click.echo(sentence("cli_senders.released", sender=sender))


def _found(process: Process) -> list[SenderStands]:
    workspace = load_workspace(process.settings).workspace
    return all_senders(process, workspace.senders if workspace else {})


def document(one: SenderStands) -> dict[str, Any]:
    """A sender as JSON; ``reason`` as a stable word, ``message`` as a sentence."""
    sender = one.configured
    return {
        "sender": one.key,
        "provider": sender.provider if sender else None,
        "channel": sender.channel if sender else None,
        "rate": sender.rate if sender else None,
        "price_per_segment": sender.price_per_segment if sender else None,
        "state": one.state,
        "until": one.until.astimezone(VIETNAM).isoformat(timespec="seconds") if one.until else None,
        "reason": "unusable" if one.state == UNUSABLE else one.reason,
        "message": _why(one),
        "queued": one.queued,
        "sending": one.sending,
        "unknown": one.unknown,
    }


def show(found: list[SenderStands]) -> None:
    """Print the senders for a person."""
    from engine.reports.screen import console_for, plain_table

    if not found:
        click.echo(sentence("cli_senders.none"))
        return
    table = plain_table()
    for head in ("sender", "provider", "rate", "state", "queue"):
        table.add_column(sentence(f"cli_senders.head-{head}"), overflow="fold")
    for one in found:
        sender = one.configured
        until = f"{one.until.astimezone(VIETNAM):%H:%M:%S %d/%m}" if one.until else ""
        why = _why(one) or sentence("cli_senders.unknown-why")
        queue = {"queued": number(one.queued), "sending": number(one.sending), "unknown": number(one.unknown)}
        table.add_row(
            one.key,
            sender.provider if sender else sentence("cli_senders.not-in-file"),
            sentence("cli_senders.rate", rate=f"{sender.rate:g}") if sender else "",
            sentence(f"cli_senders.state-{one.state}", until=until, why=why),
            sentence("cli_senders.queue", **queue) if any((one.queued, one.sending, one.unknown)) else "—",
        )
    console_for(sys.stdout).print(table)


def _why(one: SenderStands) -> str | None:
    if one.problem is not None:
        return one.problem
    if one.reason is None:
        return None
    try:
        return sentence(f"cli_status.sender-{one.reason}")
    except KeyError:
        return sentence("cli_status.other", code=one.reason)
