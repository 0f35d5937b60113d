"""``loa contacts opt-out | erase | stats | export``."""

import json
from pathlib import Path

import click

from engine.areas import registry as areas
from engine.errors import USER_CONTENT, LoaError, UsageError
from engine.i18n import number, sentence
from engine.pipeline import contact_care
from engine.pipeline.process import opened
from engine.settings import from_environment


@click.command("opt-out")
@click.argument("numbers", nargs=-1, metavar="[SỐ]...")
@click.option("--file", "listed", type=click.Path(path_type=Path, dir_okay=False), help="Tệp CSV, số ở cột đầu.")
@click.option("--source", required=True, metavar="NGUỒN", help="Từ đâu, ví dụ “đường dây nóng”, “nhà mạng 7/2027”.")
@click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
def opt_out(numbers: tuple[str, ...], listed: Path | None, source: str, as_json: bool) -> int:
    """Ghi nhận người từ chối nhận tin. Số chưa có trong danh sách cũng được ghi, cho những lần nhập sau."""
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
@click.argument("phone", metavar="SỐ")
@click.option("--by", metavar="HỌ_TÊN", help="Người thực hiện.")
@click.option("--yes", is_flag=True, help="Không hỏi lại.")
@click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
def erase(phone: str, by: str | None, yes: bool, as_json: bool) -> int:
    """Xóa dữ liệu của một người theo yêu cầu; từ đó không bao giờ gửi tới số này nữa."""
    if not yes:
        click.confirm(sentence("cli_contact_care.sure"), abort=True, err=True)
    with opened(from_environment()) as process:
        found = contact_care.erase(process, phone, by=by)
    if as_json:
        click.echo(json.dumps({"erased": found}))
    else:
        click.echo(sentence("cli_contact_care.erased" if found else "cli_contact_care.not-held"))
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
def stats(as_json: bool) -> None:
    """Danh sách có bao nhiêu thuê bao, theo huyện (cũ), ngôn ngữ, nhóm và căn cứ."""
    with opened(from_environment()) as process:
        found = contact_care.stats(process, areas.load())
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for name in ("contacts", "opted_out", "opt_out_list"):
        click.echo(f"{sentence(f'cli_contact_care.{name}')}: {number(int(str(found[name])))}")
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
@click.option("--by", metavar="HỌ_TÊN", help="Người thực hiện; việc xuất được ghi vào nhật ký.")
@click.option("--json", "as_json", is_flag=True, help="In ra một tài liệu JSON.")
def export(file: Path, by: str | None, as_json: bool) -> None:
    """Xuất toàn bộ danh sách ra CSV. Tệp có số điện thoại và họ tên: giữ cẩn thận, xóa khi xong việc."""
    with opened(from_environment()) as process:
        written = contact_care.export(process, file, by=by)
    if as_json:
        click.echo(json.dumps({"contacts": written, "file": str(file)}, ensure_ascii=False))
    else:
        click.echo(sentence("cli_contact_care.exported", contacts=number(written), file=file))
