"""Templates that would read what they may not, never end or eat all memory: refused, each at its place, at once."""

import time

import pytest
from jinja2 import TemplateNotFound, UndefinedError
from jinja2.exceptions import SecurityError

from engine.content import template
from engine.content.message import Message
from engine.content.template import Compiled, Values, read_template
from engine.content.template_source import ENVIRONMENT
from engine.errors import LoaError

FILE = "messages/thu/sms.vi.j2"
INCLUDES = {
    "vong.j2": "{% include 'vong-2.j2' %}",
    "vong-2.j2": "{% include 'vong.j2' %}",
    **{f"bom-{i}.j2": f"{{% include 'bom-{i + 1}.j2' %}}" * 100 for i in range(1, 5)},
    "bom-5.j2": "x" * 1000,
    **{f"sau-{i}.j2": f"{{% include 'sau-{i + 1}.j2' %}}" for i in range(1, 9)},
    "sau-9.j2": "x",
}


def compiled(body: str) -> Compiled:
    message = Message(key="thu", channel="sms", language="vi", file=FILE, body=body)
    return read_template(message, INCLUDES)


ATTRIBUTES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ area.__class__ }}",
    "{{ area.name.__class__.__init__.__globals__ }}",
    "{{ hotlines.__len__() }}",
    "{{ area.name['__class__'] }}",
    "{{ area['name'] }}",
    "{{ area|attr('name') }}",
    "{{ hotlines|map(attribute='__class__') }}",
    "{{ '%s'|format(area) }}",
    "{{ '{0.__class__}'.format(area) }}",
    "{{ '%s' % area.name }}",
    "{{ self._TemplateReference__context }}",
    "{{ lipsum.__globals__ }}",
    "{{ cycler('a') }}",
    "{{ joiner() }}",
    "{{ namespace() }}",
    "{{ dict(a=1) }}",
    "{{ config }}",
    "{% for h in hotlines %}{{ loop.previtem }}{% endfor %}",
    "{% for h in hotlines %}{{ loop.cycle('a') }}{% endfor %}",
    "{% for h in hotlines %}{{ h.__class__ }}{% endfor %}",
    "{% for loa_area in hotlines %}{% endfor %}",
    "{{ loa_area }}",
    "{% if area.name is mapping %}x{% endif %}",
]
ENDLESS = [
    "{% for i in range(1000000000) %}x{% endfor %}",
    "{{ range(10**9)|join }}",
    "{% for a in hotlines recursive %}{{ loop(hotlines) }}{% endfor %}",
    "{% for a in 'abc' %}{% endfor %}",
    "{% for a in hotlines %}{% for b in hotlines %}{% for c in hotlines %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in hotlines %}{% for b in hotlines %}" + "{{ a }}" * 100 + "{% endfor %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% include 'vong.j2' %}",
    "{% include 'bom-1.j2' %}",
    "{% include 'sau-1.j2' %}",
]
GROWING = [
    "{{ 'a' * 10**9 }}",
    "{{ ['a'] * 10**9 }}",
    "{{ 10**10**10 }}",
    "{{ 'a' + 'b' }}",
    "{{ area.name|center(1000000000) }}",
    "{{ area.name|indent(1000000000) }}",
    "{{ area.name|replace('a', 'aaaaaaaaaa') }}",
    "{{ hotlines|join('x' * 10**9) }}",
    "{{ area.name|join('abc')|join('abc')|join('abc') }}",
    "{% set x = 'a' %}{% set x = x ~ x %}{{ x }}",
    "x" * 20_001,
    "{{ [" + ",".join(["'a'"] * 51) + "]|join }}",
]
OUTSIDE = [
    "{% include '../../etc/passwd' %}",
    "{% include '/etc/passwd' %}",
    "{% include '/etc/passwd.j2' %}",
    "{% include '../bi-mat.j2' %}",
    "{% include 'a/../../bi-mat.j2' %}",
    "{% include 'a/./b.j2' %}",
    "{% include 'a//b.j2' %}",
    "{% include '..\\\\bi-mat.j2' %}",
    "{% include 'C:/bi-mat.j2' %}",
    "{% include '.an/b.j2' %}",
    "{% include area.name %}",
    "{% include ['a.j2', 'b.j2'] %}",
    "{% include 'a.j2' ignore missing %}",
    "{% include 'bom-5.j2' without context %}",
    "{% import 'bom-5.j2' as x %}",
    "{% from 'bom-5.j2' import x %}",
    "{% extends 'bom-5.j2' %}",
]
BLOCKS = [
    "{% block a %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with a = 1 %}{% endwith %}",
    "{% autoescape true %}x{% endautoescape %}",
    "{% call m() %}{% endcall %}",
    "{% do x %}",
    "{% if area.name %}" * 11 + "{% endif %}" * 11,
]
PARSER_BOMBS = [
    "{{" + "(" * 4000 + "1" + ")" * 4000 + "}}",
    "{{ [" + "[" * 3000,
    "{{ a" + ".b" * 5000 + " }}",
    "{{ " + "not " * 4000 + "1 }}",
    "{{ " + "1 or " * 3000 + "1 }}",
    "{{ " + "'a' ~ " * 3000 + "'a' }}" + "{{ area.nme }}",
    "{% if 1 %}" * 1500,
    "{{ 9" + "9" * 4900 + " }}",
    "{{" * 5000,
    "{#" * 5000,
    "{% raw %}" * 1000,
    "{%- " * 4000,
    "{{ '" + "\\" * 9000,
]
FORGED_SLOTS = ["a\x000\x00", "{{ '\\x000\\x00' }}", "{{ contact.name or '\\x00' }}", "{{ ['\\x00'] | join }}"]


