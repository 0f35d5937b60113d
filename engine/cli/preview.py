"""``loa preview``: the words as they will arrive, with what they cost."""

import json

import click

from engine.areas import registry as areas
from engine.areas.area import Era
from engine.clock import campaign_clock
from engine.errors import UsageError
from engine.i18n import number, sentence
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.page_words import PageWords, page_words
from engine.pipeline.preview import Preview
from engine.pipeline.preview import preview as preview_words
from engine.settings import from_environment


@click.command()
@click.argument("campaign")
@click.argument("step")
@click.option("--area", "code")
@click.option("--era", type=click.Choice(["2025", "legacy"]))
@click.option("--lang", default="vi", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def preview(campaign: str, step: str, code: str | None, era: Era | None, lang: str, as_json: bool) -> None:
    """The words of one step, for one area and language, in each variant."""
    if (code is None) != (era is None):
        raise UsageError("cli_preview.area-needs-era")
    settings, registry = from_environment(), areas.load()
    snapshot = campaign_snapshot(load_workspace(settings, campaign_clock().now()), campaign)
    if any(one.id == step and one.posted for one in snapshot.campaign.steps):
        _show_posts(campaign, step, page_words(snapshot, snapshot.campaign.step(step), registry), as_json=as_json)
        return
    chosen = registry.get(era, code) if code and era else None
    area, found = preview_words(snapshot, registry, step, area=chosen, language=lang)
    if as_json:
        document = {
            "campaign": campaign,
            "step": step,
            "area": {"era": area.era, "code": area.code, "name": area.name},
            "texts": [_json(one) for one in found],
        }
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    click.echo(sentence("cli_preview.for", area=area.name, code=area.code, era=area.era))
    for one in found:
        _show(one)


def _show_posts(campaign: str, step: str, found: list[PageWords], *, as_json: bool) -> None:
    """A step on pages: what each of them will show."""
    if as_json:
        posts = [
            {
                "sender": one.sender.key,
                "area": {"era": one.area.era, "code": one.area.code, "name": one.area.name},
                "file": one.file,
                "text": one.text,
                "title": one.title,
                "link": one.link,
                "picture": one.picture,
            }
            for one in found
        ]
        click.echo(json.dumps({"campaign": campaign, "step": step, "posts": posts}, ensure_ascii=False))
        return
    for one in found:
        click.echo(sentence("cli_preview.page", page=one.sender.key, area=one.area.name, file=one.file))
        for name, value in (("title", one.title), ("link", one.link), ("picture", one.picture)):
            if value is not None:
                click.echo("  " + sentence(f"cli_preview.page-{name}", value=value))
        click.echo("  " + one.text.replace("\n", "\n  "))
        click.echo()


def _json(one: Preview) -> dict[str, object]:
    return {
        "variant": one.variant,
        "language": one.language,
        "fallback": one.fallback,
        "file": one.file,
        "text": one.text,
        "encoding": one.counted.encoding,
        "segments": one.counted.segments,
        "units": one.counted.units,
        "cost_vnd": one.cost_vnd,
        **({"script": one.script, "minutes": one.minutes} if one.script is not None else {}),
        **({"letter": one.letter} if one.letter is not None else {}),
    }


def _show(one: Preview) -> None:
    click.echo()
    head = "cli_preview.fallback" if one.fallback else "cli_preview.head"
    click.echo(sentence(head, file=one.file, language=one.language, variant=one.variant or "–"))
    if one.script is not None:
        click.echo("  " + one.script.replace("\n", "\n  "))
        click.echo(sentence("cli_preview.minutes", minutes=one.minutes))
        if one.letter is not None:
            click.echo(sentence("cli_preview.relay-gets-letter"))
            click.echo("  " + one.letter.replace("\n", "\n  "))
        if one.letter == one.text:  # there is no other road
            return
        click.echo(sentence("cli_preview.relay-gets"))
    click.echo("  " + one.text.replace("\n", "\n  "))
    click.echo(
        sentence(
            "cli_preview.cost",
            encoding=one.counted.encoding,
            units=one.counted.units,
            segments=one.counted.segments,
            cost=number(one.cost_vnd),
        )
    )
    if one.unaccented.segments < one.counted.segments:
        click.echo(sentence("cli_preview.unaccented", segments=one.unaccented.segments))
