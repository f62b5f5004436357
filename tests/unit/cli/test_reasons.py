"""Why a batch does not move is told when it begins and when it ends, and what is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer

from retouch.advice.batch import LATELY, refused_lately, unsealed_hint, waiting_text
from retouch.causes import Fared
from retouch.cli.reasons import LOOK_EVERY_S, QUIET_S, Reasons
from retouch.cli.watch import follow
from retouch.errors import ServiceError
from retouch.ledger import BatchPauseView, BatchView, Entry, Ledger, Seen
from retouch.queue import EditQueue
from retouch.states import BatchState, EditState
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_progress import Clock
from tests.unit.producing import edit


def view(state: BatchState = BatchState.OPEN, *, more: dict[str, Any] | None = None, **counts: int) -> BatchView:
    found = {EditState(name): number for name, number in (counts or {"queued": 1}).items()}
    return BatchView("b", state, found, datetime.now(UTC), **(more or {}))


class Watcher:
    """Shows views as time passes, and returns what is said."""

    def __init__(self, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
        self.clock = Clock()
        self.queue = EditQueue(ledger)
        self.reasons = Reasons(self.queue, self.clock)
        self._capsys = capsys

    def sees(self, now: BatchView, after_s: float = LOOK_EVERY_S) -> list[str]:
        self.clock.now += after_s
        self.reasons.show(now)
        return self._capsys.readouterr().err.splitlines()


@pytest.fixture
def watcher(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> Watcher:
    ledger.worker.see_worker("w", {})
    return Watcher(ledger, capsys)


@contextmanager
def no_worker(ledger: Ledger) -> Iterator[None]:
    ledger.worker.forget_worker("w")
    yield
    ledger.worker.see_worker("w", {})


@contextmanager
def pause(ledger: Ledger) -> Iterator[None]:
    ledger.worker.pause("submit:outage", "503")
    yield
    ledger.worker.resume("submit:outage")


@pytest.mark.parametrize(
    ("trouble", "begins", "ends"),
    [
        (
            no_worker,
            "NO workers alive: no edit is processed, and no batch ends, until you start one",
            "a worker is alive now",
        ),
        (pause, "PAUSED: submits (outage) since ", "submits go on: the pause (outage) has ended"),
    ],
)
def test_a_reason_is_told_when_it_begins_and_when_it_ends(
    watcher: Watcher, ledger: Ledger, trouble: Callable[[Ledger], Any], begins: str, ends: str
) -> None:
    """One line each, however long it lasts and however often it comes."""
    assert watcher.sees(view()) == []
    for _ in range(2):
        with trouble(ledger):
            [line] = watcher.sees(view())
            assert line.startswith(begins)
            assert watcher.sees(view()) == watcher.sees(view()) == []
        assert watcher.sees(view()) == [ends]


def test_a_batch_s_own_reasons_are_told_at_once(watcher: Watcher) -> None:
    """Its pauses, files that cannot be written, held edits and a producer that is gone."""
    watcher.sees(view())
    paused = {"paused": (BatchPauseView("person", "lunch", datetime.now(UTC)),)}
    assert watcher.sees(view(more=paused), 0)[0].startswith("batch b is PAUSED (person): lunch")
    assert watcher.sees(view(), 0) == ["batch b is not paused any more (person)"]
    noted = view(BatchState.FINISHING, more={"note": "bucket 'x' refuses"}, completed=1)
    assert watcher.sees(noted, 0) == ["its files are not written yet: bucket 'x' refuses"]
    assert watcher.sees(view(held=1), 0)[0].startswith("1 edit is held: sent and not answered")
    assert watcher.sees(view(held=1, queued=1), 0) == []
    gone = {"unsealed": datetime.now(UTC) - timedelta(hours=1)}
    assert watcher.sees(view(more=gone, completed=1), 0)[0].startswith("not sealed: its producer was last seen")


def test_a_batch_that_is_open_for_more_says_until_when(watcher: Watcher) -> None:
    """And how to end it before; once that time has come, nothing."""
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    said = watcher.sees(view(more={"open_until": until}, completed=1), 0)
    assert said == [f"open for more edits until {until.isoformat()}; to let it end before: retouch seal b"]
    assert unsealed_hint(view(more={"open_until": datetime.now(UTC)}, completed=1)) == ""


def test_an_outage_of_redis_ends_no_reason(watcher: Watcher, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was known is neither told as over nor again."""
    with pause(ledger):
        watcher.sees(view())

        def away() -> list[str]:
            raise ServiceError("no answer")

        with monkeypatch.context() as patch:
            patch.setattr(watcher.queue, "workers", away)
            assert watcher.sees(view()) == []
        assert watcher.sees(view()) == []


def test_quiet_without_a_reason_is_told_once(watcher: Watcher) -> None:
    """With what is waited for; a change begins the time anew."""
    at_the_api = view(waiting=2, submitting=1, queued=12)
    assert watcher.sees(at_the_api) == []
    assert watcher.sees(at_the_api, QUIET_S - 1) == []
    assert watcher.sees(at_the_api, 1) == ["no change for 10 s; waiting for 3 edits at the API, 12 queued"]
    assert watcher.sees(at_the_api, 10 * QUIET_S) == []
    assert watcher.sees(view(waiting=2), 0) == []
    assert watcher.sees(view(waiting=2), QUIET_S) == ["no change for 10 s; waiting for 2 edits at the API"]


