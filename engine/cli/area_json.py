"""An area as JSON documents have it."""

from engine.areas.registry import Registry
from engine.i18n import sentence


def district_json(registry: Registry, code: str | None) -> dict[str, str | None]:
    """An old district; ``None`` is the one nobody can tell."""
    name = registry.get("legacy", code).name if code else sentence("pipeline.ambiguous-district")
    return {"era": "legacy", "code": code, "name": name}
