"""The listener as a process: a picture that is put into a bucket makes an edit, and SIGTERM ends it well."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retouch import EditQueue
from tests.harness.aws import REGION, Aws, aws
from tests.harness.processes import Process, run
from tests.harness.s3_triggers import Triggers
from tests.harness.waiting import LIMIT_S, until
from tests.harness.world import png

RECIPE = """
bucket = "photos"
key = "incoming/{name}.png"
batch = "dropped"
closes = "day"

[edit]
prompt = "an oil painting of {name}"
"""


@pytest.fixture(scope="module")
def services() -> Iterator[Aws]:
    """AWS on this machine."""
    with aws() as found:
        yield found


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The recipe's file."""
    path = tmp_path / "daily.toml"
    path.write_text(RECIPE)
    return path


def command(recipe: Path, queue: str) -> list[str]:
    return [sys.executable, "-m", "workers.listener", "--recipe", str(recipe), "--queue", queue]


def environment(services: Aws, **more: str) -> dict[str, str]:
    aws_ = {**services.environment, "AWS_DEFAULT_REGION": REGION}
    return {**os.environ, **aws_, "RETOUCH_BUCKET": "results", **more}


def test_a_picture_in_a_bucket_makes_an_edit(services: Aws, redis_url: str, recipe: Path) -> None:
    """Also one that came while no listener ran."""
    photos = Triggers(services, "photos")
    photos.put("incoming/before.png", png())
    with Process(command(recipe, photos.url), env=environment(services, RETOUCH_REDIS_URL=redis_url)) as process:
        assert json.loads(process.out.line()) == {"queue": photos.url, "recipes": ["daily"]}
        photos.put("incoming/cat.png", png())
        until(lambda: photos.left == 0, "all messages are done with", saw=lambda: process.err.text)
        process.signal(signal.SIGTERM)
        code, _, err = process.end()
    assert (code, "listener.stopped" in err) == (0, True), err
    with EditQueue.from_url(redis_url, timeout_s=LIMIT_S) as queue:
        [batch] = queue.batches()
    assert (batch.total, batch.unsealed, batch.open_until is not None) == (2, None, True)


@pytest.mark.parametrize(
    ("queue", "more", "code", "said"),
    [
        ("photos", {}, 2, "listener: the queue (--queue, RETOUCH_LISTENER_QUEUE) must be the URL of a queue of SQS"),
        ("{url}/1/none", {}, 6, "listener: the queue none: its attributes cannot be read: "),
        ("{url}/1/q", {"RETOUCH_BUCKET": "photos"}, 2, "they could make edits of themselves, without end"),
        ("{url}/1/q", {"RETOUCH_BUCKET": ""}, 2, "listener: RETOUCH_BUCKET is missing: "),
        ("{url}/1/q", {"RETOUCH_PREFX": "x/"}, 2, "RETOUCH_PREFX is no setting; did you mean RETOUCH_PREFIX?"),
        (
            "{url}/123456789012/plain",
            {},
            2,
            "the queue plain has no redrive policy, so what cannot be taken would come",
        ),
    ],
)
def test_it_does_not_start_with_what_is_wrong(
    services: Aws, recipe: Path, queue: str, more: dict[str, str], code: int, said: str
) -> None:
    """One sentence, and no traceback."""
    services.queue("plain")
    ended = run(command(recipe, queue.format(url=services.url)), env=environment(services, **more))
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert ended.err.count("\n") == 1
