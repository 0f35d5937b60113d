"""``loa sandbox``: the stand-in for Twilio's Messages API."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import click

from engine.clock import campaign_clock
from engine.i18n import sentence

_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:\s*/\s*s)?")


class _Rate(click.ParamType[float]):
    """``50`` or ``50/s``."""

    name = "N/s"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _RATE.fullmatch(str(value).strip())
        if not found or float(found[1]) < 1:
            self.fail(sentence("cli_sandbox.bad-rate", text=value), param, ctx)
        return float(found[1])


_SHARE = click.FloatRange(0, 1)
# A flag alone means all of them, with a number that share.
_SHARE_OR_ALL: dict[str, Any] = {"type": _SHARE, "is_flag": False, "flag_value": 1.0, "default": 0.0}


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8139, show_default=True)
@click.option("--ledger", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--latency", type=click.FloatRange(0, 60), default=0.0)
@click.option("--error-rate", type=_SHARE, default=0.0)
@click.option("--drop-response-rate", type=_SHARE, default=0.0)
@click.option("--duplicate-callbacks", **_SHARE_OR_ALL)
@click.option("--shuffle-callbacks", **_SHARE_OR_ALL)
@click.option("--lose-callbacks", **_SHARE_OR_ALL)
@click.option("--rate", type=_Rate(), default=None)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def sandbox(
    port: int,
    ledger: Path,
    latency: float,
    error_rate: float,
    drop_response_rate: float,
    duplicate_callbacks: float,
    shuffle_callbacks: float,
    lose_callbacks: float,
    rate: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """Serve the stand-in for Twilio on loopback until it is stopped."""
    from engine.sandbox.faults import Faults
    from engine.sandbox.server import Sandbox
    from engine.sandbox.service import listen, serve

    account, token = os.environ.get("TWILIO_ACCOUNT_SID"), os.environ.get("TWILIO_AUTH_TOKEN")
    opened = listen(port)
    app = Sandbox(
        ledger,
        campaign_clock(),
        Faults(
            latency=latency,
            error_rate=error_rate,
            drop_response_rate=drop_response_rate,
            duplicate_callbacks=duplicate_callbacks,
            lose_callbacks=lose_callbacks,
            shuffle_callbacks=shuffle_callbacks > 0,
            rate=rate,
            seed=seed,
        ),
        (account, token) if account and token else None,
    )

    def ready(url: str) -> None:
        if as_json:
            click.echo(json.dumps({"url": url, "messages": len(app.log)}))
        else:
            click.echo(sentence("cli_sandbox.listening", url=url))
            click.echo(sentence("cli_sandbox.ledger", file=ledger), err=True)

    asyncio.run(serve(app, opened, ready))
    if app.callbacks.elsewhere:
        click.echo(sentence("cli_sandbox.elsewhere", count=app.callbacks.elsewhere), err=True)
