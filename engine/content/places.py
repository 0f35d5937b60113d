"""The areas of an audience looked up: from codes and names as written to (era, level, code)."""

from collections.abc import Collection, Mapping

from engine.areas.area import Level
from engine.areas.registry import Registry
from engine.areas.resolve import resolve
from engine.content.audience import AreaReference, AreaRule, Audience, ResolvedAudience
from engine.content.reading import Reading
from engine.content.words import suggestion
from engine.errors import LoaError

_LEVELS: dict[str, Level] = {"provinces": "province", "districts": "district", "communes": "commune"}


def resolve_audience(
    reading: Reading[Audience],
    registry: Registry,
    tags: Mapping[str, Collection[AreaReference]],
    province: str | None,
) -> ResolvedAudience | None:
    """The audience with its areas looked up, names in ``province`` first; None when one of them is not found."""
    audience = reading.value
    if audience is None or not reading.intact(("areas",)):
        return None
    resolved: dict[str, tuple[AreaReference, ...]] = {}
    complete = True
    for kind, written in audience.areas.kinds().items():
        found: dict[AreaReference, None] = {}
        for index, text in enumerate(written):
            part = _look_up(reading, kind, index, text, audience.areas, registry, tags, province)
            complete = complete and part is not None
            found.update(dict.fromkeys(part or ()))
        resolved[kind] = tuple(sorted(found, key=lambda area: (area.era, area.level, area.code)))
    if not complete:
        return None
    return ResolvedAudience.model_construct(**dict(audience), resolved=resolved)


def _look_up(
    reading: Reading[Audience],
    kind: str,
    index: int,
    text: str,
    rule: AreaRule,
    registry: Registry,
    tags: Mapping[str, Collection[AreaReference]],
    province: str | None,
) -> Collection[AreaReference] | None:
    path = ("areas", kind, index)
    if kind == "tags":
        if text in tags:
            return tags[text]
        near = suggestion(text, sorted(tags))
        code = "content.unknown-tag-near" if near else "content.unknown-tag"
        reading.report(path, "error", code, key=text, near=near)
        return None
    try:
        area = resolve(text, _LEVELS[kind], rule.era, province, registry)
    except LoaError as error:
        reading.report_error(path, error)
        return None
    return (AreaReference(era=area.era, level=area.level, code=area.code),)
