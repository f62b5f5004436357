"""What the pages show: blocks that name their language, and commands, options, files and anchors that exist.

tests/acceptance/test_pages.py runs the commands and the examples.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from retouch.cli.app import app
from retouch.environment import VARIABLES
from tests.harness.pages import blocks, inline_code, pages, prose
from workers.stack.child import ROOT

LANGUAGES = {"console", "json", "python", "sh", "sql", "text", "toml", "yaml"}
PAGES = pytest.mark.parametrize("page", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
PLACEHOLDER = re.compile(r"[\[…<>]|\b[A-Z]{2,}\b")
GROUP = typer.main.get_command(app)
MISTYPED = {"RETOUCH_MAX_INFLIGHT"}  # where pages say what happens with such a name
OF_ANOTHER = {"scripts/test"}  # its options are pytest's


@PAGES
def test_every_block_names_its_language(page: Path) -> None:
    """What is run and what is only shown is told apart by it; a block that is told by blanks alone has none."""
    text = page.read_text()
    assert [block.line for block in blocks(text) if block.language not in LANGUAGES] == []
    assert re.findall(r"^\n    .*", re.sub(r"^[*\d].*(\n+ .*)*", "", prose(text), flags=re.MULTILINE)) == []


def test_blocks_are_found() -> None:
    """Else nothing would be read, and nothing run."""
    assert {block.language for page in pages() for block in blocks(page.read_text())} >= LANGUAGES - {"console"}
    taken_for_granted = "# Page\n<!-- sh\ntrue\n-->\n\n1. In a list:\n   ```json a.json\n   {}\n   ```\n"
    assert blocks(taken_for_granted) == [(3, "sh", "", "true\n"), (8, "json", "a.json", "{}\n")]


@PAGES
def test_json_and_python_can_be_read(page: Path) -> None:
    """JSON is one value, or one a line; Python compiles."""
    for block in blocks(page.read_text()):
        if block.language == "python" and page.name != "api.md":  # its blocks are signatures
            ast.parse(block.text, f"{page.name}:{block.line}")
        if block.language == "json":
            assert read(block.text), block.line


def read(text: str) -> object:
    """The JSON in a block."""
    try:
        return json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


def commands(page: str) -> Iterator[tuple[int, str]]:
    """Every command that a page shows, in a block, in a session that is only shown, or in a sentence, with its line."""
    for block in blocks(page):
        if block.language in ("sh", "console", "text"):
            number = block.line
            for command in block.commands:
                if block.language == "sh" or command.startswith("$ "):
                    yield number, " ".join(re.sub(r"\s#.*|^\$ |\\\n", " ", command).split())
                number += command.count("\n") + 1
    yield from inline_code(page)


def calls(page: str, program: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Every call of a program, as a match of its pattern and, in ``rest``, of its arguments."""
    for line, command in commands(page):
        for part in re.split(r" \|\|? | && |; | > ", command):
            if match := re.match(rf"(?:\w+=\S* )*{program}(?P<rest>(?: .*)?)$", part.strip()):
                yield line, match


def refused(command: typer.core.TyperCommand, arguments: str) -> list[str]:
    """What the command says to values that it does not take; none if some are placeholders, or left out."""
    try:
        words = [] if PLACEHOLDER.search(arguments) else shlex.split(arguments)
        command.make_context(command.name, words)
    except typer.BadParameter as error:
        left_out = type(error).__name__ == "MissingParameter" or error.message == "missing"
        return [] if left_out else [error.message]
    except ValueError:  # a quoted text that was taken for the end of a command
        return []
    except Exception as error:  # a class of click's, which typer has inside, or beside it, by its version
        return [] if type(error).__name__ == "BadOptionUsage" else [str(error)]
    return []


def unknown_words(page: str) -> list[str]:
    """Commands and options of ``retouch`` that a page shows and that do not exist, and values that are not taken."""
    found = []
    known: dict[str, typer.core.TyperCommand] = GROUP.commands  # type: ignore[attr-defined]
    for line, match in calls(page, r"(?:retouch|docker compose run .*?\bcli)(?: (?P<name>[a-z]\w*))?"):
        name = match["name"]
        if name and name not in known:
            found.append(f"{line}: retouch {name}")
            continue
        params = (known[name] if name else GROUP).params
        options = {"-h", "--help"}.union(*(one.opts + one.secondary_opts for one in params))
        wrong = [one for one in OPTION.findall(match["rest"]) if one not in options]
        if name and not wrong:
            wrong = refused(known[name], match["rest"])
        found += [f"{line}: retouch {name} {one}" for one in wrong]
    return found


@PAGES
def test_every_command_of_retouch_exists(page: Path) -> None:
    """With the options that are shown, in tables and sentences too."""
    assert unknown_words(page.read_text()) == []


def unknown_programs(page: str) -> list[str]:
    """Scripts and modules of the checkout that a page shows and that do not exist, or that have no such option."""
    found = []
    for line, match in calls(page, r"(?P<name>scripts/[\w-]+|python -m [\w.]+)"):
        name = match["name"]
        text = source(name)
        if text is None:
            found.append(f"{line}: {name}")
        elif name not in OF_ANOTHER:
            found += [f"{line}: {name} {one}" for one in OPTION.findall(match["rest"]) if not has(text, one)]
    return found


