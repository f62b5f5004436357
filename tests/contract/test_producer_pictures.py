"""Pictures from Python into S3, and results out of it, with a real S3 server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fakeredis
import pytest

from retouch import EditQueue, EditState, InputError, LostImagesError, RejectedEditsError, Result, ServiceError
from retouch.intake import enqueueing
from retouch.ledger import Finish, Ledger, Settlement, Step
from retouch.media import store, stores
from tests.harness.pictures import FOLDER, field
from workers.stack.s3 import S3

NAMES = ["palette.png", "sixteen-bit.png", "lossless.webp"]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(fakeredis.FakeRedis(decode_responses=True))


@pytest.fixture
def queue(ledger: Ledger, s3: S3, s3_prefix: str, monkeypatch: pytest.MonkeyPatch) -> EditQueue:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return EditQueue(ledger, bucket=s3.bucket, prefix=s3_prefix)


def objects(s3: S3, prefix: str) -> dict[str, bytes]:
    """What is in the bucket under this prefix."""
    client = s3.client()
    found = client.list_objects_v2(Bucket=s3.bucket, Prefix=prefix).get("Contents", [])
    return {
        f"s3://{s3.bucket}/{item['Key']}": client.get_object(Bucket=s3.bucket, Key=item["Key"])["Body"].read()
        for item in found
    }


def sent(ledger: Ledger, custom_id: str) -> str:
    view = ledger.reader.edit("b", custom_id)
    assert view is not None
    return str(view.parameters["init_image"])


def edit(custom_id: str, init_image: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "prompt": "a cat", "init_image": init_image}


def test_a_picture_is_a_path_an_open_file_or_bytes(
    queue: EditQueue, ledger: Ledger, s3: S3, s3_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is relative to the working directory; one file may be given for several edits."""
    monkeypatch.chdir(FOLDER)
    with open(FOLDER / NAMES[1], "rb") as file:
        given = {
            "path": Path(NAMES[0]),
            "text": NAMES[0],
            "file": file,
            "again": file,
            "bytes": field(NAMES[2]),
            "memory": io.BytesIO(field(NAMES[2])),
        }
        queue.enqueue([edit(name, picture) for name, picture in given.items()], batch="b")
        assert file.tell() == 0
    there = objects(s3, s3_prefix)
    assert len(there) == 3
    wanted = [0, 0, 1, 1, 2, 2]
    assert {name: there[sent(ledger, name)] for name in given} == {
        name: field(NAMES[number]) for name, number in zip(given, wanted, strict=True)
    }
    queue.cancel("b")
    results = {result.custom_id: result for result in queue.results("b")}
    size = f"{len(field(NAMES[2])):,} bytes"  # what has no name
    named = {"path": NAMES[0], "text": NAMES[0], "file": str(FOLDER / NAMES[1]), "bytes": size, "memory": size}
    assert {name: results[name].init_image for name in named} == named
    assert {name: results[name].uploaded_as for name in given} == {name: sent(ledger, name) for name in given}


def test_a_batchs_default_may_be_a_picture(queue: EditQueue, ledger: Ledger, s3: S3, s3_prefix: str) -> None:
    """One picture, and many prompts for it."""
    edits = [{"custom_id": f"e{n}", "prompt": f"a cat {n}"} for n in range(3)]
    for number, picture in enumerate((FOLDER / NAMES[0], field(NAMES[0]))):
        receipt = queue.enqueue(edits, batch=f"b{number}", defaults={"init_image": picture})
        assert receipt.accepted == 3
        queue.cancel(f"b{number}")
    assert [next(queue.results(batch)).init_image for batch in ("b0", "b1")] == [
        str(FOLDER / NAMES[0]),
        f"{len(field(NAMES[0])):,} bytes",
    ]
    assert list(objects(s3, s3_prefix).values()) == [field(NAMES[0])]


