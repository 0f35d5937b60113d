"""``loa schema``: JSON Schemas of the officer's files, for completion and hints in an editor."""

import json
from pathlib import Path

import click

from engine.errors import LoaError, reason_of
from engine.i18n import sentence
from engine.settings import from_environment


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True)
def schema(out: Path | None, as_json: bool) -> None:
    """Write the three schemas as files, or print them as one document."""
    from engine.channels import KNOWN
    from engine.content.schema import schemas

    found = schemas(KNOWN)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    folder = out or from_environment().state_folder / "schema"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, document in found.items():
            file = folder / f"{kind}.schema.json"
            file.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            click.echo(str(file))
    except OSError as error:
        raise LoaError("content.cannot-write", file=folder, reason=reason_of(error)) from None
    click.echo(sentence("cli_schema.hint", folder=folder.as_posix()), err=True)
