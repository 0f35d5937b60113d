"""Every gate by name: a road that it stops, and how a test takes it out. The road must fail without its gate."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import time

import pytest
import road_workspace as files
from pipeline_moves import LIVE, Walk
from pipeline_relays import BASE, WORKSPACE, campaign
from pipeline_road import Person, vendor_of
from sqlalchemy import text

from engine.channels import VENDORS
from engine.content import lint
from engine.content.values import QuietHours
from engine.errors import LoaError
from engine.pipeline import (
    approvals,
    approve,
    contact_care,
    control,
    enqueue,
    gates,
    going_on,
    hours,
    open_runs,
    resolve,
    rules,
)
from engine.pipeline.do_not_call import import_list
from engine.pipeline.hours import Window
from engine.status import StepStatus
from engine.store import budget, campaigns, claim_gates, runs, snapshots, suppression

TakeOut = Callable[[pytest.MonkeyPatch], None]
Example = Callable[[Walk], None]


@dataclass(frozen=True)
class Gate:
    """A gate's example and how it is taken out."""

    example: Example
    take_out: TakeOut


GATES: dict[str, Gate] = {}
# The literal registries of the code: each of their entries must have its example here.
REGISTRIES = {
    "run": claim_gates.RUN_GATES,
    "clock": claim_gates.CLOCK_GATES,
    "row": claim_gates.ROW_GATES,
    "rule": rules.EXCLUSIONS,
}


def entry(registry: str, name: str) -> Callable[[Example], Example]:
    """Registers the example of an entry of one of the registries; without it the registry lacks the entry."""
    return gate(f"{registry} {name}", lambda patch: patch.delitem(REGISTRIES[registry], name))  # type: ignore[arg-type]


def gate(name: str, take_out: TakeOut) -> Callable[[Example], Example]:
    """Registers an example; ``take_out`` makes the gate one that everything passes."""

    def register(example: Example) -> Example:
        GATES[name] = Gate(example, take_out)
        return example

    return register


def replaced(owner: object, name: str, by: object) -> TakeOut:
    """Takes a gate out by putting ``by`` in its place."""
    return lambda patch: patch.setattr(owner, name, by)


def reasons(walk: Walk) -> dict[str, int]:
    """Deliveries that are excluded, by reason."""
    return dict(walk.road.rows("SELECT reason, count(*) FROM delivery WHERE status = 'excluded' GROUP BY reason"))


def refusal(call: Callable[[], object]) -> str | None:
    """The key of the error that a call raises; None when it does not."""
    try:
        call()
    except LoaError as error:
        return error.key
    return None


QC = "[QC] Hội chợ việc làm, gọi 111. Từ chối: soạn TC."


def advertise(walk: Walk, *steps: str, message: str = QC, consent: str = "required") -> None:
    """An advertising campaign whose files say nothing of caps, nor of consent: the engine must know by itself."""
    walk.patch.setattr(lint, "check_advertising", lambda *_: None)
    walk.write(*steps)
    written = (walk.road.settings.workspace / "campaigns/thu.yaml").read_text(encoding="utf-8")
    walk.road.write(
        {
            "loa.yaml": LIVE,
            "campaigns/thu.yaml": written.replace("class: thong_bao", "class: quang_cao"),
            "messages/tin/sms.vi.j2": f"{message}\n",
            "audiences/dan.yaml": f"title: Người dân\nareas: {{districts: [Cao Lộc, Lộc Bình]}}\nconsent: {consent}\n",
        }
    )


def listed(walk: Walk, *numbers: str) -> None:
    """Put numbers on the Do-Not-Call list."""
    path = walk.road.settings.workspace / "khong-quang-cao.txt"
    path.write_text("".join(f"{number}\n" for number in numbers), encoding="utf-8")
    import_list(walk.road.process, path, source="thử")


# Gates of runs, under the claim lock: the dispatcher has read its gates, and then something happens.


@entry("run", "run_open")
def a_run_is_held_between_the_look_and_the_claim(walk: Walk) -> None:
    walk.begin(limits="{budget: 100_000}")
    seen = walk.gates()
    walk.write(limits="{budget: 1_000}")
    walk.road.approve()
    walk.stands("running", "held:budget")
    assert walk.claim(gates=seen) == []