@pytest.mark.parametrize(
    "body",
    [*ATTRIBUTES, *ENDLESS, *GROWING, *OUTSIDE, *BLOCKS, *PARSER_BOMBS, *FORGED_SLOTS],
    ids=lambda body: body[:40],
)
def test_a_hostile_template_is_refused_within_a_second(body: str) -> None:
    begun = time.process_time()  # its own work, not its neighbours'
    result = compiled(body)
    assert time.process_time() - begun < 1
    assert result.template is None
    assert any(problem.severity == "error" for problem in result.problems)
    for problem in result.problems:
        assert problem.line >= 1 and problem.column >= 1
        assert len(problem.message) > 20 and problem.message != problem.code


@pytest.mark.parametrize("body", ["{{ ''.__class__ }}", "{{ area.mro }}", "{{ f.__globals__ }}"])
def test_the_second_wall_stands_without_the_first(body: str) -> None:
    with pytest.raises((SecurityError, UndefinedError)):
        ENVIRONMENT.from_string(body).render(area=str, f=compiled)


def test_nothing_can_be_loaded_called_or_filtered_at_run_time() -> None:
    assert ENVIRONMENT.loader is None and not ENVIRONMENT.globals and not ENVIRONMENT.tests
    with pytest.raises((TypeError, TemplateNotFound)):
        ENVIRONMENT.from_string("{% include 'a.j2' %}").render()
    with pytest.raises(UndefinedError):
        ENVIRONMENT.from_string("{{ range(3) }}").render()


def test_output_stops_at_its_limit() -> None:
    found = compiled("{% for h in hotlines %}{{ campaign.title }} {{ campaign.title }}{% endfor %}").template
    assert found is not None
    with pytest.raises(LoaError) as stopped:
        found.render(Values(title="x" * 1000, hotlines=("111",) * 20))
    assert stopped.value.key == "messages.output-too-long"


def test_a_value_too_long_to_be_joined_a_thousand_times_is_refused() -> None:
    found = compiled("{{ campaign.title }}").template
    assert found is not None
    with pytest.raises(LoaError) as refused:
        found.render(Values(title="x" * 1001))
    assert refused.value.key == "messages.value-too-long"


def test_the_dearest_template_that_is_let_through_is_quick() -> None:
    joined = "{{ campaign.title" + " ~ campaign.title" * 1000 + " }}"
    loops = "{% for a in hotlines %}{% for b in hotlines %}" + "{{ a }}" * 20
    for body in (joined, loops + "{% endfor %}{% endfor %}"):
        found = compiled(body).template
        assert found is not None
        begun = time.process_time()
        with pytest.raises(LoaError):
            found.render(Values(title="x" * 1000, hotlines=("1800 1567",) * 20))
        assert time.process_time() - begun < 1


def test_more_hotlines_than_loops_were_counted_with_are_refused() -> None:
    with pytest.raises(LoaError):
        Values(hotlines=("111",) * 21)


def test_what_fails_only_at_run_time_is_a_sentence() -> None:
    found = compiled("{{ hotlines[3] }}").template
    assert found is not None
    with pytest.raises(LoaError) as refused:
        found.render(Values(hotlines=("111",)))
    assert refused.value.key == "messages.cannot-render"


@pytest.mark.parametrize("value", ["\x000\x00", "{{ area.name }}", "{0}", "%s", "\x01"])
def test_a_value_is_never_a_slot_nor_jinja(value: str) -> None:
    found = compiled("{{ contact.name or 'bà con' }} {{ campaign.title }}").template
    assert found is not None
    words = found.render(Values(title=f"a{value}b")).words("Người Thử 001")
    assert words.startswith("Người Thử 001 a") and words.count("Người") == 1
    assert "\x00" not in words and "\x01" not in words


def test_an_include_is_put_in_place_at_most_fifty_times() -> None:
    assert template.read_template(
        Message(key="thu", channel="sms", language="vi", file=FILE, body="{% include 'a.j2' %}" * 50), {"a.j2": "x"}
    ).template
    many = Message(key="thu", channel="sms", language="vi", file=FILE, body="{% include 'a.j2' %}" * 51)
    assert template.read_template(many, {"a.j2": "x"}).template is None
