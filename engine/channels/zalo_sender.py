"""What a Zalo Official Account says in ``loa.yaml``, and how it is opened. Light: ``loa check`` reads it."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from engine.channels.base import BadSender, OpenedWith, Vendor
from engine.channels.facebook_sender import covered
from engine.channels.post_limits import PostLimits
from engine.channels.publishing import Publisher

ADDRESS, OAUTH = "https://openapi.zalo.me", "https://oauth.zaloapp.com"
# Published are 150 for a title and 300 for a description; lengths of exactly that were refused, as others report. The
# length of an article is not documented: what people still read on a telephone.
LIMITS = PostLimits(text=10_000, title=140)
_DIGITS = re.compile(r"[0-9]{5,25}")
_WORDS = {"true": True, "yes": True, "có": True, "false": False, "no": False, "không": False}
_CITIES = re.compile(r"[0-9]{1,3}(,[0-9]{1,3})*")


class ZaloAccount(BaseModel):
    """One Official Account and the application that writes for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    oa: str = Field(description="Mã số của Official Account (chỉ có chữ số), trong ngoặc kép")
    app_id: str = Field(description="Mã số ứng dụng trên developers.zalo.me, trong ngoặc kép")
    secret_key: SecretStr = Field(
        description="Khóa bí mật của ứng dụng, chỉ viết dạng ${TÊN_BIẾN}", json_schema_extra={"secret": True}
    )
    refresh_token: SecretStr = Field(
        description="Refresh token lấy khi cấp quyền cho ứng dụng, chỉ viết dạng ${TÊN_BIẾN}",
        json_schema_extra={"secret": True},
    )
    cover: str = Field(
        description="Địa chỉ https của ảnh bìa (dưới 1 MB) dùng cho mọi bài: Zalo tự lấy ảnh từ đó",
        max_length=500,
    )
    author: str = Field(description="Tên tác giả ghi dưới bài, tối đa 50 ký tự", min_length=1, max_length=50)
    comments: bool = Field(True, description="Cho phép bình luận dưới bài")
    broadcast: bool = Field(
        True, description="Gửi thông báo bài viết tới người quan tâm (mỗi người nhận nhiều nhất một lần một ngày)"
    )
    cities: str | None = Field(
        None, description='Chỉ gửi thông báo tới người ở các tỉnh này, theo mã của Zalo, ví dụ "4,9"; bỏ trống: tất cả'
    )
    url: str = Field(ADDRESS, description="Chỉ để thử: địa chỉ khác thay cho Zalo")
    oauth_url: str = Field(OAUTH, description="Chỉ để thử: địa chỉ khác thay cho nơi cấp mã của Zalo")

    @field_validator("oa", "app_id")
    @classmethod
    def _digits(cls, value: str, info: Any) -> str:
        if not value.startswith("${") and not _DIGITS.fullmatch(value):
            raise BadSender("channels.zalo-number", key=info.field_name, text=value[:40])
        return value

    @field_validator("cover")
    @classmethod
    def _fetched(cls, value: str) -> str:
        if not value.startswith(("https://", "${")):
            raise BadSender("channels.zalo-cover", text=value[:80])
        return value

    @field_validator("comments", "broadcast", mode="before")
    @classmethod
    def _yes_or_no(cls, value: Any) -> Any:
        if isinstance(value, bool):
            return value
        found = _WORDS.get(str(value).strip().casefold())
        if found is None:
            raise BadSender("channels.yes-or-no", text=str(value)[:40])
        return found

    @field_validator("cities")
    @classmethod
    def _codes(cls, value: str | None) -> str | None:
        if value is not None and not _CITIES.fullmatch(value):
            raise BadSender("channels.zalo-cities", text=value[:40])
        return value

    @field_validator("url", "oauth_url")
    @classmethod
    def _covered(cls, value: str) -> str:
        return covered(value)


def publisher(sender_key: str, config: ZaloAccount, environment: OpenedWith) -> Publisher:
    """The account, opened. Raises ``BadSender`` where nobody keeps its tokens."""
    from engine.channels.zalo import ZaloPublisher

    if environment.tokens is None:
        raise BadSender("channels.no-token-keeper", sender=sender_key)
    return ZaloPublisher(config, environment.tokens(f"zalo:{config.app_id}:{config.oa}"))


VENDOR = Vendor(
    name="zalo",
    channel="zalo",
    schema=ZaloAccount,
    publish=publisher,
    reaches=lambda options: [str(options.get("url", ADDRESS)), str(options.get("oauth_url", OAUTH))],
)
