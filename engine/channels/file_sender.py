"""The provider ``file``: an operator takes a list, sends it by itself, and gives the results back as a list.

Nothing is called. The pipeline writes a run's deliveries into a file for the operator (``engine.pipeline
.operator_files``) and reads the operator's results (``operator_results``); here is what a sender of this kind says in
``loa.yaml``, and a provider that can be asked nothing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from engine.channels.base import (
    BadSender,
    Decision,
    InvalidReceipt,
    NoLog,
    OpenedWith,
    Outcome,
    Outgoing,
    Provider,
    ReceiptWord,
    Vendor,
    VendorMessage,
)
from engine.channels.http_request import Keys
from engine.channels.http_sender import Table
from engine.status import Status

_TITLE = re.compile(r"[^\r\n\t,;\"]{1,40}")


class Columns(Keys):
    """The headers of the file's columns, as the operator wants them."""

    id: str = Field("MA_TIN", description="Cột mã tin của ta (nhà mạng trả lại trong kết quả)")
    number: str = Field("SO_DIEN_THOAI", description="Cột số điện thoại")
    text: str = Field("NOI_DUNG", description="Cột nội dung")

    @field_validator("*")
    @classmethod
    def _a_title(cls, value: str) -> str:
        if not _TITLE.fullmatch(value) or value.startswith(("=", "+", "-", "@")):
            raise BadSender("channels.file-title", text=value[:40])
        return value


class FileSender(Keys):
    """The keys of a sender whose messages leave as files; those every sender has are not here."""

    sender: str = Field(alias="from", min_length=1, max_length=20, description="Tên định danh đã đăng ký với nhà mạng")
    format: Literal["csv", "xlsx"] = Field("csv", description="Dạng tệp: csv hoặc xlsx")
    number: Literal["84", "0", "+84"] = Field("84", description="Số điện thoại viết bắt đầu bằng 84, 0 hoặc +84")
    columns: Columns = Field(default_factory=Columns, description="Tên các cột của tệp")
    rows: int = Field(100_000, ge=1, le=500_000, description="Một tệp có nhiều nhất bao nhiêu dòng")
    statuses: Table = Field(
        default_factory=dict,
        description='Chữ trong tệp kết quả → nghĩa của nó, thêm vào những chữ đã biết, ví dụ {"Gửi OK": delivered}',
    )


class FileProvider:
    """Stands where a provider is asked for; an operator's list has no connection and no log."""

    name = "file"
    live = True

    def __init__(self, config: FileSender) -> None:
        self.sender = config.sender

    async def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Hand nothing over: the dispatcher leaves these senders alone, and what came here by mistake goes back."""
        return [
            Outcome(message.delivery_id, message.attempt, Status.QUEUED, reason="by_file", decision=Decision.NONE)
            for message in batch
        ]

    async def fetch(self, vendor_id: str) -> VendorMessage | None:
        """Raises ``NoLog``."""
        raise NoLog

    async def list_to(self, to: str) -> list[VendorMessage]:
        """Raises ``NoLog``."""
        raise NoLog

    def read_receipt(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> ReceiptWord:
        """Refuses everything: results come as a file."""
        raise InvalidReceipt("address")

    async def close(self) -> None:
        """Nothing to give back."""


def _open(sender_key: str, config: FileSender, environment: OpenedWith) -> Provider:
    return FileProvider(config)


# What a list can be handed out at: the claims are then limited by their transactions alone.
VENDOR = Vendor(name="file", channel="sms", schema=FileSender, open=_open, rate=100_000.0, by_file=True)
