"""Vendors of third parties: packages that name one under the entry-point group ``loa.providers``.

Nothing of a package is imported before one of its names is asked for. A package that does not load, or takes a
name that is taken, is named in one sentence; it never brings down what does not use it.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from pydantic import BaseModel

from engine.channels.base import Vendor
from engine.errors import LoaError
from engine.log import redact

GROUP = "loa.providers"
_LONGEST = 160  # characters of what a broken package says


@cache
def installed() -> dict[str, tuple[EntryPoint, ...]]:
    """The entry points by name; several under one name are a clash. Reading them takes a few milliseconds, once."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=GROUP):
        found[entry.name] = (*found.get(entry.name, ()), entry)  # of a package twice on the path there is one
    return found


def refuse_clash(name: str, *, built_in: bool) -> None:
    """Raise ``LoaError`` (``channels.plugin-clash``) when ``name`` does not mean one vendor."""
    named = installed().get(name, ())
    if len(named) > (0 if built_in else 1):
        raise LoaError("channels.plugin-clash", name=name, packages=", ".join(sorted({_package(one) for one in named})))


@cache
def loaded(name: str) -> Vendor:
    """The vendor that a package gives under ``name``; ``KeyError`` when none does.

    Raises ``LoaError``: ``channels.plugin-clash``, ``channels.plugin-broken``.
    """
    refuse_clash(name, built_in=False)
    (entry,) = installed()[name]
    try:
        vendor = entry.load()
    except Exception as error:  # whatever a stranger's module does when it is imported
        raise _broken(entry, f"{type(error).__name__}: {error}") from error
    if not isinstance(vendor, Vendor) or not (isinstance(vendor.schema, type) and issubclass(vendor.schema, BaseModel)):
        raise _broken(entry, f"{entry.value} is no engine.channels.base.Vendor")
    if vendor.open is None and vendor.publish is None:
        raise _broken(entry, f"{entry.value} opens nothing: neither open nor publish is given")
    if vendor.name != name:
        raise _broken(entry, f"{entry.value} calls itself {vendor.name!r}")
    return vendor


def _broken(entry: EntryPoint, why: str) -> LoaError:
    said = " ".join(redact(why).split())
    return LoaError("channels.plugin-broken", name=entry.name, package=_package(entry), why=said[:_LONGEST])


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value
