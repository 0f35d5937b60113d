"""How an officer writes a gateway's requests in ``loa.yaml``: address, headers, body. Checked here, key by key."""

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import InitErrorDetails

from engine.channels.addresses import is_covered
from engine.channels.base import BadSender
from engine.channels.http_template import (
    ASKED,
    DEEPEST_TREE,
    EVERY,
    LARGEST_TREE,
    LISTED,
    LONGEST_LEAF,
    NUMBER,
    PLACE,
    SENT,
    basic,
    leaves,
    places_in,
)

_HEADER = re.compile(r"[A-Za-z0-9\-]{1,64}")
_OURS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})
_COUNTED = frozenset({"delivery", "attempt", "unicode", "valid_seconds", "valid_minutes", "page", "to_84"})
_SECRET_IN_ADDRESS = re.compile(r"(?i)[?&][a-z_\-]*(token|key|secret|pass|pwd)[a-z_\-]*=(?!\$\{)")


def complain(faults: Iterable[tuple[tuple[str | int, ...], BadSender]]) -> None:
    """Raise what is wrong with parts of a value, each at its own place; nothing when nothing is."""
    details = [InitErrorDetails(type="value_error", loc=way, input=None, ctx={"error": error}) for way, error in faults]
    if details:
        raise ValidationError.from_exception_data("sender", details)


def refuse(way: tuple[str | int, ...], key: str, /, **values: object) -> NoReturn:
    """Raise one fault at ``way``."""
    complain([(way, BadSender(key, **values))])
    raise AssertionError


def _fits_an_address(url: str) -> str:
    if len(url) > LONGEST_LEAF or not url.isascii() or any(letter.isspace() for letter in url):
        raise BadSender("channels.http-address")
    if url.startswith("${"):
        return url  # the whole address is a variable that is not set here
    try:
        parts = urlsplit(PLACE.sub("x", url))
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or parts.fragment:
        raise BadSender("channels.http-address")
    if not is_covered(url):
        raise BadSender("channels.http-plain")
    if _SECRET_IN_ADDRESS.search(url):
        raise BadSender("channels.http-secret-in-address")
    return url


Address = Annotated[str, AfterValidator(_fits_an_address)]


