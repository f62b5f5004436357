"""What a move gathers, and when it is written: the part of the scripts by itself, with a server that only notes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import lupa.lua51 as lupa  # the version that Redis runs; fakeredis brings it
import pytest

TEXT = (resources.files("retouch.ledger") / "lua" / "include" / "buffer.lua").read_text()
Run = Callable[[str], list[str]]


@pytest.fixture
def run() -> Run:
    """Runs a move that has the buffer: which commands reach the server, in their order."""

    def run(move: str) -> list[str]:
        asked: list[str] = []

        def call(*arguments: Any) -> int | None:
            asked.append(" ".join(map(str, arguments)))
            return int(arguments[3]) + 10 if arguments[0] == "HINCRBY" else None

        runtime = lupa.LuaRuntime()
        runtime.globals().redis = runtime.table(call=call)
        runtime.execute(TEXT + move)
        return asked

    return run


def test_what_is_set_in_one_hash_is_one_command(run: Run) -> None:
    """Also where it is said bit by bit; each key by itself, in the order in which they came."""
    move = "buffer.hset('b', 'x', 1) buffer.hset('a', 'x', 1, 'y', 2) buffer.hset('b', 'z', 3)"
    assert run(move) == []
    assert run(move + " buffer.write()") == ["HSET b x 1 z 3", "HSET a x 1 y 2"]
    assert run(move + " buffer.write() buffer.write()") == ["HSET b x 1 z 3", "HSET a x 1 y 2"]  # once


def test_whoever_reads_a_key_finds_it_written(run: Run) -> None:
    """That key alone; a command of several keys finds all of them written."""
    move = "buffer.hset('a', 'x', 1) buffer.zadd('z', 5, 'm') "
    assert run(move + "redis.call('HGET', 'a', 'x')") == ["HSET a x 1", "HGET a x"]
    assert run(move + "redis.call('HGET', 'other', 'x')") == ["HGET other x"]
    assert run(move + "redis.call('UNLINK', 'other', 'z')") == ["HSET a x 1", "ZADD z 5 m", "UNLINK other z"]
    assert run(move + "redis.call('TIME')") == ["TIME"]


def test_the_last_word_on_a_field_counts(run: Run) -> None:
    """A field that is removed and set again is there; one that is set and removed is not."""
    assert run("buffer.hset('a', 'x', 1) buffer.hdel('a', 'x') buffer.write()") == ["HSET a x 1", "HDEL a x"]
    again = run("buffer.hdel('a', 'x', 'y') buffer.hset('a', 'w', 1, 'y', 2) buffer.write()")
    assert again == ["HDEL a x y", "HSET a w 1 y 2"]
    assert run("buffer.hdel('a', 'x') buffer.hset('a', 'y', 2) buffer.write()") == ["HSET a y 2", "HDEL a x"]


def test_the_last_word_on_a_member_counts(run: Run) -> None:
    """Of a sorted set; those that go are one command, and those that stay."""
    move = "buffer.zadd('z', 1, 'm') buffer.zadd('z', 2, 'm') buffer.zrem('z', 'n') "
    move += "buffer.zadd('z', 3, 'o') buffer.zrem('z', 'o')"
    assert run(move + " buffer.write()") in (["ZADD z 2 m", "ZREM z n o"], ["ZADD z 2 m", "ZREM z o n"])


def test_bytes_beside_each_other_are_one_write(run: Run) -> None:
    """In the order in which they were said, so that a later one on the same place counts."""
    move = "".join(
        f"buffer.setrange('s', '{place}', '{byte}') " for place, byte in ((4, "a"), (5, "b"), (9, "c"), (4, "d"))
    )
    assert run(move + "buffer.write()") == ["SETRANGE s 4 ab", "SETRANGE s 9 c", "SETRANGE s 4 d"]


def test_sums_are_told_when_they_are_written(run: Run) -> None:
    """With what they are, and what was added; what is gathered then is written too. Nothing of one that stayed."""
    told = "local function told(sum, n, of) buffer.hset(of, 'sum', sum, 'n', n) end "
    move = (
        told + "buffer.hincrby('a', 'x', 2) buffer.hincrby('a', 'x', 1) buffer.wake('a', 'x', told, 'b') buffer.write()"
    )
    assert run(move) == ["HINCRBY a x 3", "HSET b sum 13 n 3"]
    assert (
        run(
            told
            + "buffer.hincrby('a', 'x', 1) buffer.hincrby('a', 'x', -1) buffer.wake('a', 'x', told, 'b') buffer.write()"
        )
        == []
    )


def test_a_command_has_no_more_arguments_than_lua_takes(run: Run) -> None:
    """What is too much for one is written in several."""
    many = run("for n = 1, 9000 do buffer.hset('a', 'f' .. n, n) end buffer.write()")
    assert [len(one.split()) for one in many] == [4002, 4002, 4002, 4002, 2002]
    assert [one.split()[2] for one in many] == ["f1", "f2001", "f4001", "f6001", "f8001"]
