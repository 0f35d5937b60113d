"""The process that draws charts: what it is asked, what it answers, and how it goes about it. See ``drawing.py``."""

import os
import signal
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeAlias

from engine.areas import registry as areas
from engine.content.province import own_province
from engine.errors import LoaError
from engine.i18n import speaking
from engine.reports.charts.chart import Chart
from engine.reports.charts.shapes import FOLDER, Shapes, load_shapes
from engine.reports.pictures import pictures, side_by_side
from engine.reports.report import Report

IDLE = 300.0  # seconds without a question, then it ends


@dataclass(frozen=True, slots=True)
class Asked:
    """The reports whose charts are wanted, and two that are to be shown side by side."""

    workspace: Path
    tongue: str
    reports: tuple[Report, ...]
    beside: tuple[Report, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart as a page needs it: inline SVG without a style of its own, its title, and what it says in words."""

    key: str
    title: str
    text: str
    svg: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Why nothing was drawn: the libraries are ``absent``, an officer's file is at fault (``words``), or we are."""

    absent: bool = False
    words: str = ""
    kind: str = ""


Told: TypeAlias = tuple[Drawn, ...] | Failed


def draw_for(line: "Connection[Told, Asked]") -> None:
    """Answer one question after the other until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for who asks; the line ends then
    if hasattr(os, "nice"):
        os.nice(10)
    while True:
        try:
            if not line.poll(IDLE):
                return
            line.send(draw(line.recv()))
        except (EOFError, OSError):
            return


def draw(asked: Asked) -> Told:
    """The charts. Whatever goes wrong is an answer."""
    try:
        with speaking(asked.tongue):
            return tuple(Drawn(one.key, one.title, one.text, one.svg()) for one in _charts(asked))
    except ImportError:
        return Failed(absent=True)
    except LoaError as error:
        with speaking(asked.tongue):
            return Failed(words=str(error))
    except Exception as error:
        return Failed(kind=type(error).__name__)


def _charts(asked: Asked) -> list[Chart]:
    registry = areas.load()
    found = pictures(asked.reports, registry, _shapes(asked.workspace))
    return found + (side_by_side(asked.beside[0], asked.beside[1], registry) if asked.beside else [])


def _shapes(workspace: Path) -> Shapes | None:
    """Thirty megabytes of outlines are read once, until a file of them changes."""
    files = sorted((workspace / FOLDER).glob("*.geojson"))
    return _read_shapes(workspace, tuple((one, one.stat().st_mtime_ns) for one in files)) if files else None


@lru_cache(maxsize=1)
def _read_shapes(workspace: Path, _: tuple[tuple[Path, int], ...]) -> Shapes | None:
    registry = areas.load()
    return load_shapes(workspace, registry, own_province(workspace, registry))
