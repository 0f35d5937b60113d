"""The files an officer starts from: commented, complete, and without a fault wherever the workspace allows."""

import string
from collections.abc import Mapping
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

from engine.content.words import is_key
from engine.errors import LoaError, reason_of

FOLDERS = ("campaigns", "audiences", "messages", "activities")
_FIRST_FILES = (
    ("loa.yaml", "loa.yaml"),
    ("audiences/tags.csv", "tags.csv"),
    ("activities/hoat-dong.csv", "hoat-dong.csv"),
    (".gitignore", "gitignore"),
)
_SOURCE = files("engine.content") / "starting_files"


class StartError(LoaError):
    """A file or folder that cannot be begun there."""


def new_workspace(folder: Path, values: Mapping[str, str]) -> list[str]:
    """Write what a workspace lacks; gives the files written, relative to it. An existing workspace keeps its files.

    ``values``: ``organisation`` and ``province`` (a 2025 code). Raises ``StartError`` for a folder that holds other
    things, or that cannot be written.
    """
    existing = (folder / "loa.yaml").exists()
    try:
        if not existing and folder.exists() and any(entry.name != ".loa" for entry in folder.iterdir()):
            raise StartError("content.not-empty", folder=folder)
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        written = []
        for name, source in _FIRST_FILES:
            if not existing and _write_new(folder / name, _text(source, values)):
                written.append(name)
    except (NotADirectoryError, FileExistsError):
        raise StartError("content.not-a-folder", folder=folder) from None
    except OSError as error:
        raise StartError("content.cannot-write", file=folder, reason=reason_of(error)) from None
    return written


def new_campaign(folder: Path, key: str, today: date) -> str:
    """Write ``campaigns/<key>.yaml`` around the next 30 July, naming an audience, a message and a sender there are."""
    anchor = date(today.year, 7, 30)
    if anchor - timedelta(days=30) <= today:
        anchor = date(today.year + 1, 7, 30)
    values = {
        "start": date(anchor.year, 7, 1).isoformat(),
        "end": date(anchor.year, 9, 30).isoformat(),
        "audience": _first(folder / "audiences", "*.yaml", "nhom-nhan"),
        "message": _first(folder / "messages", "*/sms.vi.j2", "tin-moi"),
        "sender": "dien-tap",
    }
    return _begin(folder, key, f"campaigns/{key}.yaml", "campaign.yaml", values)


def new_audience(folder: Path, key: str, province: str) -> str:
    """Write ``audiences/<key>.yaml`` for the whole of ``province`` (a 2025 code)."""
    return _begin(folder, key, f"audiences/{key}.yaml", "audience.yaml", {"province": province})


def new_message(folder: Path, key: str) -> str:
    """Write ``messages/<key>/sms.vi.j2``."""
    return _begin(folder, key, f"messages/{key}/sms.vi.j2", "message.j2", {})


def _begin(folder: Path, key: str, name: str, source: str, values: Mapping[str, str]) -> str:
    if not is_key(key):
        raise StartError("content.bad-key", text=key)
    try:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if not _write_new(folder / name, _text(source, values)):
            raise StartError("content.exists-already", file=name)
    except OSError as error:
        raise StartError("content.cannot-write", file=name, reason=reason_of(error)) from None
    return name


def _first(folder: Path, pattern: str, otherwise: str) -> str:
    """The key of the first file that fits, by name."""
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if not found:
        return otherwise
    return found[0].stem if pattern.endswith(".yaml") else found[0].parent.name


def _text(source: str, values: Mapping[str, str]) -> str:
    return string.Template((_SOURCE / source).read_text(encoding="utf-8")).substitute(values)


def _write_new(file: Path, text: str) -> bool:
    """Write a file that is not there yet; False when it is."""
    try:
        with file.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
    except FileExistsError:
        return False
    return True
