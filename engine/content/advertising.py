"""The rules for ``class: quang_cao`` (Decree 91/2020/NĐ-CP): the mark, consent, the cap and a way to refuse."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Literal

from engine.content.audience import Audience
from engine.content.campaign import Campaign
from engine.content.message import Message
from engine.content.reading import Reading, problem
from engine.content.yamlfile import Place
from engine.errors import Problem
from engine.text.accents import fold

MARK = "[QC]"
MOST_IN_A_DAY = 3
_REFUSAL = re.compile(r"\b(?:tu choi|tc\d?|huy|ngung nhan|stop|opt out|unsubscribe)\b")


def check_advertising(reading: Reading[Campaign], audiences: Mapping[str, Reading[Audience]]) -> None:
    """An advertising campaign reaches only people who consented, and each at most three times in 24 hours."""
    campaign = reading.value
    if campaign is None or campaign.kind != "quang_cao" or not reading.intact(("class",)):
        return
    cap = campaign.limits.per_person
    if reading.intact(("limits", "per_person")) and not (
        cap and cap.count <= MOST_IN_A_DAY and cap.window >= timedelta(days=1)
    ):
        reading.report(("limits", "per_person"), "error", "content.qc-cap")
    for index, step in enumerate(campaign.steps):
        audience = audiences.get(step.audience or "")
        if not step.person_addressed or audience is None or audience.value is None:
            continue
        if audience.intact(("consent",)) and audience.value.consent != "required":
            reading.report(("steps", index, "audience"), "error", "content.qc-consent", key=step.audience)


def check_advertising_text(
    message: Message, place: Place, text: str, kind: Literal["thong_bao", "quang_cao"]
) -> Iterator[Problem]:
    """Advertising begins with [QC] and says at its end how to refuse; a notice doesn't call itself advertising."""
    marked = is_marked(text)
    if kind == "thong_bao":
        if marked:
            yield problem(message.file, place, "warning", "content.qc-not-advertising")
        return
    if not marked:
        yield problem(message.file, place, "error", "content.qc-prefix")
    if not tells_how_to_refuse(text):
        yield problem(message.file, place, "error", "content.qc-opt-out")


def is_lawful(text: str) -> bool:
    """Whether rendered words may go out as advertising: marked, and with a way to refuse.

    A check sees a message with sample values; a message that says other things in another area is seen here.
    """
    return is_marked(text) and tells_how_to_refuse(text)


def is_marked(text: str) -> bool:
    """Whether a text begins with [QC]."""
    return text.upper().startswith(MARK)


def tells_how_to_refuse(text: str) -> bool:
    """Whether a text names a way to refuse further advertising."""
    return _REFUSAL.search(fold(text)) is not None
