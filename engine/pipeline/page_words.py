"""What one page is to show: a step's words with the names of the page's own area."""

from dataclasses import dataclass

from engine.areas.area import Area
from engine.areas.registry import Registry
from engine.content.campaign import Step
from engine.content.message import VIETNAMESE
from engine.content.organisation import Sender
from engine.content.pages import area_of, arm_of, old_district, page_values
from engine.content.snapshot import Snapshot
from engine.content.template import Values, compile_message
from engine.content.template_rules import HOTLINES_LIMIT
from engine.errors import LoaError


@dataclass(frozen=True, slots=True)
class PageWords:
    """One post to be. ``district`` is the legacy code of the old district the page's posts are counted in."""

    sender: Sender
    place: int  # of the page in its step, from 0
    area: Area
    district: str | None
    file: str
    text: str
    title: str | None
    link: str | None
    picture: str | None
    picture_digest: str | None


def page_words(snapshot: Snapshot, step: Step, registry: Registry) -> list[PageWords]:
    """The step's posts, one for each of its pages, in their order.

    Raises ``LoaError``: there are no Vietnamese words, they do not render, or a page's area is not in the tables.
    """
    return [_on_page(snapshot, step, registry, place, page) for place, page in enumerate(snapshot.senders_of(step))]


def _on_page(snapshot: Snapshot, step: Step, registry: Registry, place: int, sender: Sender) -> PageWords:
    campaign, message_set = snapshot.campaign, snapshot.messages[str(step.message)]
    chosen = message_set.choose(step.channel, arm_of(campaign, place), VIETNAMESE)
    if chosen is None:
        raise LoaError("pipeline.no-message", message=message_set.key, channel=step.channel)
    area = area_of(sender, registry)
    if area is None:
        raise LoaError("pipeline.page-area-gone", sender=sender.key)
    message = chosen.message
    own = Values(title=campaign.title, theme=campaign.theme or "", hotlines=snapshot.hotlines[:HOTLINES_LIMIT])
    rendered = compile_message(message, message_set).render(page_values(area, registry, own))
    return PageWords(
        sender=sender,
        place=place,
        area=area,
        district=old_district(area, registry),
        file=message.file,
        text=rendered.words(),
        title=message.title,
        link=message.link,
        picture=message.picture,
        picture_digest=message.picture_digest,
    )
