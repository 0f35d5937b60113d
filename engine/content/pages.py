"""The pages of ``loa.yaml``: the area each belongs to, looked up, and its names as a post's words use them."""

from engine.areas.area import Area
from engine.areas.errors import UnknownArea
from engine.areas.registry import Registry
from engine.content.campaign import POSTED, Campaign
from engine.content.organisation import Sender
from engine.content.template import Values


def area_of(sender: Sender, registry: Registry) -> Area | None:
    """The commune or province a page belongs to; None for a sender that is no page, or names no such area."""
    if sender.channel not in POSTED or sender.area is None:
        return None
    try:
        area = registry.get(sender.area.era, sender.area.code)
    except UnknownArea:
        return None
    return None if area.level == "district" else area


def old_district(area: Area, registry: Registry) -> str | None:
    """The legacy code of the old district a page's posts are counted in; None for a province, or where nobody knows."""
    return registry.historic_district(area.era, area.code).district_code if area.level == "commune" else None


def page_values(area: Area, registry: Registry, values: Values) -> Values:
    """``values`` (title, theme, hotlines) with the names of the page's area.

    A province's page has no district; its ``area.name`` is the province's.
    """
    district = old_district(area, registry)
    return Values(
        area=area.name,
        district=registry.get("legacy", district).name if district else "",
        province=registry.get(area.era, area.province).name,
        title=values.title,
        theme=values.theme,
        hotlines=values.hotlines,
    )


def arm_of(campaign: Campaign, index: int) -> str | None:
    """The arm whose words the step's page number ``index`` gets: pages take turns, in the order they are written."""
    return campaign.arms[index % len(campaign.arms)] if campaign.arms else None
