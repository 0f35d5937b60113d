"""What a sender of e-mail says in ``loa.yaml``: an office's own mail server, by SMTP. Light: ``loa check`` wants it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from engine.channels.addresses import is_loopback
from engine.channels.base import BadSender, OpenedWith, Provider, Vendor
from engine.errors import LoaError

CHANNEL = "email"
Security = Literal["starttls", "tls", "none"]
PORTS: Mapping[str, int] = {"starttls": 587, "tls": 465, "none": 25}
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}|[0-9A-Fa-f:]{2,39}")


class EmailSender(BaseModel):
    """The keys of a mail server; those every sender has are not here. Values that are still ``${NAME}`` pass."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    sender: str = Field(alias="from", description="Địa chỉ gửi, ví dụ loa@coquan.vn")
    name: str | None = Field(None, max_length=78, description="Tên hiện bên cạnh địa chỉ gửi")
    reply_to: str | None = Field(None, description="Địa chỉ nhận thư trả lời, nếu khác địa chỉ gửi")
    host: str = Field(description="Máy chủ thư, ví dụ mail.coquan.vn")
    port: int | None = Field(None, ge=1, le=65535, description="Cổng; bỏ trống: 587 (starttls), 465 (tls)")
    security: Security = Field(
        "starttls", description="starttls hoặc tls; none (không mã hóa) chỉ dùng cho máy chủ trên chính máy này"
    )
    user: SecretStr | None = Field(
        None, description="Tài khoản, chỉ viết dạng ${LOA_MAIL_USER}", json_schema_extra={"secret": True}
    )
    password: SecretStr | None = Field(
        None, description="Mật khẩu, chỉ viết dạng ${LOA_MAIL_PASSWORD}", json_schema_extra={"secret": True}
    )

    @field_validator("sender", "reply_to")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        from engine.text import email_address

        if value is None or "${" in value:
            return value
        try:
            return email_address.parse(value)
        except LoaError:
            raise BadSender("channels.email-address") from None

    @field_validator("name")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and not value.isprintable():
            raise BadSender("channels.email-name")
        return value

    @field_validator("host")
    @classmethod
    def _a_host(cls, value: str) -> str:
        if "${" not in value and not _HOST.fullmatch(value):
            raise BadSender("channels.email-host")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise BadSender("channels.email-login")
        if self.security == "none" and "${" not in self.host and not is_loopback(address_of(self.host)):
            raise BadSender("channels.email-plain")
        return self

    @property
    def at_port(self) -> int:
        """The port that is called."""
        return self.port or PORTS[self.security]


def address_of(host: str) -> str:
    """A mail server as an address, for those who ask where an address leads."""
    return f"smtp://[{host}]" if ":" in host else f"smtp://{host}"


def _reaches(options: Mapping[str, Any]) -> Sequence[str]:
    return [address_of(str(options.get("host", "")))]


def _open(sender_key: str, config: EmailSender, environment: OpenedWith) -> Provider:
    from engine.channels.smtp import SmtpProvider

    return SmtpProvider(config, environment.clock)


VENDOR = Vendor(name="email", channel=CHANNEL, schema=EmailSender, open=_open, reaches=_reaches)
