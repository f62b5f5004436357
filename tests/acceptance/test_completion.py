"""What everybody gets: edits completed, images and manifest in S3, whatever form a good answer takes."""

from __future__ import annotations

import hashlib
import io

import pytest
from PIL import Image

from tests.harness.growing import Record
from tests.harness.scene import Scene
from tests.harness.web import Web


@pytest.mark.slow
def test_every_image_is_in_s3_as_its_result_says(scene: Scene) -> None:
    """Edits of one to four samples complete, and each object is what its result's uri, hash, size and type say."""
    scene.worker()
    batches = {samples: scene.enqueue(3, samples=samples, seed=7) for samples in (1, 2, 3, 4)}
    for samples, batch in batches.items():
        results = scene.finish(batch)
        objects = scene.objects(batch)
        assert {r["state"] for r in results.values()} == {"completed"}
        assert scene.images(batch) == [f"c{n}/{i}.png" for n in range(3) for i in range(samples)]
        for result in results.values():
            assert (result["attempts"], result["seed"], result["error"]) == (1, 7, None)
            for number, output in enumerate(result["outputs"]):
                name = f"{result['custom_id']}/{number}.png"
                data, content_type = objects[name]
                assert output["uri"] == f"s3://{scene.s3.bucket}/edits/{batch}/{name}"
                assert output["sha256"] == hashlib.sha256(data).hexdigest()
                assert output["bytes"] == len(data)
                assert (output["width"], output["height"]) == Image.open(io.BytesIO(data)).size
                assert output["content_type"] == content_type == "image/png"
    assert len(scene.api.accepted()) == 12


@pytest.mark.slow
def test_a_finished_batch_has_a_manifest_of_its_results_and_an_empty_success(scene: Scene) -> None:
    """``manifest.jsonl`` holds each edit's result in the batch's order, completed or failed; ``_SUCCESS`` nothing."""
    scene.worker()
    scene.api.trouble("failure", match="doomed")
    batch = scene.enqueue(4)
    scene.finish(batch)
    bad = scene.enqueue(1, prompt="doomed")
    scene.finish(bad)
    for b in (batch, bad):
        assert scene.manifest(b) == list(scene.queue.results(b))
        assert scene.objects(b)["_SUCCESS"][0] == b""
        assert scene.objects(b)["manifest.jsonl"][1] == "application/jsonl"
    assert [line["custom_id"] for line in scene.manifest(batch)] == ["c0", "c1", "c2", "c3"]
    assert scene.manifest(bad)[0]["state"] == "failed"


def test_a_private_s3_picture_reaches_the_api_as_a_link(scene: Scene, picture: bytes) -> None:
    """An ``s3://`` init_image of a private bucket is presigned: the API can read it, byte for byte."""
    scene.worker()
    result = scene.run(strength=0)
    plain = scene.run(strength=0, init_image=scene.init_image.replace("picture", "missing"))
    assert result["state"] == "completed"
    assert (plain["state"], plain["error"]["code"]) == ("failed", "failure")


def test_a_public_picture_is_named_to_the_api_as_it_is(scene: Scene, pictures: Web) -> None:
    """An http init_image is passed on letter for letter, and read by the API, not by us."""
    scene.worker()
    before = len(pictures.requests)
    assert scene.run(init_image=f"{pictures.url}/a%20b.png?x=1&y=%2F")["state"] == "completed"
    assert [r.path for r in pictures.requests[before:]] == ["/a%20b.png?x=1&y=%2F"]


UNUSUAL: dict[str, Record] = {
    "SUCCESS-at-once": {"fault": "instant"},
    "201": {"fault": "accepted_202", "status": 201},
    "202": {"fault": "accepted_202", "status": 202},
    "odd-word": {"fault": "odd_status", "word": "IN_QUEUE", "times": 1},
    "429-poll": {"fault": "throttle_poll", "times": 1},
    "500-poll": {"fault": "status_poll", "status": 500, "times": 1},
    "garbage-poll": {"fault": "garbage_poll", "times": 1},
    "dropped-poll": {"fault": "drop_poll", "times": 1},
}


def test_an_unusual_answer_is_no_failure(scene: Scene) -> None:
    """A POST that answers SUCCESS, 201 or 202, an unknown status word, and a poll in trouble cost no attempt."""
    scene.worker()
    results = scene.finish(scene.cases(UNUSUAL, samples=2))
    assert {n: (r["state"], r["attempts"], len(r["outputs"])) for n, r in results.items()} == dict.fromkeys(
        UNUSUAL, ("completed", 1, 2)
    )
    assert len(scene.api.submits()) == len(UNUSUAL)


def test_a_failure_keeps_the_api_s_words(scene: Scene) -> None:
    """FAILURE fails the edit with what the API says, in whatever shape it says it."""
    scene.worker()
    shapes = ("error", "message", "detail", "detail_list")
    rules: dict[str, Record] = {
        shape: {"fault": "failure", "error": f"too {shape} for us", "shape": shape} for shape in shapes
    }
    results = scene.finish(scene.cases(rules))
    for shape, result in results.items():
        assert (result["state"], result["error"]["code"], result["attempts"]) == ("failed", "failure", 1)
        assert f"too {shape} for us" in result["error"]["message"]
    assert {r["provider_id"] for r in results.values()} == set(scene.api.accepted())


def test_a_refusal_fails_the_edit_at_once_in_the_api_s_words(scene: Scene) -> None:
    """400, 413, 415 and 422 in the API's own words fail the edit as ``refused``; other edits are not held up."""
    scene.worker()
    refusals = {"400": "error", "413": "error", "422": "detail_list", "415": "detail"}
    rules: dict[str, Record] = {
        status: {"fault": "status", "status": int(status), "error": f"{status} says no", "shape": shape}
        for status, shape in refusals.items()
    }
    results = scene.finish(scene.cases(rules))
    for status, result in results.items():
        assert (result["state"], result["error"]["code"]) == ("failed", "refused")
        assert f"{status} says no" in result["error"]["message"]
    assert len(scene.api.submits()) == len(refusals)
    assert scene.run()["state"] == "completed"