@entry("run", "due")
def a_run_is_put_off_between_the_look_and_the_claim(walk: Walk) -> None:
    walk.begin()
    seen = walk.gates()
    walk.write(files.step("mot", sender="thu", when="2027-07-16 10:00", valid_for="10 hours"))
    walk.road.approve()
    walk.stands("running", "paused:terms_changed")
    walk.act("resume", "mot")
    walk.stands("running", "ready")
    assert walk.claim(gates=seen) == []
    walk.road.at("2027-07-16 10:00")
    assert len(walk.claim()) == 1


@entry("run", "valid_for")
def the_validity_ends_between_the_look_and_the_claim(walk: Walk) -> None:
    walk.live(files.step("mot", sender="thu", valid_for="2 hours"))
    walk.road.approve()
    walk.open()
    walk.road.at("2027-07-16 10:29")
    seen = walk.gates()
    walk.road.at("2027-07-16 10:30")
    assert walk.claim(gates=seen) == []


@entry("run", "campaign_running")
def a_campaign_is_paused_between_the_look_and_the_claim(walk: Walk) -> None:
    walk.begin()
    seen = walk.gates()
    walk.act("pause")
    assert walk.claim(gates=seen) == []


@entry("run", "step_active")
def a_step_stands_paused_though_its_run_does_not(walk: Walk) -> None:
    walk.begin()
    with walk.road.process.database.write() as connection:
        campaigns.move_step(connection, "thu", "mot", StepStatus.PAUSED, walk.road.process.signed())
    assert walk.claim() == []


@entry("clock", "hours")
def quiet_hours_come_near_between_the_look_and_the_claim(walk: Walk) -> None:
    walk.live(files.step("mot", sender="thu", valid_for="14 hours"))
    walk.road.approve()
    walk.open()
    walk.road.at("2027-07-16 19:54")
    seen = walk.gates()
    walk.road.at("2027-07-16 19:56")
    assert walk.claim(gates=seen) == []


@gate("quiet_hours", replaced(gates, "window", lambda *_: Window(None, None)))
def nobody_is_written_to_in_quiet_hours(walk: Walk) -> None:
    walk.live(files.step("mot", sender="thu", valid_for="14 hours"))
    walk.road.approve()
    walk.open()
    walk.road.at("2027-07-16 20:30")
    assert walk.claim() == []


@gate("night", replaced(hours, "NIGHT", QuietHours(start=time(3), end=time(3))))
def nobody_is_written_to_at_night_whatever_the_campaign_says(walk: Walk) -> None:
    walk.live(files.step("mot", sender="thu", valid_for="23 hours"), limits='{quiet_hours: "01:00-02:00"}')
    walk.road.approve()
    walk.open()
    for local in ("2027-07-16 21:56", "2027-07-16 23:00", "2027-07-17 06:59"):
        walk.road.at(local)
        assert walk.claim() == []


@gate("approved to claim", replaced(gates, "needs_approval", lambda _: False))
def an_approval_falls_while_nobody_watches(walk: Walk) -> None:
    walk.begin()
    with walk.road.process.database.write() as connection:
        snapshots.void(connection, "thu", at=walk.road.clock.now(), reason="thử")
    assert walk.claim() == []


@gate("approved to open", replaced(open_runs, "needs_approval", lambda _: False))
def a_live_sender_opens_nothing_without_an_approval(walk: Walk) -> None:
    walk.live()
    walk.open()
    assert walk.road.runs() == {}


@gate("two people", replaced(approvals, "count_approvals", lambda *_: 2))
def one_of_two_people_is_not_enough_to_resume(walk: Walk) -> None:
    two = files.loa_yaml(more_senders=files.scripted(rate="1000/s"), people=2)
    walk.live(loa=two)
    walk.road.approve(by="Người Thứ Nhất")
    assert refusal(lambda: walk.act("resume")) == "pipeline.resume-unapproved"


