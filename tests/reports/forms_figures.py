"""Reports made by hand for tests of forms: three old districts, a merged unit, five days, sixty-five communes."""

import struct
import zlib
from datetime import datetime

from engine.areas.registry import load
from engine.clock import VIETNAM
from engine.content.campaign import Campaign
from engine.content.organisation import Organisation, ReportHeading, Signer
from engine.reports.figures import Figures
from engine.reports.official.gathered import Gathered, Reason, gather
from engine.reports.places import Place, labels
from engine.reports.report import Asked, Report, Row
from engine.status import Status

AS_OF = datetime(2027, 7, 31, 10, 0, tzinfo=VIETNAM)
REGISTRY = load()


def figures(**counts: int) -> Figures:
    made = Figures(segments=2 * counts.get("delivered", 0), cost_vnd=1_700 * counts.get("delivered", 0))
    for status, deliveries in counts.items():
        made.statuses[Status(status)] += deliveries
    return made


def report(by, *rows: Row, campaigns=("lang-son-30-7",)) -> Report:
    return Report(Asked(campaigns, by), AS_OF, rows)


def old(code: str, **counts: int) -> Row:
    return Row(Place("legacy", code, REGISTRY.get("legacy", code).name), figures(**counts))


DISTRICTS = report(
    "district",
    old("180", delivered=2_102, failed=160, expired=20, excluded=11, accepted=9),
    old("183", delivered=15_900, failed=320, expired=44, excluded=25, accepted=60),
    old("188", delivered=4_120, failed=800, expired=30, excluded=12, accepted=30),
    Row(Place("legacy", None, "Các huyện (cũ) gộp (2), Tỉnh Lạng Sơn"), figures(delivered=33, failed=3)),
)
DAYS = report(
    "day",
    Row("2027-07-16", figures(delivered=12_000, failed=900, expired=94, excluded=48, accepted=99)),
    Row("2027-07-30", figures(delivered=10_155, failed=383)),
)
COMMUNES = report(
    "commune",
    *(
        Row(Place("2025", area.code, area.name), figures(delivered=100 + place, failed=place))
        for place, area in enumerate(one for one in REGISTRY.communes("2025") if one.province == "20")
    ),
)
CHANNELS = report("channel", Row("sms", DAYS.totals))
NAMES = labels(REGISTRY, [row.key for one in (DISTRICTS, COMMUNES) for row in one.rows if isinstance(row.key, Place)])
CAMPAIGN = Campaign.model_validate(
    {
        "key": "lang-son-30-7", "title": "Hưởng ứng ngày 30/7 <&> \x0b“bẫy”", "owner": "Ban Chỉ đạo 138",
        "legal_basis": ["Kế hoạch số 87/KH-BCĐ ngày 31/5/2021"], "theme": "Hỏi kỹ trước khi đi", "class": "thong_bao",
        "period": {"from": "2027-07-01", "to": "2027-09-30"}, "hotlines": ["111", "113"],
        "steps": [{"id": "mo-dau", "when": "2027-07-16 08:30", "channel": "sms"}],
    }
)  # fmt: skip
HEADING = ReportHeading(
    place="Lạng Sơn",
    document_sign="BC-BCĐ",
    signer=Signer(authority="TM. BAN CHỈ ĐẠO", acting="KT. TRƯỞNG BAN", position="PHÓ TRƯỞNG BAN", name="Nông Văn A"),
    recipients=("UBND tỉnh (báo cáo)", "Công an tỉnh", "Lưu VT"),
)
ORGANISATION = Organisation(name="Ban Chỉ đạo 138 tỉnh Lạng Sơn", province="20", parent="UBND tỉnh Lạng Sơn")


def gathered(**changes) -> Gathered:
    reports = {"district": DISTRICTS, "commune": COMMUNES, "day": DAYS, "channel": CHANNELS} | changes.pop(
        "reports", {}
    )
    wanted = {"reasons": (Reason("thuê bao không liên lạc được", 900), Reason("số không tồn tại", 383))} | changes
    return gather(reports.__getitem__, ["lang-son-30-7"], [CAMPAIGN], ("111", "113"), ORGANISATION, HEADING, **wanted)


def dot() -> bytes:
    """The smallest PNG, for tests that are about something else than pictures."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
