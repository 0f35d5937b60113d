"""What a sender of Twilio's says in ``loa.yaml``, and how one is opened.

Light on purpose: ``loa check`` wants the schema and must not pay for importing an HTTP
client and an SDK (about a second).
"""

import re

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from engine.channels.base import BadSender, OpenedWith, Provider, Vendor

_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_\-]{1,11}")
_NUMBER = re.compile(r"\+[1-9][0-9]{7,14}|[0-9]{3,8}")
_ACCOUNT = re.compile(r"AC[0-9a-zA-Z]{32}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_PLACE = re.compile(r"[a-z0-9\-]{2,32}")


class TwilioSender(BaseModel):
    """Twilio's own keys of a sender; those every sender has are not here.

    Exactly one of ``from`` (a registered name of up to 11 characters with a letter, or a number in E.164, or a
    short code) and ``messaging_service``. Values that are still ``${NAME}`` are taken as they are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    sender: str | None = Field(
        None, alias="from", description="Tên định danh (tối đa 11 ký tự, có chữ cái) hoặc số gửi dạng +84…"
    )
    messaging_service: str | None = Field(None, description="Mã Messaging Service (MG…), thay cho from")
    account: str = Field(description="Mã tài khoản Twilio (AC…), thường là ${TWILIO_ACCOUNT_SID}")
    token: SecretStr = Field(
        description="Mã bí mật, chỉ viết dạng ${TWILIO_AUTH_TOKEN}", json_schema_extra={"secret": True}
    )
    region: str | None = Field(None, description="Vùng của Twilio, ví dụ sg1; bỏ trống nếu không biết")
    edge: str | None = Field(None, description="Điểm vào mạng của Twilio, ví dụ singapore")

    @field_validator("sender")
    @classmethod
    def _usable_name(cls, value: str | None) -> str | None:
        if value is not None and not _open(value) and not (_NAME.fullmatch(value) or _NUMBER.fullmatch(value)):
            raise BadSender("channels.bad-sender-name")
        return value

    @field_validator("account")
    @classmethod
    def _an_account(cls, value: str) -> str:
        if not _open(value) and not _ACCOUNT.fullmatch(value):
            raise BadSender("channels.bad-account")
        return value

    @field_validator("messaging_service")
    @classmethod
    def _a_service(cls, value: str | None) -> str | None:
        if value is not None and not _open(value) and not _SERVICE.fullmatch(value):
            raise BadSender("channels.bad-messaging-service")
        return value

    @field_validator("region", "edge")
    @classmethod
    def _a_place(cls, value: str | None) -> str | None:
        if value is not None and not _PLACE.fullmatch(value):
            raise BadSender("channels.bad-place")
        return value

    @model_validator(mode="after")
    def _one_sender(self) -> "TwilioSender":
        if (self.sender is None) == (self.messaging_service is None):
            raise BadSender("channels.one-sender")
        return self


def _open(value: str) -> bool:
    """Whether a value still waits for the environment."""
    return "${" in value


def _provider(sender_key: str, config: TwilioSender, environment: OpenedWith) -> Provider:
    from engine.channels.twilio import TwilioProvider

    return TwilioProvider(config, environment)


VENDOR = Vendor(name="twilio", channel="sms", schema=TwilioSender, open=_provider)
