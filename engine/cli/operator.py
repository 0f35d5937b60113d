"""``loa operator``: lists for an operator who sends by itself, and what the operator gives back."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from engine.errors import USER_CONTENT, LoaError
from engine.i18n import number, sentence
from engine.pipeline import operator_document, operator_files, operator_results
from engine.pipeline.process import Process, opened
from engine.settings import from_environment
from engine.store import audit
from engine.store import operator_files as rows

_SHOWN = 20


@click.group()
def operator() -> None:
    """Lists for an operator who sends by itself, and what it gives back."""


@operator.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_(as_json: bool) -> None:
    """The files written so far, and what came of them."""
    with opened(from_environment()) as process, process.database.read() as connection:
        found = [_document(file, rows.standing(connection, file.id)) for file in rows.written(connection)]
        folder = operator_files.outbox_folder(process)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "files": found}, ensure_ascii=False))
        return
    for file in found:
        statuses = ", ".join(f"{key} {number(count)}" for key, count in file["statuses"].items())
        click.echo(f"{file['file']}  {file['sender']}  {number(file['rows'])}  {statuses}")
    click.echo(sentence("operator.listed", files=len(found), folder=folder), err=True)


@operator.command()
@click.argument("campaign")
@click.argument("step")
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--occurrence")
@click.option("--by")
@click.option("--json", "as_json", is_flag=True)
def export(campaign: str, step: str, out: Path, occurrence: str | None, by: str | None, as_json: bool) -> None:
    """Write what is due of a step into files for the operator, and copy them out."""
    with opened(from_environment(), claims=True) as process:
        operator_files.export_due(process)
        with process.database.read() as connection:
            files = [
                file
                for file in rows.written(connection)
                if (file.campaign, file.step) == (campaign, step) and occurrence in (None, file.occurrence)
            ]
        copied = _copy(process, files, out, by)
    if as_json:
        click.echo(json.dumps({"files": copied}, ensure_ascii=False))
        return
    for file in copied:
        click.echo(file)


def _copy(process: Process, files: list[Any], out: Path, by: str | None) -> list[str]:
    """Copy complete files to where the officer wants them, readable by nobody else; the paths."""
    if not files:
        raise LoaError("operator.nothing")
    if len(files) > 1 and not out.is_dir():
        raise LoaError("operator.several-files", files=len(files), out=out)
    done = []
    for file in files:
        source = operator_files.outbox_folder(process) / file.name
        if file.state != "done" or not source.is_file():
            raise LoaError("operator.not-here", file=file.name)
        target = out / file.name if out.is_dir() else out
        with operator_document.complete(target) as beside, source.open("rb") as read, beside.open("wb") as write:
            shutil.copyfileobj(read, write)
        with process.database.write() as connection:
            at = process.clock.now()
            audit.record(connection, process.keyring, at=at, action="files.export", subject=f"file:{file.name}", who=by)
            audit.settle_incident(connection, at=at, kind=operator_files.INCIDENT, subject=f"file:{file.name}")
        done.append(str(target))
    return done


@operator.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sender", required=True)
@click.option("--campaign")
@click.option("--step")
@click.option("--dry-run", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def import_(file: Path, sender: str, campaign: str | None, step: str | None, dry_run: bool, as_json: bool) -> int:
    """Read the operator's results, CSV or XLSX; the same file again changes nothing."""
    with opened(from_environment()) as process:
        wanted = operator_results.sender_of_files(process, sender)
        with process.database.read() as connection:
            runs = rows.runs_of(connection, sender, campaign, step) if campaign or step else None
        result = operator_results.import_results(process, file, wanted, runs, dry_run=dry_run)
        if not dry_run:
            with process.database.write() as connection:
                audit.record(
                    connection,
                    process.keyring,
                    at=process.clock.now(),
                    action="files.import",
                    subject=f"sender:{sender}",
                    detail=f"{result.rows} rows, {result.applied} applied, {len(result.problems)} problems",
                )
    if as_json:
        click.echo(json.dumps(asdict(result), ensure_ascii=False))
    else:
        _show(result)
    return USER_CONTENT if result.problems else 0


def _show(result: operator_results.Result) -> None:
    click.echo(
        sentence(
            "operator.imported",
            rows=number(result.rows),
            matched=number(result.matched),
            applied=number(result.applied),
            unchanged=number(result.unchanged),
        )
    )
    for problem in result.problems[:_SHOWN]:
        click.echo(sentence("operator.problem", row=problem.row, message=problem.message))
    if len(result.problems) > _SHOWN:
        click.echo(sentence("operator.more", more=number(len(result.problems) - _SHOWN)))


@operator.command()
@click.argument("sender")
def address(sender: str) -> None:
    """The one address to which a gateway reports results; as secret as a password."""
    from engine.pipeline.receipt_address import fixed_address

    with opened(from_environment()) as process:
        operator_results.any_sender(process, sender)
        found = fixed_address(process, sender)
    if found is None:
        raise LoaError("operator.no-public-url")
    click.echo(found)


def _document(file: Any, statuses: dict[str, int]) -> dict[str, Any]:
    return {
        "file": file.name,
        "campaign": file.campaign,
        "step": file.step,
        "occurrence": file.occurrence,
        "sender": file.sender,
        "state": file.state,
        "rows": file.rows,
        "statuses": dict(sorted(statuses.items())),
    }
