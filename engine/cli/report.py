"""``loa report``: what became of the deliveries, along one dimension."""

import io
import json
import sys
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, cast

import click

from engine.areas import registry as areas
from engine.areas.area import ERAS, Era
from engine.cli.frozen import DEFAULT, check_options, freeze_now, reopened, show_difference, show_frozen_list
from engine.cli.report_derived import Derived
from engine.cli.report_forms import FORMS, WantedForm, write_form
from engine.clock import VIETNAM
from engine.content.activity_files import FOLDER, load_activities
from engine.content.province import own_province
from engine.content.values import read_date
from engine.errors import LoaError, UsageError
from engine.i18n import sentence
from engine.pipeline.process import Process, opened
from engine.reports import campaigns as keys
from engine.reports.activities import (
    ACTIVITY_DIMENSIONS,
    ActivityReport,
    AskedActivities,
    make_activity_report,
)
from engine.reports.activities_written import activities_csv, show_activities
from engine.reports.as_csv import csv_text
from engine.reports.broadcasts import BroadcastReport, make_broadcast_report, show_broadcasts
from engine.reports.dimensions import AREAS, DIMENSIONS, partners, read_by, source_of
from engine.reports.measured import MEASURES
from engine.reports.posts import POST_DIMENSIONS, AskedPosts, PostReport, make_post_report
from engine.reports.posts_written import posts_csv, show_posts
from engine.reports.publication import publication_of
from engine.reports.report import Asked, Report, make_report
from engine.reports.tally_queries import campaigns_with_runs
from engine.reports.written_file import write_file
from engine.settings import from_environment

if TYPE_CHECKING:
    from rich.console import Console

Format = Literal["table", "csv", "json", "xlsx", "html", "docx", "pdf"]
FORMATS: tuple[Format, ...] = ("table", "csv", "json", *FORMS)
What = Literal["all", "deliveries", "activities", "posts"]
WHATS = ("all", "deliveries", "activities", "posts", *MEASURES)
_ONLY_ACTIVITIES = ("kind", "unit")  # dimensions that deliveries do not have
_BY_ENDING: dict[str, Format] = {
    ".csv": "csv", ".json": "json", ".txt": "table", "": "table",
    ".xlsx": "xlsx", ".html": "html", ".htm": "html", ".docx": "docx", ".pdf": "pdf",
}  # fmt: skip
_BOM = b"\xef\xbb\xbf"  # so that Excel reads a file of ours as UTF-8; on a pipe it would be a stray character


class Dimensions(click.Choice[str]):
    """One dimension, or two with a comma between them. What two cannot be crossed is refused with those that can."""

    def __init__(self) -> None:
        super().__init__((*DIMENSIONS, *_ONLY_ACTIVITIES))

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The words as they are, or click's own sentence with the choices."""
        words = [str(super(Dimensions, self).convert(word.strip(), param, ctx)) for word in value.split(",")]
        if len(words) > 1:
            crossed = read_by(",".join(words))
            first = read_by(words[0])
            if first is None or (crossed is None and len(words) == 2 and words[1] in _ONLY_ACTIVITIES):
                raise UsageError("cli_report.not-crossed", by=next(word for word in words if word in _ONLY_ACTIVITIES))
            if crossed is None or source_of(crossed) is None:
                raise UsageError(
                    "cli_report.cannot-cross", by=value, first=words[0], partners=", ".join(partners(first[0]))
                )
        return ",".join(words)


