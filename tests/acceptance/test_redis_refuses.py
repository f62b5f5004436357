"""Redis answers, and does not work. Workers wait, and go on by themselves when it is mended."""

from __future__ import annotations

import pytest

from tests.harness.processes import RETOUCH, run
from tests.harness.redis_that_refuses import RedisThatRefuses
from tests.harness.redis_troubles import TROUBLES, Admin
from tests.harness.scene import Scene
from tests.harness.waiting import LIMIT_S
from workers.stack.ports import LOOPBACK
from workers.stack.valkey import Valkey


@pytest.mark.slow
@pytest.mark.parametrize("code", TROUBLES)
def test_work_goes_on_when_redis_is_mended(scene: Scene, valkey: Valkey, code: str) -> None:
    """The worker says what Redis says, lives, and completes every edit by its first submit; so does Celery in it."""
    worker = scene.another_worker(max_in_flight="8")
    scene.api.trouble("odd_status")
    batch = scene.enqueue(16)
    scene.until(lambda: len(scene.api.polls()) >= 8, "edits are at the API")
    with TROUBLES[code](Admin(valkey)):
        scene.until(lambda: f'"reason": "{code}' in worker.child.output(), "the worker says why it waits")
        if code not in ("OOM", "NOPERM ACL failure in script"):  # which take nothing from who only waits for messages
            scene.until(lambda: "onnection to broker lost" in worker.child.output(), "its consumer waits as well")
        ended = run([RETOUCH, "cancel", batch], env=scene.environment)
        assert ended.code == 6, ended
        assert code in ended.err
    scene.api.clear()
    results = scene.finish(batch)
    assert {(r["state"], r["attempts"], r["possible_duplicate"]) for r in results.values()} == {("completed", 1, False)}
    assert worker.child.running


def test_a_redis_that_is_silent_is_given_up_soon(scene: Scene) -> None:
    """A port that accepts and says nothing: each command says so in one sentence, within seconds."""
    with RedisThatRefuses("") as silent:
        environment = scene.environment | {"RETOUCH_REDIS_URL": silent.url}
        for command in (["status"], ["cancel", "b"], ["events"], ["doctor"]):
            ended = run([RETOUCH, *command], env=environment, within_s=LIMIT_S)
            assert (ended.code, "Timeout" in ended.err + ended.out) == (6, True), ended


def test_doctor_says_what_its_user_may_not_do(scene: Scene, valkey: Valkey) -> None:
    """Redis is there, and works: it is not to be started, and the rest is checked."""
    scene.worker()
    admin = Admin(valkey)
    commands = ["+@all", "-info"]
    admin.client.acl_setuser("shy", enabled=True, passwords=["+shy"], commands=commands, keys=["*"], channels=["*"])
    url = f"redis://shy:shy@{LOOPBACK}:{valkey.ports[0]}/0"
    ended = run([RETOUCH, "doctor"], env=scene.environment | {"RETOUCH_REDIS_URL": url})
    assert ended.code == 6
    [line] = [line for line in ended.out.splitlines() if line.startswith("FAIL")]
    assert line.startswith("FAIL  Redis settings: its version, memory and disk were not checked: NOPERM")
    assert line.endswith("give its user that permission (ACL SETUSER)")
    assert "ok    workers: 1 alive" in ended.out
