"""What a Telegram channel says in ``loa.yaml``, and how it is opened. Light: ``loa check`` reads it."""

import re

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from engine.channels.base import BadSender, OpenedWith, Vendor
from engine.channels.facebook_sender import covered
from engine.channels.post_limits import JPEG, PNG, PostLimits
from engine.channels.publishing import Publisher

ADDRESS = "https://api.telegram.org"
LIMITS = PostLimits(text=4096, with_picture=1024, pictures=frozenset({JPEG, PNG}), picture_bytes=10_000_000, utf16=True)
_CHAT = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}|-[0-9]{5,20}")


class TelegramChannel(BaseModel):
    """One channel and the bot that writes in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chat: str = Field(description='Kênh Telegram: "@ten_kenh", hoặc mã số bắt đầu bằng dấu trừ')
    token: SecretStr = Field(
        description="Mã của bot do @BotFather cấp, chỉ viết dạng ${TÊN_BIẾN}", json_schema_extra={"secret": True}
    )
    url: str = Field(ADDRESS, description="Chỉ để thử: địa chỉ khác thay cho Telegram")

    @field_validator("chat")
    @classmethod
    def _channel(cls, value: str) -> str:
        if not value.startswith("${") and not _CHAT.fullmatch(value):
            raise BadSender("channels.telegram-chat", text=value[:40])
        return value

    @field_validator("token")
    @classmethod
    def _in_an_address(cls, value: SecretStr) -> SecretStr:
        # it becomes a part of the address: nothing in it may lead elsewhere
        token = value.get_secret_value()
        if not token.startswith("${") and not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token):
            raise ValueError("token")
        return value

    @field_validator("url")
    @classmethod
    def _covered(cls, value: str) -> str:
        return covered(value)


def publisher(sender_key: str, config: TelegramChannel, environment: OpenedWith) -> Publisher:
    """The channel, opened."""
    from engine.channels.telegram import TelegramPublisher

    return TelegramPublisher(config)


VENDOR = Vendor(
    name="telegram",
    channel="telegram",
    schema=TelegramChannel,
    publish=publisher,
    reaches=lambda options: [str(options.get("url", ADDRESS))],
)
