"""Every word of the command line is in one language, whole: help, values, and what click itself says."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from babel.messages.pofile import read_po

from engine.cli import COMMANDS, GROUPS, loa, main
from engine.cli.help_words import dress, speak
from engine.i18n import LANGUAGES

LOCALE = Path(__file__).parents[2] / "engine" / "locale"
ENGLISH = re.compile(
    r"\b(usage|options?|commands?|args|show|default|required|try|missing|such|invalid|value|error|message|integer|float"
    r"|range|boolean|directory|path|text|file|for help|no|the|is|not)\b(?![-\w.]*=)",
    re.IGNORECASE,
)
# What a Vietnamese officer types or reads as it is: options, file names, keys, sample calls.
AS_TYPED = re.compile(
    r"--?[a-z][-\w]*|\[[a-z0-9-]+(?:\|[a-z0-9-]+)+\]|\w*\.[\w./]+|loa(?: [a-z-]+)+|\([a-z]+\)|'[^']*'|“[^”]*”"
    r"|(?m:^  [a-z-]+ )"
)
VIETNAMESE = re.compile(r"[À-ÃÈ-ÊÌÍÒ-ÕÙÚÝà-ãè-êìíò-õùúýĂăĐđĨĩŨũƠơƯưẠ-ỹ]")
NAMES = re.compile(r"Lạng Sơn|Mẫu Sơn")


def walk(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """(path, command) of everything that can be called; modules are imported as they are met."""
    yield path or "loa", command
    if isinstance(command, click.Group):
        context = click.Context(command, help_option_names=["-h", "--help"])
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from walk(below, f"{path} {name}".strip())


def catalogue(room: str, language: str) -> dict[str, str]:
    with (LOCALE / language / "LC_MESSAGES" / f"{room}.po").open("rb") as opened:
        return {str(message.id): str(message.string) for message in read_po(opened) if message.id}


def wanted(path: str, param: click.Parameter) -> Iterator[tuple[str, ...]]:
    """The keys under which the words of a parameter may be, the first that there is."""
    if isinstance(param, click.Option):
        name = max(param.opts, key=len)
        yield f"{path} {name}", name
        if param.is_flag or isinstance(param.type, click.Choice):
            return
    yield f"{path} {str(param.name).upper()}", str(param.name).upper()


def test_no_command_option_or_value_is_without_words_and_no_words_without_a_command() -> None:
    known, used = (
        set(catalogue("help", "vi")),
        {"OPTIONS", "COMMANDS", "--help", *(f"group {group}" for group in GROUPS)},
    )
    missing = []
    for path, command in walk(loa):
        used |= {path, f"more {path}"}
        if path not in known:
            missing.append(path)
        for param in command.params:
            if isinstance(param, click.Option) and param.hidden:
                continue
            for keys in wanted(path, param):
                found = [key for key in keys if key in known]
                used |= set(found[:1])
                if not found:
                    missing.append(keys[0])
    assert missing == []
    assert known - used == set()


def test_every_command_is_told_of_once_in_the_list_of_commands() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, str]]:
    """Language → path → the help that the command prints, one language after the other in one process."""
    made: dict[str, dict[str, str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANGUAGE", "fr")
        for language in LANGUAGES:
            patch.setenv("LOA_LANG", language)
            speak()
            dress(loa, "loa", click.Context(loa))
            with click.Context(loa, info_name="loa", help_option_names=["-h", "--help"]) as top:
                made[language] = {
                    path: command.get_help(click.Context(command, info_name=path, parent=top))
                    for path, command in walk(loa)
                }
    return made


def test_the_walk_meets_every_command(told: dict[str, dict[str, str]]) -> None:
    for language in LANGUAGES:
        assert {path.split()[0] for path in told[language]} == {"loa", *COMMANDS}
        assert {"contacts import", "areas show", "new message"} <= told[language].keys()


def test_no_english_word_is_left_in_vietnamese_help(told: dict[str, dict[str, str]]) -> None:
    left = {}
    for path, text in told["vi"].items():
        assert text.startswith("Cách dùng: loa") and "Tùy chọn:" in text and "Hiện hướng dẫn này" in text, path
        if found := ENGLISH.findall(AS_TYPED.sub(" ", text)):
            left[path] = found
    assert left == {}


def test_no_vietnamese_word_is_left_in_english_help(told: dict[str, dict[str, str]]) -> None:
    for path, text in told["en"].items():
        assert text.startswith("Usage: loa") and "Show this help" in text, path
        assert VIETNAMESE.findall(NAMES.sub("", text)) == [], path


def ran(language: str | None, *arguments: str) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOA_")}
    environment |= {"LOA_LANG": language} if language else {}
    done = subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        env=environment, cwd=LOCALE.parents[1], capture_output=True, encoding="utf-8", check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


MISTAKES = [
    (["plna"], "Không có lệnh 'plna'. Có phải bạn muốn viết 'plan'?", "Did you mean 'plan'?"),
    (["plan"], "Thiếu tham số 'CHIẾN_DỊCH'.", "Missing argument 'CAMPAIGN'."),
    (["plan", "a", "b"], "Thừa tham số (b).", "unexpected extra argument (b)"),
    (["plan", "a", "--ot", "x"], "Không có tùy chọn '--ot'.", "No such option '--ot'."),
    (["plan", "a", "--at"], "Tùy chọn '--at' cần một giá trị kèm theo.", "Option '--at' requires an argument."),
    (["plan", "a", "--format", "x"], "không có trong các lựa chọn: 'table', 'ics', 'json'", "is not one of 'table'"),
    (["approve", "a"], "Thiếu tùy chọn '--by'.", "Missing option '--by'."),
    (["sandbox", "--ledger", "x", "--port", "x"], "'x' không phải là số.", "'x' is not a number."),
    (["sandbox", "--ledger", "x", "--port", "-1"], "-1 nằm ngoài khoảng 0<=x<=65535.", "-1 is not in the range"),
    (["sandbox", "--ledger", "engine"], "Tệp 'engine' là một thư mục.", "File 'engine' is a directory."),
    (["report", "a"], "Thiếu tùy chọn '--by'. Chọn một trong:", "Missing option '--by'. Choose from:"),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_call_is_answered_in_the_language_asked_for(
    language: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOA_LANG", language)
    monkeypatch.setenv("LANGUAGE", "fr")  # of the machine; it is not asked
    monkeypatch.chdir(LOCALE.parents[1])
    for arguments, *sentences in MISTAKES:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        err = capfd.readouterr().err
        assert left.value.code == 2 and sentences[LANGUAGES.index(language)] in err, (arguments, err)
        if language == "vi":
            assert re.search("(^|\n)Lỗi: ", err)
            assert ENGLISH.findall(AS_TYPED.sub(" ", err)) == [], err
        else:
            assert re.search("(^|\n)Error: ", err) and not VIETNAMESE.search(err)


def test_the_language_is_vietnamese_unless_asked_and_help_imports_no_command() -> None:
    code, out = ran(None, "--help")
    assert code == 0 and out.startswith("Cách dùng: loa [TÙY_CHỌN] LỆNH")
    assert ran("en", "--help")[1].startswith("Usage: loa [OPTIONS] COMMAND")
    script = """
