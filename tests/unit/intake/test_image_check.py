"""Whether pictures are where edits say they are."""

from __future__ import annotations

import asyncio

import pytest

from retouch.errors import BrokenResultError, GoneError, ResultError, StoreUnavailableError, UnreachableResultError
from retouch.intake import image_check
from retouch.intake.image_check import AT_ONCE, GIVE_UP_AFTER, Found, check_images
from retouch.media.images import MAX_BYTES

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class Pictures:
    """Answers by address, and counts what is asked and how much of it at once."""

    def __init__(self, answers: dict[str, tuple[bytes, int | None] | Exception]) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.open = self.most = 0

    async def beginning(self, address: str) -> tuple[bytes, int | None]:
        self.asked.append(address)
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        answer = self._answers.get(address, (PNG, None))
        if isinstance(answer, Exception):
            raise answer
        return answer


def found(pictures: Pictures, *addresses: str) -> Found:
    return asyncio.run(check_images(addresses, pictures, lambda _done: None))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (GoneError("https://e.com/a answers 404"), "answers 404"),
        (BrokenResultError("'10.0.0.1' is not a public address"), "not a public address"),
        ((b"<!DOCTYPE html><html>", 500), "it is HTML, not an image"),
        ((b"GIF89a......", 500), "it is GIF, not PNG, JPEG or WebP"),
        ((b"", 0), "it is empty"),
        ((PNG, MAX_BYTES + 1), "at most 33,554,432 are accepted"),
    ],
)
def test_what_is_no_picture_is_bad(answer: tuple[bytes, int | None] | Exception, reason: str) -> None:
    """With the reason; the others are well."""
    seen = found(Pictures({"https://e.com/a": answer}), "https://e.com/a", "https://e.com/b")
    assert reason in seen.bad.pop("https://e.com/a")
    assert seen == Found()


@pytest.mark.parametrize("error", [UnreachableResultError("it answers 503"), StoreUnavailableError("no answer")])
def test_what_may_be_had_later_is_told_and_not_bad(error: ResultError) -> None:
    """An outage of a host says nothing about its pictures."""
    assert found(Pictures({"https://e.com/a": error}), "https://e.com/a") == Found({}, {"https://e.com/a": str(error)})


def test_a_host_that_does_not_answer_is_left_alone() -> None:
    """A million pictures of it would take days; those of other hosts are asked for."""
    addresses = [f"https://e.com/{n}" for n in range(AT_ONCE * 3)]
    pictures = Pictures({address: UnreachableResultError("no") for address in addresses})
    seen = found(pictures, *addresses, "https://other.com/a")
    assert len(seen.unchecked) == len(addresses)
    assert GIVE_UP_AFTER <= len(pictures.asked) <= AT_ONCE + GIVE_UP_AFTER
    assert "https://other.com/a" in pictures.asked


def test_an_answer_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for each is bounded."""

    class Silent:
        async def beginning(self, address: str) -> tuple[bytes, int | None]:
            await asyncio.Event().wait()
            raise AssertionError(address)

    monkeypatch.setattr(image_check, "EACH_S", 0.01)
    seen = asyncio.run(check_images(["https://e.com/a"], Silent(), lambda _done: None))
    assert "took more than" in seen.unchecked["https://e.com/a"]


def test_many_are_asked_for_at_once_and_no_more() -> None:
    """Each once, and progress says how many are done."""
    pictures, done = Pictures({}), list[int]()
    addresses = [f"https://e{n}.com/a" for n in range(100)]
    asyncio.run(check_images(addresses, pictures, done.append))
    assert sorted(pictures.asked) == sorted(addresses)
    assert (pictures.most, done[-1]) == (AT_ONCE, 100)
