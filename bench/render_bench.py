"""Speed of messages: compiling, checking, rendering one tuple's words, filling a skeleton with names.

CPU seconds, so that a busy machine shows less of itself.
Goals: check 3 ms a message, render 50,000 tuples/s, fill 500,000 names/s. Run: python bench/render_bench.py
"""

import sys
import time
from collections.abc import Callable

from engine.content import skeleton
from engine.content.message import Message, MessageSet
from engine.content.message_check import check_message, check_source
from engine.content.template import Values, compile_message

WORDS = (
    "BCĐ 138 tỉnh: Bà con xã {{ area.name }}, {{ district.name | default('huyện nhà') }}, nghe lời mời việc nhẹ "
    "lương cao thì hỏi kỹ UBND xã. Cần giúp, gọi {{ hotlines | join(' hoặc ') }}. "
)
PLAIN = WORDS.replace(" | default('huyện nhà')", "").replace(" | join(' hoặc ')", "")
PERSONAL = "Kính gửi {{ contact.name | default('bà con') }}, " + WORDS
LOOPED = "{% for so in hotlines %}{{ so }}{% if not loop.last %}, {% endif %}{% endfor %} " + WORDS


def one(body: str, number: int = 0, accents: str = "keep") -> MessageSet:
    """A set of one message; ``number`` makes its source unlike any other, so that no cache helps."""
    message = Message.model_validate(
        {
            "key": f"tin-{number}",
            "channel": "sms",
            "language": "vi",
            "accents": accents,
            "file": f"messages/tin-{number}/sms.vi.j2",
            "body": f"{body}{number}",
        }
    )
    return MessageSet(key=message.key, messages=(message,))


def rate(what: str, times: int, call: Callable[[int], object]) -> None:
    """Print how often a second ``call`` runs, the best of three."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        for number in range(times):
            call(number)
        best = min(best, time.process_time() - begun)
    print(f"{what:<34} {times / best:>12,.0f}/s  {best / times * 1e6:>8.2f} µs")


def filling(accents: str) -> Callable[[int], object]:
    """A call that fills a skeleton with one of a thousand names."""
    message_set = one(PERSONAL, accents=accents)
    stored = compile_message(message_set.messages[0], message_set).render(Values(area="Thử", hotlines=("111",))).stored
    filled, names = skeleton.load(stored), [f"Người Thử {number:03d}" for number in range(1000)]
    return lambda number: filled.fill(names[number % 1000])


def main(times: int) -> None:
    values = Values(title="Hưởng ứng 30/7", theme="Không ai bị bỏ lại", hotlines=("111", "113"))
    tuples = [Values(area=f"Thử {n}", district=f"Huyện {n % 10}", hotlines=("111", "113")) for n in range(3_321)]
    sets = [one(PERSONAL, number) for number in range(300)]
    begun = time.process_time()
    for message_set in sets:
        found = check_source(message_set) + check_message(message_set, channel="sms", values=values)
        assert not found, found
    print(f"{'check, nothing cached':<34} {(time.process_time() - begun) / len(sets) * 1e3:>10.2f} ms a message")
    for name, body, accents in (
        ("render, plain variables", PLAIN, "keep"),
        ("render, filters", WORDS, "keep"),
        ("render, filters, unaccented", WORDS, "strip"),
        ("render, a loop", LOOPED, "keep"),
        ("render to a skeleton", PERSONAL, "keep"),
    ):
        message_set = one(body, accents=accents)
        template = compile_message(message_set.messages[0], message_set)
        rate(name, times // 10, lambda n, template=template: template.render(tuples[n % 3_321]))  # type: ignore[misc] # binds the loop's value
    for accents in ("keep", "strip"):
        rate(f"fill a skeleton, accents: {accents}", times, filling(accents))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