class Keys(BaseModel):
    """The base of everything here: unknown keys are errors, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Request(Keys):
    """One request to the gateway; a body is a form or JSON, or there is none."""

    url: Address = Field(description="Địa chỉ của cổng, bắt đầu bằng https://")
    headers: dict[str, str] = Field(
        default_factory=dict, description='Tiêu đề kèm theo, ví dụ {Authorization: "Bearer ${MÃ_CỦA_CỔNG}"}'
    )
    basic: str | None = Field(None, description='Xác thực HTTP Basic, viết "${TÀI_KHOẢN}:${MẬT_KHẨU}"')
    query: dict[str, str] | None = Field(None, description="Tham số ghép vào sau địa chỉ")
    form: dict[str, str] | None = Field(None, description="Thân yêu cầu dạng biểu mẫu (form)")
    body: Any = Field(None, alias="json", description="Thân yêu cầu dạng JSON, viết như YAML")
    bare: tuple[str, ...] = Field((), description="Những khóa JSON gửi dạng số hoặc true/false, không có ngoặc kép")

    @field_validator("headers")
    @classmethod
    def _good_headers(cls, value: dict[str, str]) -> dict[str, str]:
        complain(
            ((name,), BadSender("channels.http-header", name=name))
            for name, text in value.items()
            if not _HEADER.fullmatch(name)
            or name.lower() in _OURS
            or not text.isprintable()
            or len(text) > LONGEST_LEAF
            or places_in(text) & (EVERY - {"from"})
        )
        return value

    @field_validator("basic")
    @classmethod
    def _user_and_password(cls, value: str | None) -> str | None:
        if value is not None and (":" not in value or not value.isprintable()):
            raise BadSender("channels.http-basic")
        return value

    @field_validator("body")
    @classmethod
    def _a_tree(cls, value: Any) -> Any:
        if not isinstance(value, dict | list):
            raise BadSender("channels.http-json")
        return value

    @field_validator("query", "form", "body")
    @classmethod
    def _bounded(cls, value: Any) -> Any:
        found = list(leaves(value))
        if len(found) > LARGEST_TREE or any(len(way) > DEEPEST_TREE for way, _ in found):
            raise BadSender("channels.http-too-much", most=LARGEST_TREE, deepest=DEEPEST_TREE)
        long = [way for way, text in found if len(text) > LONGEST_LEAF]
        complain((way, BadSender("channels.http-long-value", most=LONGEST_LEAF)) for way in long)
        return value

    def all_headers(self) -> dict[str, str]:
        """The headers as they are sent, with who we are and what the body is."""
        found = {"Accept": "*/*", **self.headers}
        if self.form is not None:
            found["Content-Type"] = "application/x-www-form-urlencoded"
        elif self.body is not None:
            found["Content-Type"] = "application/json; charset=utf-8"
        return found | ({"Authorization": basic(self.basic)} if self.basic is not None else {})

    def _check_places(self, known: frozenset[str], in_address: frozenset[str], in_query: frozenset[str]) -> None:
        """Refuse places that have no value here, and persons in addresses."""
        faults: list[tuple[tuple[str | int, ...], BadSender]] = []
        for key, tree, allowed in (
            ("url", self.url, in_address),
            ("query", self.query, in_query),
            ("form", self.form, known),
            ("json", self.body, known),
        ):
            for way, text in leaves(tree):
                wrong = sorted((places_in(text) & EVERY) - allowed)
                if wrong:
                    error = "channels.http-person-in-address" if set(wrong) & known else "channels.http-place"
                    shown = ", ".join(f"${{{name}}}" for name in sorted(allowed)) or "-"
                    faults.append(((key, *way), BadSender(error, name=wrong[0], known=shown)))
        complain(faults)

    def _check_bare(self) -> None:
        complain(
            (("json", *way), BadSender("channels.http-bare", key=way[-1]))
            for way, text in leaves(self.body)
            if way and way[-1] in self.bare and not _is_bare(text)
        )


def _is_bare(text: str) -> bool:
    """Whether JSON can hold it without quotation marks: its own literals, or one place that is a number."""
    found = PLACE.fullmatch(text)
    if found:
        return found[1] in _COUNTED or found[1] not in EVERY
    try:
        return not isinstance(json.loads(text), str | dict | list)
    except ValueError:
        return False


class SendRequest(Request):
    """The request that hands one message over. POST only: a GET may be repeated by a client, or logged on the way."""

    method: str = Field("POST", description="Luôn là POST: GET có thể bị lặp lại và để lộ số điện thoại trên đường đi")

    @field_validator("method")
    @classmethod
    def _post(cls, value: str) -> str:
        if value != "POST":
            raise BadSender("channels.http-post-only")
        return value

    def checked(self) -> Self:
        """Itself; raises when its parts do not fit together."""
        if (self.form is None) == (self.body is None):
            refuse((), "channels.http-one-body")
        self._check_places(SENT, frozenset(), frozenset({"from"}))
        self._check_bare()
        used = {name for _, text in leaves([self.form, self.body]) for name in places_in(text)}
        for wanted in (NUMBER, frozenset({"text"})):
            if not used & wanted:
                refuse((), "channels.http-missing-place", name=f"${{{min(wanted)}}}")
        return self


class Question(Request):
    """A request that asks and changes nothing; by GET unless it has a body."""

    method: Literal["GET", "POST"] = Field("GET", description="GET hoặc POST")

    def checked(self, *, listing: bool) -> Self:
        """Itself; raises when its parts do not fit together."""
        if self.form is not None and self.body is not None:
            refuse((), "channels.http-one-body")
        if self.method == "GET" and (self.form is not None or self.body is not None):
            refuse(("method",), "channels.http-get-body")
        known = LISTED if listing else ASKED
        # A listing by number is asked with the number in its query where the gateway has it no other way.
        self._check_places(known, frozenset() if listing else frozenset({"id"}), known)
        self._check_bare()
        return self
