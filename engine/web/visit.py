"""One request to the dashboard: who asks, in which language, by which address; and whether it may be let in. Pure."""

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = "localhost"


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks. ``user`` is None where no password is needed (``guarded`` False), or before a login."""

    language: str
    guarded: bool
    user: str | None = None
    token: str | None = None


def host_of(authority: str) -> str:
    """The name or address in a ``Host`` header, without its port, in small letters; empty for nonsense."""
    try:
        return (urlsplit(f"//{authority.strip()}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == LOOPBACK


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def open_without_password(public_url: str | None, peer: str, host: str) -> bool:
    """Whether the dashboard may be shown although it has no users: to this machine, asking for this machine.

    Not when there is a public address: a proxy on this machine makes every stranger's request look like our own.
    A name that is not the loopback's is refused, so that no page elsewhere reads ours by a name it turns on us.
    """
    public = host_of(urlsplit(public_url).netloc) if public_url else LOOPBACK
    return is_loopback(public) and is_loopback(peer) and is_loopback(host)


def is_our_name(host: str, public_url: str | None, names: Collection[str]) -> bool:
    """Whether ``host`` is a name we answer to: this machine's, the public one, or any plain address."""
    public = host_of(urlsplit(public_url).netloc) if public_url else ""
    return bool(host) and (is_loopback(host) or _is_address(host) or host == public or host in names)


def is_same_origin(headers: Mapping[str, str], public_url: str | None) -> bool:
    """Whether a form comes from a page of ours. Who says nothing about where it comes from is refused.

    ``Sec-Fetch-Site`` is sent to https and loopback addresses only; ``Origin`` with every form, by every browser.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None:
        return site == "same-origin"
    if public_url and origin == public_url:
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == headers.get("host", "").lower() != ""


def path_of_ours(wanted: str | None) -> str:
    """``wanted`` where it is a path on this server and nothing else a browser could make of it; else the first page."""
    if not wanted or not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted:
        return "/"
    return wanted if wanted.isprintable() else "/"


def way_back(wanted: str | None) -> str:
    """Where to go after a login: the page that was asked for, but never out, or to the login again."""
    path = path_of_ours(wanted)
    return "/" if path.startswith(("/login", "/logout")) else path
