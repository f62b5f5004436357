"""The ledger's Lua scripts: each is the key names, the shared moves and its own text, as one atomic unit."""

from __future__ import annotations

from importlib import resources
from typing import Any

import redis
from redis.exceptions import NoScriptError

from retouch.ledger import keys

_SHARED = ("moves.lua", "pacing.lua", "rescue.lua", "learning.lua")
_FOLDER = resources.files("retouch.ledger") / "lua"


class Scripts:
    """Runs the moves by name; loads a script again when the server has forgotten it (a restart, a failover)."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        shared = keys.lua_names() + "".join((_FOLDER / name).read_text() for name in _SHARED)
        self._texts = {
            path.name.removesuffix(".lua"): shared + path.read_text()
            for path in _FOLDER.iterdir()
            if path.name.endswith(".lua") and path.name not in _SHARED
        }
        self._digests: dict[str, str] = {}

    def run(self, name: str, *args: str | int | float) -> Any:
        """Run one move; raises redis.exceptions.RedisError."""
        digest = self._digests.get(name) or self._load(name)
        # The tag as the one key: enough for a cluster to route the script to the slot of all the others.
        try:
            return self._client.evalsha(digest, 1, keys.TAG, *args)
        except NoScriptError:
            return self._client.evalsha(self._load(name), 1, keys.TAG, *args)

    def _load(self, name: str) -> str:
        self._digests[name] = str(self._client.script_load(self._texts[name]))
        return self._digests[name]
