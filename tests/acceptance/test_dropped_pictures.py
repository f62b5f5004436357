"""A picture dropped into a bucket of the embedded stack: SeaweedFS itself tells the gateway, which makes an edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from retouch import EditQueue
from tests.harness.pictures import field
from tests.harness.waiting import until
from workers.stack.stack import Stack

pytestmark = pytest.mark.slow

BUCKET, BATCH = "photos", "dropped"
RECIPE = f"""
bucket = "{BUCKET}"
key = "drop/{{name}}.{{ext}}"
batch = "{BATCH}"

[edit]
prompt = "an oil painting of {{name}}"
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The embedded stack with the recipe."""
    (tmp_path / "drop.toml").write_text(RECIPE)
    with Stack(tmp_path / "data", gateway=True, recipes=[tmp_path / "drop.toml"]) as found:
        yield found


def put(stack: Stack, key: str, data: bytes) -> None:
    stack.s3.client().put_object(Bucket=BUCKET, Key=key, Body=data)


def paid_for(stack: Stack) -> list[str]:
    """The prompts of the edits that the API has taken, by its own record."""
    lines = map(json.loads, (stack.data_dir / "endpoint" / "edits.jsonl").read_text().splitlines())
    return [line["submission"]["prompt"] for line in lines]


def told(stack: Stack, **about: object) -> int:
    """How often the gateway has logged that of the edits of a notification."""
    lines = (stack.data_dir / "logs" / "gateway.log").read_text().splitlines()
    found = [json.loads(line) for line in lines if '"edits.enqueued"' in line]
    return sum(about.items() <= line.items() for line in found)


def finished(queue: EditQueue, number: int) -> bool:
    """Whether the batch has so many edits, and all are completed."""
    view = queue.find(BATCH)
    return bool(view and view.finished and view.counts == {"completed": number})


def test_a_picture_that_is_dropped_into_a_bucket_makes_an_edit(stack: Stack) -> None:
    """It is found in S3, and paid for once, whatever comes twice; other content under the same key is another edit."""
    with EditQueue.from_url(stack.valkey.url) as queue:
        put(stack, "drop/cat 1+ü.png", field("palette.png"))
        until(lambda: finished(queue, 1), "the edit is finished")
        [row] = queue.rows(BATCH)
        assert row["init_image"] == f"s3://{BUCKET}/drop/cat 1+ü.png"
        place = str(row["outputs.0.uri"]).removeprefix(f"s3://{stack.s3.bucket}/")
        assert stack.s3.client().get_object(Bucket=stack.s3.bucket, Key=place)["Body"].read()
        put(stack, "drop/cat 1+ü.png", field("palette.png"))
        until(lambda: told(stack, new=0, known=1) == 1, "the same bytes are told again")
        put(stack, "elsewhere/dog.png", field("palette.png"))
        put(stack, "drop/cat 1+ü.png", field("sixteen-bit.png"))
        until(lambda: finished(queue, 2), "the new content is finished")
    assert paid_for(stack) == ["an oil painting of cat 1+ü"] * 2
