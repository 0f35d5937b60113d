"""The vendor's own count of segments, as its answers carry it (3GPP TS 23.038 and 23.040).

Deliberately not the engine's: two counts that were written apart check each other.
"""

from functools import lru_cache

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")


@lru_cache(maxsize=1024)
def count_segments(body: str) -> int:
    """How many segments the vendor says ``body`` takes; at least 1. A pair never straddles two parts."""
    if all(letter in _BASIC or letter in _EXTENSION for letter in body):
        single, part = 160, 153
        sizes = [2 if letter in _EXTENSION else 1 for letter in body]
    else:
        single, part = 70, 67
        sizes = [2 if letter > "\uffff" else 1 for letter in body]
    if sum(sizes) <= single:
        return 1
    segments, filled = 1, 0
    for size in sizes:
        if filled + size > part:
            segments, filled = segments + 1, 0
        filled += size
    return segments
