"""The mend for a schedule with a word nearly right: ``evry thursday at 19:00``, ``thứ nămm hằng tuần lúc 19:00``."""

import difflib
import re
from collections.abc import Callable

from engine.content.words import LONGEST_SHOWN, BadValue
from engine.text.accents import fold

_WORDS = """
    every day days week weeks month on at the last before after and anchor monday tuesday wednesday thursday friday
    saturday sunday mốc ngày tuần tháng hằng mỗi lúc vào thứ hai ba tư năm sáu bảy chủ nhật trước sau cuối cùng của
    một lần và giờ
"""
_BY_SHAPE = {fold(word): word for word in _WORDS.split()}
# Below this "thứ tám" would become "thứ năm": a wrong day is worse than no suggestion.
_NEAR = 0.75


def nearest(text: str, understood: Callable[[str], object]) -> str | None:
    """``text`` with each unknown word replaced by the known one most like it, if it is ``understood`` then.

    None when a word resembles nothing, or when it would still not be understood. Accents are never what is wrong.
    """
    if len(text) > LONGEST_SHOWN:
        return None
    mended = []
    for word in re.split(r"(\s+|[,+-])", text.strip()):
        shape = fold(word)
        if not shape.isalpha() or shape in _BY_SHAPE:
            mended.append(word)
            continue
        near = difflib.get_close_matches(shape, _BY_SHAPE, n=1, cutoff=_NEAR)
        if not near:
            return None
        mended.append(_BY_SHAPE[near[0]])
    found = "".join(mended)
    try:
        return found if found != text.strip() and understood(found) else None
    except BadValue:
        return None
