"""Keys of the gateway: what they open, and what of them is kept."""

from __future__ import annotations

import re

import fakeredis
import pytest

from retouch.access_keys import DEFAULT_OPEN, AccessKey, AccessKeys, Scope, new_token
from retouch.errors import InputError
from retouch.ledger import Ledger


@pytest.fixture
def keys(ledger: Ledger) -> AccessKeys:
    """No keys yet."""
    return AccessKeys(ledger, "here")


def opened(keys: AccessKeys, token: str) -> str | None:
    """The name of the key that a token opens."""
    found = keys.of_token(token)
    return found[0].name if found else None


def test_a_token_opens_its_key_and_nothing_of_it_is_kept() -> None:
    """But its hash: what is in Redis opens nothing, and neither repr shows it."""
    redis = fakeredis.FakeRedis(decode_responses=True)
    keys = AccessKeys(Ledger(redis), "here")
    token = keys.create("team-a", [Scope.SUBMIT])
    assert re.fullmatch(r"rt_team-a_[\w-]{43}", token)
    assert opened(keys, token) == "team-a"
    stored = "".join(map(str, (redis.hgetall(key) for key in redis.scan_iter("*key*"))))
    assert "team-a" in stored
    assert token not in stored
    assert token.rpartition("_")[2] not in stored
    [key] = keys.all()
    assert opened(keys, f"rt_team-a_{key.secrets[0].sha256[:43]}") is None
    assert key.secrets[0].sha256 not in repr(key)


@pytest.mark.parametrize("token", ["", "rt_k_", "Bearer x", "rt_k_" + "a" * 43, "rt_k_" + "a" * 42, "rt_é_" + "a" * 43])
def test_another_token_opens_nothing(keys: AccessKeys, token: str) -> None:
    """Whether there is a key of that name or not."""
    keys.create("k", [Scope.READ])
    assert keys.of_token(token) is None
    assert opened(keys, new_token("k")) is None


def test_two_secrets_are_good_while_a_key_is_replaced(keys: AccessKeys) -> None:
    """The third ends the first; ``retire`` ends all but the newest; ``revoke`` the key."""
    tokens = [keys.create("k", [Scope.READ]), keys.rotate("k")]
    assert [opened(keys, token) for token in tokens] == ["k", "k"]
    tokens.append(keys.rotate("k"))
    assert [opened(keys, token) for token in tokens] == [None, "k", "k"]
    keys.retire("k")
    assert [opened(keys, token) for token in tokens] == [None, None, "k"]
    keys.revoke("k")
    assert [opened(keys, token) for token in tokens] == [None, None, None]
    assert keys.all() == []


def test_a_token_that_is_kept_elsewhere_can_be_made_known_again(keys: AccessKeys) -> None:
    """Whoever makes it at each start changes nothing; another one for that name is refused."""
    token = new_token("k")
    keys.create("k", [Scope.READ], token=token)
    [first] = keys.all()
    keys.create("k", [Scope.READ], token=token)
    assert keys.all() == [first]
    with pytest.raises(InputError, match="there is a key 'k' already"):
        keys.create("k", [Scope.READ], token=new_token("k"))


def test_a_key_is_read_as_it_was_made(keys: AccessKeys) -> None:
    """With all that it may do."""
    keys.create(
        "k",
        [Scope.READ, Scope.SUBMIT],
        prefix="a-",
        inputs=["s3://b/c"],
        rate="3/s",
        max_lines=5,
        max_body=7,
        max_open=9,
    )
    [key] = keys.all()
    assert key.to_json() | {"created": "", "secrets": []} == {
        "name": "k",
        "scopes": ["submit", "read"],
        "prefix": "a-",
        "inputs": ["s3://b/c"],
        "rate": "3/s",
        "max_lines": 5,
        "max_body": 7,
        "max_open": 9,
        "created": "",
        "secrets": [],
    }
    assert (key.may_name("a-b"), key.may_name("b")) == (True, False)
    assert AccessKey.parse("k", key.to_text()) == key
    assert AccessKey.parse("k", key.to_text().replace(',"max_open":9', "")).max_open == DEFAULT_OPEN


def test_a_scope_of_a_newer_version_is_left_out(keys: AccessKeys) -> None:
    """The key opens what this one knows."""
    keys.create("k", [Scope.READ])
    [key] = keys.all()
    text = key.to_text().replace('["read"]', '["administer","read"]')
    assert AccessKey.parse("k", text).scopes == {Scope.READ}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": "a_b"}, "the name 'a_b' must be 1 to 32"),
        ({"name": "-a"}, "the name '-a' must be"),
        ({"scopes": []}, "a key needs a scope: submit, read, watch, operate, metrics"),
        ({"prefix": "-a"}, "the prefix '-a' must be the beginning of a batch's id"),
        ({"prefix": "a" * 41}, "at most 40 of"),
        ({"inputs": ["b/c"]}, "'b/c' is not s3://BUCKET/PREFIX"),
        ({"inputs": ["s3://"]}, "the bucket of s3://"),
        ({"inputs": ["s3://b/../c"]}, "the prefix of s3://b/../c"),
        ({"rate": "3"}, "is not a rate"),
        ({"rate": "3/s,9/m"}, "the rate '3/s,9/m' must be one"),
    ],
)
def test_what_no_key_can_have_is_named(keys: AccessKeys, more: dict[str, object], said: str) -> None:
    """And no key is made."""
    with pytest.raises(InputError, match=re.escape(said)):
        keys.create(**({"name": "k", "scopes": [Scope.READ]} | more))  # type: ignore[arg-type]
    assert keys.all() == []


@pytest.mark.parametrize("change", ["rotate", "retire", "revoke"])
def test_a_key_that_is_not_there_is_named(keys: AccessKeys, change: str) -> None:
    """Beside those that are."""
    keys.create("other", [Scope.READ])
    with pytest.raises(InputError, match=r"there is no key 'k' \(known: other\)"):
        getattr(keys, change)("k")


def test_a_rotation_beside_another_one_loses_no_secret(keys: AccessKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two persons finds the key changed, and reads it again."""
    keys.create("k", [Scope.READ])
    change = type(keys._ledger.access).change
    others: list[str] = []

    def quicker(access: object, name: str, seen: str | None, becomes: str | None) -> bool:
        if not others:
            others.append("")
            others[0] = keys.rotate("k")
        return change(access, name, seen, becomes)  # type: ignore[arg-type]

    monkeypatch.setattr(type(keys._ledger.access), "change", quicker)
    mine = keys.rotate("k")
    assert [opened(keys, token) for token in (*others, mine)] == ["k", "k"]
