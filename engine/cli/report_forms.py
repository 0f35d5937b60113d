"""``loa report --format xlsx|html|docx|pdf``: what goes into the file that is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, TypeAlias

import click

from engine.areas import registry as areas
from engine.areas.area import Era
from engine.cli.frozen import freeze_now, reopened
from engine.content.activity_files import FOLDER, load_activities
from engine.content.campaign import Campaign
from engine.content.province import own_province
from engine.content.workspace import Workspace
from engine.errors import ContentError, LoaError, UsageError
from engine.i18n import sentence, speaking
from engine.pipeline.files import load_workspace
from engine.pipeline.process import Process, opened
from engine.reports import campaigns as keys
from engine.reports.activities import (
    ACTIVITY_DIMENSIONS,
    ActivityReport,
    AskedActivities,
    make_activity_report,
)
from engine.reports.as_table import marks
from engine.reports.counting import Zones
from engine.reports.dimensions import By, read_by
from engine.reports.official.gathered import Reason, gather
from engine.reports.publication import Publication, publication_of
from engine.reports.report import Asked, Report, choose, make_report
from engine.reports.tally_queries import campaigns_with_runs, runs_of
from engine.reports.written_file import write_file
from engine.settings import from_environment

Form: TypeAlias = Literal["xlsx", "html", "docx", "pdf"]
FORMS: tuple[Form, ...] = ("xlsx", "html", "docx", "pdf")
WHOLE = ("docx", "pdf")  # the official report: it has its dimensions, and nobody chooses one
PASSED_ON = ("html", "docx", "pdf")  # publication units, whatever is asked for: these are made to be passed on
_ALL: tuple[By, ...] = ("district", "commune", "day", "step", "channel")


@dataclass(frozen=True, slots=True)
class WantedForm:
    """The file that is asked for; the other options as ``loa report`` has them."""

    form: str
    by: str | None
    what: str | None
    out: Path | None
    publish: bool = False
    freeze: bool = False
    exact: bool = False
    note: str | None = None


def write_form(
    wanted: WantedForm,
    campaigns: tuple[str, ...],
    era: Era,
    since: date | None,
    until: date | None,
    frozen_id: str | None = None,
) -> None:
    """Write the file and say so. Raises ``UsageError`` for options that mean nothing beside this form."""
    form, out = wanted.form, wanted.out
    if out is None:
        raise UsageError("forms.needs-out", format=form)
    if form in WHOLE and (wanted.by or wanted.what not in (None, "all", "deliveries")):
        raise UsageError("forms.whole-only", format=form)
    if wanted.what == "posts":
        raise UsageError("forms.no-posts", format=form)
    if not campaigns and frozen_id is None:
        raise UsageError("forms.which-campaign")
    settings = from_environment()
    with opened(settings) as process:
        if frozen_id is None:
            with process.database.read() as connection:
                known = [*keys.in_folder(settings.workspace), *campaigns_with_runs(connection)]
            chosen = keys.chosen(campaigns, known)
        else:
            chosen = reopened(process, frozen_id, ("campaign",), era, publish=False).asked.campaigns
        asking = Asking(process, chosen, era, since, until, wanted.publish or form in PASSED_ON, frozen_id)
        if wanted.freeze:
            asking.freeze(exact=wanted.exact, note=wanted.note)
        write_file(out, formed(form, asking, wanted.by, wanted.what))
    click.echo(sentence("cli_report.written", file=out), err=True)


@dataclass(slots=True)
class Asking:
    """Gives the report along any dimension as it was asked for: exact, in publication units, or as it was frozen."""

    process: Process
    campaigns: tuple[str, ...]
    era: Era
    since: date | None
    until: date | None
    publish: bool
    frozen: str | None = None
    publication: Publication | None = None

    def report(self, *by: By) -> Report:
        """The report along ``by``; all of one asking have the same units."""
        if self.frozen is not None:
            return reopened(self.process, self.frozen, by, self.era, publish=self.publish)
        self.units()
        return self._made(self.campaigns, by, self.publication)

    def units(self) -> None:
        """Look up the publication units once, so that all that is made of this asking is told in the same."""
        if self.publish and self.publication is None and self.frozen is None:
            self.publication = self._publication(self.campaigns)

    def freeze(self, *, exact: bool, note: str | None) -> None:
        """Keep the figures; from now on reports are told from what was kept."""
        asked = Asked(self.campaigns, "district", self.era, self.since, self.until)
        self.frozen = freeze_now(self.process, asked, exact=exact, note=note).frozen

    def apart(self, by: By) -> list[Report]:
        """A report a campaign, each in its own units, where exactly two are asked for."""
        if len(self.campaigns) != 2 or self.frozen is not None:
            return []
        return [
            self._made((one,), (by,), self._publication((one,)) if self.publish else None) for one in self.campaigns
        ]

    def _made(self, campaigns: tuple[str, ...], by: Sequence[By], publication: Publication | None) -> Report:
        process = self.process
        asked = Asked(campaigns, by[0], self.era, self.since, self.until, *by[1:])
        return make_report(process.database, areas.load, process.snapshot, asked, process.clock.now(), publication)

    def _publication(self, campaigns: tuple[str, ...]) -> Publication:
        return publication_of(self.process.database, areas.load, self.process.snapshot, campaigns)


def formed(form: str, asking: Asking, by: str | None, what: str | None) -> bytes:
    """The file's bytes. Raises ``LoaError`` for a form, a map or a ``loa.yaml`` that cannot be used."""
    if form in WHOLE:
        return _official(form, asking)
    dimensions = read_by(by) if by else None
    wanted: list[tuple[By, ...]] = [dimensions] if dimensions else [] if by else [(one,) for one in _ALL]
    reports = [asking.report(*one) for one in wanted] if what in (None, "all", "deliveries") else []
    by_hand = _activities(asking, by) if what in (None, "all", "activities") and asking.frozen is None else None
    if not reports and by_hand is None:
        raise LoaError("cli_report.no-activities")
    return _xlsx(asking, reports, by_hand) if form == "xlsx" else _html(asking, reports, by_hand)


