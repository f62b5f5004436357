"""The gateway as a child process, with a key of the stack's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from retouch.access_keys import AccessKeys, Scope, new_token
from retouch.errors import InputError
from retouch.ledger import Address, Ledger
from workers.stack.child import Child, keep_secret
from workers.stack.part import Launch
from workers.stack.server import ServerPart

STOP_GRACE_S = 15.0
KEY = "stack"  # its name
RATE = "100000/m"


class Gateway(ServerPart):
    """``python -m workers.gateway``, with a port and a key that ``data_dir`` keeps.

    ``environment`` gives what it needs in its environment, once the others run.
    """

    def __init__(self, data_dir: Path, environment: Callable[[], Mapping[str, str]], log: Path | None = None) -> None:
        self.token = keep_secret(data_dir / "token", lambda: new_token(KEY))
        self._environment = environment
        child = Child("the gateway", log or data_dir / "gateway.log")
        super().__init__(
            child,
            self._launching,
            stop_grace_s=STOP_GRACE_S,
            ports_file=data_dir / "port",
        )

    def make_key(self, redis_url: str, bucket: str) -> None:
        """Make its token known: the key may do everything, and name all pictures in the stack's bucket."""
        ledger = Ledger.from_url(redis_url)
        try:
            self._make_known(AccessKeys(ledger, Address.parse(redis_url).shown), bucket)
        finally:
            ledger.connection.close()

    def _make_known(self, keys: AccessKeys, bucket: str) -> None:
        try:
            self._create(keys, bucket)
        except InputError:  # of another token: that file is gone
            keys.revoke(KEY)
            self._create(keys, bucket)

    def _create(self, keys: AccessKeys, bucket: str) -> None:
        keys.create(KEY, list(Scope), inputs=[f"s3://{bucket}"], rate=RATE, token=self.token)

    def _launching(self, ports: list[int]) -> Launch:
        command = [sys.executable, "-m", "workers.gateway", "--port", str(ports[0]), "--die-with-parent"]
        return Launch(command, self._environment())
