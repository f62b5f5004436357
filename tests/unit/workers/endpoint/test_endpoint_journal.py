"""An endpoint that is started again on its journal still knows what it has taken."""

from __future__ import annotations

import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retouch.errors import ServiceError
from tests.harness.processes import run
from tests.unit.workers.endpoint.conftest import Caller
from workers.endpoint import journal
from workers.endpoint.journal import Journal

pytestmark = pytest.mark.anyio


async def test_what_was_taken_is_worked_on_when_it_is_asked_for(
    caller_with: Callable[..., Caller], tmp_path: Path
) -> None:
    """Under its id; what nobody asks for costs nothing."""
    before = caller_with(journal=tmp_path / "edits.jsonl")
    ids = [(await before.submit(samples=2, prompt=f"p{n}")).json()["id"] for n in range(2)]
    again = caller_with(journal=tmp_path / "edits.jsonl")
    assert again.gate.working == 0
    assert (await again.status(ids[0])).json() == {"status": "PENDING", "id": ids[0]}
    answer = await again.outcome(ids[0])
    assert (answer["status"], len(answer["download_urls"])) == ("SUCCESS", 2)
    assert (await again.anyone.get(answer["download_urls"][1])).status_code == 200
    assert len(again.gate.reads) == 1
    third = caller_with(journal=tmp_path / "edits.jsonl")
    assert (await third.outcome(ids[1]))["status"] == "SUCCESS"
    assert (await third.status("never")).status_code == 404


async def test_an_idempotency_key_is_known_after_a_restart(caller_with: Callable[..., Caller], tmp_path: Path) -> None:
    """The same body is the same edit, and another body is refused."""
    before = caller_with(journal=tmp_path / "edits.jsonl")
    taken = (await before.submit(key="k")).json()["id"]
    again = caller_with(journal=tmp_path / "edits.jsonl")
    assert (await again.submit(key="k")).json()["id"] == taken
    assert (await again.submit(key="k", prompt="another")).status_code == 422


async def test_old_and_broken_lines_are_left_out(
    caller_with: Callable[..., Caller], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill may cut the last line; an edit of the day before is asked for by nobody."""
    path = tmp_path / "edits.jsonl"
    before = caller_with(journal=path)
    taken = (await before.submit()).json()["id"]
    with path.open("a") as file:
        file.write('{"id": "cut", "key": null, "submi')
    assert (await caller_with(journal=path).status(taken)).status_code == 200
    assert len(path.read_text().splitlines()) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + journal.KEPT_S + 1)
    assert (await caller_with(journal=path).status(taken)).status_code == 404
    assert path.read_text() == ""


def test_two_endpoints_do_not_share_a_journal(tmp_path: Path) -> None:
    """The second would put a new file in the place of the one that the first writes to; also under another name."""
    first = Journal(tmp_path / "edits.jsonl")
    (tmp_path / "other.jsonl").symlink_to(tmp_path / "edits.jsonl")
    for name in ("edits.jsonl", "other.jsonl"):
        with pytest.raises(ServiceError) as refused:
            Journal(tmp_path / name)
        assert str(refused.value) == (
            f"--journal {tmp_path / 'edits.jsonl'}: another endpoint has it: end that one, or name another file"
        )
    assert stat.S_IMODE((tmp_path / "edits.jsonl.lock").stat().st_mode) == 0o600
    first.close()
    Journal(tmp_path / "other.jsonl").close()
    assert (tmp_path / "other.jsonl").is_symlink()


def test_the_journal_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    """Also though its lock is still there."""
    path = tmp_path / "edits.jsonl"
    code = "import os, sys; from workers.endpoint.journal import Journal, Path; j = Journal(Path(sys.argv[1])); "
    assert run([sys.executable, "-c", code + "os.kill(os.getpid(), 9)", str(path)]).code == -9
    assert (tmp_path / "edits.jsonl.lock").exists()
    Journal(path).close()
