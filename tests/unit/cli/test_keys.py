"""``retouch keys``: made once, shown once, listed without what they open."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from scripts import schemas
from tests.unit.cli.conftest import Run


def test_a_key_is_printed_once(run: Run) -> None:
    """On stdout alone; the list has its name and what it may do."""
    made = run("keys", "create", "team-a", "--scope", "submit,read", "--prefix", "a-", "--rate", "3/s")
    assert (made.code, made.out[:10]) == (0, "rt_team-a_")
    assert made.out.strip() not in made.err
    listed = run("keys")
    assert listed.out == "team-a  submit,read          batches a-…, 3/s, never used\n"


def test_the_list_as_json_is_as_its_schema_says(run: Run) -> None:
    """With two secrets while a key is replaced."""
    limits = ("--inputs", "s3://b/c", "--inputs", "s3://d", "--max-lines", "9", "--max-body", "2", "--max-open", "3")
    run("keys", "create", "a", "--scope", "operate", *limits)
    run("keys", "rotate", "a")
    found = run("keys", "list", "--json").json
    schema = json.loads((schemas.FOLDER / "keys.json").read_text())
    Draft202012Validator(schema).validate(found)
    [key] = found["keys"]
    assert len(key["secrets"]) == 2
    told = {name: key[name] for name in ("name", "scopes", "inputs", "max_lines", "max_body", "max_open")}
    assert told == {
        "name": "a",
        "scopes": ["operate"],
        "inputs": ["s3://b/c", "s3://d"],
        "max_lines": 9,
        "max_body": 2 * 1024 * 1024,
        "max_open": 3,
    }


def test_a_key_is_replaced_and_ended(run: Run) -> None:
    """Each step says what is good from then on."""
    run("keys", "create", "a", "--scope", "read")
    rotated = run("keys", "rotate", "a")
    assert rotated.out.startswith("rt_a_")
    assert "stays good until: retouch keys retire a" in rotated.err
    assert run("keys").out.endswith("never used, 2 secrets\n")
    assert "only the newest secret is good" in run("keys", "retire", "a").err
    assert run("keys").out.endswith("never used\n")
    assert "opens nothing any more" in run("keys", "revoke", "a").err
    assert run("keys").out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("create", "create needs the NAME of a key"),
        ("list a", "list takes no NAME"),
        ("create a", "--scope is missing"),
        ("create a --scope write", "--scope: 'write' is none of submit,read,watch,operate"),
        ("rotate a --scope read", "--scope is for: retouch keys create NAME"),
        ("create a --scope read --json", "--json is for: retouch keys list"),
        ("revoke a", "there is no key 'a' (known: none yet)"),
        ("lsit", "'lsit' is not one of 'list', 'create'"),
    ],
)
def test_what_does_not_go_together_is_refused(run: Run, words: str, said: str) -> None:
    """In one sentence."""
    ended = run("keys", *words.split())
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