def test_the_pictures_of_a_generator_are_in_s3_before_its_edits_are_written(
    queue: EditQueue, ledger: Ledger, s3: S3, s3_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may look for them at once."""
    monkeypatch.setattr(enqueueing, "PICTURES_AT_ONCE", 2)
    held: list[int] = []

    def edits() -> Iterator[dict[str, Any]]:
        for number, name in enumerate(NAMES):
            yield edit(f"e{number}", field(name))
            held.append(len(objects(s3, s3_prefix)))

    assert queue.enqueue(edits(), batch="b").accepted == len(NAMES)
    assert held == [0, 2, 2]
    assert {sent(ledger, f"e{n}") for n in range(3)} == set(objects(s3, s3_prefix))


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (Path("nothing.png"), "nothing.png: No such file"),
        (b"GIF89a-------", "the picture given as bytes is not a picture that the API accepts"),
        (io.StringIO("x"), "is open as text"),
        (io.BytesIO(b""), "the picture given as a file is not a picture"),
    ],
)
def test_a_picture_that_cannot_be_taken_is_told_before_anything_is_written(
    queue: EditQueue, s3: S3, s3_prefix: str, picture: Any, said: str
) -> None:
    """With the edit's place; nothing is uploaded either."""
    with pytest.raises(RejectedEditsError, match=rf"edit 2 \(b\): init_image .*{said}"):
        queue.enqueue([edit("a", field(NAMES[0])), edit("b", picture)], batch="b")
    assert (queue.batches(), objects(s3, s3_prefix)) == ([], {})


def test_without_a_bucket_a_local_picture_is_refused(ledger: Ledger) -> None:
    """The worker has another disk."""
    for picture in ("cat.png", Path("cat.png"), field(NAMES[0])):
        with pytest.raises(RejectedEditsError, match="RETOUCH_BUCKET"):
            EditQueue(ledger).enqueue([edit("a", picture)], batch="b")


def outputs(s3: S3, s3_prefix: str, *names: str) -> list[dict[str, Any]]:
    """Put pictures into S3 as results of an edit."""
    found = []
    for number, name in enumerate(names):
        key = f"{s3_prefix}b/a/{number}{Path(name).suffix}"
        s3.client().put_object(Bucket=s3.bucket, Key=key, Body=field(name))
        whole = {"uri": f"s3://{s3.bucket}/{key}", "sha256": hashlib.sha256(field(name)).hexdigest()}
        found.append(whole | {"bytes": len(field(name)), "width": 64, "height": 64, "content_type": "image/png"})
    return found


def result(images: list[dict[str, Any]]) -> Result:
    return Result({"custom_id": "a", "state": "completed", "outputs": images})


@pytest.mark.usefixtures("queue")
def test_a_result_is_downloaded_to_a_folder_or_a_file(s3: S3, s3_prefix: str, tmp_path: Path) -> None:
    """The folder is made; a file's name is for one image."""
    two = result(outputs(s3, s3_prefix, *NAMES[:2]))
    files = two.download(tmp_path / "new" / "folder")
    assert [file.name for file in files] == ["a.0.png", "a.1.png"]
    assert [file.read_bytes() for file in files] == [field(name) for name in NAMES[:2]]
    with pytest.raises(InputError, match="a has 2 images"):
        two.download(tmp_path / "one.png")
    one = result(outputs(s3, s3_prefix, NAMES[0]))
    assert one.download(str(tmp_path / "one.PNG")) == [tmp_path / "one.PNG"]
    assert (tmp_path / "one.PNG").read_bytes() == field(NAMES[0])
    assert result([]).download(tmp_path / "none") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "one.PNG"]


@pytest.mark.usefixtures("queue")
def test_an_image_that_is_gone_or_another_is_no_file(s3: S3, s3_prefix: str, tmp_path: Path) -> None:
    """What was there under the name stays."""
    (tmp_path / "a.0.png").write_bytes(b"before")
    [image] = outputs(s3, s3_prefix, NAMES[0])
    for other in ({"sha256": "0" * 64}, {"uri": f"{image['uri']}x.png"}):
        with pytest.raises(ServiceError, match="the images of a could not be downloaded"):
            result([image | other]).download(tmp_path)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.0.png", b"before")]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        result([image]).download(tmp_path / "file" / "below")


def test_pictures_go_in_and_out_where_an_event_loop_runs(
    queue: EditQueue, s3: S3, s3_prefix: str, tmp_path: Path
) -> None:
    """As in each cell of a notebook."""

    async def cell() -> list[Path]:
        queue.enqueue([edit("a", field(NAMES[0]))], batch="b")
        return result(outputs(s3, s3_prefix, NAMES[1])).download(tmp_path)

    assert [file.read_bytes() for file in asyncio.run(cell())] == [field(NAMES[1])]
    shutil.rmtree(tmp_path)


