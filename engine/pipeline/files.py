"""The workspace's files as they stand: loaded, cross-checked, frozen per campaign, and looked at again when changed."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from engine.areas import registry as areas
from engine.channels import KNOWN
from engine.content.loudspeaker import Loudspeaker
from engine.content.organisation import Privacy
from engine.content.snapshot import Snapshot, snapshot
from engine.content.words import suggestion
from engine.content.workspace import Loaded, load
from engine.errors import ContentError, LoaError
from engine.i18n import sentence
from engine.pipeline.providers import reaches_phones
from engine.settings import Settings

_WATCHED = ("campaigns", "audiences", "messages")


def load_workspace(
    settings: Settings, now: datetime | None = None, environment: Mapping[str, str] | None = None
) -> Loaded:
    """Load and cross-check the workspace; never raises for what an officer wrote."""
    given = os.environ if environment is None else environment
    return load(
        settings.workspace,
        vendors=KNOWN,
        registry=areas.load(),
        environment=given,
        now=now,
        is_live=lambda sender: reaches_phones(sender, given, settings.twilio_url),
    )


def campaign_snapshot(loaded: Loaded, key: str) -> Snapshot:
    """The snapshot of one campaign without errors.

    Raises ``ContentError`` with the problems that stand in its way, ``LoaError`` when there is no such campaign.
    """
    refuse_unknown(loaded, key)
    if loaded.workspace is None or key not in loaded.workspace.campaigns:
        raise ContentError([problem for problem in loaded.problems_of([key]) if problem.severity == "error"])
    errors = [problem for problem in loaded.problems_of([key]) if problem.severity == "error"]
    if errors:
        raise ContentError(errors)
    return snapshot(loaded.workspace, key)


def refuse_unknown(loaded: Loaded, key: str) -> None:
    """Raises ``LoaError`` when there is no such campaign, naming one that was perhaps meant."""
    if key not in loaded.campaign_keys:
        near = suggestion(key, loaded.campaign_keys)
        hint = sentence("pipeline.unknown-campaign-hint", near=near) if near else ""
        raise LoaError("pipeline.unknown-campaign", key=key, hint=hint)


def current_snapshots(loaded: Loaded) -> dict[str, Snapshot]:
    """Every campaign that has no error, frozen as its files stand."""
    if loaded.workspace is None:
        return {}
    faulty = {problem.file for problem in loaded.problems if problem.severity == "error"}
    return {
        key: snapshot(loaded.workspace, key)
        for key in loaded.workspace.campaigns
        if not faulty & loaded.uses.get(key, frozenset())
    }


class Files:
    """The campaigns as their files stand, read again only when a file has changed (a stat each, no reading)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: object = None
        self._pictures: tuple[str, ...] = ()
        self._unsettled: object = None
        self.campaigns: dict[str, Snapshot] = {}
        self.faulty: tuple[str, ...] = ()
        self.privacy: Privacy | None = None  # as ``loa.yaml`` says today; None: it is not to be read
        self.loudspeaker: Loudspeaker | None = None  # the same
        self.known: tuple[str, ...] | None = None  # every campaign that has a file; None: loa.yaml is not to be read

    def refresh(self, *, settled: bool = False) -> bool:
        """Load again if anything changed since the last time; True when it did.

        ``settled``: only once two looks in a row have seen the same, so that a file which is just being written does
        not void an approval by the half of it that stands there.
        """
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        if settled and self._seen is not None and stamp != self._unsettled:
            self._unsettled = stamp
            return False
        loaded = load_workspace(self._settings, None)
        self.campaigns = current_snapshots(loaded)
        self.faulty = tuple(key for key in loaded.campaign_keys if key not in self.campaigns)
        self.known = None if loaded.workspace is None else loaded.campaign_keys
        self.privacy = None if loaded.workspace is None else loaded.workspace.configuration.privacy
        self.loudspeaker = None if loaded.workspace is None else loaded.workspace.configuration.loudspeaker
        self._pictures = _pictures(loaded)
        self._seen = stamp
        return True

    def _stamp(self) -> object:
        found = [_mark(self._settings.workspace / name) for name in ("loa.yaml", *self._pictures)]
        for folder in _WATCHED:
            for where, _, names in os.walk(self._settings.workspace / folder):
                found += [_mark(Path(where) / name) for name in sorted(names)]
        return tuple(found)


def _pictures(loaded: Loaded) -> tuple[str, ...]:
    """The pictures that messages name, wherever in the workspace they lie: an approval stands on them too."""
    sets = loaded.workspace.messages.values() if loaded.workspace else ()
    return tuple(sorted({one.picture for found in sets for one in found.messages if one.picture}))


def _mark(path: Path) -> tuple[str, int, int]:
    try:
        seen = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), seen.st_mtime_ns, seen.st_size
