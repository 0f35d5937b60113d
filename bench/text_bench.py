"""Speed of counting, unaccenting and reading numbers, and of ``loa text --stdin`` end to end.

Goals: 600,000 counts/s for a Vietnamese text of two segments, 50,000 texts/s through the command.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from engine.text import accents, phone, segments

VIETNAMESE = (
    "Bà con xã {n} chú ý: lời mời việc nhẹ lương cao ở nước ngoài thường là lừa đảo. "
    "Trước khi đi, hãy hỏi công an xã. Gọi 111 (miễn phí, 24/7) hoặc 113."
)


def per_second(work: Callable[[str], object], texts: list[str]) -> float:
    """The best of three rounds over ``texts``."""
    best = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        for text in texts:
            work(text)
        best = min(best, time.perf_counter() - begun)
    return len(texts) / best


def through_the_command(texts: list[str]) -> float:
    """Texts a second of ``loa text --stdin``, its start included."""
    lines = "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts).encode()
    begun = time.perf_counter()
    answered = subprocess.run(
        [sys.executable, "-m", "engine", "text", "--stdin", "--json"],
        input=lines,
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    took = time.perf_counter() - begun
    assert answered.stdout.count(b"\n") == len(texts)
    return len(texts) / took


def main() -> None:
    words = [VIETNAMESE.format(n=n) for n in range(200_000)]
    plain = [accents.strip(text) for text in words]
    neat = [f"09000{n:05d}" for n in range(100_000)]
    untidy = [f"(+84) 90-00{n // 1000:02d} {n % 1000:03d}" for n in range(100_000)]
    print(f"count, accented:      {per_second(segments.count, words):>11,.0f} texts/s")
    print(f"count, unaccented:    {per_second(segments.count, plain):>11,.0f} texts/s")
    print(f"count, with brackets: {per_second(segments.count, [f'[{text}]' for text in plain]):>11,.0f} texts/s")
    print(f"strip:                {per_second(accents.strip, words):>11,.0f} texts/s")
    print(f"phone, well-formed:   {per_second(phone.parse, neat):>11,.0f} numbers/s")
    print(f"phone, untidy:        {per_second(phone.parse, untidy):>11,.0f} numbers/s")
    print(f"loa text --stdin:     {through_the_command(words):>11,.0f} texts/s")


if __name__ == "__main__":
    main()
