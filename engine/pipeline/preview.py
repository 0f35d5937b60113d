"""What one step's words look like for somebody in one area: rendered by the same code as the sending."""

from dataclasses import dataclass

from engine.areas.area import Area, Membership
from engine.areas.registry import Registry
from engine.content.loudspeaker import EMAIL
from engine.content.message_check import SAMPLE_LINK
from engine.content.snapshot import Snapshot
from engine.errors import LoaError
from engine.pipeline.resolve import Resolver
from engine.store.kinds import CONSENT, Kind
from engine.text import accents
from engine.text.segments import Counted, count

EXAMPLE_NAME = "Nguyễn Thị Ví Dụ"


@dataclass(frozen=True, slots=True)
class Preview:
    """One arm's words as they would arrive. ``unaccented``: what the same words would cost without accents."""

    variant: str
    language: str
    fallback: bool
    file: str
    text: str
    counted: Counted
    unaccented: Counted
    cost_vnd: int
    script: str | None = None  # of a loudspeaker's step: what is read aloud; ``text`` is then the relay's message
    minutes: int = 0
    letter: str | None = None  # of a step with a sender of e-mail: what a relay with an address gets


def preview(
    snapshot: Snapshot, registry: Registry, step_id: str, *, area: Area | None = None, language: str = "vi"
) -> tuple[Area, list[Preview]]:
    """The words of a step in every arm, for ``area`` (default: the first commune of its audience).

    Raises ``LoaError``: no such step, or an area whose old district cannot be told where the text names it.
    """
    try:
        step = snapshot.campaign.step(step_id)
    except KeyError:
        steps = ", ".join(one.id for one in snapshot.campaign.steps)
        raise LoaError("pipeline.unknown-step", campaign=snapshot.campaign.key, step=step_id, steps=steps) from None
    resolver = Resolver(snapshot, registry, drafts=True)
    rule = resolver.rules[str(step.audience)]
    if area is None:
        inside = [key for key, member in rule.areas.items() if member is Membership.IN] or list(rule.areas)
        era, code = min(inside, key=lambda key: (key[0] != "2025", key[1]))
        area = registry.get(era, code)  # type: ignore[arg-type]  # keys of the tables themselves
    by_sms, by_email = resolver.road(step, False), resolver.road(step, True)
    price = by_sms.price_per_segment if by_sms else 0
    found: list[Preview] = []
    for arm in snapshot.campaign.arms or ("",):
        chosen, _ = resolver.template(step, language, arm)
        kind = Kind(area.era, area.code, language, (arm,), CONSENT)
        words = resolver.words(step, kind, arm, by_email=by_sms is None)
        if words is None:
            raise LoaError("pipeline.no-district", area=area.name)
        letter = None
        if by_email is not None and by_email.channel == EMAIL:
            sent = resolver.words(step, kind, arm, by_email=True)
            letter = sent.rendered.words(link=SAMPLE_LINK) if sent else None
        text = words.rendered.words(EXAMPLE_NAME, link=SAMPLE_LINK, opt_out=SAMPLE_LINK)
        counted = count(text) if by_sms else words.counted
        one = Preview(
            chosen.message.variant or "", words.language, words.fallback, chosen.message.file, text, counted,
            count(accents.strip(text)), counted.segments * price, words.script, words.minutes, letter,
        )  # fmt: skip
        if one.file not in {other.file for other in found}:
            found.append(one)
    return area, found
