"""Free loopback ports."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
# Below the range that kernels give to outgoing connections (from 32768 on Linux), so that none takes a port
# between this look and the server's bind; and low enough for servers that add 10000 for a second port.
_RANGE = range(10_000, 20_000)


def free_ports(count: int) -> list[int]:
    """Return ``count`` different ports that nobody listens on now.

    Another process may still be quicker: a server that finds its port taken exits, and is started on others.
    """
    found: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if len(found) == count:
            break
        if _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: what lingers of connections to a server that has ended does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
