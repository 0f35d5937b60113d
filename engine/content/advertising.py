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
    marked = text.upper().startswith(MARK)
    if kind == "thong_bao":
        if marked:
            yield problem(message.file, place, "warning", "content.qc-not-advertising")
        return
    if not marked:
        yield problem(message.file, place, "error", "content.qc-prefix")
    if not _REFUSAL.search(fold(text)):
        yield problem(message.file, place, "error", "content.qc-opt-out")
