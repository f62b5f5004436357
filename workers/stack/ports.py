"""Free loopback ports, and those that a data folder keeps for its next start."""

from __future__ import annotations

import random
import socket
from pathlib import Path

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
        if is_free(port):
            found.append(port)
    return found


def kept_ports(file: Path, count: int) -> list[int]:
    """Return the ``count`` ports that ``file`` names; none if it is not there, or does not name so many."""
    try:
        ports = [int(word) for word in file.read_text().split()]
    except (FileNotFoundError, ValueError):
        return []
    return ports if len(ports) == count and all(port in _RANGE for port in ports) else []


def keep_ports(file: Path, ports: list[int]) -> None:
    """Write the ports that ``kept_ports`` finds."""
    file.write_text(" ".join(map(str, ports)) + "\n")


def is_free(port: int) -> bool:
    """Tell whether nobody listens on the port now."""
    with socket.socket() as probe:
        # As servers do: what lingers of connections to a server that has ended does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
