"""What libraries do anew for each test, done once in a process: the same answers for half of the suite's time."""

from __future__ import annotations

from functools import cache
from typing import Any, cast, get_args
from weakref import WeakValueDictionary

import lupa.lua51 as lua
import typer
import typer.main
from fakeredis import FakeServer
from fakeredis.commands_mixins import scripting_mixin
from fastapi import _compat as fields
from pydantic import TypeAdapter

_COLLECT = "collectgarbage()"  # what fakeredis runs after each script
_compiled: dict[str | bytes, bytes] = {}  # by the script's text: byte code, which any runtime can load


class _Runtime(lua.LuaRuntime):  # type: ignore[misc]
    """Compiles the text of a script once, as a server does; Lua collects its garbage when it has reason to."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._functions: dict[str | bytes, Any] = {}
        self._dump, self._load = self.eval("string.dump"), self.eval("loadstring")

    def execute(self, code: str | bytes, *args: Any) -> Any:
        """Run this text; raises lua.LuaError."""
        return None if code == _COLLECT else self._function(code)(*args)

    def _function(self, code: str | bytes) -> Any:
        if code not in self._functions:
            if code not in _compiled:
                _compiled[code] = self._dump(self.compile(code))
            self._functions[code] = self._load(_compiled[code])
        return self._functions[code]


class _Lua:
    """Lua as fakeredis knows it, but for the runtime."""

    LuaRuntime = _Runtime

    def __getattr__(self, name: str) -> Any:
        return getattr(lua, name)


class _Servers(WeakValueDictionary[str, FakeServer]):
    """fakeredis' servers. It would keep each for ever; here one goes after its test, unless a client has it still."""

    def __init__(self) -> None:
        super().__init__()
        self.of_this_test: list[FakeServer] = []

    def __setitem__(self, key: str, server: FakeServer) -> None:
        super().__setitem__(key, server)
        self.of_this_test.append(server)


class _Adapters:
    """Pydantic's adapter of a type with its metadata, made once: a gateway has 170, and nearly each test makes one."""

    def __init__(self) -> None:
        self._made: dict[Any, tuple[Any, TypeAdapter[Any]]] = {}

    def __call__(self, annotated: Any, *, config: Any = None) -> TypeAdapter[Any]:
        # The type itself, since two may have one name; the text, since pydantic's metadata knows no equality. Addresses
        # in the text stay those of the same objects, since what they are of is kept.
        key = (get_args(annotated)[0], repr(annotated), repr(config))
        if key not in self._made:
            self._made[key] = annotated, TypeAdapter(annotated, config=config)
        return self._made[key][1]


_servers = _Servers()


_made = cache(
    typer.main.get_command
)  # not what others make for themselves: a command keeps what it was asked with first


def _run(app: typer.Typer, *args: Any, **kwargs: Any) -> Any:
    return _made(app)(*args, **kwargs)


def begin() -> None:
    """Let fakeredis, pydantic and Typer work so in this process."""
    server, scripts = (cast("Any", it) for it in (FakeServer, scripting_mixin))
    cast("Any", getattr(fields, "v2", fields)).TypeAdapter = _Adapters()  # a module of its own since FastAPI 0.119
    cast("Any", typer.Typer).__call__ = _run  # it makes all commands at each run: four fifths of it
    scripts.LUA_MODULE = _Lua()  # it compiled at each EVALSHA, four fifths of a claim's time
    server._servers_map = _servers


def end_test() -> None:
    """Forget the fake servers that only the map of fakeredis knows."""
    _servers.of_this_test.clear()