# Gates of rows at the claim: something has happened since the rows were written.


@entry("row", "erased")
def somebody_is_erased_after_the_run_was_opened(walk: Walk) -> None:
    walk.begin()
    [(sealed,)] = walk.road.rows("SELECT phone_sealed FROM contact WHERE id = 2")
    contact_care.erase(walk.road.process, walk.road.process.keyring.unseal(bytes(sealed)), by=None)
    walk.claim(3)
    assert reasons(walk) == {"erased": 1}


@entry("row", "opted_out")
def somebody_refuses_after_the_run_was_opened(walk: Walk) -> None:
    walk.begin()
    [(hashed,)] = walk.road.rows("SELECT phone_hash FROM contact WHERE id = 2")
    with walk.road.process.database.write() as connection:
        suppression.opt_out(connection, [bytes(hashed)], at=walk.road.clock.now(), source="hotline")
    walk.claim(3)
    assert reasons(walk) == {"opted_out": 1}


@entry("row", "no_consent")
def somebody_takes_the_consent_back_after_the_run_was_opened(walk: Walk) -> None:
    advertise(walk)
    walk.road.people(Person(), Person())
    walk.road.approve()
    walk.open()
    with walk.road.process.database.write() as connection:
        connection.execute(text("UPDATE contact SET consent = FALSE WHERE id = 2"))
    walk.claim(3)
    assert reasons(walk) == {"no_consent": 1}


@entry("row", "do_not_call")
def a_new_list_comes_after_the_run_was_opened(walk: Walk) -> None:
    advertise(walk)
    first, _ = walk.road.people(Person(), Person())
    walk.road.approve()
    walk.open()
    listed(walk, first)
    walk.claim(3)
    assert reasons(walk) == {"do_not_call": 1}


@entry("row", "no_email")
def an_address_is_taken_away_after_the_run_was_opened(walk: Walk) -> None:
    by_email = "  thu: {provider: scripted-mail, rate: 1000/s}\n"
    walk.patch.setitem(VENDORS, "scripted-mail", vendor_of(walk.world, "scripted-mail", "email"))
    loa = files.loa_yaml(more_senders=by_email)
    walk.road.write(WORKSPACE | {"loa.yaml": loa, "campaigns/thu.yaml": campaign("2027-07-16 17:00", "thu")})
    walk.road.process.settings = replace(walk.road.process.settings, public_url=BASE)
    walk.road.people(*(Person(groups=("loa",), email=f"loa{place}@xa.example") for place in range(2)))
    walk.road.approve()
    walk.open()
    with walk.road.process.database.write() as connection:
        connection.execute(text("UPDATE contact SET email_sealed = NULL WHERE id = 2"))
    walk.claim(2)
    assert reasons(walk) == {"no_email": 1}


@entry("row", "synthetic")
def made_up_people_meet_a_real_sender(walk: Walk) -> None:
    walk.live()
    walk.road.people(Person(synthetic=True))
    walk.road.approve()
    walk.open()
    walk.claim(4)
    assert reasons(walk) == {"synthetic": 1}


def _steps(count: int) -> tuple[str, ...]:
    return tuple(
        files.step(f"b{number}", sender="thu", when=f"2027-07-16 08:3{number}", valid_for="10 hours")
        for number in range(count)
    )


@entry("row", "capped")
def a_campaign_has_a_cap_of_its_own(walk: Walk) -> None:
    walk.live(*_steps(2), limits="{per_person: 1 per 7 days}")
    walk.road.approve()
    walk.road.at("2027-07-16 08:33")
    walk.open()
    walk.claim(9)
    assert (reasons(walk), walk.road.statuses()["sending"]) == ({"capped": 3}, 3)


