"""OpenAI's unchanged client before the whole system: one payment an edit, whatever is sent twice."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
import requests

from retouch.access_keys import AccessKeys, Scope
from tests.harness.processes import Process
from tests.harness.scene import Scene

pytestmark = pytest.mark.slow


def test_a_batch_that_is_created_five_times_is_paid_for_once(scene: Scene, picture: bytes) -> None:
    """Uploaded, created at once by five, polled until it has ended, and read."""
    scene.worker()
    token = AccessKeys(scene.ledger, "here").create("pipeline", list(Scope))
    command = [sys.executable, "-m", "workers.gateway", "--port", "0"]
    with Process(command, env=os.environ | scene.environment) as gateway:
        url = json.loads(gateway.out.line("url"))["url"]
        with openai.OpenAI(api_key=token, base_url=f"{url}/openai/v1") as client:
            cat = client.files.create(file=("cat.png", picture), purpose="vision").id
            lines = [
                {
                    "custom_id": f"cat-{n}",
                    "method": "POST",
                    "url": "/v1/images/edits",
                    "body": {"prompt": f"oil painting {n}", "images": [{"file_id": cat}], "size": "64x64"},
                }
                for n in range(4)
            ]
            text = "".join(json.dumps(line) + "\n" for line in lines).encode()
            file = client.files.create(file=("cats.jsonl", text), purpose="batch").id

            def create(_: int) -> str:
                return client.batches.create(
                    input_file_id=file, endpoint="/v1/images/edits", completion_window="24h"
                ).id

            with ThreadPoolExecutor(5) as several:
                [id] = set(several.map(create, range(5)))
            batch = scene.until(
                lambda: found if (found := client.batches.retrieve(id)).status == "completed" else None, "it completes"
            )
            assert batch
            assert batch.request_counts
            assert (batch.request_counts.completed, batch.request_counts.total) == (4, 4)
            made = [json.loads(line) for line in client.files.content(str(batch.output_file_id)).text.splitlines()]
            assert create(0) == id
    assert [line["custom_id"] for line in made] == [line["custom_id"] for line in lines]
    for line in made:
        [image] = line["response"]["body"]["data"]
        assert requests.get(image["url"], timeout=60).headers["Content-Type"].startswith("image/")
    assert len(scene.api.accepted()) == 4
