"""Another Celery application on the same database: neither sees the messages of the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from kombu import Connection

from config import celery as celery_config
from retouch.errors import ServiceError
from retouch.ledger import Address
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.harness.scene import Scene
from tests.harness.waiting import LIMIT_S
from workers.broker import transport_to
from workers.stack.child import ROOT

LONG_AGO = 0.0
NAMESPACE = "retouch"
PAGE = ROOT / "docs/operations.md"


def test_every_key_begins_with_the_namespace(scene: Scene) -> None:
    """Also those of Celery's queues, bindings and messages."""
    scene.worker()
    scene.finish(scene.enqueue(3))
    keys = set(scene.redis.scan_iter())
    assert [key for key in keys if not key.startswith(f"{{{NAMESPACE}}}:")] == []
    assert any("_kombu" in key for key in keys)


@pytest.fixture
def user(scene: Scene) -> Iterator[str]:
    """The Redis URL of a user who may use the namespace ``art`` alone, made as docs/operations.md says."""
    [command] = re.findall(r"^(ACL SETUSER .*)$", PAGE.read_text(), re.MULTILINE)
    admin: Any = scene.redis
    admin.execute_command("ACL", "LOG", "RESET")
    admin.execute_command(*command.replace("PASSWORD", "a-password-of-art").split())
    host = scene.environment["RETOUCH_REDIS_URL"].rpartition("@")[2]
    yield f"redis://art:a-password-of-art@{host}"
    admin.execute_command("ACL", "DELUSER", "art")


def test_a_user_of_one_namespace_is_enough_and_sees_no_other(scene: Scene, user: str) -> None:
    """Its worker and its producer do all their work by the permissions on the page, and are refused none."""
    scene.nobody_works()
    theirs = scene.enqueue()
    scene.another_worker(redis_url=user, namespace="art")
    hosts = scene.environment["RETOUCH_PRIVATE_HOSTS"]
    queue = EditQueue.from_url(user, namespace="art", private_hosts=hosts)
    queue.enqueue(scene.edits(3), batch="mine")
    assert dict(queue.wait("mine", timeout_s=LIMIT_S).counts) == {EditState.COMPLETED: 3}
    admin: Any = scene.redis
    assert admin.execute_command("ACL", "LOG") == []
    with pytest.raises(ServiceError, match="NOPERM"):
        EditQueue.from_url(user).status(theirs)
    queue.close()


def test_a_user_may_have_two_passwords_while_one_is_replaced(scene: Scene, user: str) -> None:
    """Both are good until the first one is removed."""
    admin: Any = scene.redis
    second = user.replace("a-password-of-art", "another-of-art")
    admin.execute_command("ACL", "SETUSER", "art", ">another-of-art")
    for url in (user, second):
        EditQueue.from_url(url, namespace="art").check()
    admin.execute_command("ACL", "SETUSER", "art", "<a-password-of-art")
    EditQueue.from_url(second, namespace="art").check()
    with pytest.raises(ServiceError):
        EditQueue.from_url(user, namespace="art").check()


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