def source(program: str) -> str | None:
    """What a program is made of; None: it does not exist; of one that is not ours an option is not known."""
    if program.startswith("scripts/"):
        path = ROOT / program
        if not path.is_file():
            return None
        text = path.read_text()
        return "".join([text, *(source(f"python {module}") or "" for module in re.findall(r"-m [\w.]+", text))])
    module = program.removeprefix("python -m ")
    place = ROOT / module.replace(".", "/")
    if not (ROOT / module.partition(".")[0]).is_dir():
        return ""
    files = [place.with_suffix(".py"), *place.rglob("*.py")]
    return "".join(path.read_text() for path in files if path.is_file()) or None


def has(text: str, option: str) -> bool:
    """Whether a program has an option: by its name, or as a parameter of its function."""
    return not text or option in text or bool(re.search(rf"\b{option.lstrip('-').replace('-', '_')}: ", text))


@PAGES
def test_every_script_exists(page: Path) -> None:
    """With the options that are shown, whether tests can run it or not."""
    assert unknown_programs(page.read_text()) == []


def unknown_services(page: str) -> list[str]:
    """Services that a page names to Docker Compose and that docker-compose.yml does not have."""
    known = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    found = []
    for line, match in calls(
        page, r"docker compose .*?\b(?P<name>build|exec|kill|logs|ps|restart|run|start|stop|up)\b"
    ):
        named = re.findall(r"(?<= )[a-z]+(?= |$)|(?<=--scale )\w+", match["rest"])
        own = named[:1] if match["name"] in ("run", "exec") else named  # what follows is run in the container
        found += [f"{line}: {name}" for name in own if name not in known]
    return found


@PAGES
def test_every_service_exists(page: Path) -> None:
    """Of those that commands of Docker Compose name."""
    assert unknown_services(page.read_text()) == []


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("`docker compose up --build --scale wroker=4`", ["1: wroker"]),
        ("`docker compose --profile local logs --tail 10 --follow worker valkeys`", ["1: valkeys"]),
        ('`docker compose run --rm -v "$PWD:/work" worker status`, `docker compose exec redis ls`', ["1: redis"]),
    ],
)
def test_a_service_that_does_not_exist_is_found(page: str, said: list[str]) -> None:
    """Whatever else the command says."""
    assert unknown_services(page) == said


def unknown_variables(page: str) -> set[str]:
    """Variables that a page names and that nothing reads; one may be named after another (``…_OLD``)."""
    named = set(re.findall(r"\bRETOUCH_[A-Z_]*[A-Z]\b", page))
    return {name for name in named if not any(name == one or name.startswith(f"{one}_") for one in VARIABLES)}


@PAGES
def test_every_variable_exists(page: Path) -> None:
    """Whoever copies its name sets what is meant."""
    assert unknown_variables(page.read_text()) - MISTYPED == set()


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("Do `retouch enqeue x`.", ["1: retouch enqeue"]),
        ("| `retouch results B [--fromat csv\\|jsonl] [-o F]` |", ["1: retouch results --fromat"]),
        (
            "\n```sh\ntrue | RETOUCH_PRICE=1 \\\n  retouch watch b --jsn  # --x\nretouch x\n```\n",
            ["3: retouch watch --jsn", "5: retouch x"],
        ),
        ("```text\n$ retouch --versoin\nretouch nothing\n```\n", ["2: retouch None --versoin"]),
        ("`retouch watch b --timeout soon`, `retouch watch`", ["1: retouch watch write a number"]),
        ("`retouch events --after`, `retouch watch`", []),
        ('`docker compose run --rm -v "$PWD:/w" cli results b --fromat csv`', ["1: retouch results --fromat"]),
        ("`retouch results b | jq --raw > f`, `pip install pillow`", []),
        ("`scripts/chaoss --quick`", ["1: scripts/chaoss"]),
        ("`scripts/chaos --quick --qiuck`", ["1: scripts/chaos --qiuck"]),
        ("`python -m workers.endpoint --public-url U --pubic-url U`", ["1: python -m workers.endpoint --pubic-url"]),
        ("`python -m workers.stacks`, `python -m celery --any`", ["1: python -m workers.stacks"]),
    ],
)
def test_what_does_not_exist_is_found(page: str, said: list[str]) -> None:
    """By the line of the page, in a sentence, a table and a block."""
    assert unknown_words(page) + unknown_programs(page) == said


def test_a_variable_that_nothing_reads_is_found() -> None:
    """In a sentence as well as in a command."""
    page = "`RETOUCH_PRICE`, RETOUCH_API_KEY_OLD=1, `RETOUCH_…`, `RETOUCH_BUKET=x`"
    assert unknown_variables(page) == {"RETOUCH_BUKET"}


def test_every_command_is_shown_on_a_page() -> None:
    """So that the search for them finds what there is."""
    shown = {match["name"] for page in pages() for _, match in calls(page.read_text(), r"retouch (?P<name>\w+)")}
    assert shown >= set(GROUP.commands)  # type: ignore[attr-defined]
