"""One of a thing, and several."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from retouch.cli.sink_lines import sink_trouble, undelivered_hint
from retouch.ledger import Finish, Ledger, Settlement, Sink, Step
from retouch.plural import are, count, were
from retouch.states import EditState
from tests.unit.cli.conftest import Run


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 edits are"), (1, "1 edit is"), (2, "2 edits are"), (1001, "1,001 edits are")]
)
def test_a_number_and_its_noun_agree(number: int, said: str) -> None:
    """Only 1 is one."""
    assert f"{count(number, 'edit')} {are(number)}" == said
    assert were(number) == ("was" if number == 1 else "were")
    assert count(number, "batch", "batches").startswith(f"{number:,} batch")


ONE_OF_MANY = re.compile(r"(?<![\d.,/=-])1 (?:\w+ )?(\w+[^s\W]s|were|are|have|wait)\b(?<!\bis)(?<!\bwas)")


def ended(ledger: Ledger, state: EditState) -> None:
    """Be the worker: end what is due."""
    blank = {"uri": "s3://b/k/0.png", "sha256": "00", "bytes": 9, "width": 8, "height": 7, "content_type": "image/png"}
    more = {"outputs": json.dumps([blank | {"blank": True}])} if state is EditState.COMPLETED else {}
    for claim in ledger.worker.claim("w", lease_ms=60_000, places=100).claims:
        if claim.step is Step.FINISH:
            ledger.worker.settle_batch(claim, Finish.WRITTEN)
        else:
            ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), state, **more)])  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [EditState.FAILED, EditState.HELD, EditState.COMPLETED])
def test_no_message_says_1_edits(run: Run, manifest: Callable[..., str], ledger: Ledger, state: EditState) -> None:
    """Every command is run on a batch of one edit, in each state that it speaks of."""
    path = manifest({"width": 600})
    said = [
        run("enqueue", path, "--batch", "b", "--dry-run"),
        run("enqueue", path, "--batch", "b"),
        run("enqueue", path, "--batch", "b"),
        run("enqueue", manifest({"custom_id": "c"}, {}, {"samples": 9}), "--batch", "skip", "--skip-invalid"),
        run("enqueue", manifest({"samples": 9}), "--batch", "refused"),
        run("cancel", "skip"),
        run("explain", "b/e0"),
        run("status"),
    ]
    ended(ledger, state)
    ended(ledger, state)
    said += [run("status", "b"), run("retry", "b"), run("retry", "b", "--held"), run("watch", "b", "--timeout", "0")]
    text = "\n".join(each.out + each.err for each in said)
    assert "1 edit accepted" in text
    assert [line for line in text.splitlines() if ONE_OF_MANY.search(line)] == []


def test_the_pattern_finds_what_it_is_for() -> None:
    """Else the test above would find nothing whatever is said."""
    for wrong in ("1 edits accepted", "1 bad lines", "batch b: 1 were already there", "1 failed edits of batch"):
        assert ONE_OF_MANY.search(wrong)
    for right in ("1 edit is held", "11 edits", "0.1 seconds", "1 result was", "1/2 ended", "1 worker alive"):
        assert not ONE_OF_MANY.search(right)


@pytest.mark.parametrize(("number", "said"), [(1, "1 event waits for h,"), (2, "2 events wait for h,")])
def test_events_that_wait_for_a_sink_are_counted(number: int, said: str) -> None:
    """Of one that no live worker has; and those that were tried."""
    sink = Sink("webhook-1", "h", live=False, gone="", gone_since=None, waiting=number, undelivered=number)
    assert sink_trouble(sink).startswith(said)
    assert undelivered_hint(sink).startswith("1 event was tried" if number == 1 else "2 events were tried")
