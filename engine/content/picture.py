"""A picture that a post carries: a file of the workspace, known by its content and never by its name alone."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from engine.errors import LoaError, reason_of

# How a JPEG and a PNG begin: ISO/IEC 10918-1 (SOI and the next marker), ISO/IEC 15948 (the signature).
_KINDS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))
LARGEST = 10_000_000  # bytes, whatever the channel


@dataclass(frozen=True, slots=True)
class PictureFile:
    """What of a picture stands in a snapshot. ``media_type`` is image/jpeg or image/png, ``digest`` SHA-256 in hex."""

    media_type: str
    digest: str
    size: int  # bytes


class BadPicture(LoaError):
    """The picture cannot be used."""


def read_picture(workspace: Path, name: str, limit: int = LARGEST) -> tuple[PictureFile, bytes]:
    """The picture ``name`` (relative to the workspace) and its bytes.

    Raises ``BadPicture``: outside the workspace, not there, larger than ``limit`` bytes, neither JPEG nor PNG.
    """
    try:
        inside = workspace.resolve()
        file = (inside / name).resolve()
        if not file.is_relative_to(inside) or file == inside:
            raise BadPicture("messages.picture-outside", name=name)
        if not file.is_file():
            raise BadPicture("messages.no-picture", name=name)
        size = file.stat().st_size
        if size > limit:
            values = {"size": f"{size / 1e6:.1f}", "limit": f"{limit / 1e6:g}"}
            raise BadPicture("messages.picture-too-big", name=name, **values)
        content = file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        reason = reason_of(error) if isinstance(error, OSError) else ""
        raise BadPicture("messages.picture-unreadable", name=name, reason=reason) from None
    media_type = next((kind for start, kind in _KINDS if content.startswith(start)), None)
    if media_type is None:
        raise BadPicture("messages.not-a-picture", name=name)
    return PictureFile(media_type, hashlib.sha256(content).hexdigest(), len(content)), content
