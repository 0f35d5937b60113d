"""A gateway's report, read as its sender in ``loa.yaml`` says; our mark on the address is verified by the caller."""

import hmac
from collections.abc import Mapping

from engine.channels import callback_address
from engine.channels.base import InvalidReceipt, ReceiptWord
from engine.channels.http_sender import HttpSender
from engine.channels.http_words import later, meaning_in
from engine.log import redact


def read_receipt(config: HttpSender, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> ReceiptWord:
    """Translate a callback; the caller has verified our mark on the address. Raises ``InvalidReceipt``."""
    callback, marks = config.callback, callback_address.marks_of(url)
    if callback is None or marks is None:
        raise InvalidReceipt("address")
    if callback.proof is not None:
        proof = callback.proof
        given = (headers.get(proof.name.lower()) if proof.where == "header" else form.get(proof.name)) or ""
        if not hmac.compare_digest(given.encode(), proof.secret.get_secret_value().encode()):
            raise InvalidReceipt("secret")
    delivery_id, attempt, _ = marks
    vendor_id, values = form.get(".".join(callback.id)), [form.get(".".join(way)) for way in callback.status]
    if not vendor_id or len(vendor_id) > 200 or None in values:
        raise InvalidReceipt("form")
    if delivery_id is None and callback.reference is not None:
        delivery_id, attempt = _referred(form.get(".".join(callback.reference), ""))
    said = tuple(str(value).strip() for value in values)
    code = form.get(".".join(callback.code)) if callback.code else None
    status, reason, decision = later(config.codes, meaning_in(callback.statuses or config.statuses, said), code)
    return ReceiptWord(
        delivery_id,
        attempt,
        vendor_id,
        status,
        redact("/".join(said))[:100],  # stored in clear, as the code is: no number, whatever a gateway puts there
        code=redact(code)[:40] if code else None,
        reason=reason,
        decision=decision,
    )


def _referred(reference: str) -> tuple[int | None, int]:
    """The delivery and the attempt of ``${reference}``, with whatever stood before it; (None, 0) for anything else."""
    delivery, _, attempt = reference.rpartition("-")
    delivery = delivery.rpartition("-")[2]
    if not (delivery.isascii() and delivery.isdigit() and attempt.isascii() and attempt.isdigit()):
        return None, 0
    return int(delivery[:18]), int(attempt[:9])
