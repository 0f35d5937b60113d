"""The road of posts to Facebook, Zalo and Telegram over real HTTP: what people see, by the vendors' own records."""

from collections.abc import Iterator

import pytest
import road_workspace as files
from pipeline_road import Road, on_one_database
from post_standins import Facebook, Served, Telegram, Zalo

from engine.cli.posts import why
from engine.pipeline import incidents

WORDS = "Bà con tại {{ area.name }} chú ý: lương < 5 triệu. Cần giúp đỡ xin gọi 111.\n"
SECRETS = {
    "FB": "EAAclayPageTokenOfClay", "ZALO_KEY": "app-secret-of-clay", "ZALO": "refresh-token-of-clay",
    "BOT": "123456:AAclay-bot-token",
}  # fmt: skip
SENDERS = """\
  trang-xa:
    {{provider: facebook, page: "1234500001", token: "${{FB}}", area: {{era: "2025", code: "06184"}}, url: "{fb}"}}
  oa-tinh:
    {{provider: zalo, oa: "4455667788", app_id: "9988776655", secret_key: "${{ZALO_KEY}}", refresh_token: "${{ZALO}}",
     cover: "https://langson.example/bia.jpg", author: "Công an tỉnh", area: {{era: "2025", code: "20"}},
     url: "{zalo}", oauth_url: "{zalo}"}}
  kenh:
    {{provider: telegram, chat: "@canh_bao_clay", token: "${{BOT}}", area: {{era: "2025", code: "20"}}, url: "{bot}"}}
"""
STEP = "  - {{id: {channel}, when: 2027-07-16 08:30, channel: {channel}, sender: {sender}, message: bai}}\n"


class Vendors:
    """The three of them, in a thread."""

    def __init__(self) -> None:
        self.facebook = Facebook(token=SECRETS["FB"])
        self.zalo = Zalo(secret_key=SECRETS["ZALO_KEY"], refresh=SECRETS["ZALO"])
        self.telegram = Telegram(token=SECRETS["BOT"])

    def write(self, road: Road, *channels: str) -> None:
        urls = {"fb": self.facebook.url, "zalo": self.zalo.url, "bot": self.telegram.url}
        senders = {"facebook": "trang-xa", "zalo": "oa-tinh", "telegram": "kenh"}
        steps = "".join(STEP.format(channel=one, sender=senders[one]) for one in channels)
        title = "---\ntitle: Cảnh giác việc nhẹ lương cao\n---\n"
        road.write(
            {
                "loa.yaml": files.loa_yaml(more_senders=SENDERS.format(**urls)),
                "campaigns/thu.yaml": files.campaign(steps),
                **{f"messages/bai/{one}.vi.j2": title + WORDS for one in channels},
            }
        )
        road.approve()


@pytest.fixture
def vendors(road: Road, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    made = Vendors()
    # a round waits for what may be tried again soon
    monkeypatch.setattr("engine.channels.zalo._PROCESSING_PAUSE", 0.02)
    monkeypatch.setattr("engine.pipeline.post_outcomes.FIRST_WAIT", 0.02)
    road.process.environment = {**road.process.environment, **SECRETS}
    with Served(made.facebook, made.zalo, made.telegram):
        yield made


def statuses(road: Road) -> dict[str, str]:
    rows = road.rows("SELECT sender, status, reason FROM post ORDER BY id")
    return {row[0]: f"{row[1]}:{row[2]}" if row[2] else row[1] for row in rows}


def test_each_vendor_shows_a_post_once_and_a_lost_answer_is_looked_up_where_that_can_be_done(
    road: Road, vendors: Vendors
) -> None:
    vendors.write(road, "facebook", "zalo", "telegram")
    vendors.facebook.loses = vendors.telegram.loses = 1
    road.round()
    assert statuses(road) == {
        "trang-xa": "unknown:no_answer", "oa-tinh": "accepted", "kenh": "unknown:no_answer",
    }  # fmt: skip
    road.later(minutes=2)
    road.round()
    assert statuses(road)["trang-xa"] == "published", "its feed shows our words"
    assert statuses(road)["kenh"] == "unknown:no_answer"
    assert road.incidents()["post_no_log"] == 1, "a bot has no list to look at: a person finds out"
    road.later(hours=2)
    road.round()
    for place in (vendors.facebook, vendors.zalo, vendors.telegram):
        assert len(place.posts) == 1, place
    assert vendors.zalo.told == ["article1"]
    assert "5 triệu" in vendors.facebook.texts()[0]


@on_one_database
def test_a_post_that_was_not_taken_goes_up_later_and_once(road: Road, vendors: Vendors) -> None:
    vendors.write(road, "facebook", "zalo")
    vendors.zalo.fetching = 2
    vendors.facebook.token = "not that one"
    road.round()
    assert statuses(road) == {"trang-xa": "queued:credentials", "oa-tinh": "accepted"}
    assert road.incidents()["sender_stopped"] == 1
    vendors.facebook.token = SECRETS["FB"]
    incidents.release(road.process, "trang-xa", by="Trực ban", why="mã mới")
    road.later(minutes=15)
    road.round()
    assert statuses(road) == {"trang-xa": "published", "oa-tinh": "accepted"}
    assert len(vendors.facebook.posts) == len(vendors.zalo.posts) == 1


@on_one_database
def test_a_lost_refresh_token_stops_the_account_and_says_what_a_person_must_do(road: Road, vendors: Vendors) -> None:
    vendors.write(road, "zalo")
    vendors.zalo.loses = 1  # the answer with the new pair
    road.round()
    assert statuses(road) == {"oa-tinh": "queued:token_lost"}
    assert set(road.incidents()) == {"sender_stopped", "token_lost"}
    assert "cấp quyền lại" in incidents.what("token_lost")
    assert "cấp quyền lại" in why("token_lost")
    # a person authorises the account again
    vendors.zalo.refresh = "given-by-a-person"
    road.process.environment = {**road.process.environment, "ZALO": "given-by-a-person"}
    incidents.release(road.process, "oa-tinh", by="Trực ban", why="đã cấp quyền lại")
    assert not road.incidents()
    road.round()
    assert statuses(road) == {"oa-tinh": "accepted"}
    assert vendors.zalo.told == ["article1"]
