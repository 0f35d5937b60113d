"""Approval and control: what nobody approved must not go out, and what a person stopped must stay stopped."""

import pytest
import road_workspace as files
from pipeline_road import Person, Road, World, on_one_database

from engine.channels.base import Outcome, Outgoing
from engine.errors import LoaError
from engine.pipeline import control
from engine.store import claims

LOA = files.loa_yaml(more_senders=files.scripted(rate="1000/s"))
TWO = files.loa_yaml(more_senders=files.scripted(rate="1000/s"), people=2)


def steps(**head: str) -> dict[str, str]:
    """The live workspace with two steps; the second is due at 10:00 on the next day."""
    return {
        "loa.yaml": LOA,
        "campaigns/thu.yaml": files.campaign(
            files.step("mot", sender="thu"),
            files.step("hai", sender="thu", when="2027-07-17 10:00", message="tin-hai"),
            **head,
        ),
        "messages/tin-hai/sms.vi.j2": "Tin thứ hai, xin gọi 111.\n",
    }


@pytest.fixture
def live(road: Road, monkeypatch: pytest.MonkeyPatch) -> Road:
    """Six people; rows are claimed one by one, so that a run can be caught in the middle."""
    monkeypatch.setattr(claims, "HORIZON", 0.0015)  # one row and a half at 1000/s
    road.write(steps())
    road.people(*[Person() for _ in range(6)])
    return road


def half_sent(road: Road, world: World) -> None:
    """Hand over two of six; then the clock jumps into quiet hours, and back again."""

    def answer(message: Outgoing) -> Outcome:
        if len(world.sent) == 2:
            road.at("2027-07-16 21:00")
        return world.accept(message)

    world.answer = answer
    road.round()
    world.answer = None
    road.at("2027-07-16 08:40")
    assert road.statuses("mot")["queued"] in (3, 4)  # the next row may have been claimed already
    assert road.runs() == {"mot/once": "running"}


def test_an_edit_after_the_approval_voids_it_pauses_open_runs_and_says_what_changed(live: Road, world: World) -> None:
    live.approve()
    half_sent(live, world)
    sent = len(world.sent)
    live.write(steps() | {"messages/tin/sms.vi.j2": "Lời đã sửa, xin gọi 111.\n"})
    done = live.round()
    assert len(world.sent) == sent
    assert live.runs() == {"mot/once": "paused:approval_void"}
    [problem] = done.problems
    assert "messages/tin/sms.vi.j2:1" in problem
    [(reason,)] = live.rows("SELECT void_reason FROM approval WHERE voided_at IS NOT NULL")
    assert "tin" in reason
    assert live.rows("SELECT count(*) FROM audit WHERE action = 'void'")[0][0] == 1


def test_approving_again_lets_an_unchanged_step_go_on_and_a_changed_one_not(live: Road, world: World) -> None:
    live.approve()
    half_sent(live, world)
    live.write(steps() | {"messages/tin-hai/sms.vi.j2": "Tin thứ hai đã sửa, 111.\n"})
    live.round()
    assert live.runs() == {"mot/once": "paused:approval_void"}
    assert live.approve().resumed == 1
    live.round()
    assert live.statuses("mot") == {"accepted": 6}
    assert len({message.to for message in world.sent}) == len(world.sent) == 6


def test_a_run_with_other_words_stays_paused_under_the_new_approval(live: Road, world: World) -> None:
    live.approve()
    half_sent(live, world)
    sent = len(world.sent)
    live.write(steps() | {"messages/tin/sms.vi.j2": "Lời đã sửa, xin gọi 111.\n"})
    live.round()
    assert live.approve().resumed == 0
    live.round()
    assert (live.runs()["mot/once"], len(world.sent)) == ("paused:approval_void", sent)
    control.act(live.process, "resume", "thu", None, by=None, why=None)
    live.round()  # nor does a plain resume: what it would send has been approved by nobody
    assert (live.runs()["mot/once"], len(world.sent)) == ("paused:approval_void", sent)


def test_a_run_that_nobody_watched_while_the_files_changed_goes_on_after_the_new_approval(
    live: Road, world: World
) -> None:
    """The edit and the new approval both come between two rounds: nothing has paused the run in between."""
    live.approve()
    half_sent(live, world)
    live.write(steps() | {"messages/tin-hai/sms.vi.j2": "Tin thứ hai đã sửa, 111.\n"})
    assert live.approve().resumed == 1
    live.round()
    assert live.statuses("mot") == {"accepted": 6}


