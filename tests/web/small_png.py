"""A screenshot in a quarter of its size: a palette of the colours it mostly has, each pixel the nearest of them."""

import struct
import zlib
from collections import Counter

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def small(png: bytes, colours: int = 40) -> bytes:
    """``png`` (8 bits, RGB or RGBA, as browsers write it) with a palette of ``colours``."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert (depth, kind) in ((8, 2), (8, 6))
    size = 3 if kind == 2 else 4
    rows = _rows(zlib.decompress(b"".join(_parts(png, b"IDAT"))), width * size, size)
    pixels = [[row[at : at + 3] for at in range(0, len(row), size)] for row in rows]
    counted = Counter(pixel for row in pixels for pixel in row)
    palette = [pixel for pixel, _ in counted.most_common(colours)]
    near = {one: min(range(len(palette)), key=lambda at: _far(one, palette[at])) for one in counted}
    lines = b"".join(b"\0" + bytes(near[pixel] for pixel in row) for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_part(name, content) for name, content in parts)


def _far(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _parts(png: bytes, wanted: bytes) -> list[bytes]:
    at, found = len(_SIGNATURE), []
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == wanted:
            found.append(png[at + 8 : at + 8 + length])
        at += length + 12
    return found


def _part(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _rows(raw: bytes, length: int, size: int) -> list[bytes]:
    """The rows without their filters (PNG specification, section 9)."""
    before, rows = bytes(length), []
    for start in range(0, len(raw), length + 1):
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + length])
        for at in range(length):
            left = row[at - size] if at >= size else 0
            if kind == 1:
                row[at] = (row[at] + left) & 255
            elif kind == 2:
                row[at] = (row[at] + before[at]) & 255
            elif kind == 3:
                row[at] = (row[at] + (left + before[at]) // 2) & 255
            elif kind == 4:
                row[at] = (row[at] + _paeth(left, before[at], before[at - size] if at >= size else 0)) & 255
        before = bytes(row)
        rows.append(before)
    return rows


def _paeth(left: int, up: int, corner: int) -> int:
    by_left, by_up, by_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    return left if by_left <= by_up and by_left <= by_corner else up if by_up <= by_corner else corner
