"""A campaign with a loudspeaker's step, and relays in three communes, for the tests of broadcasts and of the page."""

import re
from dataclasses import replace

import road_workspace as files
from pipeline_road import Person, Road

BASE = "https://loa.example"
STEP = """\
  - id: phat-thanh
    when: {when}
    channel: loudspeaker
    sender: {sender}
    audience: nguoi-phat
    message: bai-loa
{more}"""
SCRIPT = "Kính thưa bà con xã {{ area.name }}.\nViệc nhẹ lương cao ở nước ngoài có thể là bẫy. Cần giúp, hãy gọi 111.\n"
WORKSPACE = {
    "loa.yaml": files.loa_yaml(more_senders=files.scripted()),
    "audiences/nguoi-phat.yaml": (
        "title: Người phát loa\nareas: {districts: [Cao Lộc, Lộc Bình]}\ngroups: {any: [loa]}\n"
    ),
    "messages/bai-loa/loudspeaker.vi.j2": SCRIPT,
    "messages/bai-loa/loudspeaker.tyz.j2": "---\nreviewed_by: Người Dịch\n---\nBài tiếng Tày. 111.\n",
}
COMMUNES = ("06184", "06196", "06541")


def campaign(when: str = "2027-07-16 17:00", sender: str = "thu", *others: str, more: str = "", **head: str) -> str:
    """A campaign with the loudspeaker's step, after ``others``."""
    return files.campaign(*others, STEP.format(when=when, sender=sender, more=more), **head)


def relays(
    road: Road,
    when: str = "2027-07-16 17:00",
    *,
    public: bool = True,
    sender: str = "thu",
    until: str = "",
    **head: str,
) -> None:
    """Write the campaign, three relays and one neighbour who is none; approved at 07:30 on the day."""
    road.at("2027-07-16 07:30")
    more = f"    until: {until}\n" if until else ""
    road.write(WORKSPACE | {"campaigns/thu.yaml": campaign(when, sender, more=more, **head)})
    if public:
        road.process.settings = replace(road.process.settings, public_url=BASE)
    road.people(*[Person(place=("2025", code), groups=("loa",), name="Nông Thị Kín") for code in COMMUNES])
    road.people(Person(place=("2025", COMMUNES[0])))
    if sender == "thu":
        road.approve()


def tokens(road: Road) -> list[str]:
    """The tokens of the links that the vendor was given, in order."""
    return [found[1] for message in road.world.sent if (found := re.search(r"/l/([\w-]{16})(?!\S)", message.body))]
