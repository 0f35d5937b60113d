"""Requests from templates: ``${to_84}`` and a few more places, filled as data and encoded as data. No expressions.

A body is written as a form or a JSON tree, never as a text to be pasted together, so a quotation mark in a message
cannot break out of its place. Pure.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

PLACE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

# What may stand in which request. What names a person never stands in an address: addresses end in everybody's logs.
NUMBER = frozenset({"to_84", "to_0", "to_plus84"})
SENT = NUMBER | {
    "text", "from", "delivery", "attempt", "reference", "callback", "unicode", "valid_seconds", "valid_minutes",
}  # fmt: skip
ASKED = frozenset({"id", "from"})
LISTED = NUMBER | {"from", "page"}
EVERY = SENT | ASKED | LISTED

LARGEST_TREE, DEEPEST_TREE, LONGEST_LEAF = 200, 6, 2000
Leaf = tuple[tuple[str | int, ...], str]


def leaves(tree: Any, way: tuple[str | int, ...] = ()) -> Iterator[Leaf]:
    """Every text in a tree of mappings and lists, with the way to it."""
    if isinstance(tree, str):
        yield way, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from leaves(value, (*way, str(key)))
    elif isinstance(tree, list | tuple):
        for index, value in enumerate(tree):
            yield from leaves(value, (*way, index))


def places_in(text: str) -> set[str]:
    """The names of the places in a text, ours and the environment's alike."""
    return set(PLACE.findall(text))


def filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with the places that ``values`` know filled in, once; what is filled in is not looked at again."""
    return PLACE.sub(lambda found: values.get(found[1], found[0]), text)


def filled_tree(tree: Any, values: Mapping[str, str], bare: frozenset[str]) -> Any:
    """A tree with its texts filled in; the keys in ``bare`` are written as JSON's own numbers, ``true``, ``null``.

    A place for which there is nothing (a callback without a public address) leaves its key out.
    """
    if isinstance(tree, str):
        return filled(tree, values)
    if isinstance(tree, list | tuple):
        return [filled_tree(part, values, bare) for part in tree]
    done = {}
    for key, part in tree.items():
        value = filled_tree(part, values, bare)
        if value == "" and isinstance(part, str) and places_in(part):
            continue
        done[key] = json.loads(value) if key in bare and isinstance(value, str) else value
    return done


def encoded(form: Mapping[str, Any] | None, tree: Any, values: Mapping[str, str], bare: frozenset[str]) -> bytes | None:
    """A request's body; None when it has none."""
    if form is not None:
        return urlencode(filled_tree(form, values, frozenset()), doseq=True).encode()
    if tree is not None:
        return json.dumps(filled_tree(tree, values, bare), ensure_ascii=False).encode()
    return None


def address(url: str, query: Mapping[str, str] | None, values: Mapping[str, str]) -> str:
    """A request's address; what is filled into it is quoted."""
    quoted = {name: quote(value, safe="") for name, value in values.items()}
    found = filled(url, quoted)
    if query:
        found += ("&" if "?" in found else "?") + urlencode(filled_tree(query, values, frozenset()))
    return found


def basic(credentials: str) -> str:
    """The value of the header ``Authorization`` for ``user:password`` (RFC 7617)."""
    return "Basic " + b64encode(credentials.encode()).decode()


def numbers(e164: str) -> dict[str, str]:
    """The places for a number, in the three forms gateways here take."""
    national = e164.removeprefix("+84")
    return {"to_84": "84" + national, "to_0": "0" + national, "to_plus84": "+84" + national}
