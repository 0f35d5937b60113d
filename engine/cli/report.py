"""``loa report``: what became of the deliveries, along one dimension."""

import io
import json
import sys
from datetime import date
from pathlib import Path
from typing import IO, Literal, cast

import click

from engine.areas import registry as areas
from engine.areas.area import ERAS, Era
from engine.content.values import read_date
from engine.errors import LoaError, UsageError
from engine.i18n import sentence
from engine.pipeline.process import opened
from engine.reports import campaigns as keys
from engine.reports.as_csv import csv_text
from engine.reports.report import DIMENSIONS, Asked, By, Report, make_report
from engine.reports.tally_queries import campaigns_with_runs
from engine.reports.written_file import write_file
from engine.settings import from_environment

Format = Literal["table", "csv", "json"]
FORMATS: tuple[Format, ...] = ("table", "csv", "json")
_BY_ENDING: dict[str, Format] = {".csv": "csv", ".json": "json", ".txt": "table", "": "table"}
_BOM = b"\xef\xbb\xbf"  # so that Excel reads a file of ours as UTF-8; on a pipe it would be a stray character


@click.command()
@click.argument("campaigns", metavar="CHIẾN_DỊCH...", nargs=-1, required=True)
@click.option("--by", type=click.Choice(DIMENSIONS), required=True, help="Chiều tổng hợp.")
@click.option("--era", type=click.Choice(ERAS), help="Xã theo địa giới nào: 2025 (mặc định) hay legacy (cũ).")
@click.option("--from", "since", metavar="NGÀY", help="Chỉ các lượt có lịch từ ngày này (2027-07-01 hoặc 01/07/2027).")
@click.option("--to", "until", metavar="NGÀY", help="Đến hết ngày này.")
@click.option("--format", "wanted", type=click.Choice(FORMATS), help="Dạng in ra; mặc định là bảng.")
@click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="TỆP", help="Ghi vào tệp.")
def report(
    campaigns: tuple[str, ...],
    by: By,
    era: str | None,
    since: str | None,
    until: str | None,
    wanted: Format | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Báo cáo kết quả gửi của một hay nhiều chiến dịch (số liệu cộng dồn).

    Không viết --format thì dạng của tệp theo đuôi: .csv, .json, .txt. Có cả --json và --out thì tệp theo dạng đã
    chọn, còn màn hình in JSON.
    """
    form = _format(wanted, as_json, out)
    first, last = _date(since), _date(until)
    if first and last and first > last:
        raise UsageError("cli_report.dates-reversed")
    if era and by not in ("commune", "district"):
        click.echo(sentence("cli_report.era-ignored", by=by), err=True)
    settings = from_environment()
    with opened(settings) as process:
        with process.database.read() as connection:
            known = [*keys.in_folder(settings.workspace), *campaigns_with_runs(connection)]
        asked = Asked(keys.chosen(campaigns, known), by, cast("Era", era or "2025"), first, last)
        made = make_report(process.database, areas.load, process.snapshot, asked, process.clock.now())
    if out is not None:
        write_file(out, content(made, form))
        click.echo(sentence("cli_report.written", file=out), err=True)
    if as_json or (out is None and form == "json"):
        click.echo(json.dumps(made.document(), ensure_ascii=False))
    elif out is None and form == "csv":
        click.echo(csv_text(made), nl=False)
    elif out is None:
        _print(made, sys.stdout)


def content(made: Report, form: Format) -> bytes:
    """The report as the bytes of a file; CSV with a byte order mark and CRLF, as Excel expects them."""
    if form == "json":
        return (json.dumps(made.document(), ensure_ascii=False, indent=2) + "\n").encode()
    if form == "csv":
        return _BOM + csv_text(made, line_end="\r\n").encode()
    written = io.StringIO()
    _print(made, written)
    return written.getvalue().encode()


def _print(made: Report, stream: IO[str]) -> None:
    from engine.reports.as_table import show_table
    from engine.reports.screen import console_for

    registry = areas.load() if made.asked.by in ("district", "commune") else None
    show_table(console_for(stream), made, registry)


def _format(wanted: Format | None, as_json: bool, out: Path | None) -> Format:
    if wanted is None and out is not None:
        if out.suffix.lower() not in _BY_ENDING:
            raise UsageError("cli_report.unknown-ending", ending=out.suffix)
        return _BY_ENDING[out.suffix.lower()]
    if as_json and out is None and wanted not in (None, "json"):
        raise UsageError("cli_report.two-formats", format=wanted)
    return wanted or "table"


def _date(text: str | None) -> date | None:
    try:
        return read_date(text) if text is not None else None
    except LoaError as error:
        raise UsageError(error.key, **error.values) from None
