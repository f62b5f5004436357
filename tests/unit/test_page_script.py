"""A page as a script: it runs to its end, and stops at the first thing that is not as the page says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.harness import page_script
from tests.harness.page_script import PageScript
from tests.harness.processes import Ended, Process


def run(folder: Path, page: str, **how: dict[str, str]) -> Ended:
    """Run a page whose name is page.md."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    script = PageScript("# A page\n" + page, **how).write(folder)
    with Process(["bash", "-eu", script], cwd=folder, env={"PATH": path, "PAGE": "page.md"}, merged=True) as process:
        return process.end()


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```sh\nA=one\n```\n\n```sh\necho $A\n```\n", "one"),
        ("<!-- sh\nA=taken-for-granted\n-->\n```sh\necho $A\n```\n", "taken-for-granted"),
        ("```sh\n(exit 3)  # exits 3: it is tired\n(exit 4) | (exit 3)  # exits 3\necho end\n```\n", "end"),
        ("```sh\necho one \\\n  two\n```\n", "one two"),
        ("```text a/b.txt\nkept\n```\n```sh\ncat a/b.txt\n```\n", "kept"),
        ("```python\nprint(6 * 7)\n```\n", "42"),
        ("```python a.py\nif __name__ == '__main__':\n    print('main')\n```\n```sh\npython a.py\n```\n", "main"),
        ("```console\n$ printf 'a.b\\n1.25 s\\n'\na.b\n… s\n$ echo next\nnext\n```\n", "next"),
        ("```console\n$ echo x; (exit 3)  # exits 3\nx\n$ echo next\n```\n", "next"),
        ("```text\nfalse\n```\n```json\n{}\n```\n```sh\necho end\n```\n", "end"),
    ],
)
def test_a_page_that_is_right_runs_to_its_end(tmp_path: Path, page: str, said: str) -> None:
    """Its blocks one after the other, in one shell."""
    code, out, _ = run(tmp_path, page)
    assert (code, out.splitlines()[-1]) == (0, said) or f"\n{said}\n" in out
    assert code == 0, out


@pytest.mark.parametrize(
    ("page", "code", "said"),
    [
        ("```sh\ntrue\n(exit 5)\ntrue\n```\n", 5, "page.md:4: exit code 5"),
        ("```sh\ntrue  # exits 3\n```\n", 1, "page.md:3: exit code 1"),
        ("```sh\ntrue  # exits 1\n```\n", 1, "page.md:3: exit code 1"),
        ("```sh\nfalse | cat\n```\n", 1, "page.md:3: exit code 1"),
        ("```sh\n(exit 2)  # exits 3\n```\n", 1, "page.md:3: exit code 1"),
        ("<!-- sh\nfalse\n-->\n", 1, "page.md:3: exit code 1"),
        ("```sh\necho $UNKNOWN\n```\n", 1, "line 3: UNKNOWN: unbound variable"),
        ("```python\n\nprint(unknown)\n```\n", 1, "line 4, in <module>"),
        ("```python a.py\nimport unknown\n```\n", 1, 'a.py", line 3, in <module>'),
        ("```console\n$ printf 'axb\\n'\na.b\n```\n", 1, "not said: a\\.b"),
        ("```console\n$ printf 'only a part\\n'\na part\n```\n", 1, "not said: a part"),
        ("```console\n$ (exit 7)\n```\n", 7, "page.md:3: exit code 7"),
    ],
)
def test_a_page_that_is_wrong_stops_where_it_is(tmp_path: Path, page: str, code: int, said: str) -> None:
    """And its line is named."""
    ended = run(tmp_path, page)
    assert (ended.code, said in ended.out) == (code, True), ended.out


def test_what_cannot_be_run_is_left_out(tmp_path: Path) -> None:
    """All of its lines, by how the command begins."""
    page = "```sh\ndocker run \\\n  x\necho docker\n```\n"
    code, out, _ = run(tmp_path, page, left_out={"docker ": "no engine"})
    assert (code, out.splitlines()[-1]) == (0, "docker")
    assert PageScript("```sh\ndocker run\n```\n", left_out={"docker ": ""}).empty


def test_an_endless_command_is_waited_for_until_it_is_ready(tmp_path: Path) -> None:
    """It goes on beside the next ones, and ends with the page."""
    page = "```sh\necho begun; mkfifo pipe; echo ready; echo on > pipe; cat pipe\ncat pipe\n```\n"
    assert run(tmp_path, page, endless={"echo begun": "ready"}).code == 0


def test_an_endless_command_that_ends_before_it_is_ready_stops_the_page(tmp_path: Path) -> None:
    """With what it wrote."""
    code, out, _ = run(tmp_path, "```sh\necho it cannot\necho on\n```\n", endless={"echo it": "ready"})
    assert (code, "\nit cannot\n" in out, "\non\n" in out) == (1, True, False)


def test_names_of_examples_are_replaced(tmp_path: Path) -> None:
    """In commands, examples and files alike."""
    page = "```text f\nx://a\n```\n```sh\necho x://b >> f\ncat f\n```\n"
    assert run(tmp_path, page, names={"x://": "y://"}).out.endswith("y://a\ny://b\n")


def test_an_example_for_what_is_not_installed_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for what the project does not install: any other name that is not there is a mistake of the page."""
    monkeypatch.setattr(page_script, "GUESTS", ("not_there",))
    assert run(tmp_path, "```python\nimport not_there as nt\n```\n").code == 0
    assert run(tmp_path, "```python\nimport not_there_either\n```\n").code == 1
