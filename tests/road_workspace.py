"""A small workspace for the tests of the road: one campaign, one audience, one message, two senders.

``tests/`` is on the import path (its conftest is there), so tests/pipeline and tests/road both use this.
"""

from collections.abc import Mapping
from pathlib import Path

# A day on which nothing else happens: the campaign's own clock starts here, 08:30 in Vietnam.
DUE = "2027-07-16T08:30:00+07:00"
ACCOUNT, TOKEN = "AC" + "0" * 32, "token-of-clay-for-tests"

LOA = """\
organisation: {{name: Ban Chỉ đạo 138 tỉnh Lạng Sơn, province: "20"}}
hotlines: ["111"]
approvals: {{people: {people}}}
senders:
  cong: {{provider: twilio, from: BCDTHU, account: "${{TWILIO_ACCOUNT_SID}}", token: "${{TWILIO_AUTH_TOKEN}}",
         rate: {rate}, price_per_segment: 850, settle_after: {settle_after}, orphan_after: {orphan_after},
         poll_after: {poll_after}}}
  dien-tap: {{provider: sandbox, from: DIENTAP, rate: 100000/s, price_per_segment: 850, poll_after: {poll_after}}}
{more_senders}"""

CAMPAIGN = """\
title: Chiến dịch thử
owner: Ban Chỉ đạo 138
legal_basis: [Kế hoạch số 1]
class: thong_bao
period: {{from: 2027-07-01, to: 2027-09-30}}
anchor: 30/7
{head}steps:
{steps}"""

STEP = """\
  - id: {id}
    when: {when}
    channel: sms
    sender: {sender}
    audience: {audience}
    message: {message}
{more}"""


def loa_yaml(
    *,
    rate: str = "5000/s",
    people: int = 1,
    settle_after: str = "15 minutes",
    orphan_after: str = "60 seconds",
    poll_after: str = "10 minutes",
    more_senders: str = "",
) -> str:
    """``loa.yaml`` with the sender ``cong`` (Twilio) and ``dien-tap`` (the sandbox in-process)."""
    return LOA.format(
        rate=rate,
        people=people,
        settle_after=settle_after,
        orphan_after=orphan_after,
        poll_after=poll_after,
        more_senders=more_senders,
    )


def step(
    step_id: str = "mo-dau",
    *,
    when: str = "2027-07-16 08:30",
    sender: str = "dien-tap",
    audience: str = "dan",
    message: str = "tin",
    **more: str,
) -> str:
    """One step; ``more`` are further keys (``valid_for="2 hours"``)."""
    rest = "".join(f"    {key}: {value}\n" for key, value in more.items())
    return STEP.format(id=step_id, when=when, sender=sender, audience=audience, message=message, more=rest)


def campaign(*steps: str, **head: str) -> str:
    """A campaign of these steps; ``head`` are further keys above them (``variants="{a: 50%, b: 50%}"``)."""
    written = "".join(f"{key}: {value}\n" for key, value in head.items())
    return CAMPAIGN.format(head=written, steps="".join(steps or (step(),)))


FILES: dict[str, str] = {
    "loa.yaml": loa_yaml(),
    "campaigns/thu.yaml": campaign(),
    "audiences/dan.yaml": "title: Người dân\nareas: {districts: [Cao Lộc, Lộc Bình]}\n",
    "messages/tin/sms.vi.j2": "Cần giúp đỡ xin gọi 111.\n",
}


def write(folder: Path, files: Mapping[str, str | None] | None = None) -> Path:
    """Write ``FILES`` with ``files`` over them (None: left out) into ``folder``."""
    for name, text in {**FILES, **(files or {})}.items():
        path = folder / name
        if text is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def scripted(**more: str) -> str:
    """The line of a sender ``thu`` that the scripted vendor of tests/pipeline serves."""
    keys = {"provider": "scripted", "rate": "100000/s", "price_per_segment": "850"} | more
    return "  thu: {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}\n"
