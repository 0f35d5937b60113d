"""The vendor's own count of segments, as its answers carry it (3GPP TS 23.038 and 23.040).

Deliberately not the engine's: two counts that were written apart check each other.
"""

from functools import lru_cache

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_GSM7 = _BASIC | _EXTENSION


@lru_cache(maxsize=1024)
def count_segments(body: str) -> int:
    """How many segments the vendor says ``body`` takes; at least 1. A pair never straddles two parts."""
    if _GSM7.issuperset(body):
        single, part, doubled = 160, 153, not _EXTENSION.isdisjoint(body)
        size_of = _size_of_septets
    else:
        single, part, doubled = 70, 67, max(body) > "\uffff"
        size_of = _size_of_units
    if not doubled:  # every letter takes one: nothing can straddle
        return 1 if len(body) <= single else -(-len(body) // part)
    sizes = [size_of(letter) for letter in body]
    if sum(sizes) <= single:
        return 1
    segments, filled = 1, 0
    for size in sizes:
        if filled + size > part:
            segments, filled = segments + 1, 0
        filled += size
    return segments


def _size_of_septets(letter: str) -> int:
    return 2 if letter in _EXTENSION else 1


def _size_of_units(letter: str) -> int:
    return 2 if letter > "\uffff" else 1