@entry("row", "advertising_capped")
def three_advertisements_a_day_are_all_that_a_number_gets(walk: Walk) -> None:
    """Over campaigns: the fourth is another one's; a notice does not count."""
    advertise(walk, *_steps(3))
    other = (walk.road.settings.workspace / "campaigns/thu.yaml").read_text(encoding="utf-8").partition("steps:")[0]
    (walk.road.settings.workspace / "campaigns/khac.yaml").write_text(
        other + "steps:\n" + files.step("b3", sender="thu", when="2027-07-16 08:33", valid_for="30 hours"),
        encoding="utf-8",
    )
    walk.road.people(Person(), Person())
    walk.road.approve()
    walk.road.approve("khac")
    walk.road.at("2027-07-16 08:33")
    walk.open()
    walk.claim(9)
    assert (reasons(walk), walk.road.statuses()["sending"]) == ({"advertising_capped": 2}, 6)


# Rules at the fan-out, decided once per kind of contact.


def _opened(walk: Walk, *people: Person) -> dict[str, int]:
    walk.road.people(*people)
    walk.road.approve()
    walk.open()
    return reasons(walk) | ({"queued": queued} if (queued := walk.road.statuses()["queued"]) else {})


@entry("rule", "no_consent")
def an_advertisement_wants_consent_whatever_the_audience_says(walk: Walk) -> None:
    advertise(walk, consent="statutory")
    assert _opened(walk, Person(), Person(consent=False)) == {"queued": 1}
    assert walk.road.rows("SELECT count(*) FROM delivery") == [(1,)]


@entry("rule", "opted_out")
def who_refused_gets_nothing(walk: Walk) -> None:
    walk.write()
    assert _opened(walk, Person(), Person(opted_out=True)) == {"queued": 1, "opted_out": 1}


@entry("rule", "do_not_call")
def who_is_on_the_list_gets_no_advertisement(walk: Walk) -> None:
    advertise(walk)
    [number] = walk.road.people(Person())
    listed(walk, number)
    assert _opened(walk, Person()) == {"queued": 1, "do_not_call": 1}


@entry("rule", "area_ambiguous")
def who_may_live_elsewhere_gets_nothing(walk: Walk) -> None:
    walk.write()
    doubtful = Person(place=("2025", "06286"))  # parts of it came from a district outside the audience
    assert _opened(walk, Person(), doubtful) == {"queued": 1, "area_ambiguous": 1}


@entry("rule", "excluded_audience")
def who_is_of_an_excluded_audience_gets_nothing(walk: Walk) -> None:
    walk.write()
    walk.road.write(
        {
            "loa.yaml": LIVE,
            "campaigns/thu.yaml": files.campaign(files.step("mot", sender="thu")),
            "audiences/dan.yaml": "title: Dân\nareas: {districts: [Cao Lộc, Lộc Bình]}\nexclude: {audiences: [bo]}\n",
            "audiences/bo.yaml": 'title: Bỏ ra\nareas: {communes: ["06541"], era: "2025"}\n',
        }
    )
    assert _opened(walk, Person(), Person(place=("2025", "06541"))) == {"queued": 1, "excluded_audience": 1}


@entry("rule", "holdout")
def who_is_held_out_gets_nothing(walk: Walk) -> None:
    walk.write(variants="{a: 50%, holdout: 50%}")
    found = _opened(walk, *[Person() for _ in range(12)])
    assert set(found) == {"holdout", "queued"}


@entry("rule", "contacted_recently")
def who_was_written_to_lately_gets_nothing(walk: Walk) -> None:
    walk.write(*_steps(2))
    audience = "title: Dân\nareas: {districts: [Cao Lộc, Lộc Bình]}\nexclude: {contacted_within: 3 days}\n"
    walk.road.write(
        {"loa.yaml": LIVE, "campaigns/thu.yaml": files.campaign(*_steps(2)), "audiences/dan.yaml": audience}
    )
    walk.road.people(Person())
    walk.road.approve()
    walk.open()
    walk.claim(1)
    walk.road.at("2027-07-16 08:31")
    walk.open()
    assert (walk.road.statuses("b1"), reasons(walk)) == ({"excluded": 1}, {"contacted_recently": 1})


# What is decided of a run as a whole.


@gate("size", replaced(enqueue, "exceeds", lambda *_: False))
def a_run_that_has_grown_waits_for_a_person(walk: Walk) -> None:
    walk.live()
    walk.road.approve()
    walk.road.people(Person())
    walk.open()
    walk.stands("running", "held:size")


