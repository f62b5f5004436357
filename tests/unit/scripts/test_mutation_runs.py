"""How ``scripts/mutate`` runs tests over a copy, and what it makes of their outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from scripts.mutation import __main__ as command
from scripts.mutation import page
from scripts.mutation.checkout import BrokenRunError, Checkout
from scripts.mutation.mutations import Mutation

FROM_ELSEWHERE = "cd / && {python} -c 'import retouch; raise SystemExit(retouch.CODE)'"
TESTS = f"""
import os, sys, time

def test_before(): pass

def test_code():
    assert os.system({FROM_ELSEWHERE!r}.format(python=sys.executable)) == 0

def test_wait():
    if os.environ.get("WAIT"): time.sleep(600)
"""
EXPLAINED = Mutation("a", "a.py", "x", "y", "It waits.", ["tests"], survives="Nobody can see it.")
UNEXPLAINED = Mutation("b", "b.py", "x", "y", "It is lost.", ["tests"])


pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A package of the product's name, and tests of it."""
    (tmp_path / "retouch").mkdir()
    (tmp_path / "retouch/__init__.py").write_text("CODE = 0\n")
    (tmp_path / "test_toy.py").write_text(TESTS)
    return Checkout(tmp_path)


def test_a_bug_is_seen_by_processes_that_tests_start(checkout: Checkout, tmp_path: Path) -> None:
    """They import the copy, whatever is installed and wherever they run; the first test that fails is named."""
    planted = checkout.copy(tmp_path / "copy")
    (planted.root / "retouch/__init__.py").write_text("CODE = 1\n")
    assert planted.found_by(["test_toy.py"], 60) == "test_toy.py::test_code"
    assert checkout.found_by(["test_toy.py"], 60) is None


def test_a_bug_that_makes_tests_hang_is_noticed(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run and all that it started end at the limit."""
    monkeypatch.setenv("WAIT", "1")
    assert checkout.found_by(["test_toy.py"], 3) == "no end within 3 s"


@pytest.mark.parametrize("tests", ["no_such_test.py", "broken.py"])
def test_tests_that_cannot_run_notice_nothing(checkout: Checkout, tests: str) -> None:
    """A bug does not count as noticed because its tests are not there or cannot be read."""
    (checkout.root / "broken.py").write_text("raise SystemExit(1)\n")
    with pytest.raises(BrokenRunError):
        checkout.found_by([tests], 60)


@pytest.fixture
def table_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page with an empty table, in place of the real one."""
    path = tmp_path / "page.md"
    path.write_text(f"before\n{page.BEGIN}old\n{page.END}after\n")
    monkeypatch.setattr(page, "PAGE", path)
    return path


def test_the_table_takes_the_place_of_the_last_one(table_page: Path) -> None:
    """It has the score and a row for each bug; the text around it stays, and what it says can be read again."""
    outcomes = {
        "a": page.outcome(EXPLAINED, None),
        "b": page.outcome(UNEXPLAINED, "tests/unit/test_b.py::test_b"),
    }
    page.write(page.table([EXPLAINED, UNEXPLAINED], outcomes))
    text = table_page.read_text()
    assert text.startswith(f"before\n{page.BEGIN}\n1 of 2 planted bugs are noticed, 1 stay unnoticed.\n")
    assert "| It waits. | `a.py` | **nothing**: Nobody can see it. |\n" in text
    assert "| It is lost. | `b.py` | test_b.py: `test_b` |\n" in text
    assert text.endswith(f"{page.END}after\n")
    assert page.read([UNEXPLAINED, EXPLAINED]) == outcomes


def _mutate(monkeypatch: pytest.MonkeyPatch, *arguments: str, results: Iterable[page.Result]) -> list[str]:
    """Run the command over both mutations with these results of tests; returns the names of those it tries."""
    tried: list[str] = []

    def tell(mutations: Sequence[Mutation], _jobs: int) -> Iterator[page.Result]:
        tried.extend(mutation.name for mutation in mutations)
        yield from results

    monkeypatch.setattr("sys.argv", ["mutate", *arguments])
    monkeypatch.setattr(command, "load", lambda: [EXPLAINED, UNEXPLAINED])
    monkeypatch.setattr(Mutation, "planted", lambda _self: "")
    monkeypatch.setattr(command, "_results", tell)
    command.main()
    return tried


def test_a_run_that_is_cut_off_is_gone_on_with(table_page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it found is on the page, which tells how much is left; ``--untried`` does the rest, and keeps that."""

    def cut_off() -> Iterator[page.Result]:
        yield UNEXPLAINED, "tests/unit/test_b.py::test_b"
        raise KeyboardInterrupt

    assert _mutate(monkeypatch, "--write", results=cut_off()) == ["a", "b"]
    assert "1 of 1 planted bugs are noticed, 0 stay unnoticed. 1 of all 2 have not been tried yet." in (
        table_page.read_text()
    )
    assert _mutate(monkeypatch, "--untried", "--write", results=[(EXPLAINED, "test_a.py::test_a")]) == ["a"]
    assert page.read([EXPLAINED, UNEXPLAINED]) == {"a": "test_a.py: `test_a`", "b": "test_b.py: `test_b`"}
    assert _mutate(monkeypatch, "--untried", results=[]) == []


def test_a_part_renews_its_own_rows_alone(table_page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole run makes the table anew."""
    _mutate(monkeypatch, "--write", results=[(EXPLAINED, "a.py::t"), (UNEXPLAINED, "b.py::t")])
    assert _mutate(monkeypatch, "--only", "b", "--write", results=[(UNEXPLAINED, "c.py::t")]) == ["b"]
    assert page.read([EXPLAINED, UNEXPLAINED]) == {"a": "a.py: `t`", "b": "c.py: `t`"}
    _mutate(monkeypatch, "--write", results=[(EXPLAINED, "d.py::t")])
    assert page.read([EXPLAINED, UNEXPLAINED]) == {"a": "d.py: `t`"}
    assert table_page.read_text().endswith(f"{page.END}after\n")


@pytest.mark.parametrize(
    ("result", "code"), [((UNEXPLAINED, "t::t"), 0), ((EXPLAINED, None), 0), ((UNEXPLAINED, None), 1)]
)
def test_only_an_unexplained_survivor_is_a_failure(
    result: page.Result, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug that nothing notices needs a test, or a reason."""
    monkeypatch.setattr("sys.argv", ["mutate"])
    monkeypatch.setattr(command, "load", list)
    monkeypatch.setattr(command, "_results", lambda _mutations, _jobs: iter([result]))
    assert command.main() == code


def test_a_bug_without_its_place_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any test is run, and with one sentence that names it."""
    monkeypatch.setattr("sys.argv", ["mutate"])
    monkeypatch.setattr(command, "load", lambda: [UNEXPLAINED])
    assert command.main() == 1
    assert capsys.readouterr().err == "mutate: b: its text is 0 times in b.py, not once\n"
