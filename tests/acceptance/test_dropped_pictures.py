"""A picture dropped into a bucket of the embedded stack: SeaweedFS itself tells the gateway, which makes an edit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from retouch import EditQueue
from tests.harness.pictures import field
from tests.harness.processes import RETOUCH, run
from tests.harness.waiting import until
from workers.stack.stack import Stack

pytestmark = pytest.mark.slow

BUCKET = "photos"
RECIPE = f"""
bucket = "{BUCKET}"
key = "NAME/{{name}}.{{ext}}"
batch = "NAME"

[edit]
prompt = "an oil painting of {{name}}"
"""
DROP, LATE = "drop", "late"  # recipes, each with a folder and a batch of its own


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Their files."""
    folder = tmp_path_factory.mktemp("recipes")
    for name in (DROP, LATE):
        (folder / f"{name}.toml").write_text(RECIPE.replace("NAME", name))
    return {name: folder / f"{name}.toml" for name in (DROP, LATE)}


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What the stack has said."""
    return []


@pytest.fixture(scope="module")
def stack(recipes: dict[str, Path], said: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The embedded stack with the recipes."""
    data = tmp_path_factory.mktemp("stack")
    with Stack(data, gateway=True, recipes=list(recipes.values()), tell=said.append) as found:
        yield found


def put(stack: Stack, key: str, data: bytes) -> None:
    stack.s3.client().put_object(Bucket=BUCKET, Key=key, Body=data)


def paid_for(stack: Stack, *names: str) -> list[str]:
    """Of which of these pictures the API has taken edits, once for each, by its own record."""
    lines = map(json.loads, (stack.data_dir / "endpoint" / "edits.jsonl").read_text().splitlines())
    taken = [line["submission"]["prompt"].removeprefix("an oil painting of ") for line in lines]
    return sorted(name for name in taken if name in names)


def told(stack: Stack, **about: object) -> int:
    """How often the gateway has logged that of the edits of a notification."""
    lines = (stack.data_dir / "logs" / "gateway.log").read_text().splitlines()
    found = [json.loads(line) for line in lines if '"edits.enqueued"' in line]
    return sum(about.items() <= line.items() for line in found)


def finished(queue: EditQueue, batch: str, number: int) -> bool:
    """Whether the batch has so many edits, and all are completed."""
    view = queue.find(batch)
    return bool(view and view.finished and view.counts == {"completed": number})


def test_a_picture_that_is_dropped_into_a_bucket_makes_an_edit(stack: Stack) -> None:
    """It is found in S3, and paid for once, whatever comes twice; other content under the same key is another edit."""
    with EditQueue.from_url(stack.valkey.url) as queue:
        put(stack, "drop/cat 1+ü.png", field("palette.png"))
        until(lambda: finished(queue, DROP, 1), "the edit is finished")
        [row] = queue.rows(DROP)
        assert row["init_image"] == f"s3://{BUCKET}/drop/cat 1+ü.png"
        place = str(row["outputs.0.uri"]).removeprefix(f"s3://{stack.s3.bucket}/")
        assert stack.s3.client().get_object(Bucket=stack.s3.bucket, Key=place)["Body"].read()
        put(stack, "drop/cat 1+ü.png", field("palette.png"))
        until(lambda: told(stack, new=0, known=1) == 1, "the same bytes are told again")
        put(stack, "elsewhere/dog.png", field("palette.png"))
        put(stack, "drop/cat 1+ü.png", field("sixteen-bit.png"))
        until(lambda: finished(queue, DROP, 2), "the new content is finished")
    assert paid_for(stack, "cat 1+ü", "dog") == ["cat 1+ü"] * 2


def test_what_came_while_the_gateway_was_dead_is_found_by_a_scan(
    stack: Stack, recipes: dict[str, Path], said: list[str]
) -> None:
    """SeaweedFS tells of each object once, whatever becomes of that. Nothing is paid for twice, scan by scan."""
    assert stack.gateway
    command: list[str | Path] = [RETOUCH, "recipe", "scan", recipes[LATE], "--json"]
    names = ["before", "meanwhile0", "meanwhile1", "meanwhile2"]
    with EditQueue.from_url(stack.valkey.url) as queue:
        put(stack, f"{LATE}/before.png", field("palette.png"))
        until(lambda: queue.find(LATE), "it is taken")
        put(stack, f"{LATE}/{names[1]}.png", field("palette.png"))  # perhaps it is in work when the gateway dies
        stack.gateway.kill()
        for name in names[2:]:
            put(stack, f"{LATE}/{name}.png", field("palette.png"))
        stack.check()  # as the stack does by itself: the gateway is started again
        assert said[-1] == "what was put into S3 meanwhile makes edits by: retouch recipe scan FILE"
        first, again = (run(command, env=os.environ | stack.environment) for _ in range(2))
        assert (first.code, again.code) == (0, 0), first.err + again.err
        [found] = json.loads(first.out)["batches"]
        assert found["accepted"] in (2, 3)
        assert found["accepted"] + found["already"] == 4
        assert json.loads(again.out)["batches"] == [{"batch": LATE, "accepted": 0, "already": 4}]
        until(lambda: finished(queue, LATE, 4), "all are finished")
    assert paid_for(stack, *names) == names
