"""Vendors. A new one is its own file, its cases in the tests' table, and one line here."""

from engine.channels import sandbox, twilio_sender
from engine.channels.base import Vendor
from engine.errors import LoaError

VENDORS: dict[str, Vendor] = {
    "sandbox": sandbox.VENDOR,
    "twilio": twilio_sender.VENDOR,
}


def vendor(name: str) -> Vendor:
    """The vendor with this name. Raises ``LoaError`` (``channels.unknown-vendor``)."""
    try:
        return VENDORS[name]
    except KeyError:
        raise LoaError("channels.unknown-vendor", name=name, known=", ".join(VENDORS)) from None
