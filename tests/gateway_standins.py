"""Two gateways of clay, as their public documents describe them: keys checked, errors in HTTP 200, a log of their own.

``loses`` takes the next answers away after the message was taken; ``standing`` is what a message has come to since.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from engine.channels.testing.standin import HANG_UP, Seen, Standin, reply


@dataclass
class Taken:
    """A message in a gateway's log."""

    id: str
    number: str
    text: str
    reference: str = ""
    callback: str = ""


@dataclass
class Gateway(Standin):
    """What both have."""

    taken: list[Taken] = field(default_factory=list)
    standing: dict[str, str] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)  # number → code
    loses: int = 0

    def _take(self, message: Taken) -> bool:
        """Note a message; False when its answer is to be lost."""
        self.taken.append(message)
        self.loses -= 1
        return self.loses < 0


@dataclass
class GatewayA(Gateway):
    """JSON in, ``CodeResult`` out; a RequestId once; reports by GET to each message's own address."""

    key: str = ""
    secret: str = ""

    def answer_to(self, request: Seen) -> bytes | str:
        parts = urlsplit(request.target)
        if parts.path.endswith("/GetSendStatus") and request.method == "GET":
            return self._status({name: values[0] for name, values in parse_qs(parts.query).items()})
        if not parts.path.endswith("/SendMultipleMessage_V4_post_json/") or request.method != "POST":
            return reply(404, b"<html>")
        return self._send(request.json)

    def _send(self, said: dict) -> bytes | str:
        if (said["ApiKey"], said["SecretKey"]) != (self.key, self.secret):
            return _a("101", "Authorize Failed")
        if said["Phone"] in self.refuses:
            return _a(self.refuses[said["Phone"]], f"So {said['Phone']} khong hop le")
        if any(message.reference == said["RequestId"] for message in self.taken):
            return _a("124", "Request exist 1")
        message = Taken(
            f"a{len(self.taken):031x}", said["Phone"], said["Content"], said["RequestId"], said.get("CallbackUrl", "")
        )
        if not self._take(message):
            return HANG_UP
        return reply(200, {"CodeResult": "100", "CountRegenerate": 0, "SMSID": message.id})

    def _status(self, asked: dict[str, str]) -> bytes:
        if (asked.get("ApiKey"), asked.get("SecretKey")) != (self.key, self.secret):
            return reply(200, {"CodeResponse": "101", "SMSID": asked.get("RefId")})
        status, _, success = self.standing.get(asked["RefId"], "2/0").partition("/")
        counts = {"SendStatus": int(status), "SendSuccess": int(success), "SendFailed": 0, "TotalPrice": 850.0}
        return reply(200, {"CodeResponse": "100", "SMSID": asked["RefId"], **counts})

    def report(self, message: Taken, status: int, success: int) -> str:
        """The address to which it reports, with its own query behind whatever it was given."""
        return (
            f"{message.callback}?SMSID={message.id}&SendFailed={1 - success}&SendStatus={status}&SendSuccess={success}"
            f"&TotalPrice=850.0000&TotalReceiver=1&TotalSent=1&RequestId={message.reference}&TypeId=2&telcoid=1"
            f"&phonenumber={message.number}"
        )


def _a(code: str, words: str) -> bytes:
    return reply(200, {"CodeResult": code, "CountRegenerate": 0, "ErrorMessage": words})


@dataclass
class GatewayB(Gateway):
    """A token as Basic's user, numbers in a list, ``tranId`` back; reports by POST to one address."""

    token: str = ""

    def answer_to(self, request: Seen) -> bytes | str:
        if request.headers.get("authorization") != "Basic " + b64encode(f"{self.token}:x".encode()).decode():
            return reply(401, {"name": "Unauthorized", "message": "Your request was made with invalid credentials."})
        path = urlsplit(request.target).path
        if path.startswith("/index.php/sms/status/") and request.method == "GET":
            key = path.rpartition("/")[2]
            rows = [{"phone": taken.number, "status": int(self.standing.get(key, "1"))} for taken in self._with(key)]
            return reply(200, {"status": "success", "code": "00", "data": rows})
        if path != "/index.php/sms/send" or request.method != "POST":
            return reply(404, b"<html>")
        return self._send(request.json)

    def _with(self, key: str) -> list[Taken]:
        return [message for message in self.taken if message.id == key]

    def _send(self, said: dict) -> bytes | str:
        [number] = said["to"]
        if said["sms_type"] != 3 or not said["sender"]:  # a number, not the text "3"
            return _b("101", "Invalid or missing parameters")
        if number in self.refuses:
            return _b(self.refuses[number], f"Phone {number} invalid")
        message = Taken(str(70_000 + len(self.taken)), number, said["content"])
        if not self._take(message):
            return HANG_UP
        data = {"tranId": int(message.id), "totalSMS": 1, "totalPrice": 250, "invalidPhone": []}
        return reply(200, {"status": "success", "code": "00", "data": data})


def _b(code: str, words: str) -> bytes:
    return reply(200, {"status": "error", "code": code, "message": words, "invalidPhone": []})
