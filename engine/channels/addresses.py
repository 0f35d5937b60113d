"""Where a vendor's address leads, told from the address alone. Light: ``loa check`` asks it."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether an address points to this machine: what it reaches is a stand-in, never a vendor."""
    host = _host(url)
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_covered(url: str) -> bool:
    """Whether what is sent there can be read by nobody on the way: TLS, this machine, or a private network.

    A private address (RFC 1918, RFC 4193) is how a gateway is reached over an operator's leased line or tunnel.
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    try:
        return parts.scheme == "http" and (is_loopback(url) or ip_address(_host(url)).is_private)
    except ValueError:
        return False


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
