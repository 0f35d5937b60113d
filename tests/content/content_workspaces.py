"""A whole small workspace in memory, to be spoiled in one place by each test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.content.workspace import Loaded


class RealKeys(BaseModel):
    """The keys of a provider that reaches real phones, as a vendor's file would give them."""

    model_config = ConfigDict(extra="forbid")

    sender: str = Field(alias="from", max_length=11)
    account: str = Field(pattern="^(AC[0-9a-f]{4}|\\$\\{.*\\})$")
    token: str = Field(json_schema_extra={"secret": True}, min_length=8)


class ToyKeys(BaseModel):
    """The keys of a provider that reaches nobody."""

    model_config = ConfigDict(extra="forbid")

    sender: str = Field("X", alias="from", max_length=11)


class PageKeys(BaseModel):
    """The keys of a page."""

    model_config = ConfigDict(extra="forbid")

    page: str


@dataclass(frozen=True)
class FakeVendor:
    name: str
    channel: str
    schema: Any
    needs_approval: bool = True
    by_file: bool = False


VENDORS = {
    "gateway": FakeVendor("gateway", "sms", RealKeys),
    "toy": FakeVendor("toy", "sms", ToyKeys, needs_approval=False),
    "wall": FakeVendor("wall", "facebook", PageKeys),
    "mail": FakeVendor("mail", "email", ToyKeys),
    "list": FakeVendor("list", "sms", ToyKeys, by_file=True),
}

FILES = {
    "loa.yaml": """\
organisation: {name: Ban Chỉ đạo 138 tỉnh Lạng Sơn, province: "20"}
senders:
  toy: {provider: toy, from: DIENTAP, rate: 500/s, price_per_segment: 850}
  page: {provider: wall, page: "1", area: {era: "2025", code: "06184"}}
""",
    "campaigns/thu.yaml": """\
title: Chiến dịch thử
owner: Ban Chỉ đạo 138
legal_basis: [Kế hoạch số 1]
class: thong_bao
period: {from: 2027-07-01, to: 2027-09-30}
anchor: 30/7
hotlines: ["111"]
steps:
  - id: mo-dau
    when: anchor - 14 days at 08:30
    channel: sms
    sender: toy
    audience: dan
    message: tin
""",
    "audiences/dan.yaml": "title: Người dân\nareas: {districts: [Cao Lộc]}\n",
    "messages/tin/sms.vi.j2": "Cần giúp đỡ xin gọi 111.\n",
}

Load = Callable[..., Loaded]


def spoiled(file: str, before: str, after: str) -> dict[str, str | bytes | None]:
    """The change of one file in which ``before`` is replaced by ``after``."""
    text = FILES[file]
    assert before in text, before
    return {file: text.replace(before, after)}


def places(found: Loaded, severity: str | None = None) -> list[str]:
    """Each problem as ``file:line:column code``."""
    return [
        f"{problem.file}:{problem.line}:{problem.column} {problem.code}"
        for problem in found.problems
        if severity in (None, problem.severity)
    ]
