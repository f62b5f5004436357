"""The contract: what is taken, what is refused, and how an edit stands."""

from __future__ import annotations

from typing import Any

import anyio.lowlevel
import pytest

from retouch.errors import InputError
from workers.endpoint.latency import Latency

pytestmark = pytest.mark.anyio


async def test_an_edit_is_pending_until_its_work_is_done(caller: Any) -> None:
    """The id is a uuid4 in hex, reads PENDING while the work takes, then SUCCESS with one link a sample."""
    answer = (await caller.submit(samples=3)).json()
    assert answer["status"] == "PENDING"
    assert len(answer["id"]) == 32
    assert int(answer["id"], 16) >> 76 & 0xF == 4
    assert (await caller.status(answer["id"])).json() == answer
    outcome = await caller.outcome(answer["id"])
    assert outcome["status"] == "SUCCESS"
    assert len(set(outcome["download_urls"])) == 3
    for number, link in enumerate(outcome["download_urls"]):
        assert link.startswith(f"{caller.public_url}/results/{answer['id']}/{number}.png?")


async def test_a_result_needs_its_link_and_no_key(caller: Any) -> None:
    """Whoever holds the link gets the picture; without its query, or with another number, nobody does."""
    (link,) = await caller.links()
    answer = await caller.anyone.get(link)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content.startswith(b"\x89PNG")
    assert (await caller.anyone.get(link.split("?")[0])).status_code == 403
    for wrong in ("1.png", "-1.png", "0.jpg", "0", "²"):
        assert (await caller.anyone.get(link.replace("0.png", wrong))).status_code == 404


async def test_links_do_not_follow_the_host_header(caller: Any) -> None:
    """What a caller writes into Host must not choose where the links lead."""
    job_id = (await caller.submit()).json()["id"]
    await caller.outcome(job_id)
    answer = await caller.http.get(f"{caller.base}/status/{job_id}", headers={"Host": "evil.test"})
    assert "evil" not in answer.text


@pytest.mark.parametrize("key", [None, "", "wrong", "ключ".encode()])
async def test_a_wrong_key_is_refused(caller: Any, key: Any) -> None:
    """Submits, status requests and the record need the key; the refusal does not show it."""
    headers = {} if key is None else {"API-Key": key}
    for method, path in (("POST", caller.base), ("GET", f"{caller.base}/status/x"), ("GET", "/_record")):
        answer = await caller.anyone.request(method, path, headers=headers, json=caller.body())
        assert answer.status_code == 401
        assert isinstance(answer.json()["detail"], str)
        assert caller.key not in answer.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", None),
        ("prompt", "word " * 76),
        ("negative_prompt", "word " * 76),
        ("num_inference_steps", 0),
        ("num_inference_steps", 101),
        ("num_inference_steps", 1.5),
        ("strength", 1.01),
        ("strength", "much"),
        ("samples", 5),
        ("guidance_scale", 0.5),
        ("guidance_scale", "nan"),
        ("width", 0),
        ("height", 4097),
        ("seed", "x"),
        ("scheduler", "rm -rf"),
        ("refiner", "perhaps"),
        ("init_image", None),
        ("init_image", "cat.png"),
        ("init_image", "s3://bucket/cat.png"),
        ("init_image", "http://"),
        ("init_image", "http://a:b:c/"),
    ],
)
async def test_a_bad_field_is_named(caller: Any, field: str, value: Any) -> None:
    """422 in FastAPI's shape: the field, what is wrong, and never the value that was sent."""
    answer = await caller.submit(**{field: value})
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["loc"] == ["body", field]
    assert set(problem) == {"loc", "msg", "type"}


async def test_a_refused_link_is_not_echoed(caller: Any) -> None:
    """A link may carry a signature: no refusal repeats it."""
    answer = await caller.submit(init_image="ftp://host/a?X-Amz-Signature=secret", strength=9)
    assert answer.status_code == 422
    assert "secret" not in answer.text


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff\xfe"])
async def test_a_body_that_is_no_object_is_refused(caller: Any, content: bytes) -> None:
    """422 for what is not a JSON object."""
    answer = await caller.http.post(caller.base, content=content)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


async def test_a_huge_body_is_refused(caller: Any) -> None:
    """413 above a mebibyte."""
    assert (await caller.submit(prompt="x" * (1 << 20))).status_code == 413


async def test_lenient_as_the_provider(caller: Any) -> None:
    """Numbers as strings are numbers, and unknown fields are ignored."""
    answer = await caller.submit(
        samples="2", strength="0.5", num_inference_steps="30", refiner="false", lora_models=["x"], clip_skip=2
    )
    assert answer.status_code == 200
    assert len((await caller.outcome(answer.json()["id"]))["download_urls"]) == 2


async def test_an_unreadable_image_is_a_failure(caller: Any) -> None:
    """The edit was taken, so the trouble shows in its outcome."""
    job_id = (await caller.submit(init_image="https://images.test/missing.png")).json()["id"]
    outcome = await caller.outcome(job_id)
    assert outcome["status"] == "FAILURE"
    assert outcome["error"].startswith("init_image could not be downloaded")
    assert "download_urls" not in outcome


