"""A message file's name, ``<channel>[.<variant>].<language>.j2``, and the languages known here."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from engine.content.words import is_key, suggestion
from engine.errors import LoaError
from engine.i18n import sentence

CHANNELS = ("sms", "zalo", "facebook", "telegram", "social", "loudspeaker")
SUFFIX = ".j2"

# Primary subtag → the officer's word for it. The languages of the border and highland provinces, their
# neighbours' and those of visitors; ISO 639, as BCP 47 writes them.
LANGUAGES = {
    "vi": "Việt",
    "tyz": "Tày",
    "nut": "Nùng",
    "hmn": "Mông",
    "mww": "Mông Trắng",
    "hnj": "Mông Xanh",
    "ium": "Dao",
    "mji": "Dao Kim Môn",
    "blt": "Thái Đen",
    "twh": "Thái Trắng",
    "mtq": "Mường",
    "kjg": "Khơ Mú",
    "sti": "Stiêng",
    "cmo": "Mnông",
    "jra": "Gia Rai",
    "rad": "Ê Đê",
    "bdq": "Ba Na",
    "sed": "Xơ Đăng",
    "kpm": "Cơ Ho",
    "hre": "Hrê",
    "bru": "Bru - Vân Kiều",
    "ktv": "Cơ Tu",
    "cjm": "Chăm",
    "km": "Khmer",
    "lo": "Lào",
    "th": "Thái Lan",
    "my": "Miến Điện",
    "zh": "Trung",
    "yue": "Quảng Đông",
    "en": "Anh",
    "fr": "Pháp",
}
# What people write for a language who know its country's code better.
_MISTAKEN = {"vn": "vi", "vie": "vi", "kh": "km", "la": "lo", "cn": "zh", "eng": "en", "hmong": "hmn", "hnm": "hmn"}

# RFC 5646, 2.1, without extensions and grandfathered tags, which no file of ours needs.
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|\d{3}))?"
    r"(?:-x(?P<private>(?:-[a-z0-9]{1,8})+))?",
    re.IGNORECASE,
)


class MessageName(NamedTuple):
    """What a file's name says; ``language`` in the usual case."""

    channel: str
    variant: str | None
    language: str


class BadName(LoaError):
    """The name is not one of a message file."""


def mend(likely: str | None, known: Iterable[str]) -> str:
    """The sentence that follows an unknown word: the likely one, else all there are."""
    if likely is not None:
        return sentence("messages.did-you-mean", likely=likely)
    return sentence("messages.there-are", known=", ".join(known))


def read_language(text: str) -> str:
    """A BCP 47 tag in its usual case (``hmn-latn-X-VN`` → ``hmn-Latn-x-vn``). Raises ``BadName``."""
    found = _TAG.fullmatch(text)
    primary = found["language"].lower() if found else text.lower()
    if found is None or primary not in LANGUAGES:
        likely = _MISTAKEN.get(primary) or suggestion(primary, LANGUAGES)
        raise BadName("messages.unknown-language", language=text, mend=mend(likely, LANGUAGES))
    parts = [primary]
    if found["script"]:
        parts.append(found["script"].title())
    if found["region"]:
        parts.append(found["region"].upper())
    return "-".join(parts) + (f"-x{found['private'].lower()}" if found["private"] else "")


def read_name(name: str) -> MessageName:
    """``sms.vi.j2``, ``sms.a.hmn-Latn-x-vn.j2``. Raises ``BadName``, which says how to write it."""
    parts = name.removesuffix(SUFFIX).split(".")
    channel = parts[0]
    if channel not in CHANNELS:
        raise BadName("messages.unknown-channel", channel=channel, mend=mend(suggestion(channel, CHANNELS), CHANNELS))
    if len(parts) == 1:
        raise BadName("messages.missing-language", channel=channel)
    if len(parts) > 3:
        raise BadName("messages.bad-file-name", name=name)
    variant = parts[1] if len(parts) == 3 else None
    if variant is not None and not is_key(variant):
        raise BadName("messages.bad-variant", variant=variant)
    return MessageName(channel, variant, read_language(parts[-1]))
