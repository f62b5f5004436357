"""What a bucket may be called, and with what its keys may begin: one check, wherever they are given."""

from __future__ import annotations

import re

import pytest

from retouch import EditQueue, InputError
from retouch.bucket_names import check_bucket, check_prefix, is_within
from retouch.environment import Environment
from retouch.media.downloads import located
from retouch.media.store import Store

NO_BUCKETS = [
    *("my-edits ", "my edits", "BAD bucket", "a<b", "b\n", "b\r\n", "\tb", "é", "a/b", "s3://my", "s3://my/edits/"),
    *("-b", ".", "..", "a?b", "a#b", "b" * 256, "arn:aws:s3:::my"),
]


@pytest.mark.parametrize("name", ["b", "my-edits", "my.edits", "Old_Name", "3d", "x" * 255, "a--usw2-az1--x-s3"])
def test_a_name_that_some_server_gives_out_is_taken(name: str) -> None:
    """AWS once took capitals and underscores, and other servers do so still."""
    assert check_bucket(name, "RETOUCH_BUCKET") == name


@pytest.mark.parametrize("name", NO_BUCKETS)
def test_a_name_that_no_bucket_has_is_refused(name: str) -> None:
    """The S3 library panics of some of them, and writes elsewhere with others."""
    with pytest.raises(InputError, match=r"^RETOUCH_BUCKET must be the name of a bucket") as told:
        check_bucket(name, "RETOUCH_BUCKET")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("s3://my", "; write only the name: my"),
        ("s3://my/edits/", "; write only the name: my (a folder in it is a matter of the prefix)"),
        ("my\n", "; write only the name: my"),
        ("my edits", "'my edits'"),
    ],
)
def test_what_to_write_instead_is_told(given: str, advice: str) -> None:
    """Where that can be known."""
    with pytest.raises(InputError, match=f"{re.escape(advice)}$"):
        check_bucket(given, "RETOUCH_BUCKET")


@pytest.mark.parametrize("prefix", ["/edits/", "a//b/", "../x/", "..", "edits/\n", "a\x00/"])
def test_a_prefix_with_which_no_key_begins_is_refused(prefix: str) -> None:
    """A worker refused some of them that commands took."""
    with pytest.raises(InputError, match=r"^RETOUCH_PREFIX must be the beginning of a key"):
        check_prefix(prefix, "RETOUCH_PREFIX")
    with pytest.raises(InputError, match=r"^RETOUCH_PREFIX must be the beginning of a key"):
        Environment.read({"RETOUCH_PREFIX": prefix})


def test_python_producers_are_told_at_once() -> None:
    """From variables, from arguments, and for a store of their own."""
    with pytest.raises(InputError, match=r"^RETOUCH_BUCKET must be"):
        Environment.read({"RETOUCH_BUCKET": "my edits"})
    with pytest.raises(InputError, match=r"^bucket must be"):
        EditQueue.from_url("redis://localhost", bucket="my edits")
    with pytest.raises(InputError, match=r"^prefix must be"):
        EditQueue.from_url("redis://localhost", prefix="/edits/")
    with pytest.raises(InputError, match="must be the name of a bucket"):
        Store("my edits")
    with pytest.raises(InputError, match="is not s3://bucket/key"):
        located("s3://my edits/a.png")


@pytest.mark.parametrize(
    ("address", "inputs", "within"),
    [
        ("s3://b/c/d.png", ["s3://b/c/"], True),
        ("s3://b/c/d.png", ["s3://b"], True),
        ("s3://b/c/d.png", ["s3://x", "s3://b/c"], True),
        ("s3://b/c/d.png", ["s3://b/d"], False),
        ("s3://bb/c/d.png", ["s3://b"], False),
        ("s3://b/c/d.png", [], False),
    ],
)
def test_an_address_is_within_a_bucket_or_a_prefix(address: str, inputs: list[str], within: bool) -> None:
    """The name of a bucket is compared whole, a prefix letter by letter."""
    assert is_within(address, inputs) is within
