"""How fast the phones answer: the model alone, the adapter against ``loa sandbox``, and what a message costs.

Two processes: this one (the Twilio adapter, or the SDK's own create for comparison) and the server. CPU is the
processes' own, so a busy machine shows less speed but nearly the same cost.
Run: python bench/sandbox_bench.py [messages]
"""

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httptools

from engine.channels import vendor
from engine.channels.base import OpenedWith, Outgoing
from engine.channels.twilio import TwilioProvider
from engine.clock import SystemClock
from engine.sandbox.model import PhoneModel, step_at
from engine.status import Status

AT_ONCE = 64
SETTLED = 8.0  # seconds after which every phone that is on has answered
CONFIG = {"from": "BCD138LS", "account": "AC" + "0" * 32, "token": "bench"}
TEXT = "Cảnh giác với lời mời việc nhẹ, lương cao ở nước ngoài. Cần giúp đỡ, gọi 111 (miễn phí)."


def model(messages: int) -> None:
    """Microseconds for one message's trait, course and standing."""
    phones, begun = PhoneModel(1), time.process_time()
    for number in range(messages):
        step_at(phones.course(phones.trait(f"+8490{number:07d}"), 1_800_000_000_000 + number), 100.0)
    print(f"model              {(time.process_time() - begun) / messages * 1e6:6.1f} µs a message")


class Receiver(asyncio.Protocol):
    """Answers 204 to every callback and counts it."""

    count = 0

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        Receiver.count += 1
        self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


@contextlib.contextmanager
def server():
    """``loa sandbox`` in a process of its own; gives its base URL."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "engine", "sandbox", "--port", "0", "--json"]
        ledger = Path(folder) / "ledger.jsonl"
        process = subprocess.Popen([*command, "--ledger", str(ledger)], stdout=subprocess.PIPE)
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
            process.wait(10)
            process.stdout.close()


async def paced(send, messages: int) -> None:
    """Call ``send(n)`` for every n, ``AT_ONCE`` at a time."""
    numbers = iter(range(messages))

    async def work() -> None:
        for number in numbers:
            await send(number)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def measure(name: str, url: str, messages: int, callbacks: bool, own: bool) -> None:
    """One line: messages a second, and CPU of the client."""
    receiver = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0) if callbacks else None
    port = receiver.sockets[0].getsockname()[1] if receiver else 0
    schema = vendor("twilio").schema.model_validate(CONFIG)
    provider = TwilioProvider(schema, OpenedWith(SystemClock(), url))
    Receiver.count, accepted = 0, 0

    async def send(number: int) -> None:
        nonlocal accepted
        where = f"http://127.0.0.1:{port}/r?d={number}&a=1" if callbacks else None
        to = f"+8490{number:07d}"
        if own:
            [outcome] = await provider.send([Outgoing(number, 1, to, TEXT, 3600, where)])
            accepted += outcome.status is Status.ACCEPTED
        else:
            with contextlib.suppress(Exception):
                await provider._client.messages.create_async(
                    to=to,
                    from_="BCD138LS",
                    body=TEXT,
                    validity_period=3600,
                    **({"status_callback": where} if where else {}),
                )
                accepted += 1

    begun, cpu = time.perf_counter(), time.process_time()
    await paced(send, messages)
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    meanwhile = Receiver.count
    if callbacks:  # the server's CPU is only honest once what it owes has been sent; slow phones are left out
        await asyncio.sleep(SETTLED)
    print(
        f"{name:<18} {messages / took:6.0f} messages/s, client {cpu / messages * 1e6:4.0f} µs CPU a message, "
        f"{accepted} accepted{f', {meanwhile} callbacks meanwhile, {Receiver.count} in all' if callbacks else ''}"
    )
    await provider.close()
    if receiver:
        receiver.close()


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    model(200_000)
    for name, callbacks, own in (
        ("adapter", False, True),
        ("adapter+callbacks", True, True),
        ("SDK's own create", False, False),
    ):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with server() as url:
            asyncio.run(measure(name, url, messages, callbacks, own))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{'':<18} server {spent / messages * 1e6:4.0f} µs CPU a message, start included")


if __name__ == "__main__":
    main()