def test_results_share_a_client(
    queue: EditQueue, s3: S3, s3_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To make one takes a fifth of a second; other AWS variables get another one."""
    opened: list[str] = []
    make = store.Store

    def counted(bucket: str, **how: Any) -> store.Store:
        opened.append(bucket)
        return make(bucket, **how)

    monkeypatch.setattr(store, "Store", counted)
    stores._kept.cache_clear()
    images = outputs(s3, s3_prefix, *NAMES)
    for _ in range(3):
        result(images).download(tmp_path)
    queue.enqueue([edit("a", field(NAMES[0]))], batch="b")
    assert opened == [s3.bucket]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(ServiceError, match="could not be downloaded"):
        result(images).download(tmp_path / "other")
    assert len(opened) == 2


def complete(ledger: Ledger, images: dict[str, list[dict[str, Any]]]) -> None:
    """End each edit with its images, then its batch."""
    while claims := ledger.worker.claim("w", lease_ms=60_000, places=100).claims:
        for claim in claims:
            if claim.step is Step.FINISH:
                ledger.worker.settle_batch(claim, Finish.WRITTEN)
            else:
                found = json.dumps(images[claim.member.partition("/")[2]])
                settlement = Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED, outputs=found)
                ledger.worker.settle([settlement])


@pytest.fixture
def done(queue: EditQueue, ledger: Ledger, s3: S3, s3_prefix: str) -> EditQueue:
    """A batch of which two edits have ended, one with two images."""
    queue.enqueue([edit(name, "https://example.com/cat.png") for name in ("x", "y")], batch="b")
    images = outputs(s3, s3_prefix, *NAMES)
    complete(ledger, {"x": images[:2], "y": images[2:]})
    return queue


WHOLE = {"x.0.png": field(NAMES[0]), "x.1.png": field(NAMES[1]), "y.0.webp": field(NAMES[2])}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_batch_is_downloaded_and_what_is_there_is_left_alone(done: EditQueue, tmp_path: Path) -> None:
    """What differs is replaced; the files come in the batch's order, also in a cell of a notebook."""

    async def cell() -> list[Path]:
        return done.download("b", tmp_path / "new")

    assert asyncio.run(cell()) == [tmp_path / "new" / name for name in WHOLE]
    kept = (tmp_path / "new" / "x.0.png").stat().st_mtime_ns
    (tmp_path / "new" / "x.1.png").write_bytes(b"other")
    (tmp_path / "new" / "y.0.webp").unlink()
    seen: list[tuple[int, int]] = []
    done.download("b", str(tmp_path / "new"), on_progress=lambda *how_far: seen.append(how_far))
    assert files(tmp_path / "new") == WHOLE
    assert (tmp_path / "new" / "x.0.png").stat().st_mtime_ns == kept
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_names_and_states_of_a_download_are_chosen(done: EditQueue, tmp_path: Path) -> None:
    """A wrong one is one sentence, and nothing is written."""
    assert done.download("b", tmp_path / "none", only=["failed", EditState.CANCELLED]) == []
    done.download("b", tmp_path / "all", names="{batch}/{custom_id}_{n}.{ext}", only="completed")
    assert sorted(files(tmp_path / "all")) == ["b/x_0.png", "b/x_1.png", "b/y_0.webp"]
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"names": "{name}.png"}, r"^names: there is no \{name\}"),
        ({"names": "{custom_id}.png"}, "^names: two pictures would be 'x.png'"),
        ({"names": "../{custom_id}.{n}"}, "^names: .* is not the name of a file inside the folder"),
        ({"only": "queued"}, "^only: an edit does not end as 'queued'"),
    ]
    for arguments, said in wrong:
        with pytest.raises(InputError, match=said):
            done.download("b", tmp_path / "wrong", **arguments)
    with pytest.raises(InputError, match="there is no batch 'c' in Redis"):
        done.download("c", tmp_path / "wrong")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all"]


def test_images_that_are_gone_are_an_error_when_all_others_are_saved(
    done: EditQueue, s3: S3, s3_prefix: str, tmp_path: Path
) -> None:
    """Each is told."""
    s3.client().delete_object(Bucket=s3.bucket, Key=f"{s3_prefix}b/a/1.png")
    with pytest.raises(
        LostImagesError, match=r"^1 of 3 images of batch b could not be had, the others are in"
    ) as error:
        done.download("b", tmp_path)
    assert [sentence.rpartition("/")[2] for sentence in error.value.lost] == ["1.png"]
    assert sorted(files(tmp_path)) == ["x.0.png", "y.0.webp"]


def test_a_batch_that_has_left_redis_is_downloaded_by_its_manifest(
    done: EditQueue, s3: S3, s3_prefix: str, tmp_path: Path
) -> None:
    """It is in the queue's bucket."""
    lines = "".join(json.dumps(each.to_json()) + "\n" for each in done.results("b"))
    s3.client().put_object(Bucket=s3.bucket, Key=f"{s3_prefix}b/manifest.jsonl", Body=lines.encode())
    done.remove("b")
    done.download("b", tmp_path)
    assert files(tmp_path) == WHOLE


def test_a_process_that_was_forked_after_s3_was_used_is_told_so(done: EditQueue, tmp_path: Path) -> None:
    """Its clients would wait for threads that are not there."""
    done.download("b", tmp_path)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_download, args=(done, tmp_path, theirs))
    child.start()
    theirs.close()
    try:
        assert ours.poll(30), "the child hangs"
        assert "this process was forked from one that has used S3 already" in ours.recv()
    finally:
        child.kill()
        child.join()


def _download(queue: EditQueue, folder: Path, told: Any) -> None:
    try:
        next(queue.results("b")).download(folder / "child")
    except InputError as error:
        told.send(str(error))
