"""Twilio's signature of a webhook, as documented under "Validating signatures from Twilio"."""

import hmac
from base64 import b64encode
from collections.abc import Mapping


def sign(url: str, form: Mapping[str, str], token: str) -> str:
    """The value of ``X-Twilio-Signature``: HMAC-SHA1 under the auth token, in base64.

    Signed is the whole URL with its query, followed by each form field's name and value in the order of names.
    """
    signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()
