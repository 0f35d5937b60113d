"""What a sender of the provider ``http`` says in ``loa.yaml``: a gateway described, not programmed.

Light on purpose: ``loa check`` wants the schema and must not pay for importing an HTTP client. The worked examples
are docs/examples/gateway-*.yaml; docs/gateways.md explains every key.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from engine.channels.base import BadSender, OpenedWith, Provider, Vendor
from engine.channels.http_answer import text_at
from engine.channels.http_request import Keys, Question, SendRequest, complain, refuse
from engine.channels.http_template import EVERY, leaves, places_in
from engine.channels.http_words import Meaning, any_matches, check_pattern, read_meaning

_PART = re.compile(r"[^.\s]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_TIMES = {"iso", "seconds", "milliseconds"}


def _way(value: Any) -> Any:
    """``data.0.tranId`` → ("data", "0", "tranId")."""
    if not isinstance(value, str):
        return value
    parts = value.split(".")
    if len(parts) > 8 or not all(map(_PART.fullmatch, parts)):
        raise BadSender("channels.http-way", text=value[:60])
    return tuple(parts)


def _ways(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Way = Annotated[tuple[str, ...], BeforeValidator(_way)]
Ways = Annotated[tuple[Way, ...], BeforeValidator(_ways)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_several)]
Table = dict[str, Annotated[Meaning, BeforeValidator(read_meaning)]]
_STATUSES = 'Trạng thái của cổng → nghĩa của nó, ví dụ {"5": delivered}'
_CODES = 'Mã lỗi của cổng → nghĩa của nó, ví dụ {"101": stop (credentials)}'


class _Tables(Keys):
    @field_validator("codes", "statuses", check_fields=False)
    @classmethod
    def _readable(cls, value: dict[str, Meaning] | None) -> dict[str, Meaning] | None:
        for pattern in value or ():
            try:
                check_pattern(pattern)
            except BadSender as error:
                complain([((pattern,), error)])
        return value


class Success(Keys):
    """The field that says whether the gateway took the request, and the values that say yes."""

    field: Way = Field(description="Chỗ đọc trong câu trả lời, ví dụ data.code")
    values: Patterns = Field(alias="is", description="Những giá trị nghĩa là thành công")

    @field_validator("values")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise BadSender("channels.http-pattern", text="")
        for pattern in value:
            check_pattern(pattern)
        return value

    def holds(self, tree: Any) -> bool:
        """Whether an answer says yes."""
        value = text_at(tree, self.field)
        return value is not None and any_matches(self.values, (value,))


class Reading(Keys):
    """Where an answer says what."""

    format: Literal["json", "form", "text"] = Field("json", description="Dạng câu trả lời: json, form hoặc text")
    separator: str = Field("|", min_length=1, max_length=4, description="Dấu ngăn các phần (dạng text)")
    success: Success | None = Field(None, description="Khi nào là thành công; bỏ trống: mã HTTP 2xx là đủ")
    id: Way | None = Field(None, description="Chỗ có mã tin của cổng")
    status: Ways | None = Field(None, description="Chỗ có trạng thái (một hoặc nhiều chỗ)")
    code: Way | None = Field(None, description="Chỗ có mã lỗi")
    message: Way | None = Field(None, description="Chỗ có lời giải thích lỗi")


class SendReading(Reading):
    """The answer to a hand-over. Without the gateway's id no receipt and no look-up could ever find the message."""

    id: Way = Field(description="Chỗ có mã tin của cổng")
    segments: Way | None = Field(None, description="Chỗ có số đoạn tin cổng đã tính")


class Poll(Question, _Tables):
    """How the standing of one message is asked for, by the gateway's id ``${id}``."""

    answer: Reading = Field(description="Đọc câu trả lời thế nào")
    statuses: Table | None = Field(None, description=_STATUSES)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.answer.status is None:
            refuse(("answer",), "channels.http-no-status")
        if not any("id" in places_in(text) for _, text in leaves([self.url, self.query, self.form, self.body])):
            refuse((), "channels.http-missing-place", name="${id}")
        return self.checked(listing=False)


class Proof(Keys):
    """A secret that the gateway sends along with each receipt."""

    where: Literal["field", "header"] = Field("field", alias="in", description="field: trong tham số; header: tiêu đề")
    name: str = Field(description="Tên tham số hoặc tiêu đề")
    secret: SecretStr = Field(description="Mã bí mật chung, chỉ viết dạng ${TÊN_BIẾN}")

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise BadSender("channels.http-header", name=value[:40])
        return value


