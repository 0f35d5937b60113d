"""One table of cases for every vendor that is reached over HTTP, each over a real socket.

The table is engine/channels/testing/cases.py. A later vendor joins with a file ``dialect_<vendor>.py`` here and its
line below; a case that a dialect does not write, or a vendor without a dialect, fails.
"""

import sys

import dialect_gateways
import dialect_twilio
import pytest

from engine.channels import VENDORS
from engine.channels.testing.cases import CASES
from engine.channels.testing.dialect import Dialect, names, prove

DIALECTS: dict[str, Dialect] = {**dialect_twilio.DIALECTS, **dialect_gateways.DIALECTS}
IN_PROCESS = {"sandbox", "file", "email"}  # no HTTP; tests of their own
OWED = [(name, proof) for name, dialect in DIALECTS.items() for proof in names(dialect)]


@pytest.mark.parametrize(("dialect", "proof"), OWED, ids=[f"{name}-{proof}" for name, proof in OWED])
def test_every_answer_of_a_vendor_gets_its_one_meaning(dialect: str, proof: str) -> None:
    prove(DIALECTS[dialect], proof)


def test_every_vendor_in_the_registry_meets_every_case() -> None:
    sends = {name for name, vendor in VENDORS.items() if vendor.open is not None}
    assert sends == {dialect.vendor for dialect in DIALECTS.values()} | IN_PROCESS


def _without(case: str) -> Dialect:
    [twilio] = dialect_twilio.DIALECTS.values()
    return Dialect(
        twilio.vendor, twilio.open, {key: text for key, text in twilio.answers.items() if key != case}, twilio.secrets
    )


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if not case.script])
def test_a_case_that_a_vendor_does_not_exercise_fails(case: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        names(_without(case))


def test_a_vendor_may_not_leave_out_what_every_vendor_has() -> None:
    [twilio] = dialect_twilio.DIALECTS.values()
    with pytest.raises(AssertionError, match="no vendor may leave out"):
        names(Dialect("twilio", twilio.open, twilio.answers, twilio.secrets, {"refused": "too hard"}))
    with pytest.raises(AssertionError, match="nothing would be proven"):
        tame = {**twilio.answers, "secret in an error": twilio.answers["refused"]}
        names(Dialect("twilio", twilio.open, tame, twilio.secrets))


@pytest.mark.parametrize("proof", ["ordinary", "refused", "secret in an error", "no connection"])
def test_a_vendor_that_gives_a_number_away_is_caught(proof: str) -> None:
    [twilio] = dialect_twilio.DIALECTS.values()

    async def loud(provider: object, messages: object) -> list:
        sys.stdout.write(messages[0].to)
        return await twilio.hand_over(provider, messages)

    spoiled = Dialect("twilio", twilio.open, twilio.answers, twilio.secrets, {}, loud)
    with pytest.raises(AssertionError, match="gives something away"):
        prove(spoiled, proof)
