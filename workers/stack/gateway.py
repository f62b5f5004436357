"""The gateway as a child process, with a key of the stack's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from retouch.access_keys import AccessKeys, Scope, new_token
from retouch.errors import InputError
from retouch.gateway.remote import RemoteLedger
from retouch.ledger import Address, Ledger
from retouch.net.gateway_address import GatewayAddress
from workers.stack.child import Child, keep_secret
from workers.stack.part import Launch
from workers.stack.ports import LOOPBACK
from workers.stack.server import ServerPart

STOP_GRACE_S = 15.0
KEY = "stack"  # its name
RATE = "100000/m"


class Gateway(ServerPart):
    """``python -m workers.gateway``, with a port and a key that ``data_dir`` keeps.

    ``environment`` gives what it needs in its environment, once the others run. ``recipes``: files that say what new
    objects make, of which S3 tells it.
    """

    def __init__(
        self,
        data_dir: Path,
        environment: Callable[[], Mapping[str, str]],
        recipes: Sequence[Path] = (),
        log: Path | None = None,
    ) -> None:
        self.token = keep_secret(data_dir / "token", lambda: new_token(KEY))
        self._environment = environment
        self._recipes = recipes
        child = Child("the gateway", log or data_dir / "gateway.log")
        super().__init__(
            child,
            self._launching,
            stop_grace_s=STOP_GRACE_S,
            ports_file=data_dir / "port",
        )

    @property
    def notifications_url(self) -> str:
        """Where S3 is to post its notifications; known before it is started."""
        self.choose_ports()
        return f"http://{LOOPBACK}:{self.ports[0]}/v1/notifications"

    def page_link(self) -> str:
        """An address of its page that signs in one browser, once; raises LedgerError."""
        ledger = RemoteLedger(GatewayAddress.parse(self.url, self.token))
        try:
            return ledger.page_link()
        finally:
            ledger.close()

    def make_key(self, redis_url: str, buckets: Sequence[str]) -> None:
        """Make its token known: the key may do everything, and name all pictures in these buckets."""
        ledger = Ledger.from_url(redis_url)
        inputs = [f"s3://{bucket}" for bucket in dict.fromkeys(buckets)]
        try:
            self._make_known(AccessKeys(ledger, Address.parse(redis_url).shown), inputs)
        finally:
            ledger.connection.close()

    def _make_known(self, keys: AccessKeys, inputs: Sequence[str]) -> None:
        found = keys.of_token(self.token)
        if found and found[0].inputs == tuple(inputs):
            return
        with suppress(InputError):  # of another token, whose file is gone, or for other buckets
            keys.revoke(KEY)
        keys.create(KEY, list(Scope), inputs=inputs, rate=RATE, token=self.token)

    def _launching(self, ports: list[int]) -> Launch:
        command = [sys.executable, "-m", "workers.gateway", "--port", str(ports[0]), "--die-with-parent"]
        command += [word for recipe in self._recipes for word in ("--recipe", str(recipe.resolve()))]
        return Launch(command, self._environment())
