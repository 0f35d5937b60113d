"""``loa new``: a commented file to start from, and at once what is still to be filled in."""

from zoneinfo import ZoneInfo

import click

from engine.clock import campaign_clock
from engine.content import starting
from engine.content.organisation import TIMEZONE
from engine.errors import LoaError
from engine.i18n import sentence
from engine.settings import Settings, from_environment

OWN_FORM = "mau-bao-cao.docx"


@click.group()
def new() -> None:
    """New files to start from."""


@new.command()
@click.argument("key")
def campaign(key: str) -> None:
    """Write ``campaigns/KEY.yaml``."""
    settings = _workspace()
    today = campaign_clock().now().astimezone(ZoneInfo(TIMEZONE)).date()
    _tell(settings, starting.new_campaign(settings.workspace, key, today))


@new.command()
@click.argument("key")
def audience(key: str) -> None:
    """Write ``audiences/KEY.yaml`` for the whole province."""
    from engine.pipeline.files import load_workspace

    settings = _workspace()
    workspace = load_workspace(settings).workspace
    province = workspace.configuration.organisation.province if workspace else "20"
    _tell(settings, starting.new_audience(settings.workspace, key, province))


@new.command()
@click.argument("key")
def message(key: str) -> None:
    """Write ``messages/KEY/sms.vi.j2``."""
    settings = _workspace()
    _tell(settings, starting.new_message(settings.workspace, key))


@new.command("report-form")
def report_form() -> None:
    """Write the form of the official report, for the office to change in Word."""
    from engine.reports.as_docx import FORM
    from engine.reports.written_file import write_file

    settings = _workspace()
    path = settings.workspace / OWN_FORM
    if path.exists():
        raise LoaError("forms.own-form-there", file=OWN_FORM)
    write_file(path, FORM.read_bytes())
    click.echo(sentence("forms.own-form", file=OWN_FORM))


def _workspace() -> Settings:
    settings = from_environment()
    if not (settings.workspace / "loa.yaml").is_file():
        raise LoaError("content.no-file")
    return settings


def _tell(settings: Settings, file: str) -> None:
    """Say what was written and what ``loa check`` says of it."""
    from engine.cli.check import show
    from engine.pipeline.files import load_workspace

    click.echo(sentence("cli_new.written", file=file))
    found = [problem for problem in load_workspace(settings).problems if problem.file == file]
    show([problem for problem in found if problem.severity == "error"])
    click.echo(sentence("cli_new.next"))
