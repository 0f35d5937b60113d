"""Who did it: the implementing units (đơn vị thực hiện) an activity is counted under.

Commune lists name them in full ("Đồn Biên phòng Nậm Cắn", "Hội LHPN xã"); a report counts them by branch. Where several
are named ("Công an xã phối hợp Hội Phụ nữ") the first one leads and has the figures, so that nothing counts twice. What
is no unit (a person's name) is refused and never stored; ``khac`` is for what is in no branch here.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from engine.content.activity_kinds import by_words, shape
from engine.content.words import BadValue, suggestion
from engine.errors import LoaError
from engine.i18n import sentence


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


# Key → words by which a unit is recognised anywhere in what is written, folded.
UNITS: Final[Mapping[str, tuple[str, ...]]] = {
    "cong-an": _words("cong an, ca xa, ca phuong, ca huyen, ca tinh, cax, police"),
    "bien-phong": _words("bien phong, bdbp, don bp, border guard"),
    "phu-nu": _words("phu nu, lhpn, women s union, women union"),
    "ubnd": _words("ubnd xa, ubnd phuong, ubnd, uy ban nhan dan, chinh quyen, people s committee"),
    "ban-chi-dao": _words("ban chi dao, bcd, bcd 138, steering committee"),
    "doan-thanh-nien": _words(
        "doan thanh nien, doan tn, doan tncs, tinh doan, huyen doan, thanh doan, doan xa, doan phuong, thanh nien,"
        " youth union"
    ),
    "mat-tran": _words("mat tran, mttq, ubmttq, fatherland front"),
    "nong-dan": _words("nong dan, farmers union"),
    "cuu-chien-binh": _words("cuu chien binh, ccb, veterans"),
    "cong-doan": _words("cong doan, lien doan lao dong, ldld, trade union"),
    "giao-duc": _words(
        "giao duc, nha truong, truong hoc, truong mam non, truong tieu hoc, truong th, truong thcs, truong thpt,"
        " truong pt, truong ptdt, truong ptdtnt, truong ptdtbt, truong cao dang, truong dai hoc, truong trung cap,"
        " so gd, phong gd, school, schools, education"
    ),
    "van-hoa": _words("van hoa, vhtt, thong tin, vh xh, vhxh, culture"),
    "lao-dong": _words("lao dong, ldtbxh, ld tb xh, noi vu, labour"),
    "tu-phap": _words("tu phap, justice"),
    "toa-an": _words("toa an, tand, court"),
    "vien-kiem-sat": _words("vien kiem sat, vks, vksnd, procuracy"),
    "y-te": _words("y te, tram y te, health"),
    "quan-doi": _words("quan doi, quan su, ban chqs, bo chqs, canh sat bien, hai quan, doan kinh te quoc phong, army"),
    "bao-dai": _words("bao chi, dai phat thanh, dai truyen hinh, dai pt th, bao, dai, press"),
    "nha-mang": _words("nha mang, viettel, vnpt, vinaphone, mobifone, operator"),
    "ton-giao": _words("ton giao, chuc sac, nha chua, giao xu, clergy"),
    "thon-ban": _words(
        "thon ban, truong thon, truong ban, truong xom, truong ap, truong khu, ban quan ly thon, nguoi co uy tin,"
        " gia lang, to dan pho, village"
    ),
    "khac": _words("khac, don vi khac, other"),
}
_NAMED = by_words(UNITS.items())
# These mean a unit only when nothing else stands there: Khắc, Bảo and Đài are people's names too.
_ALONE = frozenset({"khac", "other", "bao", "dai", "press"})
# Of two that begin at one place the longer is meant: "lien doan lao dong" is no "lao dong".
_ANY = re.compile(rf"\b(?:{'|'.join(sorted(_NAMED.keys() - _ALONE, key=len, reverse=True))})\b")
UNIT_ORDER: Final = {key: place for place, key in enumerate(UNITS)}


@lru_cache(maxsize=4096)
def read_unit(text: str) -> str:
    """The key of the first unit named in ``text``. Raises ``LoaError`` (``activities.unknown-unit``)."""
    words = shape(text)
    if words in _NAMED:
        return _NAMED[words]
    found = _ANY.search(words)
    if found is not None:
        return _NAMED[found[0]]
    near = suggestion(words, _NAMED.keys() - _ALONE)  # what is written is not repeated: it may be a person's name
    if near:
        raise BadValue("activities.unknown-unit-near", near=unit_label(_NAMED[near]))
    raise LoaError("activities.unknown-unit", choices="; ".join(map(unit_label, UNITS)))


def unit_label(unit: str) -> str:
    """A unit in the reader's language."""
    return sentence(f"activities.unit-{unit}")
