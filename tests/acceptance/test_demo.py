"""The demo as a stranger runs it, less the set-up: 24 edits, one sheet, and nothing left behind."""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psutil
import pytest
import requests
from PIL import Image

from retouch.edit import Edit
from retouch.errors import LedgerError
from scripts import demo
from tests.harness.processes import Process
from workers.stack.child import ROOT
from workers.stack.stack import Stack

DEADLINE_S = 120
SAMPLES = ROOT / "scripts" / "samples"


def start_demo(tmp: Path, mark: str) -> Process:
    """Start the demo with all its temporary files in ``tmp`` and ``mark`` in every process's environment."""
    (tmp / "tmp").mkdir()
    command = [sys.executable, "-u", "-m", "scripts.demo", "--out", str(tmp / "out" / "sheet.png")]
    return Process(command, env=os.environ | {"TMPDIR": str(tmp / "tmp"), "DEMO_MARK": mark}, merged=True)


def marked(mark: str) -> list[str]:
    """The command lines of living processes with ``mark`` in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("DEMO_MARK") == mark:
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.mark.slow
def test_the_demo_completes_every_edit_and_draws_the_sheet(tmp_path: Path) -> None:
    """Exit code 0, all objects listed, a sheet of 24 pairs, no process and no temporary folder left."""
    mark = secrets.token_hex(8)
    with start_demo(tmp_path, mark) as running:
        address, _, link = running.out.line("watch it in a browser: ", DEADLINE_S).split()[-1].partition("/#link=")
        same_origin, secret = {"Sec-Fetch-Site": "same-origin"}, {"by": "link", "secret": link}
        signed_in = requests.post(f"{address}/page/session", json=secret, headers=same_origin, timeout=DEADLINE_S)
        code, _, _ = running.end(DEADLINE_S)
        output = running.out.text
    assert code == 0, output
    assert signed_in.json()["key"] == "stack"
    assert [f"[{step}/5]" in output for step in range(1, 6)] == [True] * 5
    assert "24 of 24 edits completed" in output
    for edit in edits():
        assert f"/demo/{edit['custom_id']}/0.png" in output
    assert "/demo/_SUCCESS" in output
    sheet = Image.open(tmp_path / "out" / "sheet.png")
    sheet.load()
    assert (sheet.format, sheet.width > 1000, sheet.height > sheet.width) == ("PNG", True, True)
    assert marked(mark) == []
    assert not list((tmp_path / "tmp").glob("retouch-*/logs")), "the stack's temporary folder is left"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "group", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_a_signal_ends_the_demo_and_all_it_started(tmp_path: Path, number: int, group: bool, code: int) -> None:
    """Ctrl-C (to the group) or SIGTERM (to it alone) while edits are under way: no traceback, no process left."""
    mark = secrets.token_hex(8)
    with start_demo(tmp_path, mark) as running:
        running.out.line("accepted", DEADLINE_S)
        running.signal(number, group=group)
        ended, after, _ = running.end()
    assert ended == code, running.out.text
    assert "Traceback" not in after
    assert "nothing is left running" in after
    assert marked(mark) == []


@pytest.mark.parametrize("typed", ["\n", ""], ids=["Enter", "the end of stdin"])
def test_all_of_it_stays_until_whoever_is_at_the_terminal_has_looked(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last line before is a link to the page; one that cannot be had is no end of the demo."""
    links = iter(["http://127.0.0.1:1/#link=one"])

    def page_link() -> str:
        try:
            return next(links)
        except StopIteration:
            raise LedgerError("the gateway has ended") from None

    stack = cast("Stack", SimpleNamespace(gateway=SimpleNamespace(page_link=page_link)))
    for last in ("http://127.0.0.1:1/#link=one", "note: there is no link to the page: the gateway has ended"):
        stdin = io.StringIO(typed)
        monkeypatch.setattr("sys.stdin", stdin)
        demo._show_page(stack)
        assert stdin.tell() == len(typed)
        assert capsys.readouterr().out.splitlines()[-1].strip() == last


def edits() -> list[dict[str, object]]:
    """The sample manifest's lines."""
    return [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text().splitlines()]


def test_the_sample_manifest_is_valid_and_its_pictures_are_there() -> None:
    """24 edits with names of their own, within the contract and without warnings, of pictures that exist."""
    checked = [Edit.model_validate(fields) for fields in edits()]
    assert len({edit.custom_id for edit in checked}) == 24
    assert [edit.warnings for edit in checked] == [[]] * 24
    for edit in checked:
        with Image.open(SAMPLES / edit.init_image) as picture:
            assert picture.size == (512, 512)


def test_the_sample_pictures_are_light() -> None:
    """A clone stays small: under 700 kB in all."""
    assert sum(path.stat().st_size for path in SAMPLES.glob("*.jpg")) < 700_000