def test_quiet_with_a_reason_is_not_told(watcher: Watcher, ledger: Ledger) -> None:
    """The reason says it."""
    with pause(ledger):
        assert len(watcher.sees(view())) == 1
        assert watcher.sees(view(), QUIET_S) == []


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"waiting": 1}, "1 edit at the API"),
        ({"copying": 2, "held": 1, "completed": 4}, "2 being copied to S3, 1 held"),
        ({"queued": 12_000}, "12,000 queued"),
        ({"completed": 3}, "its files to be written"),
    ],
)
def test_what_is_waited_for(counts: dict[str, int], text: str) -> None:
    """In the order in which it comes."""
    found = {EditState(name): number for name, number in counts.items()}
    assert waiting_text(BatchView("b", BatchState.OPEN, found, datetime.now(UTC))) == f"waiting for {text}"


def test_the_end_is_no_news_of_a_reason(watcher: Watcher, ledger: Ledger) -> None:
    """A batch that has ended needs no worker."""
    watcher.sees(view())
    ledger.worker.forget_worker("w")
    assert watcher.sees(view(BatchState.COMPLETED, completed=1)) == []


def test_watch_says_at_once_what_it_waits_for(run: Run, manifest: Callable[..., str]) -> None:
    """And why nothing moves."""
    run("enqueue", manifest({}, {}), "--batch", "b")
    ended = run("watch", "b", "--timeout", "0.1")
    assert ended.code == 5
    assert "b: waiting for 2 queued\n" in ended.err
    assert ended.err.count("NO workers alive") == 1


class Outage(EditQueue):
    """A queue whose wait meets an outage of Redis, after which nothing has changed, and then its timeout."""

    def wait(
        self,
        batch: str,
        timeout_s: float | None = None,
        on_progress: Callable[[BatchView], None] | None = None,
        on_outage: Callable[[str | None], None] | None = None,
        *,
        max_failures: int | str | None = None,
    ) -> BatchView:
        assert on_progress
        assert on_outage
        on_progress(self.status(batch))
        on_outage("it is away")
        on_outage(None)
        on_progress(self.status(batch))
        on_progress(self.status(batch))
        raise TimeoutError(f"not within {timeout_s} s")


def test_after_an_outage_it_says_again_what_it_waits_for(
    run: Run, manifest: Callable[..., str], ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    """At once, once, and also if nothing has changed."""
    run("enqueue", manifest({}, {}), "--batch", "b")
    with pytest.raises(typer.Exit):
        follow(Outage(ledger), "b", 1)
    lines = capsys.readouterr().err.partition("Redis is back\n")[2].splitlines()
    assert lines[0] == "b: waiting for 2 queued"
    assert lines[1].startswith("NO workers alive")
    assert len(lines) == 3  # and the timeout


def test_what_the_api_refused_lately_is_told_where_nothing_moves(run: Run, ledger: Ledger) -> None:
    """Edits at an API that has them no longer hold its places; an old refusal says nothing of that."""
    ledger.producer.enqueue("b", [Entry("e0", "d", "{}", 1, None)])
    ledger.worker.observe(seen=[Seen("status", 1, Fared.REFUSED, "no edit has this id")])
    assert "the API's last refusal: no edit has this id\n" in run("status", "b").out
    provider = ledger.reader.provider()
    assert refused_lately(provider) == "; the API's last refusal: no edit has this id"
    assert provider.refused_at is not None
    assert refused_lately(replace(provider, refused_at=provider.refused_at - 2 * LATELY)) == ""
    assert refused_lately(replace(provider, refusal=None)) == ""


FULL: dict[str, object] = {"maxmemory": 1_000_000, "used_memory": 2_500_000, "mem_not_counted_for_evict": 600_000}
NO_MEMORY = "Redis has no memory left (2 MB are used, maxmemory is 1 MB): it refuses all writes, also those of workers"


def server(info: dict[str, object]) -> Callable[[EditQueue], dict[str, object]]:
    """What INFO says."""
    return lambda _queue: info


def test_a_full_redis_is_told_where_no_worker_seems_to_be_alive(
    watcher: Watcher, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before that none is, for workers that live cannot say so; and when it has memory again."""
    monkeypatch.setattr(EditQueue, "server", server(FULL))
    assert watcher.sees(view()) == []
    with no_worker(ledger):
        full, none = watcher.sees(view())
        assert full.startswith(NO_MEMORY)
        assert none.startswith("NO workers alive")
        monkeypatch.setattr(EditQueue, "server", server(FULL | {"used_memory": 1_599_999}))
        assert watcher.sees(view()) == ["Redis has memory again"]


@pytest.mark.parametrize("batch", ["", "b"])
def test_status_tells_first_that_redis_is_full(
    run: Run, batch: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all batches, and of one; it says so too where its user may not ask for the memory, but for that."""
    EditQueue(ledger).enqueue([edit("a")], batch="b")
    command = ["status", batch] if batch else ["status"]
    monkeypatch.setattr(EditQueue, "server", server(FULL))
    assert run(*command).out.startswith(NO_MEMORY)

    def refuses(_queue: EditQueue) -> dict[str, object]:
        raise ServiceError("NOPERM")

    monkeypatch.setattr(EditQueue, "server", refuses)
    told = run(*command)
    assert (told.code, "no memory" in told.out) == (0, False)
