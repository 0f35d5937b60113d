"""An official report as a Word file: a form of docxtpl, filled in. An office may put its own form in place of ours."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.areas.registry import Registry
from engine.errors import LoaError
from engine.i18n import sentence, speaking
from engine.reports.charts.chart import Chart
from engine.reports.charts.shapes import Shapes
from engine.reports.official.filling import filling
from engine.reports.official.gathered import Gathered

FORM = Path(__file__).parent / "official" / "bao-cao.docx"
_LARGEST = 20_000_000  # bytes of a form
_PICTURE = 155  # millimetres: within the narrowest text the decree allows (210 - 35 - 20)


def docx(gathered: Gathered, registry: Registry, shapes: Shapes | None = None, form: Path | None = None) -> bytes:
    """The report in Vietnamese, as the law has it. ``form``: the office's own; else ours.

    Raises ``LoaError`` (``official.bad-template``) when that form cannot be used, with the reason.
    """
    with speaking("vi"):
        values = filling(gathered, registry, shapes)
        shown = form.name if form is not None else FORM.name
        return _filled(_read(form or FORM, shown), shown, values)


def form_of(workspace: Path, named: str | None) -> Path | None:
    """The form that ``report: template:`` names, inside the workspace; None without one.

    Raises ``LoaError`` (``official.bad-template``) for a path that leads outside, or to nothing.
    """
    if named is None:
        return None
    path = (workspace / named).resolve()
    if not path.is_relative_to(workspace.resolve()):
        raise _bad(named, "why-outside")
    if not path.is_file():
        raise _bad(named, "why-missing")
    return path


def _bad(file: str, why: str, **values: object) -> LoaError:
    return LoaError("official.bad-template", file=file, why=sentence(f"official.{why}", **values))


def _read(path: Path, shown: str) -> bytes:
    if path.stat().st_size > _LARGEST:
        raise _bad(shown, "why-large", megabytes=_LARGEST // 1_000_000)
    content = path.read_bytes()
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise _bad(shown, "why-not-docx")
    return content


def _filled(content: bytes, shown: str, values: Mapping[str, Any]) -> bytes:
    from docxtpl import DocxTemplate
    from jinja2 import StrictUndefined, TemplateError, UndefinedError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    document = DocxTemplate(io.BytesIO(content))
    environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    try:
        document.render(_drawn(dict(values), document), jinja_env=environment, autoescape=True)
        made = io.BytesIO()
        document.save(made)
    except UndefinedError as error:
        raise _bad(shown, "why-unknown", name=_name(error)) from None
    except TemplateError as error:
        raise _bad(shown, "why-syntax", what=str(error)) from None
    except (KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile):
        raise _bad(shown, "why-not-docx") from None
    return made.getvalue()


def _name(error: Exception) -> str:
    """The name in jinja's "'x' is undefined"."""
    return str(error).partition("'")[2].partition("'")[0] or str(error)


def _drawn(value: Any, document: Any) -> Any:
    """``value`` with every chart as a picture of this document."""
    if isinstance(value, Chart):
        return _picture(document, value)
    if isinstance(value, dict):
        return {name: _drawn(one, document) for name, one in value.items()}
    if isinstance(value, list):
        return [_drawn(one, document) for one in value]
    return value


def _picture(document: Any, chart: Chart) -> Any:
    from docx.oxml import parse_xml
    from docx.shared import Mm
    from docxtpl import InlineImage
    from lxml import etree

    class Told(InlineImage):  # type: ignore[misc]
        """A picture with its words, which docxtpl has no place for."""

        def _insert_image(self) -> str:
            part = self.tpl.current_rendering_part
            inline = parse_xml(part.new_pic_inline(io.BytesIO(chart.png()), Mm(_PICTURE), None).xml)
            for properties in inline.xpath(".//wp:docPr"):
                properties.set("name", chart.key)
                properties.set("title", chart.title)
                properties.set("descr", chart.text)
            drawn = etree.tostring(inline, encoding="unicode")
            space = '<w:t xml:space="preserve">'
            return f"</w:t></w:r><w:r><w:drawing>{drawn}</w:drawing></w:r><w:r>{space}"

    return Told(document, None)
