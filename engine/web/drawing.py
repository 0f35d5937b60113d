"""Charts for pages are drawn in a process of their own, and kept while the figures they show stand.

The library that draws holds the interpreter's lock from beginning to end: 640 ms the first time and 30–110 ms for each
further chart (a ticking thread beside it, two cores). In a thread of ours nothing would be sent or received meanwhile.
The other process is started when somebody first looks at a chart, goes behind everything else (``nice``), and ends by
itself when nobody has looked for a while or this process is gone: it holds 200 MB.
"""

import json
import multiprocessing
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias

from engine.i18n import language
from engine.log import get
from engine.reports.charts.shapes import FOLDER
from engine.reports.report import Report
from engine.web.drawn import Asked, Drawn, Told, draw_for

PATIENCE = 20.0  # seconds for the charts of one page; the first ones take about two, with the process's start
QUEUE = 10.0  # seconds that a page waits for those of others
KEPT = 12_000_000  # letters of SVG; a page's four have 40,000, a map of 3,300 communes a million
Line: TypeAlias = "Connection[Asked, Told]"
Why = Literal["absent", "late", "failed"]
_log = get("drawing")


@dataclass(frozen=True, slots=True)
class NotDrawn:
    """Why there are no charts: the catalogue has ``web.no-charts-<why>``, unless ``words`` say it themselves."""

    why: Why
    words: str = ""


class Drawing:
    """Asks for charts one page after the other. ``start`` gives the line to a process that draws."""

    def __init__(self, workspace: Path, start: Callable[[], Line] | None = None) -> None:
        self._workspace, self._start = workspace, start or _started
        self._line: Line | None = None
        self._kept: OrderedDict[str, tuple[Drawn, ...]] = OrderedDict()
        self._drawing = Lock()

    def charts(self, reports: Sequence[Report], beside: Sequence[Report] = ()) -> tuple[Drawn, ...] | NotDrawn:
        """The charts of ``reports`` in the reader's language; ``beside``: two reports to be shown side by side."""
        # What was published says nothing to who draws, and a moment of another second is no other picture.
        reports, beside = [[replace(one, published=None) for one in some] for some in (reports, beside)]
        asked = Asked(self._workspace, language(), tuple(reports), tuple(beside))
        key = self._key(asked)
        if (found := self._kept.get(key)) is not None:
            return found
        if not self._drawing.acquire(timeout=QUEUE):
            return NotDrawn("late")
        try:
            return self._kept.get(key) or self._keep(key, self._ask(asked))
        finally:
            self._drawing.release()

    def _key(self, asked: Asked) -> str:
        """What was asked and the figures as they stand; files of shapes by their time and size."""
        files = sorted((self._workspace / FOLDER).glob("*.geojson"))
        shapes = [(one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in files]
        figures = [[one.asked.era, one.document() | {"as_of": ""}] for one in (*asked.reports, *asked.beside)]
        return sha256(json.dumps([asked.tongue, len(asked.reports), shapes, figures]).encode()).hexdigest()

    def _keep(self, key: str, found: tuple[Drawn, ...] | NotDrawn) -> tuple[Drawn, ...] | NotDrawn:
        if not isinstance(found, NotDrawn):
            self._kept[key] = found
            while sum(len(one.svg) for some in self._kept.values() for one in some) > KEPT and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return found

    def _ask(self, asked: Asked) -> tuple[Drawn, ...] | NotDrawn:
        """Ask who draws; a second one where the first had just gone home."""
        for _ in range(2):
            line = self._line = self._line or self._start()
            try:
                line.send(asked)
                if not line.poll(PATIENCE):
                    self._hang_up()
                    return NotDrawn("late")
                told = line.recv()
            except (OSError, EOFError):
                self._hang_up()
                continue
            if isinstance(told, tuple):
                return told
            if told.kind:
                _log.error("drawing", kind=told.kind)
            return NotDrawn("absent" if told.absent else "failed", told.words)
        return NotDrawn("failed")

    def _hang_up(self) -> None:
        """Whoever draws ends when its line does."""
        if self._line is not None:
            self._line.close()
            self._line = None


def _started() -> Line:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=draw_for, args=(theirs,), daemon=True, name="charts")
    process.start()
    theirs.close()
    return ours
