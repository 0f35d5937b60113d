"""The organisation's own province, where names are looked up first."""

from pathlib import Path

from engine.areas.registry import Registry
from engine.content.configuration_rules import check_configuration
from engine.content.organisation import Configuration
from engine.content.reading import read_model
from engine.content.workspace import CONFIGURATION
from engine.content.yamlfile import read
from engine.errors import LoaError


def own_province(workspace: Path, registry: Registry) -> str | None:
    """The organisation's province (2025 code) if ``loa.yaml`` says it; a faulty file is ``loa check``'s matter."""
    try:
        tree = read(workspace / CONFIGURATION).tree
    except (OSError, LoaError):
        return None
    return check_configuration(read_model(Configuration, tree, CONFIGURATION), registry) if tree is not None else None
