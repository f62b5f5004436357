"""Whether what was written is on the server's disk."""

from __future__ import annotations

from retouch.ledger import Ledger
from tests.harness.redis_client import connect


def test_the_connection_that_asks_has_written_last(redis_url: str) -> None:
    """The server answers for the writes of the connection that asks, and a ledger has several."""
    with (
        connect(redis_url) as client,
        connect(redis_url, decode_responses=False) as other,
        other.monitor() as monitor,
    ):
        assert Ledger(client).producer.wait_for_disk()
        other.publish("end", "")
        seen = []
        while (one := monitor.next_command())["command"] != "PUBLISH end ":
            seen.append((one["command"].split()[0], one["client_port"]))
    asked = next(place for place, (command, _) in enumerate(seen) if command == "WAITAOF")
    assert seen[asked - 1] == ("SET", seen[asked][1])
