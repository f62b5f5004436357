"""``--size``: sides that keep a picture's aspect, and a note where it changes."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from retouch.errors import InputError, LostObjectError, ServiceError, StoreRefusedError
from retouch.intake.sizes import Sized, fit, parse_size
from retouch.intake.source import Line
from retouch.media.headers import Size
from tests.unit.intake.test_variations import Given


def jpeg(width: int, height: int, orientation: int = 1) -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (width, height)).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


class Bucket:
    """Objects that can be read at places; counts what is read."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = objects
        self.reads = 0

    async def read_range(self, key: str, start: int, length: int) -> tuple[bytes, int]:
        self.reads += 1
        if key == "refused":
            raise StoreRefusedError("bucket 'b' refuses: AccessDenied")
        if key not in self.objects:
            raise LostObjectError(key)
        return self.objects[key][start : start + length], len(self.objects[key])


def sized(
    folder: Path, size: str, *fields: dict[str, Any], bucket: Bucket | None = None, **defaults: Any
) -> tuple[list[Line], list[str]]:
    lines = [Line(n, one) for n, one in enumerate(fields, 1)]
    wanted = parse_size(size) if size else None
    source = Sized(Given(*lines), wanted, defaults, folder, lambda _name: bucket or Bucket())
    return list(source), source.notes


def sides(line: Line) -> tuple[Any, Any]:
    return line.fields.get("width"), line.fields.get("height")


@pytest.mark.parametrize(
    ("picture", "result"),
    [
        ((640, 427), (512, 344)),
        ((427, 640), (344, 512)),
        ((4032, 3024), (512, 384)),
        ((512, 512), (512, 512)),
        ((100, 50), (512, 256)),
        ((4096, 1), (512, 8)),
    ],
)
def test_fit(picture: tuple[int, int], result: tuple[int, int]) -> None:
    """The long side is as asked, the other one the nearest multiple of 8."""
    assert fit(Size(*picture), 512) == result


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 512).map(lambda n: 8 * n))
def test_fit_keeps_the_aspect(width: int, height: int, long_side: int) -> None:
    """As well as multiples of 8 can, and at least 8 pixels."""
    made = fit(Size(width, height), long_side)
    assert max(made) == long_side
    assert made.width % 8 == made.height % 8 == 0
    exact = long_side * min(width, height) / max(width, height)
    assert abs(min(made) - exact) <= 4 or min(made) == 8


@pytest.mark.parametrize("text", ["512", "fit", "fit:0", "fit:510", "fit:5000", "0x5", "512x", "512x5000", "a"])
def test_sizes_that_are_refused(text: str) -> None:
    """With what may be written."""
    with pytest.raises(InputError, match="--size"):
        parse_size(text)


def test_local_pictures_are_fitted_upright(tmp_path: Path) -> None:
    """A picture that EXIF turns is as high as it looks; sides that an edit sets itself stay."""
    (tmp_path / "a.jpg").write_bytes(jpeg(640, 427))
    (tmp_path / "b.jpg").write_bytes(jpeg(640, 427, orientation=6))
    own = {"init_image": "a.jpg", "width": 512, "height": 512}
    lines, notes = sized(tmp_path, "fit:512", {"init_image": "a.jpg"}, {"init_image": "b.jpg"}, own)
    assert [sides(line) for line in lines] == [(512, 344), (344, 512), (512, 512)]
    assert notes == []


def test_objects_in_s3_are_fitted_by_their_header_once(tmp_path: Path) -> None:
    """One small read an object, however many edits it has."""
    bucket = Bucket(k=jpeg(400, 800))
    lines, _ = sized(tmp_path, "fit:256", *[{"init_image": "s3://b/k"}] * 5, {"init_image": " S3://b/k"}, bucket=bucket)
    assert {sides(line) for line in lines} == {(128, 256)}
    assert bucket.reads == 2


@pytest.mark.parametrize(
    ("init_image", "words"),
    [
        ("https://example.com/a.jpg", "only known for local pictures"),
        ("s3://b/gone", "no such object"),
        ("s3://b/text", "not PNG, JPEG or WebP"),
        ("text.jpg", "not PNG, JPEG or WebP"),
    ],
)
def test_what_cannot_be_fitted_is_a_problem_of_its_line(tmp_path: Path, init_image: str, words: str) -> None:
    """It says what to do instead."""
    (tmp_path / "text.jpg").write_text("hello")
    [line], _ = sized(tmp_path, "fit:512", {"init_image": init_image}, bucket=Bucket(text=b"hello"))
    assert words in str(line.problem)
    assert "set width and height" in str(line.problem)


def test_a_bucket_that_refuses_is_a_service(tmp_path: Path) -> None:
    """No line is wrong."""
    with pytest.raises(ServiceError, match="AccessDenied"):
        sized(tmp_path, "fit:512", {"init_image": "s3://b/refused"}, bucket=Bucket())


def test_explicit_sides_need_no_look_at_what_is_far_away(tmp_path: Path) -> None:
    """Of any kind of picture."""
    images = ["https://example.com/a.jpg", "s3://b/k", "no-such.jpg"]
    lines, _ = sized(tmp_path, "640x384", *[{"init_image": image} for image in images])
    assert {sides(line) for line in lines} == {(640, 384)}
    assert not any(line.problem for line in lines)


@pytest.mark.parametrize(
    ("size", "defaults", "result"),
    [("", {}, "512x512"), ("256x512", {}, "256x512"), ("", {"width": 256}, "256x512")],
)
def test_a_note_where_the_aspect_changes(tmp_path: Path, size: str, defaults: dict[str, Any], result: str) -> None:
    """Once, with the number of pictures, and from what to what."""
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_bytes(jpeg(640, 427))
    lines = [{"init_image": f"{n % 3}.jpg"} for n in range(9)]
    _, notes = sized(tmp_path, size, *lines, **defaults)
    [note] = notes
    assert note.startswith(f"3 pictures change their aspect, such as 0.jpg from 640x427 to {result}")
    assert "--size fit:512" in note


@pytest.mark.parametrize("size", ["fit:512", "640x424"])
def test_no_note_where_it_stays(tmp_path: Path, size: str) -> None:
    """A pixel or two is no change."""
    (tmp_path / "a.jpg").write_bytes(jpeg(640, 427))
    assert sized(tmp_path, size, {"init_image": "a.jpg"})[1] == []


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Whoever takes the picture says that it is no file."""
    os.mkfifo(tmp_path / "pipe.jpg")
    [line], _ = sized(tmp_path, "fit:512", {"init_image": "pipe.jpg"})
    assert line.problem is None