import sys
from engine.cli import main
try:
    main(["--help"])
except SystemExit:
    print([name for name in sys.modules if name == "sqlalchemy" or name.startswith("engine.cli.")], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", timeout=60, check=True)
    assert done.stderr.strip() == "['engine.cli.help_words']"


def test_click_has_no_sentence_that_we_do_not_have() -> None:
    """A new version of click may speak new words: those would come out in English."""
    ours = {
        str(part)
        for message in read_po((LOCALE / "vi" / "LC_MESSAGES" / "click.po").open("rb"))
        for part in (message.id if isinstance(message.id, tuple) else [message.id])
    }
    # Said to programmers, about shells, editors and colours, or to machines only.
    not_for_people = {
        "termui.py",
        "shell_completion.py",
        "_winconsole.py",
        "_termui_impl.py",
        "utils.py",
        "decorators.py",
    }
    spoken = set()
    for file in Path(str(click.__file__)).parent.glob("*.py"):
        if file.name in not_for_people:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                spoken |= {
                    part.value
                    for part in node.args[:2]
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    programmers = (
        "Deprecat",
        "Could not determine",
        "No options defined",
        "Arguments take",
        "Name '",
        "Boolean option",
        "Invalid start",
        "Choice(",
    )
    assert {words for words in spoken - ours if not words.startswith(programmers)} == set()
