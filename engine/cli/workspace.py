"""The workspace as every command loads it: with the providers there are, the area tables and the environment."""

import os
from datetime import datetime

from engine.areas.registry import load as load_areas
from engine.channels import VENDORS
from engine.content.workspace import Loaded, load
from engine.settings import Settings


def load_workspace(settings: Settings, now: datetime | None = None) -> Loaded:
    """Load and cross-check ``settings.workspace``; ``now`` adds the warnings that depend on how near a step is."""
    return load(settings.workspace, vendors=VENDORS, registry=load_areas(), environment=os.environ, now=now)
