"""``loa contacts opt-out | erase | stats | export``."""

import json
from pathlib import Path

import click

from engine.areas import registry as areas
from engine.cli.confirm import confirm
from engine.errors import USER_CONTENT, LoaError, UsageError
from engine.i18n import number, sentence
from engine.pipeline import contact_care
from engine.pipeline.process import opened
from engine.settings import from_environment


@click.command("opt-out")
@click.argument("numbers", nargs=-1)
@click.option("--file", "listed", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--source", required=True)
@click.option("--json", "as_json", is_flag=True)
def opt_out(numbers: tuple[str, ...], listed: Path | None, source: str, as_json: bool) -> int:
    """Record numbers that refuse messages, held or not; exit code 1 when some were none."""
    if not numbers and listed is None:
        raise UsageError("cli_contact_care.no-numbers")
    wanted = list(numbers)
    if listed is not None:
        try:
            wanted += contact_care.numbers_in(listed.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError):
            raise LoaError("cli_contact_care.cannot-read", file=listed) from None
    with opened(from_environment()) as process:
        recorded, marked, wrong = contact_care.opt_out(process, wanted, source=source)
    if as_json:
        problems = [{"row": place, "message": message} for place, message in wrong]
        click.echo(json.dumps({"recorded": recorded, "contacts": marked, "problems": problems}, ensure_ascii=False))
    else:
        click.echo(sentence("cli_contact_care.opted-out", recorded=number(recorded), contacts=number(marked)))
        for place, message in wrong:
            click.echo(sentence("cli_contact_care.wrong", row=place, message=message), err=True)
    return USER_CONTENT if wrong else 0


@click.command()
@click.argument("phone")
@click.option("--by")
@click.option("--yes", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def erase(phone: str, by: str | None, yes: bool, as_json: bool) -> int:
    """Erase a person's data and never write to the number again."""
    if not yes:
        confirm(sentence("cli_contact_care.sure"))
    with opened(from_environment()) as process:
        found = contact_care.erase(process, phone, by=by)
    if as_json:
        click.echo(json.dumps({"erased": found}))
    else:
        click.echo(sentence("cli_contact_care.erased" if found else "cli_contact_care.not-held"))
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True)
def stats(as_json: bool) -> None:
    """Count the subscribers, by old district, language and group."""
    with opened(from_environment()) as process:
        found = contact_care.stats(process, areas.load())
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for name in ("contacts", "with_email", "opted_out", "opt_out_list"):
        click.echo(f"{sentence(f'cli_contact_care.{name}')}: {number(int(str(found[name])))}")
    listed = found["do_not_call"]
    if isinstance(listed, dict) and listed["date"]:
        values = {"numbers": number(listed["numbers"]), "contacts": number(listed["contacts"])}
        click.echo(sentence("cli_contact_care.do_not_call", **values, source=listed["source"], date=listed["date"]))
    by_district = found["by_district"]
    if isinstance(by_district, list):
        for one in by_district:
            name = one["area"]["name"] or sentence("pipeline.ambiguous-district")
            click.echo(f"  {name}: {number(one['contacts'])}")
    for name in ("by_language", "by_group"):
        counts = found[name]
        if isinstance(counts, dict) and counts:
            said = ", ".join(f"{key} {number(count)}" for key, count in sorted(counts.items()))
            click.echo(f"{sentence(f'cli_contact_care.{name}')}: {said}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--by")
@click.option("--json", "as_json", is_flag=True)
def export(file: Path, by: str | None, as_json: bool) -> None:
    """Write the whole list, numbers and names in clear, to a CSV file; the audit log keeps who did it."""
    with opened(from_environment()) as process:
        written = contact_care.export(process, file, by=by)
    if as_json:
        click.echo(json.dumps({"contacts": written, "file": str(file)}, ensure_ascii=False))
    else:
        click.echo(sentence("cli_contact_care.exported", contacts=number(written), file=file))
