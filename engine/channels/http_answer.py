"""Answers of a gateway, read into fields by their ways: ``data.0.tranId``. Pure; no XML, no expressions."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

LARGEST = 1 << 20  # bytes of one answer; a listing of a thousand messages has a few hundred thousand
Way = tuple[str, ...]


def read(body: bytes, form: str, separator: str = "|") -> Any:
    """The answer as a tree; None when it is not what it should be.

    ``form``: ``json``; ``form`` (``a=1&b=2``); ``text``: the parts between separators, counted from 0.
    """
    if len(body) > LARGEST:
        return None
    try:
        text = body.decode("utf-8-sig").strip()
        if form == "json":
            return json.loads(text)
        if form == "form":
            return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
    except (ValueError, RecursionError):
        return None
    return [part.strip() for part in text.split(separator)] if text else None


def at(tree: Any, way: Way) -> Any:
    """What stands at the end of a way; None where there is nothing."""
    for part in way:
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list) and part.isdigit() and int(part) < len(tree):
            tree = tree[int(part)]
        else:
            return None
    return tree


def text_at(tree: Any, way: Way | None) -> str | None:
    """A single value as text: ``true`` and ``false`` as JSON writes them; None where there is none."""
    found = at(tree, way) if way else None
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, float) and found.is_integer():
        return str(int(found))
    if isinstance(found, str | int | float):
        return str(found).strip() or None
    return None


def texts_at(tree: Any, ways: Sequence[Way]) -> tuple[str, ...] | None:
    """The values of a status's fields together; None when one is missing."""
    found = [text_at(tree, way) for way in ways]
    return None if not found or None in found else tuple(str(value) for value in found)


def flattened(tree: Any, way: str = "", most: int = 200, depth: int = 6) -> dict[str, str]:
    """A JSON tree as fields named by their ways; what is deeper or more than that is left out."""
    fields: dict[str, str] = {}
    waiting: list[tuple[str, Any, int]] = [(way, tree, 0)]
    while waiting and len(fields) < most:
        name, value, level = waiting.pop(0)
        if isinstance(value, dict | list) and level < depth:
            inside = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [(f"{name}.{key}" if name else str(key), part, level + 1) for key, part in inside]
        elif name and (text := text_at({"": value}, ("",))) is not None:
            fields[name] = text
    return fields
