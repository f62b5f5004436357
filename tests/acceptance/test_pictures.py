"""Pictures of the field, as results and as local files: whole ones are kept, cut ones are not, blank ones are told."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.pictures import BLANK, REFUSED, WHOLE, field
from tests.harness.processes import RETOUCH, run
from tests.harness.scene import Scene
from tests.harness.web import Request, Web

PACKED = {
    "chunked-gzip": ("aws-chunked,gzip", gzip.compress(field("palette.png"))),
    "only-named": ("aws-chunked", field("palette.png")),
    "brotli": ("br", b"\x0b\x02\x80" + bytes(100)),
}
BODIES = {
    **{name: body for name, (body, _, _) in WHOLE.items()},
    **{name: body for name, (body, _) in REFUSED.items()},
    **{name: body for name, (_, body) in PACKED.items()},
}


class Gallery(Web):
    """A host of results that serves each picture under its name, with the content coding that it goes by."""

    def __init__(self) -> None:
        super().__init__(self._take)

    def _take(self, request: Request) -> tuple[int, bytes]:
        return 200, BODIES[request.path.strip("/")]

    def headers(self, request: Request) -> dict[str, str]:
        """Named by the server, done or not."""
        coding = PACKED.get(request.path.strip("/"))
        return {"Content-Encoding": coding[0]} if coding else {}


@pytest.fixture(scope="module")
def gallery() -> Iterator[Web]:
    """The host, while it runs."""
    with Gallery() as web:
        yield web


@pytest.mark.slow
def test_results_of_the_field(scene: Scene, gallery: Web) -> None:
    """Each has its right outcome, and the batch counts the blank ones: in its results, files, events and commands."""
    scene.worker(private_hosts=f"{scene.environment['RETOUCH_PRIVATE_HOSTS']},{gallery.host}", patience="0.1")
    taken, refused = [*WHOLE, "chunked-gzip", "only-named"], [*REFUSED, "brotli"]
    names = [*taken, *refused]
    batch = scene.cases({name: {"fault": "redirect", "location": f"{gallery.url}/{name}"} for name in names})
    results = scene.finish_beside_another(batch, refused)
    assert {name: results[name]["state"] for name in names} == (
        dict.fromkeys(taken, "completed") | dict.fromkeys(refused, "failed")
    )
    objects = scene.objects(batch)
    for name, (data, content_type, _) in WHOLE.items():
        [output] = results[name]["outputs"]
        assert objects[output["uri"].partition(f"/{batch}/")[2]] == (data, content_type)
        assert output["blank"] is (name in BLANK)
    for name, (_, words) in REFUSED.items():
        assert words in results[name]["error"]["message"]
    assert "br" in results["brotli"]["error"]["message"]
    assert scene.queue.status(batch).blank == len(BLANK)
    assert {r.custom_id for r in scene.queue.results(batch, blank=True)} == BLANK
    assert scene.manifest(batch) == list(results.values())
    told = [event.data for event in scene.ledger.reader.events() if event.type == "retouch.batch.completed"]
    assert next(data["blank"] for data in told if data["batch"] == batch) == len(BLANK)


def test_local_files_of_the_field(scene: Scene, tmp_path: Path) -> None:
    """A manifest of whole pictures is enqueued; one that was cut refuses it, with the line and the word."""
    lines: list[dict[str, Any]] = []
    for name, (data, *_) in WHOLE.items():
        (tmp_path / name).write_bytes(data)
        lines.append({"custom_id": name, "prompt": "x", "init_image": name})
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, lines)))
    command: list[str | Path] = [RETOUCH, "enqueue", str(tmp_path / "m.jsonl"), "--batch", "local", "--json"]
    ended = run(command, env=scene.environment)
    assert (ended.code, json.loads(ended.out)["accepted"]) == (0, len(WHOLE)), ended
    (tmp_path / "rotated").write_bytes(field("cut.jpg"))
    ended = run([*command, "--dry-run"], env=scene.environment)
    assert ended.code == 2
    assert "truncated" in ended.out + ended.err
