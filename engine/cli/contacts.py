"""``loa contacts``: the lists of people, in and out."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from engine.areas import registry
from engine.areas.area import ERAS
from engine.cli import contact_care
from engine.content.configuration_rules import check_configuration
from engine.content.organisation import Configuration
from engine.content.reading import read_model
from engine.content.workspace import CONFIGURATION
from engine.content.yamlfile import read
from engine.errors import USER_CONTENT, LoaError
from engine.i18n import number, sentence
from engine.pipeline.contact_row import Defaults
from engine.pipeline.import_contacts import Progress, Request, Result, import_contacts
from engine.pipeline.process import opened
from engine.settings import from_environment

_SHOWN = 20


@click.group()
def contacts() -> None:
    """Danh sách người nhận: nhập vào, từ chối nhận tin, xóa, thống kê."""


@contacts.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", required=True, help="Danh sách này từ đâu, ví dụ “UBND xã Mẫu Sơn, danh sách tháng 6”.")
@click.option("--basis", required=True, help="Căn cứ pháp lý để dùng danh sách, ghi bằng lời.")
@click.option("--consent", is_flag=True, help="Căn cứ đó là sự đồng ý của chính người nhận.")
@click.option("--commune", default="", help="Xã, phường của cả danh sách (tên hoặc mã).")
@click.option("--district", default="", help="Huyện (cũ) của cả danh sách.")
@click.option("--era", type=click.Choice(ERAS), help="legacy: xã cũ, trước 01/07/2025; 2025: xã mới.")
@click.option("--dry-run", is_flag=True, help="Chỉ kiểm tra, không lưu gì.")
@click.option("--synthetic", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
def import_(
    file: Path,
    source: str,
    basis: str,
    consent: bool,
    commune: str,
    district: str,
    era: str | None,
    dry_run: bool,
    synthetic: bool,
    as_json: bool,
) -> int:
    """Nhập danh sách CSV hoặc XLSX của xã. Dòng đúng được lưu, dòng sai ghi ra <tệp>.rejected.csv."""
    areas = registry.load()
    defaults = Defaults(commune.strip(), district.strip(), era or "", consent)
    request = Request(file, source, basis, defaults, dry_run, synthetic)
    settings = from_environment()
    province = own_province(settings.workspace, areas)
    with opened(settings) as process, _bar() as progress:
        result = import_contacts(process, request, areas, province=province, progress=progress)
    if as_json:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))
    else:
        _print(result, dry_run)
    return USER_CONTENT if result.rejected else 0


def own_province(workspace: Path, areas: registry.Registry) -> str | None:
    """The organisation's province (2025 code) if ``loa.yaml`` says it; a faulty file is ``loa check``'s matter."""
    try:
        tree = read(workspace / CONFIGURATION).tree
    except (OSError, LoaError):
        return None
    return check_configuration(read_model(Configuration, tree, CONFIGURATION), areas) if tree is not None else None


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar on stderr, where that is a terminal; else nothing."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda fraction: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(sentence("cli_contacts.importing"), total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)


def _print(result: Result, dry_run: bool) -> None:
    labels = {name: sentence(f"cli_contacts.{name}") for name in result.counts()}
    width = max(map(len, labels.values()))
    for name, count in result.counts().items():
        click.echo(f"{labels[name].ljust(width)}  {number(count).rjust(10)}")
    if dry_run:
        click.echo(sentence("cli_contacts.dry-run"))
    for problem in result.problems[:_SHOWN]:
        click.echo(sentence("cli_contacts.problem", row=problem.row, column=problem.column, message=problem.message))
    if len(result.problems) > _SHOWN:
        key = "more-problems-dry" if dry_run else "more-problems"
        click.echo(sentence(f"cli_contacts.{key}", more=number(len(result.problems) - _SHOWN)))
    if result.rejected_file:
        click.echo(sentence("cli_contacts.rejected-file", file=result.rejected_file))


for _command in (contact_care.opt_out, contact_care.erase, contact_care.stats, contact_care.export):
    contacts.add_command(_command)
