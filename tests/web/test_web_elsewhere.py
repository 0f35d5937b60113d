"""Charts and files are made in another process: what happens when it is gone, slow, or cannot draw."""

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from engine.clock import VIETNAM
from engine.errors import LoaError
from engine.i18n import speaking
from engine.reports.figures import Figures
from engine.reports.report import Asked, Report, Row
from engine.status import Status
from engine.web import charts
from engine.web.charts import Charts, Drawn
from engine.web.elsewhere import Elsewhere, NotDone, answer


@dataclass
class Errand:
    """Some work. It raises ``fault``, if there is one."""

    fault: BaseException | None = None

    def done(self) -> str:
        if self.fault is not None:
            raise self.fault
        return "drawn"


def at_the_other_end(*answers: Callable[[Any], Any]) -> Callable[[], Any]:
    """Starts who answers one question a ``answers`` and then hangs up; a new one each time."""

    def start() -> Any:
        ours, theirs = multiprocessing.Pipe()

        def work() -> None:
            for one in answers:
                theirs.send(one(theirs.recv()))
            theirs.close()

        Thread(target=work, daemon=True).start()
        return ours, None

    return start


def test_who_went_home_is_not_called_again() -> None:
    elsewhere = Elsewhere(at_the_other_end(lambda asked: answer(*asked)))
    done = [elsewhere.done(Errand(), patience=5, queue=1) for _ in range(3)]
    assert done == ["drawn"] * 3


def test_who_does_not_answer_holds_a_page_for_ever() -> None:
    began: list[Any] = []

    def start() -> Any:
        ours, theirs = multiprocessing.Pipe()
        began.append(theirs)
        return ours, None

    elsewhere = Elsewhere(start)
    for _ in range(2):  # the second time somebody else is asked
        with pytest.raises(NotDone) as late:
            elsewhere.done(Errand(), patience=0.01, queue=1)
        assert late.value.key == "web.elsewhere-late"
    assert len(began) == 2
    elsewhere._one.acquire()
    with pytest.raises(NotDone) as busy:
        elsewhere.done(Errand(), patience=1, queue=0.01)
    assert busy.value.key == "web.elsewhere-busy"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (ImportError("altair"), "vl-convert-python"), (KeyError("0912345678"), "Loa gặp lỗi"),
        (LoaError("charts.bad-map", file="maps/xa.geojson", why="GeoJSON"), "maps/xa.geojson"),
    ],
)  # fmt: skip
def test_what_went_wrong_there_is_no_sentence_here(fault: Exception, words: str) -> None:
    elsewhere = Elsewhere(at_the_other_end(lambda asked: answer(*asked)))
    with pytest.raises(NotDone) as told:
        elsewhere.done(Errand(fault), patience=5, queue=1)
    assert words in str(told.value)
    assert "0912345678" not in str(told.value)


@dataclass
class Counting:
    """Draws nothing, and remembers how often it was asked."""

    letters: int = 10
    asked: list[Any] = field(default_factory=list)

    def done(self, work: Any, **_: float) -> tuple[Drawn, ...]:
        self.asked.append(work)
        return (Drawn("funnel", "", "", "x" * self.letters),)


def report(delivered: int) -> Report:
    figures = Figures()
    figures.add(Status.DELIVERED, delivered, 2 * delivered, 1700 * delivered)
    return Report(Asked(("thu",), "step"), datetime(2027, 7, 31, tzinfo=VIETNAM), (Row("mo-dau", figures),))


def test_a_chart_is_drawn_again_for_the_same_figures_or_not_again_for_others(tmp_path: Path) -> None:
    elsewhere = Counting()
    drawn = Charts(tmp_path, elsewhere)  # type: ignore[arg-type]
    for one in (report(1), replace(report(1), as_of=datetime(2028, 1, 1, tzinfo=VIETNAM)), report(2), report(1)):
        drawn.of([one])
    assert len(elsewhere.asked) == 2
    with speaking("en"):
        drawn.of([report(1)])
    drawn.of([], [report(1), report(2)])
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "xa.geojson").write_text("{}", encoding="utf-8")
    drawn.of([report(1)])
    assert len(elsewhere.asked) == 5


def test_charts_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "KEPT", 35)
    drawn = Charts(tmp_path, Counting())  # type: ignore[arg-type]
    for delivered in range(9):
        drawn.of([report(delivered)])
    assert len(drawn._kept) == 3
