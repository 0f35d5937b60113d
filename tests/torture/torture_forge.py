"""The forge: a program that has imported everything and starts ``loa`` by forking.

Reads orders (one JSON line each) from stdin, answers each with a line on stdout. The child runs the command ``loa``
from its first line as a process of its own, with its own environment, files and process id, and is killed like any
other; only the second of processor time that the imports cost is saved. It opens nothing before the fork.
"""

import gc
import importlib
import json
import os
import re
import signal
import sys
from typing import Any

ROOM = "torture_forge"


def serve() -> None:
    """Answer orders until stdin ends; whoever is still running then is killed."""
    for module in (
        "engine.cli", "scheduler", "engine.cli.dispatch", "engine.cli.sandbox", "engine.pipeline.service",
        "engine.sandbox.server", "engine.sandbox.service", "engine.channels.twilio", "twilio.rest.api.v2010", "psycopg",
        "aiohttp.resolver", "uvicorn.protocols.http.httptools_impl", "apscheduler.triggers.interval",
        "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg",
    ):  # fmt: skip
        importlib.import_module(module)
    importlib.import_module("engine.areas.registry").load()
    gc.freeze()
    _say({"ready": os.getpid()})
    running: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "start":
            process = os.fork()
            if process == 0:
                _become(order)
            running.add(process)
            _say({"pid": process})
        else:
            found, status, used = os.wait4(order["pid"], os.WNOHANG)
            if found:
                running.discard(order["pid"])
            code = os.waitstatus_to_exitcode(status) if found else None
            _say({"code": code, "seconds": used.ru_utime + used.ru_stime})
    for process in running:
        os.kill(process, signal.SIGKILL)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _become(order: dict[str, Any]) -> None:
    """In the child: take on the order's environment and be the command."""
    code = 3
    try:
        os.setsid()
        for target, path, flags in (
            (0, os.devnull, os.O_RDONLY),
            (1, order["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
            (2, order["err"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        ):
            opened = os.open(path, flags, 0o600)
            os.dup2(opened, target)
            os.close(opened)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        for place, value in order["constants"].items():
            module, _, name = place.rpartition(".")
            found = importlib.import_module(module)
            getattr(found, name)  # one that has moved elsewhere would be set here and heeded by nobody
            setattr(found, name, value)
        if order["tripwire"]:
            _arm(**order["tripwire"])
        if order["witness"]:
            _witness(order["witness"])
        code = _run(order["arguments"])
    except BaseException as error:
        os.write(2, f"{ROOM}: {error!r}\n".encode())
    finally:
        os._exit(code)


def _run(arguments: list[str]) -> int:
    from engine.cli import main

    try:
        main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _arm(statement: str, nth: int, moment: str) -> None:
    """Die by SIGKILL at the ``nth`` statement that matches: ``before`` it, ``after`` it, when its transaction is about
    to be committed (``commit``), or when it has just been (``committed``)."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from sqlalchemy.pool import Pool

    wanted, seen, due = re.compile(statement), [0], [False]

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def before(connection: Any, cursor: Any, said: str, *_: Any) -> None:
        if not wanted.search(said):
            return
        seen[0] += 1
        if seen[0] == nth:
            due[0] = True
            if moment == "before":
                die()

    def after(*_: Any) -> None:
        if due[0] and moment == "after":
            die()

    def commit(*_: Any) -> None:
        if due[0] and moment == "commit":
            die()

    def given_back(*_: Any) -> None:
        if due[0]:  # also for a transaction that went another way: no order of a plan is left undone
            die()

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    event.listen(Engine, "commit", commit)
    event.listen(Pool, "checkin", given_back)


def _witness(path: str) -> None:
    """In the vendor's process: write down every callback that was answered, and how."""
    from engine.sandbox.callbacks import _Connection

    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    post = _Connection.post

    async def witnessed(connection: Any, request: bytes) -> int:
        status = await post(connection, request)
        head, _, body = request.partition(b"\r\n\r\n")
        path = head.split(b" ", 2)[1]
        os.write(opened, json.dumps({"path": path.decode(), "form": body.decode(), "status": status}).encode() + b"\n")
        return status

    _Connection.post = witnessed  # type: ignore[method-assign]


if __name__ == "__main__":
    serve()
