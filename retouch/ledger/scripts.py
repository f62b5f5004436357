"""The ledger's Lua scripts: each is one command of ``lua/`` with the parts of ``lua/include/`` that it includes.

A command names its parts by lines such as ``-- include: clock edits``; a part may name others. Before them comes a
check of the ledger's schema: a script of another schema changes nothing. Keys and constants are written in where their
names stand: each variable of a script costs each run its making, and each function that uses it more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import redis
from redis.exceptions import NoScriptError

from retouch.ledger import constants
from retouch.ledger.keys import SCHEMA, Keys

_FOLDER = resources.files("retouch.ledger") / "lua"
_INCLUDE = re.compile(r"^-- include: (.+)$", re.MULTILINE)
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
_WORD = re.compile(r"\w+")
_NAME = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|--.*|\b([A-Z][A-Z_]+)\b(?:\.(\w+))?")  # or a text, or a comment
_OF_FAMILY = re.compile(r"\b([a-z]+_key)\(")
_FUNCTION = re.compile(r"^local function (\w+)\((?:.* end\n|.*\n(?:(?: .*|--.*)?\n)*?end\n)", re.MULTILINE)
Argument = str | bytes | int | float  # of a move
_BUFFER = "buffer"
_UNGUARDED = "upgrade"  # the one script that is for a ledger of another schema


class Scripts:
    """Runs the moves by name; loads a script again when the server has forgotten it (a restart, a failover)."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._tag = keys.tag
        self._namespace = keys.namespace
        self._digests: dict[str, str] = {}

    def run(self, name: str, *args: Argument) -> Any:
        """Run one move; raises redis.exceptions.RedisError."""
        digest = self._digests.get(name) or self._load(name)
        # The tag as the one key: enough for a cluster to route the script to the slot of all the others.
        try:
            return self._client.evalsha(digest, 1, self._tag, *args)
        except NoScriptError:
            return self._client.evalsha(self._load(name), 1, self._tag, *args)

    def run_together(self, moves: Sequence[tuple[str, Sequence[Argument]]]) -> list[Any]:
        """Run moves as one: nobody sees the ledger in between; raises redis.exceptions.RedisError."""
        try:
            return self._together(moves)
        except NoScriptError:  # in a transaction the others have run, and do nothing a second time
            for name, _ in moves:
                self._load(name)
            return self._together(moves)

    def _together(self, moves: Sequence[tuple[str, Sequence[Argument]]]) -> list[Any]:
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
        self._digests[name] = str(self._client.script_load(text(name, self._namespace)))
        return self._digests[name]


def names() -> list[str]:
    """All moves."""
    return sorted(path.name.removesuffix(".lua") for path in _FOLDER.iterdir() if path.name.endswith(".lua"))


def command(name: str) -> str:
    """A move's own text, without what it includes."""
    return (_FOLDER / f"{name}.lua").read_text()


@lru_cache(maxsize=1000)  # a process has one namespace, its tests some; and most processes use few of the moves
def text(name: str, namespace: str) -> str:
    """The whole text of one move, as it is sent."""
    guard = "" if name == _UNGUARDED else _GUARD
    own = _needed(_written_in(guard + _assembled(command(name)), namespace))
    words = _words(own)
    return "".join(f"local {name} = {_table(made)}\n" for name, made in constants.TABLES.items() if name in words) + own


def _needed(text: str) -> str:
    """A move without the functions that it never reaches.

    Lua takes 200 local variables at most, and makes each function anew in each run.
    """
    functions = {found[1]: _words(found[0]) for found in _FUNCTION.finditer(text)}
    words, unreached = _words(_FUNCTION.sub("", text)), set(functions)
    while reached := unreached & words:
        unreached -= reached
        words.update(*(functions[name] for name in reached))
    return _FUNCTION.sub(lambda found: "" if found[1] in unreached else found[0], text)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(_COMMENT.sub("", text)))


def _written_in(text: str, namespace: str) -> str:
    """A move with the keys and constants in place of their names; raises KeyError for a field that a table has not."""
    keys = Keys(namespace)
    for found in reversed(list(_OF_FAMILY.finditer(text))):
        begin = keys.families().get(found[1])
        if begin is not None:
            end = _closing(text, found.end())
            text = f"{text[: found.start()]}({_literal(begin)} .. {text[found.end() : end]}){text[end + 1 :]}"
    values: dict[str, int | float | str] = {**keys.fixed(), **constants.NUMBERS_AND_WORDS, "OURS": str(SCHEMA)}

    def written(found: re.Match[str]) -> str:
        name, field = found.groups()
        if name in values:
            return _literal(values[name]) + (f".{field}" if field else "")
        table = constants.TABLES.get(name)
        return _literal(table[field]) if field and isinstance(table, dict) else found[0]

    return _NAME.sub(written, text)


def _closing(text: str, first: int) -> int:
    """Where the bracket ends of which the inside begins at ``first``."""
    depth = 1
    for at in range(first, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if not depth:
            return at
    raise ValueError(f"a bracket is open: {text[first - 20 : first + 60]!r}")


def _literal(value: int | float | str) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _table(of: dict[str, str] | tuple[str, ...]) -> str:
    entries = [f"{name} = '{value}'" for name, value in of.items()] if isinstance(of, dict) else map(_literal, of)
    return "{ " + ", ".join(entries) + " }"


def _assembled(own: str) -> str:
    """A command's text after its parts; each part comes once, after the parts that it includes itself.

    Before all of them comes the buffer, if it is one: no other part is to read past it.
    """
    parts = dict.fromkeys(_parts(own))
    return "".join(map(_part, sorted(parts, key=_BUFFER.__ne__))) + own


def _parts(text: str) -> Iterator[str]:
    for line in _INCLUDE.findall(text):
        for name in line.split():
            yield from _parts(_part(name))
            yield name


@cache
def _part(name: str) -> str:
    return (_FOLDER / "include" / f"{name}.lua").read_text()
