"""E-mail addresses as people write them into lists: read into one form, or refused with a reason. Pure.

The part before the @ is what every server takes: RFC 5322's plain letters, digits and marks, no quotes, nothing beyond
ASCII (letters beyond it need SMTPUTF8 all the way, which few servers have). A domain may be written in any letters
(``thư.vn``): it is kept in its ASCII form by IDNA 2008 (``xn--…``), which every server understands. Whether anybody
reads there, no check can know.
"""

import re
import unicodedata

import idna

from engine.errors import LoaError

LONGEST = 254  # octets of an address that fits into RFC 5321's path
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LONGEST_LOCAL = 64
# RFC 2606 and 6761: nobody reads there, whoever writes to them writes to nobody.
_SAMPLE = frozenset({"example", "invalid", "test", "localhost"})
_SAMPLE_DOMAINS = frozenset({"example.com", "example.net", "example.org"})


class EmailError(LoaError):
    """An address that cannot be used, with the reason. Its sentence never repeats the address."""


def parse(text: str) -> str:
    """The address in ``text``: the domain in small ASCII letters, the part before it as written.

    Raises ``EmailError`` (``text.email-*``) saying what is wrong.
    """
    written = "".join(each for each in unicodedata.normalize("NFC", text) if unicodedata.category(each) != "Cf").strip()
    if re.search(r"[,;]|@.*@", written):
        raise EmailError("text.email-several" if written.count("@") > 1 else "text.email-comma")
    local, at, domain = written.rpartition("@")
    if not at:
        raise EmailError("text.email-no-at")
    if re.search(r"\s", written):
        raise EmailError("text.email-space")
    if not _LOCAL.fullmatch(local) or len(local) > _LONGEST_LOCAL:
        raise EmailError("text.email-local")
    try:
        host = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii").lower()
    except idna.IDNAError:
        raise EmailError("text.email-domain") from None
    if "." not in host or host.endswith(".") or host.rpartition(".")[2].isdigit() or len(local) + len(host) >= LONGEST:
        raise EmailError("text.email-domain")
    return f"{local}@{host}"


def is_sample(address: str) -> bool:
    """Whether nobody can be behind an address: its domain is kept free for examples."""
    domain = address.rpartition("@")[2].lower()
    return domain.rpartition(".")[2] in _SAMPLE or any(
        domain == sample or domain.endswith(f".{sample}") for sample in _SAMPLE_DOMAINS
    )