@on_one_database
def test_moving_a_steps_time_after_it_went_out_and_approving_again_sends_nothing(live: Road, world: World) -> None:
    live.approve()
    live.round()
    moved = files.campaign(
        files.step("mot", sender="thu", when="2027-07-16 09:00"),
        files.step("hai", sender="thu", when="2027-07-17 10:00", message="tin-hai"),
    )
    live.write(steps() | {"campaigns/thu.yaml": moved})
    live.approve()
    live.at("2027-07-16 09:00")
    live.round()
    assert len(world.sent) == 6


@on_one_database
def test_a_step_that_has_sent_keeps_its_name(live: Road, world: World) -> None:
    """Under another name everybody would get it a second time."""
    live.approve()
    live.round()
    renamed = files.campaign(
        files.step("mot-moi", sender="thu"),
        files.step("hai", sender="thu", when="2027-07-17 10:00", message="tin-hai"),
    )
    live.write(steps() | {"campaigns/thu.yaml": renamed})
    with pytest.raises(LoaError) as refused:
        live.approve()
    assert refused.value.key == "pipeline.step-renamed"
    live.round()
    assert len(world.sent) == 6


def test_two_people_are_two_people(live: Road, world: World) -> None:
    live.write(steps() | {"loa.yaml": TWO})
    assert live.approve(by="Người Duyệt Một").complete is False
    live.round()
    assert world.sent == []
    for same in ("Người Duyệt Một", "  người  duyệt MỘT ", "Ngườ\u0300i Duyệt Một".replace("ờ\u0300", "ơ\u0300")):
        with pytest.raises(LoaError, match=r".") as refused:
            live.approve(by=same)
        assert refused.value.key == "pipeline.approve-same-person"
    assert live.approve(by="Người Duyệt Hai").complete is True
    live.round()
    assert len(world.sent) == 6


def test_one_of_two_approvals_does_not_let_a_paused_run_go_on(live: Road, world: World) -> None:
    live.write(steps() | {"loa.yaml": TWO})
    live.approve(by="Người Duyệt Một")
    live.approve(by="Người Duyệt Hai")
    half_sent(live, world)
    sent = len(world.sent)
    live.write(steps() | {"loa.yaml": TWO, "messages/tin-hai/sms.vi.j2": "Tin thứ hai đã sửa, 111.\n"})
    live.round()
    live.approve(by="Người Duyệt Một")
    with pytest.raises(LoaError) as refused:
        control.act(live.process, "resume", "thu", None, by=None, why=None)
    assert (refused.value.key, refused.value.values["missing"]) == ("pipeline.resume-unapproved", 1)
    live.round()
    assert len(world.sent) == sent
    assert live.approve(by="Người Duyệt Hai").resumed == 1
    live.round()
    assert live.statuses("mot") == {"accepted": 6}


@on_one_database
def test_no_name_is_no_approval(live: Road) -> None:
    with pytest.raises(LoaError) as refused:
        live.approve(by=" \n ")
    assert refused.value.key == "pipeline.approve-no-name"


@on_one_database
def test_an_unreviewed_translation_is_not_approved_for_real_phones(live: Road) -> None:
    live.write(steps() | {"messages/tin/sms.tyz.j2": "Tin bằng tiếng Tày, 111.\n"})
    with pytest.raises(LoaError) as refused:
        live.approve()
    assert refused.value.key == "pipeline.unreviewed"
    assert "messages/tin/sms.tyz.j2" in str(refused.value)


def test_a_cancelled_campaign_is_not_approved_again(live: Road, world: World) -> None:
    live.approve()
    control.act(live.process, "cancel", "thu", None, by=None, why=None)
    with pytest.raises(LoaError) as refused:
        live.approve()
    assert refused.value.key == "pipeline.already-cancelled"
    live.round()
    assert world.sent == []


