"""Pictures that arrive in pieces: where they are cut into pieces changes nothing, and the end is the picture's own."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.errors import BrokenResultError
from retouch.media.images import ImageInfo, Walk, inspect
from tests.harness.pictures import REFUSED, WHOLE
from tests.unit.media.test_images import IMAGES

PICTURES = {name: data for name, (_, data) in IMAGES.items()} | {
    name: WHOLE[name][0] for name in ("motion-photo", "gain-map", "trailing-data", "animated", "black", "workflow")
}
OWN_ENDS = {name: IMAGES[name][1] for name in IMAGES}  # nothing follows


def walked(pieces: Iterable[bytes]) -> ImageInfo | str:
    """What the walk says of a picture in these pieces: what it is, or why it is none."""
    first, *others = pieces
    try:
        walk = Walk(first)
        for piece in others:
            walk.take(piece)
        return walk.end()
    except BrokenResultError as error:
        return str(error)


def cut_up(data: bytes, places: list[int]) -> list[bytes]:
    """The picture in pieces; the first has the 12 bytes that tell the kind."""
    ends = sorted({12 + place % (len(data) - 12) for place in places} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@given(st.sampled_from(sorted(PICTURES)), st.lists(st.integers(0, 2**20), max_size=12))
def test_where_the_pieces_end_changes_nothing(name: str, places: list[int]) -> None:
    """A picture in any pieces is what it is in one."""
    data = PICTURES[name]
    assert walked(cut_up(data, places)) == inspect(data)


@given(st.sampled_from(sorted(REFUSED)), st.lists(st.integers(0, 2**20), max_size=12))
def test_where_the_pieces_end_makes_no_picture_whole(name: str, places: list[int]) -> None:
    """What is refused in one piece is refused for the same reason in many."""
    data = REFUSED[name][0]
    assert walked(cut_up(data, places)) == walked([data])


@pytest.mark.parametrize("name", [*(name for name, data in PICTURES.items() if len(data) < 30_000), "motion-photo"])
def test_single_bytes_make_a_picture(name: str) -> None:
    """A server that sends a byte at a time gets the same answer."""
    data = PICTURES[name]
    assert walked([data[:12], *(data[at : at + 1] for at in range(12, len(data)))]) == inspect(data)


@given(st.sampled_from(sorted(OWN_ENDS)), st.integers(0, 2**20))
def test_every_beginning_is_truncated(name: str, length: int) -> None:
    """Whatever is missing at the end, the picture is called truncated."""
    data = OWN_ENDS[name]
    said = walked([data[: 12 + length % (len(data) - 12)]])
    assert isinstance(said, str)
    assert "truncated" in said


@given(st.sampled_from(sorted(OWN_ENDS)), st.binary(max_size=300))
def test_what_follows_the_end_does_no_harm(name: str, trailer: bytes) -> None:
    """Any bytes at all may stand behind a whole picture."""
    data = OWN_ENDS[name]
    assert walked([data + trailer]) == walked([data, trailer]) == inspect(data)


FILLERS = [b"\xff", b"\xff\x00", b"\xff\xd0", b"\xff\xfe\x00\x02", b"\xff\xda\x00\x02", b"\0\0\0\0tEXt\0\0\0\0"]


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("start", ["jpeg", "png", "webp"])
def test_hostile_bytes_take_bounded_time(start: str, filler: bytes) -> None:
    """Two MiB of whatever is dearest to walk over take a fraction of a second, in large pieces and in small ones."""
    data = IMAGES[start][1][:700] + filler * (2 * 2**20 // len(filler))
    began = time.process_time()
    walked([data])
    walked([data[at : at + 1000] for at in range(0, len(data), 1000)])
    assert time.process_time() - began < 1.5
