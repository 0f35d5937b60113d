"""``loa areas``: find an administrative unit by name, show what is known of one."""

import json
from typing import Any, cast

import click

from engine.areas.area import ERAS, LEVELS, Area, Era, Key, Level
from engine.areas.registry import Registry, load
from engine.errors import UsageError
from engine.i18n import number, sentence

AS_JSON = click.option("--json", "as_json", is_flag=True)


@click.group()
def areas() -> None:
    """Look up administrative units of both eras."""


@areas.command()
@click.argument("text")
@click.option("--era", type=click.Choice(ERAS))
@click.option("--level", type=click.Choice(LEVELS))
@AS_JSON
def find(text: str, era: str | None, level: str | None, as_json: bool) -> None:
    """Find by name, with or without accents, or by code; exit code 1 when there is nothing."""
    registry = load()
    wanted_era, wanted_level = cast("Era | None", era), cast("Level | None", level)
    found = registry.find(text, wanted_era, wanted_level)
    if as_json:
        click.echo(json.dumps({"areas": [described(area, registry) for area in found]}, ensure_ascii=False))
    if not found:
        raise registry.unknown(text, wanted_era, wanted_level)
    if not as_json:
        for area in found:
            click.echo(one_line(area, registry))


@areas.command()
@click.argument("code")
@click.option("--era", type=click.Choice(ERAS))
@AS_JSON
def show(code: str, era: str | None, as_json: bool) -> None:
    """One unit with its history; both eras use the same codes for different places, so the era must be told."""
    if era is None:
        raise UsageError("cli_areas.era-missing", code=code)
    registry = load()
    area = registry.get(cast("Era", era), code)
    if as_json:
        click.echo(json.dumps(in_full(area, registry), ensure_ascii=False))
    else:
        click.echo("\n".join(lines(area, registry)))


def named(key: Key, registry: Registry) -> dict[str, str]:
    """An area as a reference inside a JSON document."""
    area = registry.get(*key)
    return {"era": area.era, "code": area.code, "name": area.name}


def described(area: Area, registry: Registry) -> dict[str, Any]:
    """The JSON object of an area in a list."""
    return {
        "era": area.era,
        "code": area.code,
        "name": area.name,
        "level": area.level,
        "province": named((area.era, area.province), registry),
        "district": named(("legacy", area.district), registry) if area.district else None,
    }


def in_full(area: Area, registry: Registry) -> dict[str, Any]:
    """The JSON object of one area with its history; only communes have any."""
    historic = None
    successors: tuple[tuple[str, bool], ...] = ()
    sources: tuple[tuple[str, bool], ...] = ()
    if area.level == "commune":
        known = registry.historic_district(area.era, area.code)
        name = registry.get("legacy", known.district_code).name if known.district_code else None
        historic = {"code": known.district_code, "name": name, "rule": known.rule}
        successors = registry.successors(area.code) if area.era == "legacy" else ()
        sources = registry.sources(area.code) if area.era == "2025" else ()
    return described(area, registry) | {
        "historic_district": historic,
        "successors": [
            {"code": code, "name": registry.get("2025", code).name, "whole": whole} for code, whole in successors
        ],
        "sources": [
            {"code": code, "name": registry.get("legacy", code).name, "whole": whole} for code, whole in sources
        ],
        "lat": area.lat,
        "lon": area.lon,
    }


def one_line(area: Area, registry: Registry) -> str:
    """An area on one line: code, era, name, and where it lies."""
    around = [registry.get("legacy", area.district).name] if area.district and area.level == "commune" else []
    if area.level != "province":
        around.append(registry.get(area.era, area.province).name)
    era = sentence(f"cli_areas.era-{area.era}")
    return "  ".join([area.code.ljust(5), era, ", ".join([area.name, *around])])


def lines(area: Area, registry: Registry) -> list[str]:
    """What ``show`` prints for a person."""
    shown = in_full(area, registry)
    told = [one_line(area, registry)]
    told.append(sentence("cli_areas.level", level=sentence(f"cli_areas.level-{area.level}")))
    if historic := shown["historic_district"]:
        rule = sentence(f"cli_areas.rule-{historic['rule']}")
        name = historic["name"] or sentence("cli_areas.no-district")
        told.append(sentence("cli_areas.historic", district=name, code=historic["code"] or "–", rule=rule))
    for direction in ("successors", "sources"):
        if shown[direction]:
            told.append(sentence(f"cli_areas.{direction}"))
        for other in shown[direction]:
            how = sentence("cli_areas.how-whole" if other["whole"] else "cli_areas.how-part")
            told.append(f"  {other['code']}  {other['name']} ({how})")
    told.append(sentence("cli_areas.centroid", lat=number(area.lat, 4), lon=number(area.lon, 4)))
    return told
