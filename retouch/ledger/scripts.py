"""The ledger's Lua scripts: each is one command of ``lua/`` with the parts of ``lua/include/`` that it includes.

A command names its parts by lines such as ``-- include: clock edits``; a part may name others. Before them come the
names of the keys, the constants, and a check of the ledger's schema: a script of another schema changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

import redis
from redis.exceptions import NoScriptError

from retouch.ledger import constants
from retouch.ledger.keys import SCHEMA, Keys

_FOLDER = resources.files("retouch.ledger") / "lua"
_INCLUDE = re.compile(r"^-- include: (.+)$", re.MULTILINE)
_OURS = f"local OURS = '{SCHEMA}'\n"
_GUARD = """\
local schema = redis.call('GET', SCHEMA)
if not schema then
  if redis.call('EXISTS', STATE, BATCHES) > 0 then return redis.error_reply('SCHEMA 1') end
  redis.call('SET', SCHEMA, OURS)
elseif schema ~= OURS then
  return redis.error_reply('SCHEMA ' .. schema)
end
"""
_COMMENT = re.compile(r"--.*")
_DECLARED = re.compile(r"^local (?:function )?([\w, ]+)")  # the names at the beginning of a line
_UNGUARDED = "upgrade"  # the one script that is for a ledger of another schema


class Scripts:
    """Runs the moves by name; loads a script again when the server has forgotten it (a restart, a failover)."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._tag = keys.tag
        head = keys.as_lua() + constants.as_lua() + _OURS
        self._texts: dict[str, str] = {}
        for path in _FOLDER.iterdir():
            if path.name.endswith(".lua"):
                name = path.name.removesuffix(".lua")
                text = ("" if name == _UNGUARDED else _GUARD) + _assembled(path.read_text())
                self._texts[name] = _used(head, text) + text
        self._digests: dict[str, str] = {}

    def run(self, name: str, *args: str | int | float) -> Any:
        """Run one move; raises redis.exceptions.RedisError."""
        digest = self._digests.get(name) or self._load(name)
        # The tag as the one key: enough for a cluster to route the script to the slot of all the others.
        try:
            return self._client.evalsha(digest, 1, self._tag, *args)
        except NoScriptError:
            return self._client.evalsha(self._load(name), 1, self._tag, *args)

    def run_together(self, moves: Sequence[tuple[str, Sequence[str | int | float]]]) -> list[Any]:
        """Run moves as one: nobody sees the ledger in between; raises redis.exceptions.RedisError."""
        try:
            return self._together(moves)
        except NoScriptError:  # in a transaction the others have run, and do nothing a second time
            for name, _ in moves:
                self._load(name)
            return self._together(moves)

    def _together(self, moves: Sequence[tuple[str, Sequence[str | int | float]]]) -> list[Any]:
        digests = [self._digests.get(name) or self._load(name) for name, _ in moves]
        pipe = self._client.pipeline(transaction=True)
        for digest, (_, args) in zip(digests, moves, strict=True):
            pipe.evalsha(digest, 1, self._tag, *args)
        answers = list(pipe.execute(raise_on_error=False))  # redis-py would put words of its own before the errors
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _load(self, name: str) -> str:
        self._digests[name] = str(self._client.script_load(self._texts[name]))
        return self._digests[name]


def _used(head: str, text: str) -> str:
    """The lines of the head whose names are in the text: Lua takes 200 local variables at most."""
    words = set(re.findall(r"\w+", _COMMENT.sub("", text)))
    lines = head.splitlines(keepends=True)
    return "".join(line for line in lines if words & set(re.findall(r"\w+", _DECLARED.findall(line)[0])))


def _assembled(command: str) -> str:
    """A command's text after its parts; each part comes once, after the parts that it includes itself."""
    parts = dict.fromkeys(_parts(command))
    return "".join((_FOLDER / "include" / f"{name}.lua").read_text() for name in parts) + command


def _parts(text: str) -> Iterator[str]:
    for line in _INCLUDE.findall(text):
        for name in line.split():
            yield from _parts((_FOLDER / "include" / f"{name}.lua").read_text())
            yield name
