"""``loa init``: a new workspace, or the database of an existing one brought up to date."""

import os
from dataclasses import replace
from pathlib import Path

import click

from engine.content.starting import new_workspace
from engine.i18n import sentence
from engine.settings import Settings, from_environment

# Where the sample workspace is; an officer of another province changes one line, and the closing sentence says so.
PROVINCE = "20"
ORGANISATION = "Ban Chỉ đạo 138"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=None, required=False)
@click.option("--organisation", default=ORGANISATION)
@click.option("--province", default=PROVINCE)
def init(folder: Path | None, organisation: str, province: str) -> None:
    """Make what is missing of a workspace: files, key, database with the newest tables."""
    from engine.areas.registry import load
    from engine.areas.resolve import resolve
    from engine.store.schema import prepare

    settings = settings_for(folder)
    code = resolve(province, "province", "2025", None, load()).code
    name = organisation.replace('"', "'").replace("\\", "/")
    written = new_workspace(settings.workspace, {"organisation": name, "province": code})
    database = prepare(settings)
    for file in written:
        click.echo(str(settings.workspace / file))
    told = {"made": "cli_init.database-made", "upgraded": "cli_init.upgraded", "unchanged": "cli_init.up-to-date"}
    click.echo(sentence("cli_init.made" if written else told[database], folder=settings.workspace))


def settings_for(folder: Path | None) -> Settings:
    """The settings of the workspace in ``folder`` (None: the environment's); ``LOA_DATABASE_URL`` still rules."""
    settings = from_environment()
    if folder is None:
        return settings
    workspace = folder.resolve()
    url = os.environ.get("LOA_DATABASE_URL") or f"sqlite:///{workspace / '.loa' / 'loa.db'}"
    return replace(settings, workspace=workspace, database_url=url)
