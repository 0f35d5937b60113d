"""The one long-running process: ``loa run``, or ``python scheduler.py``.

It opens due runs, keeps the dispatch going, serves signed status callbacks, finds out what nobody told, keeps a
heartbeat, and lets go of what is older than its retention. Runs live in our table; APScheduler only wakes a few jobs.
"""

import asyncio
import faulthandler
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import click
import uvicorn

from engine import log
from engine.clock import VIETNAM, monotonic
from engine.errors import OUR_BUG, LoaError
from engine.i18n import sentence
from engine.pipeline import heartbeat
from engine.pipeline.duties import duties
from engine.pipeline.jobs import Jobs
from engine.pipeline.leadership import Leadership
from engine.pipeline.process import Process, opened
from engine.pipeline.service import Service, serving
from engine.pipeline.stopping import on_signal
from engine.pipeline.watchdog import Beat, Watchdog, notify
from engine.settings import from_environment
from engine.store import web_users
from engine.store.workers import workers
from engine.web.app import Application
from engine.web.visit import is_loopback

# Seconds of silence after which a part counts as dead. A locked database keeps a writer for 30 s, and the end of a run
# with a million expired rows the dispatcher for a minute. (Those of the jobs: engine/pipeline/duties.py.)
LOOP_WITHIN, WRITER_WITHIN, DISPATCHER_WITHIN = 60.0, 600.0, 900.0

_log = log.get("scheduler")


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process stops as a whole, dispatch first."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8138, show_default=True, type=click.IntRange(0, 65535))
@click.option("--no-web", is_flag=True)
def run(host: str, port: int, no_web: bool) -> None:
    """Keep going until SIGINT or SIGTERM; a second one on one SQLite database is refused."""
    log.configure()
    with opened(from_environment(), claims=True, kind="run") as process, suppress(KeyboardInterrupt):
        if not no_web:
            _refuse_open_door(process, host)
        leadership = Leadership(process)
        leadership.seek()
        if process.database.is_sqlite and not leadership.leads:
            raise _already_running(process)
        listener = None if no_web else listen(host, port)
        asyncio.run(_until_signal(process, leadership, listener))
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


async def work(
    process: Process, listener: socket.socket | None, stop: asyncio.Event, leadership: Leadership | None = None
) -> None:
    """Do all that ``loa run`` does, in the running event loop, until ``stop``; ends with nothing half-done."""
    leadership = leadership or Leadership(process)
    try:
        async with serving(process) as service:
            with on_signal(stop, service.stopping.set):
                await _work(process, service, leadership, listener, stop)
    finally:
        leadership.let_go()


async def _work(
    process: Process, service: Service, leadership: Leadership, listener: socket.socket | None, stop: asyncio.Event
) -> None:
    await service.learn()
    watchdog = Watchdog(lambda part: _died(process, part))
    app = Application(service, watchdog.silent_part)
    server, web = _Server(_web_configuration(app)), None
    if listener is not None:
        web = asyncio.create_task(server.serve(sockets=[listener]))
        web.add_done_callback(lambda _: stop.set())  # without its receipts the process is not what it says
    jobs = Jobs(duties(process, service, leadership, watchdog), stop, service.clock_jumped)
    loop = asyncio.create_task(_show_life(watchdog))
    watchdog.watch("writer", WRITER_WITHIN, service.writer.silent)
    watchdog.watch("dispatcher", DISPATCHER_WITHIN, lambda: monotonic() - service.dispatcher.alive_at)
    jobs.start()
    watchdog.start()
    notify("READY=1")
    try:
        await service.dispatcher.run(stop)
        if web is not None and web.done():  # nobody asked for that
            web.result()
            raise RuntimeError("the web side has ended by itself")
    except Exception:
        await asyncio.to_thread(_leave_word, process, "dispatcher" if web is None or not web.done() else "web")
        raise
    finally:
        notify("STOPPING=1")
        service.stopping.set()
        watchdog.stop()
        loop.cancel()
        jobs.close()
        server.should_exit = True
        if web is not None:
            await asyncio.wait([web], timeout=10)
        await app.receipts.drained()


async def _show_life(watchdog: Watchdog) -> None:
    """The event loop's own sign of life."""
    beat = Beat()
    watchdog.watch("loop", LOOP_WITHIN, beat.silent)
    while True:
        beat()
        await asyncio.sleep(1.0)


def _died(process: Process, part: str) -> None:
    """A part is dead: leave word and end, so that whatever started us starts us again. In the watchdog's thread."""
    _log.critical("dead", part=part)
    faulthandler.dump_traceback()  # where every thread stands: functions and lines, no values
    telling = threading.Thread(target=_leave_word, args=(process, part), daemon=True)
    telling.start()
    telling.join(5.0)  # the dead part may hold the database's lock
    os._exit(OUR_BUG)


def _leave_word(process: Process, part: str) -> None:
    """An incident for whoever looks next; a database that cannot take it keeps nobody from ending."""
    try:
        heartbeat.tell_death(process, part)
    except Exception as error:
        _log.error("word_not_left", part=part, kind=type(error).__name__)


def _web_configuration(app: Application) -> uvicorn.Config:
    return uvicorn.Config(
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


async def _until_signal(process: Process, leadership: Leadership, listener: socket.socket | None) -> None:
    where = f"http://{_shown(listener)}" if listener else "-"
    part = "leads" if leadership.leads else "follows"
    click.echo(sentence("scheduler.running", where=where) + " " + sentence(f"scheduler.{part}"), err=True)
    await work(process, listener, asyncio.Event(), leadership)


def _refuse_open_door(process: Process, host: str) -> None:
    """Raise ``LoaError`` when the web side would be seen from elsewhere and the dashboard asks for no password."""
    with process.database.read() as connection:
        if not is_loopback(host) and not web_users.any_user(connection):
            raise LoaError("scheduler.needs-password", host=host)


def _already_running(process: Process) -> LoaError:
    """The sentence for a second ``loa run`` on one SQLite database: which one is the first."""
    first = next((one for one in workers(process.database) if one.alive and one.kind == "run" and one.leads), None)
    if first is None:
        return LoaError("scheduler.already-running-somewhere")
    since = datetime.fromtimestamp(first.started_real, VIETNAM)
    return LoaError("scheduler.already-running", host=first.host, pid=first.pid, since=f"{since:%H:%M %d/%m/%Y}")


def _shown(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    from engine.cli import main

    main(["run", *sys.argv[1:]])
