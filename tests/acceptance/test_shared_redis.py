"""Another Celery application on the same database: neither sees the messages of the other."""

from __future__ import annotations

import json
from typing import Any

import redis
from kombu import Connection

from config import celery as celery_config
from retouch.ledger import Address
from tests.harness.scene import Scene
from workers.broker import transport_to

LONG_AGO = 0.0
NAMESPACE = "retouch"


def test_every_key_begins_with_the_namespace(scene: Scene) -> None:
    """Also those of Celery's queues, bindings and messages."""
    scene.worker()
    scene.finish(scene.enqueue(3))
    keys = set(scene.redis.scan_iter())
    assert [key for key in keys if not key.startswith(f"{{{NAMESPACE}}}:")] == []
    assert any("_kombu" in key for key in keys)


def test_messages_of_others_are_not_taken_for_lost_ones(redis_url: str) -> None:
    """A message that another application works on for long stays where it is; one of ours is found again."""
    options = celery_config.settings(NAMESPACE)["broker_transport_options"]
    transport = transport_to(Address.parse(redis_url))
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    message = json.dumps([{"body": "", "properties": {"delivery_info": {"priority": 0}}}, "", "theirs"])
    for prefix in ("", f"{{{NAMESPACE}}}:"):
        client.hset(f"{prefix}unacked", "tag", message)
        client.zadd(f"{prefix}unacked_index", {"tag": LONG_AGO})
    with Connection("redis://", transport=transport, transport_options=options) as connection:
        channel: Any = connection.default_channel
        channel.qos.restore_visible()
    assert client.hget("unacked", "tag") == message
    assert client.zscore("unacked_index", "tag") == LONG_AGO
    assert client.hget(f"{{{NAMESPACE}}}:unacked", "tag") is None


def test_who_looks_for_lost_messages_is_nobody_elses_business(redis_url: str) -> None:
    """The lock of another application does not keep ours from looking."""
    options = celery_config.settings(NAMESPACE)["broker_transport_options"]
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    client.set("unacked_mutex", "theirs")
    client.zadd(f"{{{NAMESPACE}}}:unacked_index", {"tag": LONG_AGO})
    transport = transport_to(Address.parse(redis_url))
    with Connection("redis://", transport=transport, transport_options=options) as connection:
        channel: Any = connection.default_channel
        channel.qos.restore_visible()
    assert client.get("unacked_mutex") == "theirs"
    assert client.zscore(f"{{{NAMESPACE}}}:unacked_index", "tag") is None