def _xlsx(asking: Asking, reports: Sequence[Report], by_hand: ActivityReport | None) -> bytes:
    from engine.reports.as_xlsx import xlsx
    from engine.reports.sheets import activities_sheet, deliveries_sheet

    registry = areas.load()
    sheets = [deliveries_sheet(one, registry, marks(one)) for one in reports]
    if by_hand is not None:
        sheets.append(activities_sheet(by_hand, registry))
    return xlsx(sheets, reports[0].as_of if reports else asking.process.clock.now())


def _html(asking: Asking, reports: Sequence[Report], by_hand: ActivityReport | None) -> bytes:
    from engine.reports.as_html import html
    from engine.reports.charts.shapes import load_shapes
    from engine.reports.pictures import pictures, side_by_side
    from engine.reports.sheets import activities_sheet, deliveries_sheet

    registry = areas.load()
    workspace = asking.process.settings.workspace
    shapes = load_shapes(workspace, registry, own_province(workspace, registry))
    whole = reports[0] if reports else asking.report("campaign")
    charts = pictures(reports, registry, shapes)
    if len(reports) > 1 and (two := asking.apart("district")):
        charts += side_by_side(two[0], two[1], registry)
    sheets = [deliveries_sheet(one, registry, marks(one)) for one in reports]
    if by_hand is not None:
        sheets.append(activities_sheet(by_hand, registry))
    title = sentence("forms.title", campaign=", ".join(_titles(asking)))
    return html(title, whole.as_of, whole.totals, sheets, charts).encode()


def _official(form: str, asking: Asking) -> bytes:
    from engine.reports.as_docx import docx, form_of
    from engine.reports.charts.shapes import load_shapes

    registry = areas.load()
    folder = asking.process.settings.workspace
    workspace = _workspace(asking)
    campaigns, hotlines = _campaigns(asking, workspace)
    configuration = workspace.configuration
    own_form = form_of(folder, configuration.report.template)  # before the work: a slip is told at once
    shapes = load_shapes(folder, registry, configuration.organisation.province)
    asking.units()
    gathered = gather(
        asking.report,
        asking.campaigns,
        campaigns,
        hotlines,
        configuration.organisation,
        configuration.report,
        activities=_activities(asking, "district") if asking.frozen is None else None,
        reasons=_reasons(asking),
        apart=asking.apart("district"),
    )
    made = docx(gathered, registry, shapes, own_form)
    if form == "docx":
        return made
    from engine.reports.as_pdf import pdf

    return pdf(made)


def _reasons(asking: Asking) -> list[Reason]:
    """Why deliveries failed; nothing for a frozen report, which keeps no reasons."""
    from engine.reports.official.reasons import failure_reasons

    if asking.frozen is not None:
        return []
    process, publication = asking.process, asking.publication
    asked = Asked(asking.campaigns, "campaign", asking.era, asking.since, asking.until)
    with process.database.read() as connection:
        chosen = choose(asked, Zones(process.snapshot), runs_of(connection, asking.campaigns), publication)
        with speaking("vi"):
            small_cell = publication.small_cell if publication else 1
            return failure_reasons(connection, [run.id for run in chosen.runs], small_cell)


def _workspace(asking: Asking) -> Workspace:
    """The files as they stand. Raises ``ContentError`` where ``loa.yaml`` cannot be used."""
    loaded = load_workspace(asking.process.settings, None, asking.process.environment)
    if loaded.workspace is None:
        raise ContentError([one for one in loaded.problems if one.severity == "error" and one.file == "loa.yaml"])
    return loaded.workspace


def _campaigns(asking: Asking, workspace: Workspace) -> tuple[list[Campaign], tuple[str, ...]]:
    """The campaigns as their newest runs were approved, else as their files say; and their hotlines."""
    with asking.process.database.read() as connection:
        newest = {run.campaign: run.digest for run in runs_of(connection, asking.campaigns)}
    found: list[Campaign] = []
    hotlines: dict[str, None] = {}
    for key in asking.campaigns:
        if key in newest:
            snapshot = asking.process.snapshot(newest[key])
            found.append(snapshot.campaign)
            hotlines |= dict.fromkeys(snapshot.hotlines)
        elif key in workspace.campaigns:
            found.append(workspace.campaigns[key])
            hotlines |= dict.fromkeys(workspace.campaigns[key].hotlines or workspace.configuration.hotlines)
    return found, tuple(hotlines)


def _titles(asking: Asking) -> list[str]:
    with asking.process.database.read() as connection:
        newest = {run.campaign: run.digest for run in runs_of(connection, asking.campaigns)}
    return [asking.process.snapshot(newest[key]).campaign.title if key in newest else key for key in asking.campaigns]


def _activities(asking: Asking, by: str | None) -> ActivityReport | None:
    """None where the workspace has none, or none that can be told along ``by``."""
    workspace = asking.process.settings.workspace
    if not (workspace / FOLDER).is_dir():
        return None
    registry = areas.load()
    found = load_activities(workspace, registry=registry, province=own_province(workspace, registry))
    dimension = next((one for one in ACTIVITY_DIMENSIONS if one == (by or "district")), None)
    made = make_activity_report(
        found, areas.load, AskedActivities(asking.campaigns, dimension, asking.era, asking.since, asking.until)
    )
    return None if made.empty else made