async def test_an_unknown_id(caller_with: Any) -> None:
    """404 by default, and PENDING for ever where Celery is imitated."""
    assert (await caller_with().status("f" * 32)).status_code == 404
    assert (await caller_with(unknown_pending=True).status("f" * 32)).json()["status"] == "PENDING"


async def test_the_same_key_gives_the_same_edit(caller: Any) -> None:
    """While it runs and after it has ended, a repeated submit starts no second work."""
    first = await caller.submit(key="k1")
    again = await caller.submit(key="k1")
    await caller.outcome(first.json()["id"])
    later = await caller.submit(key="k1")
    assert first.json() == again.json() == later.json()
    assert len(caller.gate.reads) == 1
    assert (await caller.submit(key="k2")).json()["id"] != first.json()["id"]


async def test_a_key_with_another_body_is_refused(caller: Any) -> None:
    """A key names one edit; a link that was only signed anew is still the same edit."""
    link = "https://b.s3.test/cat.png?versionId=1&X-Amz-Signature="
    first = await caller.submit(key="k", init_image=link + "a")
    assert (await caller.submit(key="k", init_image=link + "b")).json() == first.json()
    assert (await caller.submit(key="k", init_image=link.replace("Id=1", "Id=2"))).status_code == 422
    assert (await caller.submit(key="k", init_image=link + "a", seed=2)).status_code == 422


async def test_capacity_counts_images(caller_with: Any) -> None:
    """Two places: two single images at once, never three; four samples take all there is and do start."""
    caller = caller_with(capacity=2)
    answers = [await caller.submit(samples=samples) for samples in (1, 1, 4, 1)]
    with anyio.fail_after(5):
        while caller.gate.working < 2:
            await anyio.lowlevel.checkpoint()
    for answer in answers:
        assert (await caller.outcome(answer.json()["id"]))["status"] == "SUCCESS"
    assert caller.gate.most == 2


async def test_a_full_queue_throttles(caller_with: Any) -> None:
    """One is worked on, one may wait; the third is told to come back, a known one is still known."""
    caller = caller_with(capacity=1, max_queue=1)
    await caller.submit()
    waiting = await caller.submit(key="k")
    refused = await caller.submit()
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await caller.submit(key="k")).json() == waiting.json()


async def test_old_results_are_given_up(caller_with: Any) -> None:
    """Beyond the bound in bytes the oldest edit's picture is gone for good: 410."""
    caller = caller_with(keep_bytes=150)  # one picture has about a hundred bytes
    old, new = (await caller.links())[0], (await caller.links())[0]
    assert (await caller.anyone.get(old)).status_code == 410
    assert (await caller.anyone.get(new)).status_code == 200


async def test_the_front_page_names_the_engine(caller: Any) -> None:
    """Nobody shall take a stand-in's pictures for a model's."""
    about = (await caller.anyone.get("/")).json()
    assert (about["engine"]["name"], about["engine"]["version"]) == ("copy", "7")


async def test_the_record_tells_what_arrived(caller: Any) -> None:
    """Every request is there, in order, with its edit and whether a key came with it, but never the key."""
    job_id = (await caller.submit(key="k1", marker="m1")).json()["id"]
    (link,) = (await caller.outcome(job_id))["download_urls"]
    await caller.http.get(link)  # wrongly with the key
    await caller.anyone.get(link)
    answer = await caller.http.get("/_record")
    entries = answer.json()
    submit, *results = [entry for entry in entries if entry["kind"] in ("submit", "result")]
    expected = {"id": job_id, "idempotency_key": "k1", "prompt": "a cat", "marker": "m1", "status": 200}
    assert submit.items() >= (expected | {"new": True, "api_key": True, "method": "POST"}).items()
    assert [entry["api_key"] for entry in results] == [True, False]
    assert [entry["seq"] for entry in entries] == list(range(len(entries)))
    assert caller.key not in answer.text
    assert "token" not in answer.text
    assert (await caller.http.get("/_record?kind=submit")).json() == [submit]
    assert (await caller.http.get("/_record?kind=submit&since=1")).json() == []


async def test_the_record_tells_how_long_a_caller_was_asked_to_wait(caller: Any) -> None:
    """The Retry-After of an answer stands there, and nothing where there is none."""
    await caller.faults({"fault": "throttle", "retry_after": 7, "times": 1})
    for _ in range(2):
        await caller.submit()
    entries = (await caller.http.get("/_record?kind=submit")).json()
    assert [entry["retry_after"] for entry in entries] == ["7", None]


@pytest.mark.parametrize(("text", "expected"), [("0.5", (0.5, 0.5)), ("0.2-.8", (0.2, 0.8)), ("2", (2, 2))])
def test_latency_is_seconds_or_a_range(text: str, expected: tuple[float, float]) -> None:
    """Both notations are read."""
    latency = Latency.parse(text)
    assert (latency.low_s, latency.high_s) == expected


@pytest.mark.parametrize("text", ["", "-1", "a", "1-", "0.8-0.2", "nan"])
def test_a_bad_latency_is_named(text: str) -> None:
    """Anything else is refused in one sentence."""
    with pytest.raises(InputError, match="is not"):
        Latency.parse(text)
