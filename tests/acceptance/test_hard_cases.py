"""Results that go astray: lost ids, late edits, dead links, broken images, and addresses that must not be called."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from PIL import Image

from tests.harness.growing import Record
from tests.harness.scene import Scene
from tests.harness.waiting import LIMIT_S
from tests.harness.web import Web


def test_an_edit_that_the_api_has_lost_fails_as_lost(scene: Scene) -> None:
    """An id that reads 404 again and again, while others are found, ends the edit as ``lost``: no second submit."""
    scene.worker(patience="0.1")
    batch = scene.cases({"lost": {"fault": "lost_id"}, "fine": {"fault": "odd_status", "times": 2}})
    results = scene.finish(batch)
    assert (results["lost"]["state"], results["lost"]["error"]["code"]) == ("failed", "lost")
    assert results["fine"]["state"] == "completed"
    assert [entry["status"] for entry in scene.api.polls()].count(404) >= 5
    assert len(scene.api.submits()) == 2


def test_an_edit_past_its_deadline_is_asked_about_once_more(scene: Scene) -> None:
    """An edit that never ends fails as ``deadline``, and not before the API was asked after that time."""
    scene.worker(deadline="5")
    scene.api.trouble("odd_status", word="PENDING")
    result = scene.run()
    assert (result["state"], result["error"]["code"]) == ("failed", "deadline")
    deadline = datetime.fromisoformat(result["submitted_at"]).timestamp() + 5
    assert [entry["time"] >= deadline for entry in scene.api.polls()][-2:] == [False, True]


def test_an_edit_that_ends_with_its_deadline_is_kept(scene: Scene) -> None:
    """The last question counts: a result that is there then completes the edit."""
    scene.worker(deadline="6", poll_min="20", poll_max="40")  # before a first question would be asked
    assert scene.run()["state"] == "completed"


def test_an_expired_link_is_renewed_once(scene: Scene) -> None:
    """403 on a link asks the status once more for a fresh one, with which the image is copied."""
    scene.worker()
    scene.api.trouble("expired_url", times=1)
    result = scene.run()
    assert (result["state"], result["attempts"], len(result["outputs"])) == ("completed", 1, 1)
    refused, good = scene.api.fetches()
    assert [refused["status"], good["status"]] == [403, 200]
    assert sum(refused["time"] < entry["time"] < good["time"] for entry in scene.api.polls()) == 1


def test_a_link_that_stays_dead_fails_the_edit(scene: Scene) -> None:
    """A result that is gone, while others of its host are not, ends the edit as ``result_gone``: no second submit."""
    scene.worker(patience="0.1")
    rules: dict[str, Record] = {str(status): {"fault": "expired_url", "status": status} for status in (403, 404, 410)}
    results = scene.finish_beside_another(scene.cases(rules), rules)
    assert {n: (r["state"], r["error"]["code"]) for n, r in results.items()} == dict.fromkeys(
        rules, ("failed", "result_gone")
    )
    assert len(scene.api.submits()) == 4


def test_a_bad_transfer_is_made_good(scene: Scene) -> None:
    """An image that arrives broken, or not at all, is fetched again; what is stored is whole."""
    scene.worker()
    rules: dict[str, Record] = {
        "cut": {"fault": "truncated", "variant": "cut", "times": 1},
        "short": {"fault": "truncated", "variant": "short", "times": 1},
        "html": {"fault": "html", "times": 1},
        "500": {"fault": "status_result", "status": 500, "times": 1},
        "429": {"fault": "status_result", "status": 429, "times": 1},
    }
    batch = scene.cases(rules, samples=2)
    results = scene.finish(batch)
    assert {n: (r["state"], r["attempts"]) for n, r in results.items()} == dict.fromkeys(rules, ("completed", 1))
    objects = scene.objects(batch)
    for name in (f"{case}/{number}.png" for case in rules for number in (0, 1)):
        Image.open(io.BytesIO(objects[name][0])).load()


def test_a_result_that_is_no_whole_image_is_never_stored(scene: Scene) -> None:
    """Half an image, a page of HTML and more than 32 MiB fail the edit as ``broken_result``, and leave no object."""
    scene.worker(patience="0.1")
    rules: dict[str, Record] = {
        "short": {"fault": "truncated", "variant": "short"},
        "html": {"fault": "html"},
        "oversized": {"fault": "oversized"},
    }
    batch = scene.cases(rules)
    results = scene.finish_beside_another(batch, rules)
    assert {n: (r["state"], r["error"]["code"], r["outputs"]) for n, r in results.items()} == dict.fromkeys(
        rules, ("failed", "broken_result", [])
    )
    assert scene.images(batch) == []
    assert len(scene.api.submits()) == 4


def test_an_image_is_stored_under_its_true_type(scene: Scene) -> None:
    """A JPEG that is served as PNG is stored as ``.jpg`` with the type of its bytes."""
    scene.worker()
    scene.api.trouble("wrong_type")
    batch = scene.enqueue()
    [output] = scene.finish(batch)["c0"]["outputs"]
    assert output["content_type"] == "image/jpeg"
    assert output["uri"].endswith("/c0/0.jpg")
    assert scene.objects(batch)["c0/0.jpg"][1] == "image/jpeg"


def test_links_that_come_a_moment_after_success_are_waited_for(scene: Scene) -> None:
    """SUCCESS with no link, or with fewer than samples, is asked about again until all are there."""
    scene.worker()
    rules: dict[str, Record] = {str(keep): {"fault": "late_urls", "keep": keep, "times": 2} for keep in (0, 1)}
    results = scene.finish(scene.cases(rules, samples=2))
    assert {n: (r["state"], r["attempts"], len(r["outputs"])) for n, r in results.items()} == dict.fromkeys(
        rules, ("completed", 1, 2)
    )


@pytest.mark.slow
def test_a_success_whose_images_do_not_come_is_a_failure(scene: Scene) -> None:
    """After a minute without link it is ``empty_result``; with too few ``partial_result``, which keeps what arrived."""
    scene.worker()
    rules: dict[str, Record] = {"none": {"fault": "no_urls"}, "two": {"fault": "fewer_urls", "keep": 2}}
    batch = scene.cases(rules, samples=4)
    results = scene.finish(batch, 2 * LIMIT_S)
    assert {n: (r["state"], r["error"]["code"], len(r["outputs"])) for n, r in results.items()} == {
        "none": ("failed", "empty_result", 0),
        "two": ("failed", "partial_result", 2),
    }
    assert scene.images(batch) == ["two/0.png", "two/1.png"]
    assert scene.manifest(batch) == list(results.values())


def test_a_redirect_to_a_private_address_is_not_followed(scene: Scene, stranger: Web) -> None:
    """A result's link that redirects to a private address fails the edit, and nothing is sent there."""
    scene.worker(patience="0.1")
    rules: dict[str, Record] = {
        str(status): {"fault": "redirect", "location": f"{stranger.url}/0.png", "status": status}
        for status in (301, 302, 307)
    }
    batch = scene.cases(rules)
    for result in scene.finish_beside_another(batch, rules).values():
        assert (result["state"], result["error"]["code"]) == ("failed", "broken_result")
        assert "not a public address" in result["error"]["message"]
    assert stranger.requests == []
    assert scene.images(batch) == []