@on_one_database
def test_a_void_that_a_locked_database_prevented_is_made_good_in_the_next_round(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from engine.pipeline import service

    live.approve()
    half_sent(live, world)
    sent = len(world.sent)
    live.write(steps() | {"messages/tin/sms.vi.j2": "Lời đã sửa, xin gọi 111.\n"})

    async def two_rounds() -> None:
        async with service.serving(live.process) as one:
            with monkeypatch.context() as locked:

                def refuse(*_: object) -> None:
                    raise LoaError("store.locked")

                locked.setattr(service, "void_changed", refuse)
                with pytest.raises(LoaError):
                    await one.open_due()
            await one.open_due()

    asyncio.run(two_rounds())
    assert (live.runs()["mot/once"], len(world.sent)) == ("paused:approval_void", sent)


def test_a_run_far_above_the_approved_recipients_is_held_until_a_person_looks(live: Road, world: World) -> None:
    live.approve()
    live.people(Person())  # 7 of 6: above a tenth
    done = live.round()
    assert (live.runs(), world.sent) == ({"mot/once": "held:size"}, [])
    assert len(done.opened.held) == 1
    control.act(live.process, "resume", "thu", "mot", by="Người Duyệt", why=None)
    live.round()
    assert len(world.sent) == 7


@on_one_database
def test_a_tenth_more_than_approved_goes_out(live: Road, world: World) -> None:
    live.people(*[Person() for _ in range(4)])
    live.approve()
    live.people(Person())
    live.round()
    assert len(world.sent) == 11


def test_recipients_that_a_cap_will_stop_do_not_count_as_more_than_approved(live: Road, world: World) -> None:
    """The approval shows 0 recipients for the second step; its six rows are what the approved plan expects."""
    live.write(steps(limits="{per_person: 1 per 7 days}"))
    assert [run.recipients for run in live.plan().runs] == [6, 0]
    live.approve()
    live.round()
    live.at("2027-07-17 10:00")
    live.round()
    assert live.runs() == {"mot/once": "finished", "hai/once": "finished"}
    assert live.statuses("hai") == {"excluded": 6}


def test_a_run_beyond_the_budget_is_held_and_goes_out_only_by_a_persons_decision(live: Road, world: World) -> None:
    live.write(steps(limits="{budget: 9_000}"))  # 6 · 850 = 5,100 for each step
    live.approve()
    live.round()
    live.at("2027-07-17 10:00")
    live.round()
    assert live.runs() == {"mot/once": "finished", "hai/once": "held:budget"}
    assert live.rows("SELECT reserved_vnd FROM campaign_state")[0][0] == 5_100
    control.act(live.process, "resume", "thu", "hai", by="Người Duyệt", why=None)
    live.round()
    assert len(world.sent) == 12
    assert live.rows("SELECT reserved_vnd FROM campaign_state")[0][0] == 10_200


def test_pause_stops_claims_and_resume_lets_them_go_on(live: Road, world: World) -> None:
    live.approve()
    half_sent(live, world)
    sent = len(world.sent)
    for step in (None, "mot"):
        control.act(live.process, "pause", "thu", step, by="Người Duyệt", why="thử")
        live.round()
        assert len(world.sent) == sent
        control.act(live.process, "resume", "thu", step, by="Người Duyệt", why="thử")
    live.round()
    assert live.statuses("mot") == {"accepted": 6}


def test_cancel_takes_back_what_waits_and_leaves_what_went(live: Road, world: World) -> None:
    live.approve()
    half_sent(live, world)
    sent = len(world.sent)
    control.act(live.process, "cancel", "thu", "mot", by="Người Duyệt", why="thử")
    assert live.statuses("mot") == {"accepted": sent, "cancelled": 6 - sent}
    live.at("2027-07-17 10:00")
    live.round()
    assert live.statuses("hai") == {"accepted": 6}  # the other step is another decision
    live.prove_tallies()


@on_one_database
def test_a_decision_about_nothing_is_refused(live: Road) -> None:
    for arguments, key in ((("thu", None), "nothing-to-control"), (("khong-co", None), "nothing-to-control")):
        with pytest.raises(LoaError) as refused:
            control.act(live.process, "pause", *arguments, by=None, why=None)
        assert refused.value.key == f"pipeline.{key}"
    live.approve()
    live.round()
    with pytest.raises(LoaError) as refused:
        control.act(live.process, "pause", "thu", "khong-co", by=None, why=None)
    assert refused.value.key == "pipeline.unknown-step"


@on_one_database
def test_the_approvers_name_is_nowhere_in_clear(live: Road) -> None:
    live.approve(by="Người Thử 001")
    [(sealed,)] = live.rows("SELECT by_sealed FROM approval")
    assert "Người".encode() not in bytes(sealed)
    assert all("Người" not in str(row) for row in live.rows("SELECT action, subject, detail FROM audit"))
