"""What must hold of ``loa.yaml`` beyond each value by itself."""

import re
import zipfile
from pathlib import Path

from engine.areas.registry import Registry
from engine.areas.resolve import resolve
from engine.content.campaign_rules import check_hotlines
from engine.content.organisation import Configuration, variables_in
from engine.content.reading import Reading
from engine.errors import LoaError
from engine.i18n import sentence

# The only alert addresses that can be written out: mail without a password. Every other one carries a token.
_PLAIN_MAIL = re.compile(r"mailtos?://[^:@/]+(?:@[^:@/]+)?/?", re.IGNORECASE)


def check_configuration(reading: Reading[Configuration], registry: Registry) -> str | None:
    """Report what is wrong; gives the organisation's province as a 2025 code, None when it is not known."""
    configuration = reading.value
    if configuration is None:
        return None
    check_hotlines(reading, configuration.hotlines)
    for index, alert in enumerate(configuration.alerts):
        if not variables_in(alert) and not _PLAIN_MAIL.fullmatch(alert):
            reading.report(("alerts", index), "error", "content.secret-written", key="alerts")
    if not reading.intact(("organisation",)):
        return None
    try:
        return resolve(configuration.organisation.province, "province", "2025", None, registry).code
    except LoaError as error:
        reading.report_error(("organisation", "province"), error)
        return None


def check_report_form(reading: Reading[Configuration], folder: Path) -> None:
    """Warn of a ``report: template:`` that leads outside ``folder``, to nothing, or to what is no Word file.

    A warning: a report refuses such a form, but no sending waits for it.
    """
    named = reading.value.report.template if reading.value else None
    if named is None:
        return
    path = (folder / named).resolve()
    why = None
    if not path.is_relative_to(folder.resolve()):
        why = "why-outside"
    elif not path.is_file():
        why = "why-missing"
    elif path.suffix.lower() != ".docx" or not zipfile.is_zipfile(path):
        why = "why-not-docx"
    if why is not None:
        told = sentence(f"official.{why}")
        reading.report(("report", "template"), "warning", "official.bad-template", file=named, why=told)
