"""How many edits of a batch have blank images: counted in the move that ends the edit."""

from __future__ import annotations

import json

import pytest

from retouch.ledger import Claim, Finish, Settlement
from retouch.states import EditState
from tests.ledger_bench import SUBMITTING, Bench

IMAGE = {"uri": "s3://b/k/0.png", "sha256": "00", "bytes": 9, "width": 8, "height": 7, "content_type": "image/png"}
BLANK = IMAGE | {"blank": True}
SUSPECT = IMAGE | {"blank": "suspect"}


def began(bench: Bench) -> list[Claim]:
    """Three edits that are sent."""
    bench.fill(3)
    claims = bench.edits()
    bench.intend(claims)
    return claims


def end(bench: Bench, claims: list[Claim], *outputs: list[dict[str, object]], to: str = "completed") -> None:
    """They end with these images."""
    bench.ledger.worker.settle(
        [
            Settlement(c, SUBMITTING, EditState(to), outputs=json.dumps(o, separators=(",", ":")))
            for c, o in zip(claims, outputs, strict=True)
        ]
    )


def blank(bench: Bench) -> int:
    """The batch's own count."""
    view = bench.ledger.reader.batch("b")
    assert view is not None
    return view.blank


@pytest.mark.parametrize("to", ["completed", "failed"])
def test_an_edit_with_a_blank_image_counts_once(bench: Bench, to: str) -> None:
    """However many of its images are blank, or may be, and however it ends; and once if the move is repeated."""
    claims = began(bench)
    for _ in range(2):
        end(bench, claims, [IMAGE], [BLANK, BLANK], [IMAGE, SUSPECT], to=to)
    assert blank(bench) == 2
    assert [[o["blank"] for o in r["outputs"]] for r in bench.ledger.reader.results("b")] == [
        [False],
        [True, True],
        [False, "suspect"],
    ]


def test_usual_edits_take_no_place_for_it(bench: Bench) -> None:
    """Neither their results nor their batch have a field more."""
    claims = began(bench)
    end(bench, claims, [IMAGE], [IMAGE], [IMAGE])
    assert bench.client.hexists(bench.keys.batch("b"), "blank") == 0
    assert "blank" not in bench.stored(bench.keys.results("b"), "c0")
    assert blank(bench) == 0


@pytest.mark.parametrize("state", [EditState.COMPLETED, EditState.FAILED])
def test_a_retry_takes_back_what_was_counted(bench: Bench, state: EditState) -> None:
    """The next result counts for itself."""
    claims = began(bench)
    end(bench, claims, [IMAGE], [BLANK], [SUSPECT], to=state)
    bench.ledger.producer.retry("b", [state], anew=True)
    assert blank(bench) == 0
    claims = bench.edits()
    bench.intend(claims)
    end(bench, claims, [IMAGE], [IMAGE], [BLANK])
    assert blank(bench) == 1


def test_words_about_blanks_are_no_blank_images(bench: Bench) -> None:
    """What the API says, in a name or an error, cannot be taken for the mark."""
    claims = began(bench)
    words = json.dumps({"code": "failure", "message": 'it said "blank": true, "blank":"suspect"'})
    odd = json.dumps([IMAGE | {"uri": 's3://b/"blank":true'}])
    bench.ledger.worker.settle([Settlement(c, SUBMITTING, EditState.FAILED, outputs=odd, error=words) for c in claims])
    assert blank(bench) == 0
    bench.ledger.producer.retry("b")
    assert blank(bench) == 0


def test_the_batchs_end_says_how_many(bench: Bench) -> None:
    """In the event, for those who wait for it."""
    claims = began(bench)
    end(bench, claims, [IMAGE], [BLANK], [BLANK])
    [finish] = bench.claim().claims
    bench.ledger.worker.settle_batch(finish, Finish.WRITTEN)
    assert bench.ledger.reader.events()[-1].data == {
        "batch": "b",
        "counts": {"completed": 3},
        "duplicates": 0,
        "blank": 2,
    }
