"""The one long-running process: ``loa run``, or ``python scheduler.py``.

It opens due runs, keeps the dispatch going, serves signed status callbacks, and finds out what nobody told. Runs
live in our table; APScheduler only wakes a few jobs, from memory, because a persisted job store drops late jobs
and loses the one that runs at a kill.
"""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import click
import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine import log
from engine.clock import monotonic, real
from engine.errors import LoaError
from engine.i18n import sentence
from engine.pipeline.process import Process, opened
from engine.pipeline.service import Service, serving
from engine.settings import from_environment
from engine.web.app import Application

OPEN_EVERY = 1.0  # seconds, real ones; each look costs a few stats and one small query
FIND_OUT_EVERY = 2.0
JUMP = 2.0  # seconds between wall and monotonic time that are more than a correction

_log = log.get("scheduler")


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process stops as a whole, dispatch first."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Địa chỉ lắng nghe.")
@click.option("--port", default=8138, show_default=True, type=click.IntRange(0, 65535), help="Cổng; 0: tự chọn.")
@click.option("--no-web", is_flag=True, help="Không mở cổng web: biên nhận được hỏi định kỳ.")
def run(host: str, port: int, no_web: bool) -> None:
    """Chạy liên tục: mở các lượt đến hạn, gửi, nhận biên nhận, đối soát. Dừng bằng Ctrl-C hoặc SIGTERM."""
    log.configure()
    listener = None if no_web else listen(host, port)
    with opened(from_environment(), claims=True) as process, suppress(KeyboardInterrupt):
        asyncio.run(_until_signal(process, listener))
    click.echo(sentence("scheduler.stopped"), err=True)


def listen(host: str, port: int) -> socket.socket:
    """A socket for the web side; port 0 takes a free one. Raises ``LoaError`` (``scheduler.port-taken``)."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # With the protocol named asyncio sets TCP_NODELAY; without it receipts one after the other crawl (22/s
        # instead of 1,300/s).
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        return listener
    except OSError:
        raise LoaError("scheduler.port-taken", host=host, port=port) from None


async def work(process: Process, listener: socket.socket | None, stop: asyncio.Event) -> None:
    """Do all that ``loa run`` does, in the running event loop, until ``stop``; ends with nothing half-done."""
    async with serving(process) as service:
        await _round("open", service.open_due, stop)
        scheduler = _jobs(service, stop)
        app = Application(service)
        server = _Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                http="httptools",
                lifespan="off",
                interface="asgi3",
                proxy_headers=False,  # the public address is configured, never guessed
                server_header=False,
                timeout_graceful_shutdown=5,
            )
        )
        web = asyncio.create_task(server.serve(sockets=[listener])) if listener else None
        if web is not None:
            web.add_done_callback(lambda _: stop.set())  # without its receipts the process is not what it says
        minding = asyncio.create_task(_mind_the_clock(scheduler, service, stop))
        try:
            await service.dispatcher.run(stop)
        finally:
            minding.cancel()
            scheduler.shutdown(wait=False)
            server.should_exit = True
            if web is not None:
                await asyncio.wait([web], timeout=10)
            await app.receipts.drained()


async def _until_signal(process: Process, listener: socket.socket | None) -> None:
    stop = asyncio.Event()
    _on_signals(stop)
    where = f"http://{_shown(listener)}" if listener else "-"
    click.echo(sentence("scheduler.running", where=where), err=True)
    await work(process, listener, stop)


def _jobs(service: Service, stop: asyncio.Event) -> AsyncIOScheduler:
    # A round that takes longer than its interval (a fan-out) simply goes on: that is no warning.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    scheduler = AsyncIOScheduler(
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}, timezone="UTC"
    )
    _add_jobs(scheduler, service, stop)
    scheduler.start()
    return scheduler


def _add_jobs(scheduler: AsyncIOScheduler, service: Service, stop: asyncio.Event) -> None:
    for name, job, every in (
        ("open", service.open_due, OPEN_EVERY),
        ("find_out", service.find_out, FIND_OUT_EVERY),
    ):
        scheduler.add_job(_round, "interval", (name, job, stop), seconds=every, id=name, replace_existing=True)


async def _mind_the_clock(scheduler: AsyncIOScheduler, service: Service, stop: asyncio.Event) -> None:
    """Make the jobs anew when the wall clock jumps: set back an hour, it would let them rest for that hour."""
    lead = real() - monotonic()
    while True:
        await asyncio.sleep(1.0)
        now = real() - monotonic()
        if abs(now - lead) > JUMP:
            _log.warning("clock_jumped", seconds=round(now - lead))
            _add_jobs(scheduler, service, stop)
        lead = now


async def _round(name: str, job: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    """One round of a job. What a round cannot do now (a full disk, a locked database) the next one tries again."""
    if stop.is_set():
        return
    try:
        await job()
    except LoaError as error:
        _log.error(name, code=error.code, sentence=str(error))
    except Exception as error:
        _log.error(name, kind=type(error).__name__)


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: no handlers in the loop
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _shown(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    from engine.cli import main

    main(["run", *sys.argv[1:]])