@gate("budget", replaced(budget, "reserve", lambda *_: True))
def a_run_beyond_the_budget_waits_for_a_person(walk: Walk) -> None:
    walk.begin(limits="{budget: 2_000}")
    walk.stands("running", "held:budget")


@gate("late", replaced(open_runs, "is_missed", lambda *_: False))
def a_run_that_is_too_late_is_missed(walk: Walk) -> None:
    walk.live()
    walk.road.approve()
    walk.road.at("2027-07-16 10:31")
    walk.open()
    assert walk.road.runs() == {"mot/once": "missed:late"}


@gate("advertising text", replaced(resolve, "is_lawful", lambda _: True))
def words_without_the_mark_are_sent_to_nobody(walk: Walk) -> None:
    """The check sees the text of one area only; a list of another one comes after the approval."""
    unmarked = "{% if area.name == 'Xã Mẫu Sơn' %}" + QC.removeprefix("[QC] ") + "{% else %}" + QC + "{% endif %}"
    advertise(walk, message=unmarked)
    walk.road.people(*[Person() for _ in range(20)])
    walk.road.approve()
    walk.road.people(Person(place=("2025", "06541")))
    walk.open()
    assert (reasons(walk), walk.road.statuses()["queued"]) == ({"advertising_text": 1}, 20)


@gate("advertising text approved", replaced(approve, "refuse_unmarked", lambda _: None))
def words_without_the_mark_are_not_approved(walk: Walk) -> None:
    unmarked = "{% if area.name == 'Xã Mẫu Sơn' %}" + QC.removeprefix("[QC] ") + "{% else %}" + QC + "{% endif %}"
    advertise(walk, message=unmarked)
    walk.road.people(Person(place=("2025", "06541")))
    assert refusal(walk.road.approve) == "pipeline.advertising-text"


@gate("reviewed", replaced(approve, "refuse_unreviewed", lambda *_: None))
def a_translation_that_nobody_reviewed_is_not_approved(walk: Walk) -> None:
    walk.live()
    (walk.road.settings.workspace / "messages/tin/sms.tyz.j2").write_text("Gọi 111.\n", encoding="utf-8")
    assert refusal(walk.road.approve) == "pipeline.unreviewed"


@gate("renamed", replaced(approve, "refuse_renamed", lambda *_: None))
def a_step_that_has_sent_keeps_its_name(walk: Walk) -> None:
    walk.begin()
    walk.write(files.step("ten-moi", sender="thu", valid_for="10 hours"))
    assert refusal(walk.road.approve) == "pipeline.step-renamed"


@gate("same words", replaced(going_on, "same_words", lambda *_: True))
def a_run_with_other_words_never_goes_on(walk: Walk) -> None:
    walk.begin()
    walk.road.write({"loa.yaml": LIVE, "messages/tin/sms.vi.j2": "Lời khác, gọi 111.\n"} | _campaign(walk))
    walk.road.approve()
    walk.stands("running", "paused:approval_void")


@gate("same terms", replaced(going_on, "same_terms", lambda *_: True))
def a_run_with_another_validity_waits_for_a_person(walk: Walk) -> None:
    walk.begin()
    walk.write(files.step("mot", sender="thu", valid_for="9 hours"))
    walk.road.approve()
    walk.stands("running", "paused:terms_changed")


def _campaign(walk: Walk) -> dict[str, str]:
    written = (walk.road.settings.workspace / "campaigns/thu.yaml").read_text(encoding="utf-8")
    return {"campaigns/thu.yaml": written}


@gate("unknown step", replaced(control, "_refuse_unknown_step", lambda *_: None))
def a_decision_about_a_step_that_is_not_there_is_refused(walk: Walk) -> None:
    walk.begin()
    assert refusal(lambda: walk.act("pause", "khong-co")) == "pipeline.unknown-step"


@gate("once", replaced(runs, "is_known", lambda *_: False))
def an_occurrence_is_planned_once(walk: Walk) -> None:
    walk.begin()
    assert walk.road.plan().runs == []
