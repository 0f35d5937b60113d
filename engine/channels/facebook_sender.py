"""What a Facebook page says in ``loa.yaml``, and how it is opened. Light: ``loa check`` reads it."""

import re
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from engine.channels.addresses import is_loopback
from engine.channels.base import BadSender, OpenedWith, Vendor
from engine.channels.post_limits import JPEG, PNG, PostLimits
from engine.channels.publishing import Publisher

ADDRESS = "https://graph.facebook.com"
VERSION = "v23.0"  # each lives about two years; a newer one is a key of loa.yaml, not a new release of ours
LIMITS = PostLimits(text=63_206, pictures=frozenset({JPEG, PNG}), picture_bytes=10_000_000)
_PAGE, _VERSION = re.compile(r"[0-9]{5,25}"), re.compile(r"v[0-9]{1,3}\.[0-9]")
_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")


class FacebookPage(BaseModel):
    """One page: its own keys of a sender; those every sender has (area among them) are not here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: str = Field(description="Mã số của trang Facebook (chỉ có chữ số), trong ngoặc kép")
    token: SecretStr = Field(
        description="Mã truy cập của trang (Page access token), chỉ viết dạng ${TÊN_BIẾN}",
        json_schema_extra={"secret": True},
    )
    valid_until: date | None = Field(
        None, description="Ngày cuối mã truy cập còn dùng được, nếu biết; chương trình cũng tự hỏi Facebook"
    )
    version: str = Field(VERSION, description="Phiên bản Graph API, ví dụ v23.0")
    url: str = Field(ADDRESS, description="Chỉ để thử: địa chỉ khác thay cho Facebook")

    @field_validator("page", "version")
    @classmethod
    def _plain(cls, value: str, info: Any) -> str:
        pattern = _PAGE if info.field_name == "page" else _VERSION
        if not value.startswith("${") and not pattern.fullmatch(value):
            raise BadSender(f"channels.facebook-{info.field_name}", text=value[:40])
        return value

    @field_validator("valid_until", mode="before")
    @classmethod
    def _vietnamese(cls, value: Any) -> Any:
        """31/12/2027 as well as 2027-12-31."""
        found = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
        return f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" if found else value

    @field_validator("url")
    @classmethod
    def _covered(cls, value: str) -> str:
        return covered(value)


def covered(value: str) -> str:
    """The address of a vendor's API without a slash at its end. Raises ``BadSender``: a token would go uncovered."""
    if not value.startswith("https://") and not is_loopback(value) and not value.startswith("${"):
        raise BadSender("channels.insecure-vendor", text=value[:80])
    return value.rstrip("/")


def publisher(sender_key: str, config: FacebookPage, environment: OpenedWith) -> Publisher:
    """The page, opened."""
    from engine.channels.facebook import FacebookPublisher

    return FacebookPublisher(config)


VENDOR = Vendor(
    name="facebook",
    channel="facebook",
    schema=FacebookPage,
    publish=publisher,
    reaches=lambda options: [str(options.get("url", ADDRESS))],
)
