"""Vendors. A new one is its own file, its cases in the tests' table, and one line here.

Those of third parties come from other packages by entry point: docs/adding-a-channel.md.
"""

from collections.abc import Iterator, Mapping

from engine.channels import (
    apprise_sender,
    email_sender,
    facebook_sender,
    file_sender,
    http_sender,
    plugins,
    sandbox,
    telegram_sender,
    twilio_sender,
    zalo_sender,
)
from engine.channels.base import Vendor
from engine.errors import LoaError

VENDORS: dict[str, Vendor] = {
    "apprise": apprise_sender.VENDOR,
    "email": email_sender.VENDOR,
    "facebook": facebook_sender.VENDOR,
    "file": file_sender.VENDOR,
    "http": http_sender.VENDOR,
    "sandbox": sandbox.VENDOR,
    "telegram": telegram_sender.VENDOR,
    "twilio": twilio_sender.VENDOR,
    "zalo": zalo_sender.VENDOR,
}


class _Known(Mapping[str, Vendor]):
    """The registry and what is installed beside it. A name that nobody has is a ``KeyError``, a broken package a
    ``LoaError``; going through all of them leaves broken ones out.
    """

    def __getitem__(self, name: str) -> Vendor:
        found = VENDORS.get(name)
        if found is not None:
            plugins.refuse_clash(name, built_in=True)
            return found
        return plugins.loaded(name)

    def __iter__(self) -> Iterator[str]:
        yield from VENDORS
        for name in plugins.installed().keys() - VENDORS.keys():
            try:
                yield plugins.loaded(name).name
            except LoaError:
                continue

    def __len__(self) -> int:
        return sum(1 for _ in self)


KNOWN: Mapping[str, Vendor] = _Known()


def vendor(name: str) -> Vendor:
    """The vendor with this name. Raises ``LoaError``: ``channels.unknown-vendor``, or what is wrong with a package."""
    try:
        return KNOWN[name]
    except KeyError:
        raise LoaError("channels.unknown-vendor", name=name, known=", ".join(sorted(KNOWN))) from None
