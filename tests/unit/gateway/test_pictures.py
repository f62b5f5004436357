"""Pictures of this machine on their way through a gateway: sent where they are not there, and named as it says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from retouch import EditQueue
from retouch.intake.uploads import Inputs, upload
from tests.unit.cli.conftest import picture
from tests.unit.gateway.test_client import ACCEPTED, TOKEN, Way, queue, way

__all__ = ["queue", "way"]  # fixtures

THERE = "s3://bucket/edits/_uploads/caller/x.png"


def link(way: Way) -> dict[str, object]:
    """A link to the same server."""
    return {"init_image": THERE, "method": "PUT", "url": f"{way.url}/put?X=1", "headers": {"Content-Type": "image/png"}}


@pytest.mark.parametrize("there", [True, False])
def test_a_picture_that_is_there_is_not_sent(way: Way, queue: EditQueue, there: bool) -> None:
    """The edit names it as the gateway says, in both cases."""
    way.will(200, {"init_image": THERE} if there else link(way))
    if not there:
        way.will(200, b"")
    way.will(201, ACCEPTED)
    queue.enqueue([{"custom_id": "a", "prompt": "a cat", "init_image": picture()}], batch="b")
    asked, *sent, enqueued = way.requests
    said = json.loads(asked.body)
    assert (said["size"], said["batch"]) == (len(picture()), "b")
    assert [(one.path, one.body, one.headers.get("authorization")) for one in sent] == (
        [] if there else [("/put?X=1", picture(), None)]
    )
    assert (json.loads(enqueued.body)["init_image"], enqueued.headers["authorization"]) == (THERE, f"Bearer {TOKEN}")


@pytest.mark.parametrize("there", [True, False])
def test_whoever_watches_is_told_what_was_sent(way: Way, queue: EditQueue, tmp_path: Path, there: bool) -> None:
    """As of a bucket that has the picture already."""
    (tmp_path / "a.png").write_bytes(picture())
    told = []
    way.will(200, {"init_image": THERE} if there else link(way))
    way.will(200, b"")
    with Inputs("gateway") as inputs:
        inputs.need(inputs.uri(str(tmp_path / "a.png")))
        store = queue._picture_store("gateway", "b")
        asyncio.run(upload(inputs.pending.values(), store, lambda _picture, sent: told.append(sent)))
    assert told == [not there]