def test_nobody_but_the_api_is_shown_the_api_key(scene: Scene, pictures: Web) -> None:
    """Neither the hosts of results, nor one that they redirect to, nor an init_image's, get the API key."""
    scene.worker()
    scene.api.trouble("redirect", location=f"{pictures.url}/elsewhere.png")
    before = len(pictures.requests)
    result = scene.run(init_image=f"{pictures.url}/init.png")
    assert result["state"] == "completed"
    assert [entry["api_key"] for entry in scene.api.fetches()] == [False]
    assert {entry["api_key"] for entry in scene.api.submits() + scene.api.polls()} == {True}
    seen = pictures.requests[before:]
    assert {r.path for r in seen} == {"/init.png", "/elsewhere.png"}
    key = scene.environment["RETOUCH_API_KEY"]
    assert not any(key in str(r.headers) or "api-key" in r.headers for r in seen)


def test_a_signed_link_that_the_api_repeats_is_not_passed_on(scene: Scene) -> None:
    """An error of the API that quotes our presigned link comes into results, events and manifest without its query."""
    scene.worker()
    link = "https://bucket.example/in.png?X-Amz-Credential=AKIA&X-Amz-Signature=0123abcd"
    error = {"error": f"cannot load {link} (HTTP 403)"}
    rules: dict[str, Record] = {"failure": {"fault": "failure"}, "refusal": {"fault": "status", "status": 400}}
    batch = scene.cases({name: rule | error for name, rule in rules.items()})
    results = scene.finish(batch)
    manifest = scene.objects(batch)["manifest.jsonl"][0].decode()
    scene.redis.flushall()  # the check at every test's end would find it too
    assert all("https://bucket.example/in.png" in r["error"]["message"] for r in results.values())
    assert "X-Amz-Signature" not in str(results) + manifest