class Callback(_Tables):
    """How the gateway tells us by itself. With ``${callback}`` in the request each message has an address of its own;
    without it the gateway is given one address for all (``loa operator address``)."""

    id: Way = Field(description="Tham số có mã tin của cổng")
    status: Ways = Field(description="Tham số có trạng thái (một hoặc nhiều)")
    code: Way | None = Field(None, description="Tham số có mã lỗi")
    reference: Way | None = Field(None, description="Tham số có mã của ta (${reference}), nếu cổng gửi lại")
    statuses: Table | None = Field(None, description=_STATUSES)
    proof: Proof | None = Field(None, description="Mã bí mật mà cổng gửi kèm")
    answer: str | None = Field(None, max_length=200, description="Câu mà cổng muốn nhận lại, ví dụ OK")


class Listing(Question, _Tables):
    """How every message to one number is asked for: what settles a hand-over whose answer was lost."""

    format: Literal["json"] = Field("json", description="Dạng câu trả lời: json")
    success: Success | None = Field(None, description="Khi nào là thành công; bỏ trống: mã HTTP 2xx là đủ")
    items: Way = Field(description="Chỗ có danh sách tin")
    id: Way = Field(description="Trong mỗi tin: mã tin của cổng")
    status: Ways = Field(description="Trong mỗi tin: trạng thái")
    created: Way = Field(description="Trong mỗi tin: lúc cổng nhận")
    time: str = Field("iso", description="Cách ghi giờ: iso, seconds, milliseconds, hoặc mẫu như %d/%m/%Y %H:%M:%S")
    sender: Way | None = Field(None, description="Trong mỗi tin: tên định danh")
    text: Way | None = Field(None, description="Trong mỗi tin: nội dung")
    most: int = Field(100, ge=1, le=1000, description="Một lần hỏi cổng trả nhiều nhất bao nhiêu tin")
    statuses: Table | None = Field(None, description=_STATUSES)

    @field_validator("time")
    @classmethod
    def _a_time(cls, value: str) -> str:
        if value not in _TIMES and "%" not in value:
            raise BadSender("channels.http-time", text=value[:40])
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        places = {name for _, text in leaves([self.query, self.form, self.body]) for name in places_in(text)}
        if not places & {"to_84", "to_0", "to_plus84"}:
            refuse((), "channels.http-missing-place", name="${to_84}")
        return self.checked(listing=True)


class HttpSender(_Tables):
    """A gateway's own keys of a sender; those every sender has are not here."""

    sender: str = Field(alias="from", min_length=1, max_length=20, description="Tên định danh đã đăng ký với cổng")
    accents: Literal["keep", "none"] = Field("keep", description="none: cổng không nhận chữ có dấu")
    send: SendRequest = Field(description="Yêu cầu gửi một tin")
    answer: SendReading = Field(description="Đọc câu trả lời của yêu cầu gửi")
    codes: Table = Field(default_factory=dict, description=_CODES)
    statuses: Table = Field(default_factory=dict, description=_STATUSES)
    poll: Poll | None = Field(None, description="Hỏi trạng thái một tin")
    callback: Callback | None = Field(None, description="Cổng tự báo trạng thái")
    listing: Listing | None = Field(None, description="Hỏi những tin đã gửi tới một số")

    @field_validator("send")
    @classmethod
    def _fits(cls, value: SendRequest) -> SendRequest:
        return value.checked()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.callback is None and self.asks_for_callbacks:
            refuse(("send",), "channels.http-no-callback")
        readers = {"answer": self.answer.status, "poll": self.poll, "callback": self.callback, "listing": self.listing}
        for key, used in readers.items():
            if used is not None and not self.statuses and not getattr(used, "statuses", None):
                refuse((key,), "channels.http-no-statuses")
        return self

    @property
    def asks_for_callbacks(self) -> bool:
        """Whether each message carries an address of its own to the gateway."""
        written = leaves([self.send.form, self.send.body])
        return any("callback" in places_in(text) for _, text in written)


def _addresses(options: Mapping[str, Any]) -> Sequence[str]:
    parts = [options.get(key) for key in ("send", "poll", "listing")]
    return [str(part.get("url", "")) for part in parts if isinstance(part, Mapping)]


def _provider(sender_key: str, config: HttpSender, environment: OpenedWith) -> Provider:
    from engine.channels.http_gateway import HttpProvider

    return HttpProvider(config, environment)


VENDOR = Vendor(
    name="http",
    channel="sms",
    schema=HttpSender,
    open=_provider,
    reaches=_addresses,
    placeholders=EVERY,
    receipts_by_get=True,
)
