"""A queue that is made from variables, and its connections."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import fakeredis
import pytest

from config.gateway import GatewaySettings
from config.settings import Settings
from retouch import BatchView, EditQueue, EditState, InputError, RejectedEditsError
from retouch.environment import VARIABLES, Environment, check_names
from retouch.ledger import Ledger
from retouch.net.addresses import check_url
from tests.harness.redis_client import connect
from tests.harness.waiting import until
from tests.unit.producing import edit, finish_all


def test_every_variable_of_the_command_line_is_read() -> None:
    """One that is not set, or empty, has the same default."""
    found = Environment.read(
        {
            "RETOUCH_REDIS_URL": "redis://example.com/3",
            "RETOUCH_NAMESPACE": "mine",
            "RETOUCH_PRIVATE_HOSTS": "10.0.0.5:9000",
            "RETOUCH_BUCKET": "pictures",
            "RETOUCH_PREFIX": "edits/",
        }
    )
    assert (found.redis_url, found.namespace) == ("redis://example.com/3", "mine")
    assert (found.bucket, found.prefix) == ("pictures", "edits/")
    check_url("http://10.0.0.5:9000/a.png", found.private_hosts)
    for nothing in ({}, dict.fromkeys(["RETOUCH_REDIS_URL", "RETOUCH_NAMESPACE", "RETOUCH_BUCKET"], "")):
        found = Environment.read(nothing)
        assert (found.redis_url, found.namespace) == ("redis://localhost:6379/0", "retouch")
        assert (found.bucket, found.prefix) == ("", "")


@pytest.mark.parametrize(
    ("given", "meant"),
    [("RETOUCH_REDIS_URI", "RETOUCH_REDIS_URL"), ("RETOUCH_MAX_INFLIGHT", "RETOUCH_MAX_IN_FLIGHT")],
)
def test_a_mistyped_variable_is_refused_with_the_nearest_name(given: str, meant: str) -> None:
    """Its default would hold, without a word: another server, other limits."""
    with pytest.raises(InputError, match=f"{given} is no setting; did you mean {meant}"):
        check_names({given: "1"})
    with pytest.raises(InputError, match=f"{given} is no setting"):
        check_names({given: "1", meant: "2"})


def test_a_variable_that_is_not_ours_is_left_alone() -> None:
    """Whoever starts us may have others, also such as are named after ours."""
    check_names({"RETOUCH_DEPLOYED_BY": "me", "RETOUCH_API_KEY": "new", "RETOUCH_API_KEY_OLD": "old", "BUCKET": "x"})


def test_every_variable_is_known_and_described() -> None:
    """Those of the settings of workers and of the gateway too."""
    fields = Settings.model_fields.keys() | GatewaySettings.model_fields.keys()
    assert {f"RETOUCH_{name.upper()}" for name in fields} <= VARIABLES
    table = (Path(__file__).parents[2] / "README.md").read_text()
    assert [name for name in sorted(VARIABLES) if f"`{name}`" not in table] == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RETOUCH_REDIS_URL", "example.com"),
        ("RETOUCH_NAMESPACE", "a{b"),
        ("RETOUCH_PRIVATE_HOSTS", "http://10.0.0.5"),
        ("RETOUCH_SENDER", "key:nightly"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is connected to."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=variable):
        EditQueue.from_env()


def test_a_queue_from_the_environment_uses_all_of_it(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The server, the namespace, the hosts and the bucket; on a real server, whose connections end with the queue."""
    monkeypatch.setenv("RETOUCH_REDIS_URL", redis_url)
    monkeypatch.setenv("RETOUCH_NAMESPACE", "mine")
    monkeypatch.setenv("RETOUCH_PRIVATE_HOSTS", "10.0.0.5")
    monkeypatch.setenv("RETOUCH_BUCKET", "pictures")
    monkeypatch.setenv("RETOUCH_SENDER", "nightly")
    with connect(redis_url) as watcher:
        others = {client["id"] for client in watcher.client_list()}

        def ours() -> set[str]:
            return {client["id"] for client in watcher.client_list()} - others

        with EditQueue.from_env() as queue:
            queue.enqueue([edit("a", init_image="http://10.0.0.5/a.png")], batch="b")
            assert {key.partition("}")[0] for key in watcher.scan_iter()} == {"{mine"}
            assert queue.status("b").senders == ("nightly",)
            with pytest.raises(RejectedEditsError, match="No such file"):  # there is a bucket for it
                queue.enqueue([edit("c", init_image=str(tmp_path / "nothing.png"))], batch="b")
            assert ours()
            queue.close()
            until(lambda: not ours(), "the server has seen the connections end")
            assert queue.batch("b") == queue.status("b")  # it connects again
            assert len(ours()) == 1
        until(lambda: not ours(), "the server has seen the connections end")


def test_two_threads_wait_at_once_with_one_queue() -> None:
    """So ``asyncio.to_thread`` is enough for asynchronous programs: neither wait holds up the other, or the loop."""
    ledger = Ledger(fakeredis.FakeRedis(decode_responses=True))
    queue = EditQueue(ledger)
    seen = {name: threading.Event() for name in ("b", "c")}
    for name in seen:
        queue.enqueue([edit("a")], batch=name)

    async def main() -> list[BatchView]:
        waits = [asyncio.to_thread(queue.wait, name, 60, lambda view: seen[view.batch].set()) for name in seen]
        both = asyncio.gather(*waits)
        for event in seen.values():
            assert await asyncio.to_thread(event.wait, 30)
        finish_all(ledger)
        return await both

    assert [view.counts for view in asyncio.run(main())] == [{EditState.COMPLETED: 1}] * 2