@click.command()
@click.argument("campaigns", nargs=-1)
@click.option("--by", type=Dimensions())
@click.option("--what", type=click.Choice(WHATS))
@click.option("--era", type=click.Choice(ERAS))
@click.option("--from", "since")
@click.option("--to", "until")
@click.option("--beside")
@click.option("--format", "wanted", type=click.Choice(FORMATS))
@click.option("--json", "as_json", is_flag=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--publish", is_flag=True)
@click.option("--freeze", is_flag=True)
@click.option("--exact", is_flag=True)
@click.option("--note")
@click.option("--frozen", "frozen_id")
@click.option("--difference", is_flag=True)
@click.option("--list-frozen", is_flag=True)
def report(
    campaigns: tuple[str, ...],
    by: str | None,
    what: str | None,
    era: str | None,
    since: str | None,
    until: str | None,
    beside: str | None,
    wanted: Format | None,
    as_json: bool,
    out: Path | None,
    publish: bool,
    freeze: bool,
    exact: bool,
    note: str | None,
    frozen_id: str | None,
    difference: bool,
    list_frozen: bool,
) -> None:
    """Figures of one or several campaigns; a file has the form of its ending unless ``--format`` says another."""
    derived = what if what in MEASURES else "beside" if beside is not None else None
    if derived and (publish or freeze):
        raise UsageError("frozen.not-derived", what=derived)
    check_options(frozen_id, list_frozen, campaigns, since, until, what or derived, freeze, exact, note, difference)
    if list_frozen:
        show_frozen_list(as_json=as_json)
        return
    form = _format(wanted, as_json, out)
    if form in FORMS:
        if as_json or difference:
            raise UsageError("cli_report.two-formats", format=form)
        if derived:
            raise UsageError("forms.no-derived", format=form, what=derived)
        days = _days(since, until)
        its_era = cast("Era", era or "2025")
        wanted_form = WantedForm(form, by, "deliveries" if freeze else what, out, publish, freeze, exact, note)
        write_form(wanted_form, campaigns, its_era, *days, frozen_id)
        return
    by = by or (DEFAULT if freeze or frozen_id else None)
    if by is None and what not in MEASURES:
        raise click.MissingParameter(ctx=click.get_current_context(), param=_option("by"))
    if frozen_id is not None:
        assert by is not None
        along, its_era = read_by(by), cast("Era", era or "2025")
        if along is None:
            raise UsageError("frozen.only-deliveries", by=by)
        with opened(from_environment()) as process:
            if difference:
                show_difference(process, frozen_id, along, its_era, as_json=as_json)
                return
            again = reopened(process, frozen_id, along, its_era, publish=publish)
        _hand_out(Told(by, again.campaign, again.as_of, again, None), form, as_json, out)
        return
    first, last = _days(since, until)
    if era and by and what != "coverage" and not set(by.split(",")) & set(AREAS):
        click.echo(sentence("cli_report.era-ignored", by=by), err=True)
    if derived:
        asked_derived = Derived(campaigns, by, what, cast("Era", era or "2025"), first, last, beside)
        _hand_out(asked_derived.told(), form, as_json, out)
        return
    assert by is not None
    what = _what("deliveries" if freeze else what, by)
    if not campaigns and what != "activities":
        raise UsageError("cli_report.which-campaign")
    settings = from_environment()
    with opened(settings) as process:
        with process.database.read() as connection:
            known = [*keys.in_folder(settings.workspace), *campaigns_with_runs(connection)]
        chosen, its_era = keys.chosen(campaigns, known), cast("Era", era or "2025")
        made = read_aloud = None
        if what in ("all", "deliveries"):
            dimensions = read_by(by)
            assert dimensions is not None
            asked = Asked(chosen, dimensions[0], its_era, first, last, *dimensions[1:])
            made = _made(process, asked, publish=publish, freeze=freeze, exact=exact, note=note)
            read_aloud = make_broadcast_report(process.database, areas.load, asked)
        on_pages = None
        if what in ("all", "posts") and chosen:
            post_by = next((one for one in POST_DIMENSIONS if one == by), None)
            asked_posts = AskedPosts(chosen, post_by, its_era, first, last)
            on_pages = make_post_report(process.database, areas.load, asked_posts)
        as_of = made.as_of if made else process.clock.now().astimezone(VIETNAM)
    by_hand = None
    if what in ("all", "activities"):
        dimension = next((one for one in ACTIVITY_DIMENSIONS if one == by), None)
        by_hand = planned_by_hand(settings.workspace, AskedActivities(chosen, dimension, its_era, first, last))
    told = Told(by, ", ".join(chosen), as_of, made, by_hand, on_pages, read_aloud)
    others = any(part is not None and not part.empty for part in (by_hand, on_pages))
    if form == "csv" and what == "all" and others:
        click.echo(sentence("cli_report.one-table"), err=True)
    _hand_out(told, form, as_json, out)


def _made(process: Process, asked: Asked, *, publish: bool, freeze: bool, exact: bool, note: str | None) -> Report:
    """The report as it stands: exact, in publication units, or frozen under a new id."""
    if freeze:
        return freeze_now(process, asked, exact=exact, note=note)
    publication = None
    if publish:
        publication = publication_of(process.database, areas.load, process.snapshot, asked.campaigns)
    return make_report(process.database, areas.load, process.snapshot, asked, process.clock.now(), publication)


class Tellable(Protocol):
    """What can be told: as one JSON document, as one table of CSV, or on a screen."""

    def document(self) -> dict[str, Any]:
        """One JSON document."""

    def csv(self, line_end: str = "\n") -> str:
        """One table."""

    def show(self, console: "Console") -> None:
        """Everything, for people."""


def _hand_out(told: Tellable, form: Format, as_json: bool, out: Path | None) -> None:
    """Into a file, or onto stdout; ``--json`` prints the document whatever the file has."""
    if out is not None:
        write_file(out, content(told, form))
        click.echo(sentence("cli_report.written", file=out), err=True)
    if as_json or (out is None and form == "json"):
        click.echo(json.dumps(told.document(), ensure_ascii=False))
    elif out is None and form == "csv":
        click.echo(told.csv(), nl=False)
    elif out is None:
        _print(told, sys.stdout)


def _option(name: str) -> click.Parameter:
    return next(param for param in click.get_current_context().command.params if param.name == name)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told: the reports of deliveries, activities, posts. ``activities`` is None without such files."""

    by: str
    campaign: str
    as_of: datetime
    deliveries: Report | None
    activities: ActivityReport | None
    posts: PostReport | None = None
    broadcasts: BroadcastReport | None = None

    def document(self) -> dict[str, Any]:
        """The contract's document; activities and posts stand in keys of their own, if there are any."""
        by_hand = self.activities.document() if self.activities else {}
        if self.broadcasts is not None:
            by_hand = self.broadcasts.document() | by_hand
        on_pages = self.posts.document() if self.posts and not self.posts.empty else {}
        if self.deliveries is not None:
            return self.deliveries.document() | by_hand | on_pages
        about = {"campaign": self.campaign, "by": self.by, "as_of": self.as_of.isoformat(timespec="seconds")}
        if self.posts is not None:
            return about | self.posts.document()
        return about | (by_hand or {"activities": [], "activity_totals": [], "activities_left_out": 0})

    def csv(self, line_end: str = "\n") -> str:
        """One table: the deliveries', or with ``--what activities`` the other."""
        if self.deliveries is not None:
            return csv_text(self.deliveries, line_end=line_end)
        if self.posts is not None:
            return posts_csv(self.posts, line_end=line_end)
        return activities_csv(self.activities, line_end=line_end) if self.activities else ""

    def show(self, console: "Console") -> None:
        """Deliveries first, then what was read aloud and done by hand, then posts."""
        from engine.reports.as_table import show_table

        registry = areas.load() if set(self.by.split(",")) & set(AREAS) else None
        if self.deliveries is not None:
            show_table(console, self.deliveries, registry)
        elif self.posts is not None and self.posts.empty:
            console.print(sentence("cli_posts.none"))
        elif self.posts is None and (self.activities is None or self.activities.empty):
            console.print(sentence("cli_report.no-activities"))
        if self.broadcasts is not None:
            show_broadcasts(console, self.broadcasts, registry)
        if self.activities is not None:
            show_activities(console, self.activities, registry)
        if self.posts is not None:
            show_posts(console, self.posts, registry)


def _what(what: str | None, by: str) -> What:
    """Kinds and units are dimensions of activities alone, sender and the like of deliveries alone."""
    if by in _ONLY_ACTIVITIES:
        if what == "deliveries":
            raise UsageError("cli_report.only-activities", by=by)
        return "activities"
    if what == "posts" and by not in POST_DIMENSIONS:
        raise UsageError("cli_report.not-of-posts", by=by, choices=", ".join(POST_DIMENSIONS))
    if what == "activities" and by not in ACTIVITY_DIMENSIONS:
        raise UsageError("cli_report.only-deliveries", by=by, choices=", ".join(ACTIVITY_DIMENSIONS))
    return cast("What", what or "all")


def planned_by_hand(workspace: Path, asked: AskedActivities) -> ActivityReport | None:
    """What the workspace's files say of activities; None where there are none at all."""
    if not (workspace / FOLDER).is_dir():
        return None
    registry = areas.load()
    found = load_activities(workspace, registry=registry, province=own_province(workspace, registry))
    return make_activity_report(found, areas.load, asked) if found.rows or found.left_out else None


def content(told: Tellable, form: Format) -> bytes:
    """The report as the bytes of a file; CSV with a byte order mark and CRLF, as Excel expects them."""
    if form == "json":
        return (json.dumps(told.document(), ensure_ascii=False, indent=2) + "\n").encode()
    if form == "csv":
        return _BOM + told.csv("\r\n").encode()
    written = io.StringIO()
    _print(told, written)
    return written.getvalue().encode()


def _print(told: Tellable, stream: IO[str]) -> None:
    from engine.reports.screen import console_for

    told.show(console_for(stream))


def _format(wanted: Format | None, as_json: bool, out: Path | None) -> Format:
    if wanted is None and out is not None:
        if out.suffix.lower() not in _BY_ENDING:
            raise UsageError("cli_report.unknown-ending", ending=out.suffix)
        return _BY_ENDING[out.suffix.lower()]
    if as_json and out is None and wanted not in (None, "json"):
        raise UsageError("cli_report.two-formats", format=wanted)
    return wanted or "table"


def _days(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    first, last = _date(since), _date(until)
    if first and last and first > last:
        raise UsageError("cli_report.dates-reversed")
    return first, last


def _date(text: str | None) -> date | None:
    try:
        return read_date(text) if text is not None else None
    except LoaError as error:
        raise UsageError(error.key, **error.values) from None
