"""``loa posts``: every post of a campaign, where it stands, and where people see it."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click
from sqlalchemy import RowMapping

from engine.areas import registry as areas
from engine.areas.registry import Registry
from engine.clock import VIETNAM
from engine.i18n import number, sentence
from engine.pipeline.process import opened
from engine.reports import campaigns as keys
from engine.reports.screen import console_for, plain_table
from engine.reports.tally_queries import campaigns_with_runs
from engine.settings import from_environment
from engine.store import post_responses
from engine.store import posts as store


@click.command()
@click.argument("campaign")
@click.option("--json", "as_json", is_flag=True)
def posts(campaign: str, as_json: bool) -> None:
    """The posts that there have been; those to come are the plan's."""
    settings = from_environment()
    with opened(settings) as process, process.database.read() as connection:
        known = sorted({*keys.in_folder(settings.workspace), *campaigns_with_runs(connection)})
        (chosen,) = keys.chosen([campaign], known)
        rows = store.of_campaigns(connection, [chosen])
        answers = post_responses.latest(connection, [row["id"] for row in rows])
        channels = store.channels(connection, {row["run_id"] for row in rows})
    registry = areas.load()
    listed = [document(registry, row, channels[row["run_id"]], answers.get(row["id"])) for row in rows]
    if as_json:
        click.echo(json.dumps({"campaign": chosen, "posts": listed}, ensure_ascii=False))
    else:
        show(listed)


def document(registry: Registry, row: RowMapping, channel: str, answered: RowMapping | None) -> dict[str, Any]:
    """One post as JSON. What the vendor said about a failure stays sealed; ``reason`` is our stable word for it."""
    name = registry.get(row["era"], row["area"]).name if registry.has(row["era"], row["area"]) else row["area"]
    return {
        "id": row["id"],
        "step": row["step"],
        "occurrence": row["occurrence"],
        "channel": channel,
        "sender": row["sender"],
        "area": {"era": row["era"], "code": row["area"], "name": name},
        "district": row["district"],
        "due": _iso(row["due"]),
        "status": row["status"],
        "reason": row["reason"],
        "code": row["code"],
        "attempt": row["attempt"],
        "published": _iso(row["published_at"]) if row["published_at"] else None,
        "address": row["address"],
        "response": _response(answered),
    }


def _response(answered: RowMapping | None) -> dict[str, Any] | None:
    if answered is None:
        return None
    return {"at": _iso(answered["at"])} | {name: answered[name] for name in post_responses.FIGURES}


def show(listed: list[dict[str, Any]]) -> None:
    """Print the posts for a person."""
    if not listed:
        click.echo(sentence("cli_posts.none"))
        return
    table = plain_table()
    for head in ("id", "due", "step", "page", "area", "status", "reach", "address"):
        right = head in ("id", "reach")
        table.add_column(sentence(f"cli_posts.head-{head}"), justify="right" if right else "left", overflow="fold")
    for one in listed:
        reach = one["response"]["reach"] if one["response"] else None
        state = sentence(f"cli_posts.status-{one['status']}")
        table.add_row(
            str(one["id"]),
            f"{one['due'][8:10]}/{one['due'][5:7]} {one['due'][11:16]}",
            one["step"],
            one["sender"],
            one["area"]["name"],
            f"{state} ({why(one['reason'])})" if _says_more(one) else state,
            "–" if reach is None else number(reach),
            one["address"] or "–",
        )
    console_for(sys.stdout).print(table)


def _says_more(one: Mapping[str, Any]) -> bool:
    """A post that is up needs no reason, unless those who follow the account were not told of it."""
    return bool(one["reason"]) and (one["status"] != "published" or one["reason"] == "not_broadcast")


def why(reason: str) -> str:
    """The sentence for a stable word about a post; one without a sentence stands for itself."""
    try:
        return sentence(f"cli_posts.reason-{reason}")
    except KeyError:
        return reason


def _iso(instant: Any) -> str:
    return str(instant.astimezone(VIETNAM).isoformat(timespec="seconds"))
