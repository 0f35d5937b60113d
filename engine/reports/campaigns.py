"""Which campaigns there are to report on: those of the folder, and those that have had runs."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from engine.content.words import suggestion
from engine.errors import LoaError
from engine.i18n import sentence


def in_folder(workspace: Path) -> list[str]:
    """Keys of the campaign files, usable or not: an error in a file must not hide what it has sent."""
    return sorted(path.stem for path in (workspace / "campaigns").glob("*.yaml"))


def chosen(names: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    """The keys that ``names`` (keys, or paths of campaign files) mean, each once, in the order given.

    Raises ``LoaError`` (``pipeline.unknown-campaign``) with the nearest spelling for one that is not ``known``.
    """
    there = set(known)
    keys: dict[str, None] = {}
    for name in names:
        key = name if name in there else PurePath(name).stem if name.endswith(".yaml") else name
        if key not in there:
            near = suggestion(key, sorted(there))
            hint = sentence("pipeline.unknown-campaign-hint", near=near) if near else ""
            raise LoaError("pipeline.unknown-campaign", key=key, hint=hint)
        keys[key] = None
    return tuple(keys)
