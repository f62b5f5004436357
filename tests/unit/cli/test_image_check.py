"""``retouch enqueue --check-images``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from retouch.cli import counting, image_check
from retouch.errors import GoneError, LostObjectError, UnreachableResultError
from retouch.ledger import Ledger
from tests.unit.cli.conftest import Run

Manifest = Callable[..., str]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class Fetcher:
    """Knows what is at three addresses, and nothing of others."""

    asked: list[str]

    async def beginning(self, url: str, _length: int) -> tuple[bytes, int]:
        self.asked.append(url)
        if "gone" in url:
            raise GoneError(f"{url} answers 404")
        if "later" in url:
            raise UnreachableResultError("e.com answers 503")
        return PNG, len(PNG)

    async def close(self) -> None:
        """Nothing is open."""


class Store:
    """A bucket with one picture in it."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    async def read_range(self, key: str, start: int, length: int) -> tuple[bytes, int]:
        if (self._bucket, key) != ("photos", "a/cat.png"):
            raise LostObjectError(key)
        return PNG[start : start + length], len(PNG)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    fetcher = Fetcher()
    fetcher.asked = []

    def pictures(*_hosts: Any) -> image_check._Pictures:
        return image_check._Pictures(fetcher, Store)

    monkeypatch.setattr(image_check, "_pictures", pictures)
    return fetcher.asked


def at(path: str) -> dict[str, object]:
    return {"init_image": path}


def test_a_picture_that_is_not_there_refuses_its_lines(
    run: Run, manifest: Manifest, asked: list[str], ledger: Ledger
) -> None:
    """All of them, and it is asked for once; nothing is enqueued."""
    gone = at("https://e.com/gone.png")
    ended = run("enqueue", manifest(gone, at("https://e.com/a.png"), gone), "--batch", "b", "--check-images")
    assert ended.code == 2
    assert "line 1 (e0) and 1 other: init_image https://e.com/gone.png answers 404" in ended.err
    assert sorted(asked) == ["https://e.com/a.png", "https://e.com/gone.png"]
    assert ledger.reader.batch("b") is None


def test_what_cannot_be_checked_is_told_and_taken(run: Run, manifest: Manifest, asked: list[str]) -> None:
    """It may be there when the edit is sent."""
    ended = run("enqueue", manifest(at("https://e.com/later.png"), {}), "--batch", "b", "--check-images")
    assert ended.code == 0
    assert "1 could not be checked, and are taken as they are" in ended.err
    assert "1: e.com answers 503" in ended.err
    assert len(asked) == 2


def test_objects_in_s3_are_looked_at_too(run: Run, manifest: Manifest, asked: list[str]) -> None:
    """In their own bucket."""
    ended = run("enqueue", manifest(at("s3://photos/a/cat.png"), at("s3://photos/b.png")), "--check-images")
    assert "line 2 (e1): init_image s3://photos/b.png is not there" in ended.err
    assert "line 1" not in ended.err
    assert asked == []


def test_without_the_libraries_of_workers_it_is_said_how_to_install_them(
    run: Run, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a producer's option, and a producer does without them."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "aiohttp" or name == "retouch.media.fetch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    ended = run("enqueue", manifest({}), "--check-images")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "--check-images" in ended.err
    assert "'aiohttp<4," in ended.err


def test_progress_is_shown_as_elsewhere(
    run: Run, manifest: Manifest, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal a bar; a check that is quick shows nothing."""
    assert "checking pictures" not in run("enqueue", manifest({}), "--check-images").err
    monkeypatch.setattr(counting, "AFTER_S", 0.0)
    assert "checking pictures: 1 of 1" in run("enqueue", manifest({}), "--check-images").err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert "━" in run("enqueue", manifest({}), "--check-images").err


def test_without_the_option_nothing_is_asked(run: Run, manifest: Manifest, asked: list[str]) -> None:
    """A producer may have no way out."""
    assert run("enqueue", manifest({}), "--batch", "b").code == 0
    assert asked == []
